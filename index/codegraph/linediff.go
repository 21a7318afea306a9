package codegraph

import "strings"

// maxEdits bounds a comparison: its memory is 4 bytes times the square.
const maxEdits = 1000

// textLines are a text's lines without their ends: those of a checkout may be
// other ones than those that are committed.
func textLines(text []byte) []string {
	var found []string
	for l := range strings.Lines(string(text)) {
		found = append(found, strings.TrimRight(l, "\r\n"))
	}
	return found
}

// edit takes out the old line at or puts in the new line at.
type edit struct {
	old, new int // 0 is the first
	in       bool
}

// lineChanges compares two texts by line; false for more than maxEdits. What
// is common at begin and end does not count, nor does a side without more.
func lineChanges(was, is []string) ([]change, bool) {
	lead := 0
	for lead < min(len(was), len(is)) && was[lead] == is[lead] {
		lead++
	}
	was, is = was[lead:], is[lead:]
	for len(was) > 0 && len(is) > 0 && was[len(was)-1] == is[len(is)-1] {
		was, is = was[:len(was)-1], is[:len(is)-1]
	}
	if len(was) == 0 && len(is) == 0 {
		return nil, true
	}
	if len(was) == 0 || len(is) == 0 {
		return []change{changeOf(lead, len(was), lead, len(is))}, true
	}
	numbers := map[string]int{}
	trace, ok := shortest(numbered(numbers, was), numbered(numbers, is))
	if !ok {
		return nil, false
	}
	var found []change
	for edits := backtrack(trace, len(was), len(is)); len(edits) > 0; {
		first, n, out := edits[len(edits)-1], 0, 0
		for n < len(edits) { // what touches is one change
			e := edits[len(edits)-1-n]
			if e.old != first.old+out || e.new != first.new+n-out {
				break
			}
			if n++; !e.in {
				out++
			}
		}
		found = append(found, changeOf(lead+first.old, out, lead+first.new, n-out))
		edits = edits[:len(edits)-n]
	}
	return found, true
}

// changeOf counts like a diff: from 1, and of no lines the one before.
func changeOf(old, oldCount, new, newCount int) change {
	return change{old + min(1, oldCount), oldCount, new + min(1, newCount), newCount}
}

func numbered(numbers map[string]int, lines []string) []int {
	found := make([]int, len(lines))
	for i, l := range lines {
		n, ok := numbers[l]
		if !ok {
			n = len(numbers)
			numbers[l] = n
		}
		found[i] = n
	}
	return found
}

// shortest is the greedy search of Myers, "An O(ND) difference algorithm and
// its variations" (1986): of each number of edits how far every diagonal gets.
// The library that the module has for this is cubic on hostile text.
func shortest(a, b []int) (trace [][]int32, ok bool) {
	v := make([]int32, 2*maxEdits+3)
	mid := maxEdits + 1
	for d := 0; d <= maxEdits; d++ {
		for k := -d; k <= d; k += 2 {
			x := int(v[mid+k-1]) + 1
			if k == -d || k != d && v[mid+k-1] < v[mid+k+1] {
				x = int(v[mid+k+1])
			}
			for x < len(a) && x-k < len(b) && a[x] == b[x-k] {
				x++
			}
			v[mid+k] = int32(x)
			if x >= len(a) && x-k >= len(b) {
				return append(trace, nil), true
			}
		}
		trace = append(trace, append([]int32(nil), v[mid-d:mid+d+1]...))
	}
	return nil, false
}

// backtrack finds the edits, the last one first.
func backtrack(trace [][]int32, x, y int) (edits []edit) {
	for d := len(trace) - 1; d > 0; d-- {
		v, k := trace[d-1], x-y
		at := func(k int) int { return int(v[k+d-1]) }
		in := k == -d || k != d && at(k-1) < at(k+1)
		if k--; in {
			k += 2
		}
		x = at(k)
		y = x - k
		edits = append(edits, edit{x, y, in})
	}
	return edits
}
