package llm

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"lathe/learn"
)

// MinedPrefix begins the identity of a pattern that was mined, not written.
const MinedPrefix = "mined/"

// maxMined bounds the mined patterns that a Catalogue keeps.
const maxMined = 2000

// Mined is a pattern that online mining found.
type Mined struct {
	ID       string `json:"id"`
	Template string `json:"template"`
	Sample   string `json:"sample"` // a line that it was read from, cut to 200 bytes
	Language string `json:"language,omitempty"`
	Count    int    `json:"count"`
}

// Catalogue is the Learner that counts the mined patterns, so that names and
// duplicates of those that matter can be asked for. Of too many it forgets the
// rare ones. Safe for concurrent use.
type Catalogue struct {
	mu   sync.Mutex
	byID map[string]*Mined
}

// NewCatalogue makes an empty one.
func NewCatalogue() *Catalogue { return &Catalogue{byID: map[string]*Mined{}} }

// Name implements learn.Learner.
func (*Catalogue) Name() string { return "catalogue" }

// Apply implements learn.Learner. It emits nothing.
func (c *Catalogue) Apply(o *learn.Observation, _ func(learn.LedgerEntry)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range o.Signatures {
		sig := &o.Signatures[i]
		if !strings.HasPrefix(sig.PatternID, MinedPrefix) {
			continue
		}
		m := c.byID[sig.PatternID]
		if m == nil {
			if len(c.byID) >= maxMined {
				c.forget()
			}
			m = &Mined{ID: sig.PatternID, Sample: cut(sig.Salient, 200), Language: sig.Language}
			c.byID[sig.PatternID] = m
		}
		m.Count++
		m.Template = cut(sig.Template, 400) // it generalises as lines come
	}
	return nil
}

// forget drops the rarest tenth.
func (c *Catalogue) forget() {
	all := c.sorted()
	for _, m := range all[len(all)-len(all)/10-1:] {
		delete(c.byID, m.ID)
	}
}

// sorted lists the patterns, the commonest first.
func (c *Catalogue) sorted() []Mined {
	out := make([]Mined, 0, len(c.byID))
	for _, m := range c.byID {
		out = append(out, *m)
	}
	slices.SortFunc(out, func(a, b Mined) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.ID, b.ID))
	})
	return out
}

// Common lists the patterns that were seen at least n times, the commonest
// first.
func (c *Catalogue) Common(n int) []Mined {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.sorted()
	for i, m := range all {
		if m.Count < n {
			return all[:i]
		}
	}
	return all
}

// Snapshot implements learn.Learner.
func (c *Catalogue) Snapshot() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return json.Marshal(c.sorted())
}

// Restore implements learn.Learner.
func (c *Catalogue) Restore(raw []byte) error {
	var all []Mined
	if err := json.Unmarshal(raw, &all); err != nil {
		return fmt.Errorf("restore mined patterns: %w", err)
	}
	byID := map[string]*Mined{}
	for i := range all {
		byID[all[i].ID] = &all[i]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byID = byID
	return nil
}
