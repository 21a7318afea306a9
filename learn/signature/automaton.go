package signature

// automaton finds all of a set of literals in one pass over a text (Aho and
// Corasick, 1975), as a dense table over the classes of bytes that the literals
// tell apart: one step a byte, no allocation.
type automaton struct {
	class  [256]uint8 // of a byte; 0 for those that stand in no literal
	width  int32      // classes
	next   []int32    // state*width + class
	output [][]int    // owners of the literals that end in this state
}

// newAutomaton builds the table. owners[i] is what a hit of literals[i] is
// reported as.
func newAutomaton(literals []string, owners []int) *automaton {
	a := &automaton{width: 1}
	for _, l := range literals {
		for j := 0; j < len(l); j++ {
			if a.class[l[j]] == 0 && a.width < 256 { // beyond, bytes would share class 0; literals are far from it
				a.class[l[j]] = uint8(a.width)
				a.width++
			}
		}
	}
	a.grow()
	for i, l := range literals {
		at := int32(0)
		for j := 0; j < len(l); j++ {
			cell := at*a.width + int32(a.class[l[j]])
			if a.next[cell] == 0 {
				a.next[cell] = a.grow()
			}
			at = a.next[cell]
		}
		a.output[at] = append(a.output[at], owners[i])
	}
	a.link()
	return a
}

// grow adds a state and gives it.
func (a *automaton) grow() int32 {
	a.next = append(a.next, make([]int32, a.width)...)
	a.output = append(a.output, nil)
	return int32(len(a.output) - 1)
}

// link turns the trie into the automaton, breadth first.
func (a *automaton) link() {
	fail := make([]int32, len(a.output))
	var queue []int32
	for c := range a.width {
		if s := a.next[c]; s != 0 {
			queue = append(queue, s)
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		a.output[s] = append(a.output[s], a.output[fail[s]]...)
		for c := range a.width {
			back := a.next[fail[s]*a.width+c]
			t := a.next[s*a.width+c]
			if t == 0 {
				a.next[s*a.width+c] = back
				continue
			}
			fail[t] = back
			queue = append(queue, t)
		}
	}
}

// each calls fn with the owners of every literal found in text.
func (a *automaton) each(text string, fn func(owners []int)) {
	s := int32(0)
	for i := 0; i < len(text); i++ {
		s = a.next[s*a.width+int32(a.class[text[i]])]
		if out := a.output[s]; out != nil {
			fn(out)
		}
	}
}
