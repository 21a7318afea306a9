package signature

// Online groups lines as they come. It may look ahead: then the lines since
// the last Flush are judged together, which groups better, since one line
// alone does not show which of its words vary. It is not safe for concurrent
// use.
//
// What it remembers is bounded by the number of templates, not of lines; of a
// waiting line it keeps only the shape.
type Online struct {
	m       *miner
	pending []pendingLine
	shapes  map[uint64]*shape // new among the pending ones
	order   []*shape
	found   map[uint64]*mined
}

// pendingLine is a line whose template is not decided yet.
type pendingLine struct {
	key uint64
	t   *mined
}

// DefaultMaxTemplates is how many templates are held when nothing else is said.
const DefaultMaxTemplates = maxTemplates

// NewOnline makes one that holds at most so many templates; 0 is the default.
// ahead says that Flush will come after many lines, not after each.
func NewOnline(templates int, ahead bool) *Online {
	if templates <= 0 {
		templates = maxTemplates
	}
	o := &Online{m: newMiner(templates), shapes: map[uint64]*shape{}, found: map[uint64]*mined{}}
	if ahead {
		o.m.fams.alone = 1
	}
	return o
}

// Add takes a line, without its end; it keeps no reference to it. Pending tells
// how many wait for Flush.
func (o *Online) Add(line []byte) {
	toks := o.m.tokens(line)
	key := o.m.hash.key(line, toks)
	t := o.m.known(key)
	if t == nil && o.shapes[key] == nil {
		sh := o.m.hash.shape(line, toks)
		o.m.fams.count(sh)
		o.shapes[key] = sh
		o.order = append(o.order, sh)
	}
	o.pending = append(o.pending, pendingLine{key, t})
}

// Pending is the number of lines added since the last Flush.
func (o *Online) Pending() int { return len(o.pending) }

// Flush decides the templates of all pending lines and gives them in the order
// in which they were added.
func (o *Online) Flush(each func(id, template string)) {
	for range 2 { // what is a parameter in one place shows up others
		for _, sh := range o.order {
			o.m.fams.reduce(sh)
		}
	}
	for _, sh := range o.order {
		o.found[sh.key] = o.m.place(sh)
	}
	for _, p := range o.pending {
		t := p.t
		if t == nil {
			t = o.found[p.key]
		}
		if l := t.live(); l != nil {
			t = l
		}
		o.m.hit(t)
		each(t.id, t.text)
	}
	o.pending, o.order = o.pending[:0], o.order[:0]
	clear(o.shapes)
	clear(o.found)
}

// Templates is how many templates are held.
func (o *Online) Templates() int { return len(o.m.byID) }

// Forward gives the identity that a template has now: another one than id when
// it was merged into an older template. It is "" when the template was evicted.
func (o *Online) Forward(id string) string {
	if t := o.m.resolve(id); t != nil {
		return t.id
	}
	return ""
}
