package signature

import (
	"cmp"
	"slices"
)

// generalise makes a template take a shape, given as it came and reduced, and
// merges into it the templates that it then covers. It gives the one that
// lives.
func (m *miner) generalise(t *mined, sh, reduced *shape) *mined {
	if t.shape.frame != reduced.frame || len(sh.items) != len(reduced.items) {
		return t // an old template that the line's first form belongs to
	}
	wider := t.shape
	var fresh [maxTokens]bool // places that are known as parameters only now
	for i := range reduced.items {
		code := reduced.items[i].code
		fresh[i] = code == codeValue && sh.items[i].code != codeValue
		if c := wider.items[i].code; c != codeValue && c != code {
			wider = wider.with(i)
			fresh[i] = true
		}
	}
	if wider != t.shape {
		t.shape, t.text = wider.priced(), wider.String()
	}
	list := m.frames[wider.frame]
	for _, o := range list[max(0, len(list)-maxCandidates):] {
		if o != t && o.into == nil && (covers(t.shape, o.shape, fresh[:]) || covers(t.shape, o.shape, nil) && m.margin(t.shape, o.shape) >= 0) {
			t = m.merge(t, o)
		}
	}
	return t
}

// takeOver merges into a template, whose shape has values collapsed, those made
// before that was known: of the shape as it came, with words in the places that
// are values in the wide one.
func (m *miner) takeOver(t *mined, sh, wide *shape) *mined {
	var fresh [maxTokens]bool
	for i := range wide.items {
		fresh[i] = wide.items[i].code == codeValue && sh.items[i].code != codeValue
	}
	list := m.frames[wide.frame]
	for _, o := range list[max(0, len(list)-maxCandidates):] {
		if o != t && o.into == nil && covers(wide, o.shape, fresh[:]) {
			t = m.merge(t, o)
		}
	}
	return t
}

// covers reports whether all lines of the narrow shape fit the wide one, and
// words of it stand only in places that are fresh, where that is said.
func covers(wide, narrow *shape, fresh []bool) bool {
	for i := range wide.items {
		c, n := wide.items[i].code, narrow.items[i].code
		if c != n && (c != codeValue || fresh != nil && !fresh[i]) {
			return false
		}
	}
	return true
}

// merge makes one template of two: t's shape, the older one's identity.
func (m *miner) merge(t, o *mined) *mined {
	keep, drop := t, o
	if o.born < t.born {
		keep, drop = o, t
	}
	for _, x := range []*mined{t, o} {
		frame := x.shape.frame
		m.frames[frame] = slices.DeleteFunc(slices.Clone(m.frames[frame]), func(y *mined) bool { return y == x })
	}
	keep.shape, keep.text = t.shape, t.text
	m.frames[keep.shape.frame] = append(m.frames[keep.shape.frame], keep)
	keep.count += drop.count
	keep.seen = max(keep.seen, drop.seen)
	drop.into = keep
	delete(m.byID, drop.id)
	m.setForward(drop.id, keep.id)
	return keep
}

// setForward remembers what an identity became. Of very many the oldest are
// forgotten.
func (m *miner) setForward(from, to string) {
	m.forward[from] = to
	m.merged = append(m.merged, from)
	if limit := 4 * m.max; len(m.merged) > limit {
		old := m.merged[:limit/4+1]
		m.merged = slices.Clone(m.merged[len(old):])
		for _, id := range old {
			if !slices.Contains(m.merged, id) {
				delete(m.forward, id)
			}
		}
	}
}

// evict drops the tenth of the templates that was unseen longest, and the
// forwards that lead nowhere. One of them that comes back in the form that it
// began with gets its identity again.
func (m *miner) evict() {
	all := make([]*mined, 0, len(m.byID))
	for _, t := range m.byID {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *mined) int { return cmp.Or(cmp.Compare(a.seen, b.seen), cmp.Compare(a.born, b.born)) })
	for _, t := range all[:len(all)/10+1] {
		t.gone = true
		delete(m.byID, t.id)
	}
	for key, list := range m.frames {
		list = slices.DeleteFunc(list, func(t *mined) bool { return t.gone })
		if m.frames[key] = list; len(list) == 0 {
			delete(m.frames, key)
		}
	}
	for key, t := range m.cache {
		if t.live() == nil {
			delete(m.cache, key)
		}
	}
	m.merged = slices.DeleteFunc(m.merged, func(from string) bool {
		if m.resolve(from) != nil {
			return false
		}
		delete(m.forward, from)
		return true
	})
}

// resolve follows an identity to the template that it became.
func (m *miner) resolve(id string) *mined {
	for range 100 {
		if t := m.byID[id]; t != nil {
			return t
		}
		next, ok := m.forward[id]
		if !ok {
			return nil
		}
		id = next
	}
	return nil
}
