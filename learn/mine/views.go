package mine

// view is a task's steps as items, immediate repeats of a step taken as one:
// how often one reads on is not a strategy.
type view struct {
	items []int32
	at    []int // by item, the step that it begins at
}

// viewing is all tasks at one level.
type viewing struct {
	names []string // by item
	tasks []view
}

// views numbers the steps of all tasks at this level.
func (l level) views(tasks []*taskSeq) viewing {
	var all viewing
	number := map[string]int32{}
	for _, t := range tasks {
		var v view
		for j := range t.Steps {
			name := l.item(&t.Steps[j])
			n, ok := number[name]
			if !ok {
				n = int32(len(all.names))
				number[name], all.names = n, append(all.names, name)
			}
			if k := len(v.items); k == 0 || v.items[k-1] != n {
				v.items, v.at = append(v.items, n), append(v.at, j)
			}
		}
		all.tasks = append(all.tasks, v)
	}
	return all
}

// occurrence returns the places of an occurrence within the gap limit, or nil.
// back[i][j] is the place before j in an occurrence of the first i+1 items.
func occurrence(seq, items []int32, gap int) []int {
	if len(items) == 0 || !isSubsequence(items, seq) {
		return nil // most are not, and this costs no memory
	}
	back := make([][]int, len(items))
	for i, item := range items {
		back[i] = make([]int, len(seq))
		last := -1
		for j := range seq {
			back[i][j] = -1
			if i > 0 && j > 0 && back[i-1][j-1] >= 0 {
				last = j - 1
			}
			switch {
			case seq[j] != item:
			case i == 0:
				back[i][j] = j
			case last >= 0 && j-last-1 <= gap:
				back[i][j] = last
			}
		}
	}
	for j := range seq {
		if back[len(items)-1][j] < 0 {
			continue
		}
		out := make([]int, len(items))
		for i := len(items) - 1; i >= 0; i-- {
			out[i] = j
			j = back[i][j]
		}
		return out
	}
	return nil
}
