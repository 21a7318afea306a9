package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"lathe/learn"
	"lathe/learn/llm"
)

const (
	backgroundEvery = 10 * time.Minute
	minNamed        = 3 // times that a pattern was seen before it is worth a name
	minAliased      = 2
	maxForwards     = 20
)

// patternNotes are the names and duplicates of mined patterns, as the ledger
// tells them. Identities are not touched: one that is a duplicate maps forward
// where signatures are read, and back again when that is undone.
type patternNotes struct {
	mu      sync.RWMutex
	names   map[string]string
	aliases map[string]learn.PatternAlias // by from; those in force
	judged  map[string]learn.PatternAlias // the latest word on each pair
}

func newPatternNotes() *patternNotes {
	return &patternNotes{names: map[string]string{}, aliases: map[string]learn.PatternAlias{}, judged: map[string]learn.PatternAlias{}}
}

func pairKey(a, b string) string { return min(a, b) + "\x00" + max(a, b) }

func (n *patternNotes) apply(e learn.LedgerEntry) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch e.Kind {
	case learn.EntryName:
		var name learn.PatternName
		if err := json.Unmarshal(e.Body, &name); err != nil {
			return fmt.Errorf("pattern name: %w", err)
		}
		n.names[name.PatternID] = name.Name
	case learn.EntryAlias:
		var a learn.PatternAlias
		if err := json.Unmarshal(e.Body, &a); err != nil {
			return fmt.Errorf("pattern alias: %w", err)
		}
		n.judged[pairKey(a.From, a.Into)] = a
		switch {
		case a.Undone:
			delete(n.aliases, a.From)
		case a.Same && n.resolve(a.Into) != a.From: // no circles
			n.aliases[a.From] = a
		}
	}
	return nil
}

// resolve follows a pattern to the one that it is a duplicate of.
func (n *patternNotes) resolve(id string) string {
	for range maxForwards {
		a, ok := n.aliases[id]
		if !ok {
			break
		}
		id = a.Into
	}
	return id
}

// forward gives signatures the identity and name that they have by now. The
// analyser's own are not changed.
func (n *patternNotes) forward(sigs []learn.ErrorSignature) []learn.ErrorSignature {
	n.mu.RLock()
	defer n.mu.RUnlock()
	var out []learn.ErrorSignature
	for i := range sigs {
		if !strings.HasPrefix(sigs[i].PatternID, llm.MinedPrefix) {
			continue
		}
		id := n.resolve(sigs[i].PatternID)
		name, named := n.names[id]
		if id == sigs[i].PatternID && !named {
			continue
		}
		if out == nil {
			out = slices.Clone(sigs)
		}
		if out[i].ID == out[i].PatternID {
			out[i].ID = id
		}
		out[i].PatternID = id
		if named {
			out[i].Name = shownName(name)
		}
	}
	if out == nil {
		return sigs
	}
	return out
}

// former adds to signatures what they were before they were found to be
// duplicates: what was learned under that name still helps.
func former(now, before []learn.ErrorSignature) []learn.ErrorSignature {
	out := slices.Clone(now)
	for i := range before {
		if i < len(now) && before[i].ID != now[i].ID {
			out = append(out, before[i])
		}
	}
	return out
}

// shownName marks a name as one that is not Lathe's own: its words come from
// what a tool printed.
func shownName(name string) string { return "failure " + strconv.Quote(name) }

// Pattern gives a pattern under its name.
func (r *reader) Pattern(id string) (learn.ErrorPattern, bool) {
	r.notes.mu.RLock()
	name, named := r.notes.names[r.notes.resolve(id)]
	r.notes.mu.RUnlock()
	p, ok := r.signatures.Pattern(id)
	if ok && named && p.Template != "" {
		p.Name = shownName(name)
	}
	return p, ok
}

// match reads an event's failures, with today's identities and names; before
// has them as they were mined.
func (r *reader) match(ev *learn.ActionOutcome, act learn.Action) (now, before []learn.ErrorSignature) {
	before = r.signatures.Match(ev, act)
	return r.notes.forward(before), before
}

// Thought is what one round of background questions gave.
type Thought struct {
	Names   int `json:"names"`
	Aliases int `json:"aliases"` // verdicts, of which Same hold
	Same    int `json:"same"`
}

// think asks the provider for names and duplicates, a batch of each.
func (d *Daemon) think(ctx context.Context) (Thought, error) {
	var t Thought
	m := d.models
	if m.provider == nil {
		return t, errors.New("no model provider is configured: see `lathe model --help`")
	}
	if calls, tokens := m.budget.Spent(); 2*calls >= m.cfg.CallsPerHour || 2*tokens >= m.cfg.TokensPerHour {
		return t, nil // the other half is for people who wait
	}
	asked := llm.Asked{Model: m.provider, Source: learn.HypothesisProvider, Name: m.provider.Name()}
	names, err := llm.Names(ctx, m.desk, asked, d.unnamed())
	if err != nil {
		return t, err
	}
	for _, n := range names {
		if err := d.writeLedger(ctx, learn.EntryName, n.PatternID, "", n, nil); err != nil {
			return t, err
		}
		t.Names++
	}
	notes := d.learners.reader.notes
	pairs := llm.Alike(d.learners.catalogue.Common(minAliased), func(a, b string) bool {
		notes.mu.RLock()
		defer notes.mu.RUnlock()
		_, known := notes.judged[pairKey(a, b)]
		return known || notes.resolve(a) == notes.resolve(b)
	})
	verdicts, err := llm.Aliases(ctx, m.desk, asked, pairs)
	if err != nil {
		return t, err
	}
	for _, v := range verdicts {
		if err := d.writeLedger(ctx, learn.EntryAlias, v.From, "", v, nil); err != nil {
			return t, err
		}
		t.Aliases++
		if v.Same {
			t.Same++
		}
	}
	return t, nil
}

// unnamed lists the common mined patterns without a name that were not asked
// about since the daemon started.
func (d *Daemon) unnamed() []llm.Mined {
	notes := d.learners.reader.notes
	notes.mu.RLock()
	defer notes.mu.RUnlock()
	d.models.mu.Lock()
	defer d.models.mu.Unlock()
	var out []llm.Mined
	for _, p := range d.learners.catalogue.Common(minNamed) {
		if notes.names[p.ID] == "" && !d.models.tried[p.ID] && len(out) < 12 {
			out = append(out, p)
			d.models.tried[p.ID] = true
		}
	}
	return out
}

// thinkNow and then runs in the background, where that is allowed.
func (d *Daemon) thinkNowAndThen(ctx context.Context) error {
	if d.models.provider == nil || !d.cfg.Model.Background {
		return nil
	}
	tick := time.NewTicker(backgroundEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if _, err := d.think(ctx); err != nil && ctx.Err() == nil {
				d.logger.Warn("the model was asked in the background in vain", "err", err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// UndoCall takes back that a pattern is a duplicate.
type UndoCall struct {
	From string `json:"from"`
}

func (d *Daemon) undoAlias(ctx context.Context, c UndoCall) (learn.PatternAlias, error) {
	notes := d.learners.reader.notes
	notes.mu.RLock()
	a, ok := notes.aliases[c.From]
	notes.mu.RUnlock()
	if !ok {
		return a, fmt.Errorf("%.80q is no duplicate of another pattern; `lathe model aliases` lists those that are", c.From)
	}
	a.Undone, a.By, a.Timestamp = true, "user", time.Now().UTC()
	return a, d.writeLedger(ctx, learn.EntryAlias, a.From, "", a, nil)
}

// aliasesInForce lists them by pattern.
func (d *Daemon) aliasesInForce() []learn.PatternAlias {
	notes := d.learners.reader.notes
	notes.mu.RLock()
	defer notes.mu.RUnlock()
	out := []learn.PatternAlias{}
	for _, from := range slices.Sorted(maps.Keys(notes.aliases)) {
		out = append(out, notes.aliases[from])
	}
	return out
}

// serveModels adds the models' calls to the socket.
func (d *Daemon) serveModels(mux *http.ServeMux) {
	answer(d, mux, "GET /v1/model", func(context.Context, nothing) (ModelStatus, error) { return d.models.status(), nil })
	answer(d, mux, "POST /v1/model/think", func(ctx context.Context, _ nothing) (Thought, error) { return d.think(ctx) })
	answer(d, mux, "GET /v1/model/aliases", func(context.Context, nothing) ([]learn.PatternAlias, error) { return d.aliasesInForce(), nil })
	answer(d, mux, "POST /v1/model/undo", d.undoAlias)
}
