package signature

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
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
// value; the other lists hold the places of those with no blank before them,
// and of values that were words.
type storedTemplate struct {
	ID     string   `json:"id"`
	Tokens []string `json:"tokens"`
	Glued  []int    `json:"glued,omitempty"`
	Known  []int    `json:"known,omitempty"`
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
			for list, is := range map[*[]int]bool{&s.Glued: it.glued, &s.Known: it.known} {
				if is {
					*list = append(*list, i)
				}
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
	if len(st.Forward) > 4*m.max {
		return nil, errDamaged
	}
	for _, from := range slices.Sorted(maps.Keys(st.Forward)) {
		m.setForward(from, st.Forward[from])
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
		t := &mined{id: s.ID, shape: sh.priced(), text: sh.String(), count: s.Count, seen: s.Seen, born: m.made}
		m.byID[t.id], m.cache[sh.key] = t, t
		m.frames[sh.frame] = append(m.frames[sh.frame], t)
		m.fams.count(sh)
	}
	return m, nil
}

// stored makes the shape of a stored template.
func (h hasher) stored(s storedTemplate) (*shape, error) {
	sh := &shape{items: make([]item, len(s.Tokens))}
	for _, list := range [][]int{s.Glued, s.Known} {
		for _, i := range list {
			if i < 0 || i >= len(sh.items) {
				return nil, errDamaged
			}
		}
	}
	for _, i := range s.Glued {
		sh.items[i].glued = true
	}
	for _, i := range s.Known {
		sh.items[i].known = true
	}
	for i, text := range s.Tokens {
		it := &sh.items[i]
		switch {
		case text == "":
		case class[text[0]]&isDelim != 0 || strings.Trim(text, ".") == "":
			it.code, it.text = uint64(text[0]), text
		default:
			it.code, it.text = h.word([]byte(text)), text
		}
	}
	sh.seal()
	return sh, nil
}
