package signature

import (
	"fmt"
	"strings"
	"sync"

	"lathe/learn"
)

// Analyser reads failures out of outputs. It is safe for concurrent use.
type Analyser struct {
	lib *library

	mu    sync.RWMutex
	drain *drain
}

// New loads the embedded library, with no templates mined yet.
func New() (*Analyser, error) {
	lib, err := loadLibrary(files)
	if err != nil {
		return nil, fmt.Errorf("load the error patterns: %w", err)
	}
	return &Analyser{lib: lib, drain: newDrain()}, nil
}

// Match gives the failures that an event shows, first cause first; nil for a
// success that reads as one. It changes nothing: a line that no template takes
// gets the identity that Learn would give it.
func (a *Analyser) Match(ev *learn.ActionOutcome, act learn.Action) []learn.ErrorSignature {
	return a.analyse(ev, act, func(tokens []string) mined {
		a.mu.RLock()
		defer a.mu.RUnlock()
		if m := a.drain.find(tokens); m != nil {
			return mined{ID: m.ID, Tokens: append([]string(nil), m.Tokens...)}
		}
		id := minedID(tokens)
		if m := a.drain.resolve(id); m != nil {
			id = m.ID
		}
		return mined{ID: id, Tokens: tokens}
	})
}

// Learn is Match, and grows the online templates from what the library does
// not take.
func (a *Analyser) Learn(ev *learn.ActionOutcome, act learn.Action) []learn.ErrorSignature {
	return a.analyse(ev, act, func(tokens []string) mined {
		a.mu.Lock()
		defer a.mu.Unlock()
		m := a.drain.learn(tokens)
		return mined{ID: m.ID, Tokens: append([]string(nil), m.Tokens...)}
	})
}

// LearnLine grows the online templates from one line of any log, whether it is
// an error or not; it gives the template's identity and text.
func (a *Analyser) LearnLine(line string) (id, template string) {
	tokens := maskTokens(cleanLine(cut(line, maxLine)), nil)
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.drain.learn(tokens)
	return m.ID, m.String()
}

// Pattern gives a pattern of the library or a mined one; an identity that was
// merged away gives the one that it became.
func (a *Analyser) Pattern(id string) (learn.ErrorPattern, bool) {
	if p := a.lib.byID[id]; p != nil {
		return p.describe(), true
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	m := a.drain.resolve(id)
	if m == nil {
		return learn.ErrorPattern{}, false
	}
	return learn.ErrorPattern{ID: m.ID, Name: "unnamed failure", Template: m.String()}, true
}

// Patterns lists the library.
func (a *Analyser) Patterns() []learn.ErrorPattern {
	out := make([]learn.ErrorPattern, len(a.lib.patterns))
	for i, p := range a.lib.patterns {
		out[i] = p.describe()
	}
	return out
}

// Snapshot is the mined templates as versioned JSON.
func (a *Analyser) Snapshot() ([]byte, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.drain.snapshot()
}

// Restore replaces the mined templates by those of a snapshot. On an error
// nothing is changed.
func (a *Analyser) Restore(data []byte) error {
	d, err := restoreDrain(data)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drain = d
	return nil
}

func (a *Analyser) analyse(ev *learn.ActionOutcome, act learn.Action, mine func([]string) mined) []learn.ErrorSignature {
	if ev == nil {
		return nil
	}
	failed := failed(ev)
	lines := cleanLines(eventText(ev))
	if !failed {
		if lines = hiddenTraceback(lines, act); lines == nil {
			return nil
		}
	}
	sigs := a.lib.signatures(append(lines, errorLine(ev)...))
	if len(sigs) > 0 {
		return sigs
	}
	if at := salient(lines); at >= 0 {
		return []learn.ErrorSignature{minedSignature(lines, at, mine)}
	}
	return a.lib.signatures([]string{statusLine(ev, act)})
}

func minedSignature(lines []string, at int, mine func([]string) mined) learn.ErrorSignature {
	line := strings.TrimSpace(lines[at])
	m := mine(maskTokens(line, nil))
	sig := learn.ErrorSignature{ID: m.ID, PatternID: m.ID, Name: "unnamed failure", Template: cut(m.String(), maxCapture), Salient: cut(line, maxCapture)}
	sig.File, sig.Line = place(lines, at, nil)
	sig.Entities = entities(nil, sig.File)
	return sig
}
