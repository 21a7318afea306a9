package signature

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"lathe/learn"
)

// Analyser reads failures out of outputs. It is safe for concurrent use.
type Analyser struct {
	lib     *library
	words   *errorWords
	classes *failureClasses

	mu    sync.RWMutex
	miner *miner
	line  []byte // buffer of learnLine
}

// New loads the embedded library, with no templates mined yet.
func New() (*Analyser, error) {
	lib, err := loadLibrary(files)
	if err != nil {
		return nil, fmt.Errorf("load the error patterns: %w", err)
	}
	classes, err := loadClasses(classFile)
	if err != nil {
		return nil, fmt.Errorf("load the classes of failures: %w", err)
	}
	return &Analyser{lib: lib, words: newErrorWords(), classes: classes, miner: newMiner(maxTemplates)}, nil
}

// Match gives the failures that an event shows, first cause first; nil for a
// success that reads as one. It changes nothing: a line that no template takes
// gets the identity that Learn would give it.
func (a *Analyser) Match(ev *learn.ActionOutcome, act learn.Action) []learn.ErrorSignature {
	return a.analyse(ev, act, a.matchLine)
}

// Learn is Match, and grows the online templates from what the library does
// not take.
func (a *Analyser) Learn(ev *learn.ActionOutcome, act learn.Action) []learn.ErrorSignature {
	return a.analyse(ev, act, a.learnLine)
}

// LearnLine grows the online templates from one line of any log, whether it is
// an error or not; it gives the template's identity and text. Online does the
// same for many lines faster.
func (a *Analyser) LearnLine(line string) (id, template string) { return a.learnLine(line) }

func (a *Analyser) learnLine(line string) (id, template string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.line = append(a.line[:0], line[:min(len(line), maxLine)]...)
	t := a.miner.learn(a.line)
	return t.id, t.text
}

func (a *Analyser) matchLine(line string) (id, template string) {
	var s scanner // the miner's own belongs to who learns
	b := []byte(cut(line, maxLine))
	toks := s.join(s.scan(b))
	a.mu.RLock()
	defer a.mu.RUnlock()
	sh := a.miner.hash.shape(b, toks)
	if t := a.miner.find(sh); t != nil {
		return t.id, t.text
	}
	return sh.id(), sh.String()
}

// Pattern gives a pattern of the library or a mined one; an identity that was
// merged away gives the one that it became.
func (a *Analyser) Pattern(id string) (learn.ErrorPattern, bool) {
	if p := a.lib.byID[id]; p != nil {
		return p.describe(), true
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	m := a.miner.resolve(id)
	if m == nil {
		return learn.ErrorPattern{}, false
	}
	return learn.ErrorPattern{ID: m.id, Name: "unnamed failure", Template: m.text}, true
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
	return a.miner.snapshot()
}

// Restore replaces the mined templates by those of a snapshot. On an error
// nothing is changed.
func (a *Analyser) Restore(data []byte) error {
	m, err := restoreMiner(data, maxTemplates)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.miner = m
	return nil
}

func (a *Analyser) analyse(ev *learn.ActionOutcome, act learn.Action, mine func(line string) (id, template string)) []learn.ErrorSignature {
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
	ev = takeExit(ev, lines)
	sigs := a.lib.signatures(append(lines, errorLine(ev)...))
	if len(sigs) > 0 {
		return a.unwrapped(sigs, lines, mine)
	}
	if at := a.words.salient(lines); at >= 0 {
		if h := a.lib.boundHit(lines[at], at, whereTraceback); h.p != nil && isClassLine(lines[at]) {
			return []learn.ErrorSignature{h.signature(lines)}
		}
		return []learn.ErrorSignature{minedSignature(lines, at, mine)}
	}
	return a.lib.signatures([]string{statusLine(ev, act)})
}

// unwrapped puts what the wrapped program said before a wrapper's summary, where
// that is all that the library knows.
func (a *Analyser) unwrapped(sigs []learn.ErrorSignature, lines []string, mine func(line string) (id, template string)) []learn.ErrorSignature {
	if a.lib.byID[sigs[0].PatternID].Level != "wrapper" {
		return sigs
	}
	rest := slices.Clone(lines)
	for _, h := range a.lib.hits(rest) {
		rest[h.line] = ""
	}
	if at := a.words.salient(rest); at >= 0 {
		return append([]learn.ErrorSignature{minedSignature(rest, at, mine)}, sigs...)
	}
	return sigs
}

func minedSignature(lines []string, at int, mine func(line string) (id, template string)) learn.ErrorSignature {
	line := strings.TrimSpace(lines[at])
	id, template := mine(line)
	sig := learn.ErrorSignature{ID: id, PatternID: id, Name: "unnamed failure", Template: cut(template, maxCapture), Salient: cut(line, maxCapture)}
	sig.File, sig.Line = place(lines, at, nil)
	sig.Entities = entities(nil, sig.File)
	return sig
}

// KindName is what a kind of failure is called, of which several patterns may
// be: the name of the pattern that has the kind's identity, or else the identity
// in words. It is "" for what the library does not know, such as a template.
func (a *Analyser) KindName(kind string) string {
	if p := a.lib.byID[kind]; p != nil {
		return p.Name
	}
	for _, p := range a.lib.patterns {
		if p.Kind == kind {
			area, what, _ := strings.Cut(kind, "/")
			return area + ": " + strings.ReplaceAll(what, "-", " ")
		}
	}
	return ""
}
