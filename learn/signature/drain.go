package signature

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

const (
	maxTokens    = 64    // tokens of a line that count
	maxTemplates = 20000 // templates held; the longest unseen make room
	similarity   = 0.6   // share of equal tokens that makes two lines one template
)

// Template is one mined template.
type mined struct {
	ID     string   `json:"id"`
	Tokens []string `json:"tokens"`
	Count  uint64   `json:"count"`
	Seen   uint64   `json:"seen"` // number of the line that matched it last
}

func (m *mined) String() string { return strings.Join(m.Tokens, " ") }

// drain mines templates online: a fixed-depth tree (number of tokens, first
// token) leads to a few templates, of which the most similar takes the line
// (He et al., Drain, ICWS 2017). A template keeps the identity that it got from
// its first line; when two become equal, the younger's identity forwards.
type drain struct {
	leaves  map[string][]*mined
	byID    map[string]*mined
	forward map[string]string
	lines   uint64
}

func newDrain() *drain {
	return &drain{leaves: map[string][]*mined{}, byID: map[string]*mined{}, forward: map[string]string{}}
}

// leafKey is the path through the tree.
func leafKey(tokens []string) string {
	first := ""
	if len(tokens) > 0 {
		first = tokens[0]
		if strings.ContainsRune(first, '<') || strings.ContainsAny(first, "0123456789") {
			first = wildcard
		}
	}
	return fmt.Sprintf("%d\x00%s", len(tokens), first)
}

// find gives the most similar template, nil when none is similar enough.
func (d *drain) find(tokens []string) *mined {
	var best *mined
	bestSame, bestWild := -1, 0
	for _, m := range d.leaves[leafKey(tokens)] {
		same, wild := 0, 0
		for i, t := range m.Tokens {
			switch t {
			case tokens[i]:
				same++
			case wildcard:
				wild++
			}
		}
		if float64(same) < similarity*float64(len(tokens)) && same+wild < len(tokens) {
			continue
		}
		if same > bestSame || same == bestSame && wild > bestWild {
			best, bestSame, bestWild = m, same, wild
		}
	}
	return best
}

// learn adds a line.
func (d *drain) learn(tokens []string) *mined {
	d.lines++
	m := d.find(tokens)
	if m == nil {
		m = d.add(tokens)
	} else if d.generalise(m, tokens) {
		m = d.unify(m)
	}
	m.Count++
	m.Seen = d.lines
	return m
}

func (d *drain) add(tokens []string) *mined {
	id := minedID(tokens)
	if old := d.byID[id]; old != nil { // its first form came back after it generalised
		return old
	}
	if len(d.byID) >= maxTemplates {
		d.evict()
	}
	m := &mined{ID: id, Tokens: slices.Clone(tokens), Seen: d.lines}
	key := leafKey(tokens)
	d.leaves[key] = append(d.leaves[key], m)
	d.byID[id] = m
	return m
}

// generalise puts wildcards where the template and the line differ.
func (d *drain) generalise(m *mined, tokens []string) (changed bool) {
	for i, t := range m.Tokens {
		if t != tokens[i] && t != wildcard {
			m.Tokens[i], changed = wildcard, true
		}
	}
	return changed
}

// unify merges m with a template of its leaf that became equal to it; the
// older, which sorts first in the leaf, stays.
func (d *drain) unify(m *mined) *mined {
	key := leafKey(m.Tokens)
	for i, o := range d.leaves[key] {
		if o == m || !slices.Equal(o.Tokens, m.Tokens) {
			continue
		}
		keep, drop := o, m
		if slices.Index(d.leaves[key], m) < i {
			keep, drop = m, o
		}
		keep.Count += drop.Count
		d.leaves[key] = slices.DeleteFunc(d.leaves[key], func(x *mined) bool { return x == drop })
		delete(d.byID, drop.ID)
		d.forward[drop.ID] = keep.ID
		return keep
	}
	return m
}

// evict drops the tenth of the templates that was unseen longest, and the
// forwards that lead nowhere.
func (d *drain) evict() {
	all := make([]*mined, 0, len(d.byID))
	for _, m := range d.byID {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *mined) int {
		if a.Seen != b.Seen {
			if a.Seen < b.Seen {
				return -1
			}
			return 1
		}
		return strings.Compare(a.ID, b.ID)
	})
	for _, m := range all[:len(all)/10+1] {
		delete(d.byID, m.ID)
	}
	for key, list := range d.leaves {
		list = slices.DeleteFunc(list, func(m *mined) bool { return d.byID[m.ID] == nil })
		if d.leaves[key] = list; len(list) == 0 {
			delete(d.leaves, key)
		}
	}
	for from := range d.forward {
		if d.resolve(from) == nil {
			delete(d.forward, from)
		}
	}
}

// resolve follows an identity to the template that it became.
func (d *drain) resolve(id string) *mined {
	for range 100 {
		if m := d.byID[id]; m != nil {
			return m
		}
		next, ok := d.forward[id]
		if !ok {
			return nil
		}
		id = next
	}
	return nil
}

// minedID is the identity of a template that begins with this line.
func minedID(tokens []string) string {
	sum := sha256.Sum256([]byte(strings.Join(tokens, " ")))
	return "mined/" + hex.EncodeToString(sum[:8])
}

// state is what a snapshot holds.
type state struct {
	Version   int               `json:"version"`
	Lines     uint64            `json:"lines"`
	Templates []*mined          `json:"templates"` // in the order of their leaves
	Forward   map[string]string `json:"forward,omitempty"`
}

func (d *drain) snapshot() ([]byte, error) {
	st := state{Version: 1, Lines: d.lines, Forward: d.forward, Templates: []*mined{}}
	keys := make([]string, 0, len(d.leaves))
	for k := range d.leaves {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		st.Templates = append(st.Templates, d.leaves[k]...)
	}
	return json.Marshal(st)
}

func restoreDrain(data []byte) (*drain, error) {
	var st state
	if err := json.Unmarshal(data, &st); err != nil {
		return nil, fmt.Errorf("restore error templates: %w", err)
	}
	if st.Version != 1 {
		return nil, fmt.Errorf("restore error templates: version %d is not known; rebuild from the log", st.Version)
	}
	d := newDrain()
	d.lines = st.Lines
	if st.Forward != nil {
		d.forward = st.Forward
	}
	for _, m := range st.Templates {
		if m == nil || m.ID == "" || len(m.Tokens) > maxTokens || len(d.byID) >= maxTemplates || d.byID[m.ID] != nil {
			return nil, fmt.Errorf("restore error templates: a template is damaged; rebuild from the log")
		}
		key := leafKey(m.Tokens)
		d.leaves[key] = append(d.leaves[key], m)
		d.byID[m.ID] = m
	}
	return d, nil
}
