package signature

import "hash/maphash"

const (
	maxTemplates  = 20000 // templates held; the longest unseen make room
	maxCandidates = 256   // templates of one frame that a new shape is compared with
)

// mined is one mined template. Its shape changes when it generalises; its id
// does not.
type mined struct {
	id    string
	shape *shape
	text  string
	count uint64
	seen  uint64 // number of the line that matched it last
	born  uint64 // order of making: the older keeps its id in a merge
	into  *mined // what it was merged into, nil while it lives
	gone  bool   // evicted
}

// live follows merges to the template that took this one's lines over; nil
// when that was evicted.
func (m *mined) live() *mined {
	for m.into != nil {
		if m.into.into != nil {
			m.into = m.into.into
		}
		m = m.into
	}
	if m.gone {
		return nil
	}
	return m
}

// miner mines templates online. A line's shape, which is the line without its
// values, finds its template in a cache; only a shape that was not seen before
// is compared with the templates of the same frame (number of tokens, and
// punctuation), as in Drain (He et al., ICWS 2017). What is a parameter among
// the remaining words is judged from the words seen in the same place of
// otherwise equal lines, which is the column statistic of Brain (Yu et al.,
// TSC 2023) kept up online, and from the words themselves.
type miner struct {
	hash    hasher
	scan    scanner
	max     int
	cache   map[uint64]*mined // by the key of a shape
	frames  map[uint64][]*mined
	byID    map[string]*mined
	forward map[string]string // of merged templates, and
	merged  []string          // their ids in the order of merging
	fams    *families
	lines   uint64
	made    uint64
}

func newMiner(maxTemplates int) *miner {
	return &miner{
		hash: hasher{maphash.MakeSeed()}, max: maxTemplates, cache: map[uint64]*mined{}, frames: map[uint64][]*mined{},
		byID: map[string]*mined{}, forward: map[string]string{}, fams: newFamilies(4 * maxTemplates),
	}
}

// tokens splits a line; valid until the next call.
func (m *miner) tokens(line []byte) []token {
	if len(line) > maxLine {
		line = line[:maxLine]
	}
	return m.scan.join(m.scan.scan(line))
}

// known gives the template of a shape seen before.
func (m *miner) known(key uint64) *mined {
	if t := m.cache[key]; t != nil {
		return t.live()
	}
	return nil
}

// learn adds one line.
func (m *miner) learn(line []byte) *mined {
	toks := m.tokens(line)
	key := m.hash.key(line, toks)
	t := m.known(key)
	if t == nil {
		sh := m.hash.shape(line, toks)
		m.fams.count(sh)
		t = m.place(sh)
	}
	m.hit(t)
	return t
}

func (m *miner) hit(t *mined) {
	m.lines++
	t.count++
	t.seen = m.lines
}

// find gives the template that learn would give, without changing anything;
// nil when it would make a new one.
func (m *miner) find(sh *shape) *mined {
	if t := m.known(sh.key); t != nil {
		return t
	}
	if t, _ := m.candidate(sh); t != nil {
		return t
	}
	return m.resolve(sh.id())
}

// place finds or makes the template of a shape that was counted already.
func (m *miner) place(sh *shape) *mined {
	wide := m.fams.reduce(sh)
	reduced := wide.collapse()
	t := m.known(reduced.key)
	if t == nil {
		if t, _ = m.candidate(reduced); t == nil {
			reduced = m.joint(reduced)
			t = m.add(sh, reduced)
		}
		if wide.frame == reduced.frame {
			wide = sh
		} else {
			t = m.takeOver(t, sh, wide)
			wide = reduced
		}
		t = m.generalise(t, wide, reduced)
	}
	if len(m.cache) >= 8*m.max {
		clear(m.cache)
	}
	m.cache[sh.key], m.cache[reduced.key] = t, t
	return t
}

// candidate gives the template that takes a shape at the least cost.
func (m *miner) candidate(sh *shape) (best *mined, margin float64) {
	list := m.frames[sh.priced().frame]
	for _, t := range list[max(0, len(list)-maxCandidates):] {
		if left := m.margin(t.shape, sh); left >= 0 && (best == nil || left > margin) {
			best, margin = t, left
		}
	}
	return best, margin
}

// margin is what is left of the budget when a template takes a shape; negative
// when it is too little. Both shapes are priced.
func (m *miner) margin(t, sh *shape) float64 {
	same, cost := 0.0, 0.0
	for i := range t.items {
		a, b := &t.items[i], &sh.items[i]
		one := 0.0
		switch {
		case a.code == b.code:
			same += t.weight(i)
		case a.code == codeValue:
			one = a.factor() * sh.price[i]
		case b.code == codeValue:
			one = b.factor() * t.price[i]
		default:
			one = (t.price[i] + sh.price[i]) / 2
		}
		if one *= m.fams.alone; one > highest {
			return -1
		}
		if cost += one; cost > budget*t.total {
			return -1
		}
	}
	if cost == 0 {
		return same + 1
	}
	return budget*same - cost
}

// factor is what a word costs less where this value is.
func (it *item) factor() float64 {
	if it.known {
		return knownFactor
	}
	return valueFactor
}

// add makes a template, with the identity that its first line gives it.
func (m *miner) add(first, sh *shape) *mined {
	id := first.id()
	if t := m.resolve(id); t != nil { // its first form came back after it generalised
		return t
	}
	if len(m.byID) >= m.max {
		m.evict()
	}
	m.made++
	t := &mined{id: id, shape: sh.priced(), text: sh.String(), seen: m.lines, born: m.made}
	m.byID[id] = t
	delete(m.forward, id)
	m.frames[sh.frame] = append(m.frames[sh.frame], t)
	return t
}
