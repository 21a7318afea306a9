package signature

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// snapshotVersion counts the forms of a snapshot. Version 1 held templates of
// another tokenisation.
const snapshotVersion = 2

var errDamaged = errors.New("restore error templates: a template is damaged; rebuild from the log")

// state is what a snapshot holds: the templates in the order of their making.
type state struct {
	Version   int               `json:"version"`
	Lines     uint64            `json:"lines"`
	Templates []storedTemplate  `json:"templates"`
	Forward   map[string]string `json:"forward,omitempty"`
}

// storedTemplate is a mined template. A token is a word or a mark, or "" for a
// value; Glued holds the places of those with no blank before them.
type storedTemplate struct {
	ID     string   `json:"id"`
	Tokens []string `json:"tokens"`
	Glued  []int    `json:"glued,omitempty"`
	Count  uint64   `json:"count"`
	Seen   uint64   `json:"seen"`
}

func (m *miner) snapshot() ([]byte, error) {
	st := state{Version: snapshotVersion, Lines: m.lines, Forward: m.forward, Templates: []storedTemplate{}}
	all := make([]*mined, 0, len(m.byID))
	for _, t := range m.byID {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *mined) int { return cmp.Compare(a.born, b.born) })
	for _, t := range all {
		s := storedTemplate{ID: t.id, Count: t.count, Seen: t.seen}
		for i, it := range t.shape.items {
			s.Tokens = append(s.Tokens, it.text)
			if it.glued {
				s.Glued = append(s.Glued, i)
			}
		}
		st.Templates = append(st.Templates, s)
	}
	return json.Marshal(st)
}

func restoreMiner(data []byte, maxTemplates int) (*miner, error) {
	var st state
	if err := json.Unmarshal(data, &st); err != nil {
		return nil, fmt.Errorf("restore error templates: %w", err)
	}
	m := newMiner(maxTemplates)
	if st.Version != snapshotVersion {
		return nil, fmt.Errorf("restore error templates: version %d is not known; rebuild from the log", st.Version)
	}
	m.lines = st.Lines
	for from, to := range st.Forward {
		m.forward[from] = to
	}
	for _, s := range st.Templates {
		if s.ID == "" || len(s.Tokens) > maxTokens || len(m.byID) >= m.max || m.byID[s.ID] != nil {
			return nil, errDamaged
		}
		sh, err := m.hash.stored(s)
		if err != nil {
			return nil, err
		}
		m.made++
		t := &mined{id: s.ID, shape: sh, text: sh.String(), count: s.Count, seen: s.Seen, born: m.made}
		m.byID[t.id], m.cache[sh.key] = t, t
		m.frames[sh.frame] = append(m.frames[sh.frame], t)
		m.fams.count(sh)
	}
	return m, nil
}

// stored makes the shape of a stored template.
func (h hasher) stored(s storedTemplate) (*shape, error) {
	sh := &shape{items: make([]item, len(s.Tokens))}
	for i, text := range s.Tokens {
		it := &sh.items[i]
		switch {
		case text == "":
		case class[text[0]]&isDelim != 0 || bytes.Count([]byte(text), []byte(".")) == len(text):
			it.code, it.text = uint64(text[0]), text
		default:
			it.code, it.text = h.word([]byte(text)), text
		}
	}
	for _, i := range s.Glued {
		if i < 0 || i >= len(sh.items) {
			return nil, errDamaged
		}
		sh.items[i].glued = true
	}
	sh.seal()
	return sh, nil
}
