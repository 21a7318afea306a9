package signature

// automaton finds all of a set of literals in one pass over a text (Aho and
// Corasick, 1975), as a dense table: one step a byte, no allocation.
type automaton struct {
	next   [][256]int32
	output [][]int // owners of the literals that end in this state
}

// newAutomaton builds the table. owners[i] is what a hit of literals[i] is
// reported as.
func newAutomaton(literals []string, owners []int) *automaton {
	a := &automaton{next: make([][256]int32, 1), output: make([][]int, 1)}
	for i, l := range literals {
		at := int32(0)
		for j := 0; j < len(l); j++ {
			if a.next[at][l[j]] == 0 {
				a.next = append(a.next, [256]int32{})
				a.output = append(a.output, nil)
				a.next[at][l[j]] = int32(len(a.next) - 1)
			}
			at = a.next[at][l[j]]
		}
		a.output[at] = append(a.output[at], owners[i])
	}
	a.link()
	return a
}

// link turns the trie into the automaton, breadth first.
func (a *automaton) link() {
	fail := make([]int32, len(a.next))
	var queue []int32
	for c := range 256 {
		if s := a.next[0][c]; s != 0 {
			queue = append(queue, s)
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		a.output[s] = append(a.output[s], a.output[fail[s]]...)
		for c := range 256 {
			t := a.next[s][c]
			if t == 0 {
				a.next[s][c] = a.next[fail[s]][c]
				continue
			}
			fail[t] = a.next[fail[s]][c]
			queue = append(queue, t)
		}
	}
}

// each calls fn with the owners of every literal found in text.
func (a *automaton) each(text string, fn func(owners []int)) {
	s := int32(0)
	for i := 0; i < len(text); i++ {
		s = a.next[s][text[i]]
		if out := a.output[s]; out != nil {
			fn(out)
		}
	}
}
