package mine

import "slices"

// periods decides closure for one prefix by BIDE's bi-directional extension
// checking: a pattern is closed when no item can be put before, between or
// behind its items in all of its sequences. Behind is seen in the extensions;
// before and between are the maximum periods, searched here. The semi-maximum
// periods prune: what can be put before or between already in the first
// occurrences can be put there in every longer pattern too (BackScan). They are
// parts of the maximum periods, and so need no search when there is nothing in
// those.
type periods struct {
	first  []int32   // places of the first occurrence
	common [][]int32 // by period, the items that all sequences so far have
	marks  []uint32  // by item, the period that has it
	clock  uint32
}

// search reports whether an item is in one of the maximum periods of all
// sequences, or with semi in one of the semi-maximum ones. origins are the
// starts of the sequences.
func (p *periods) search(db *prepared, prefix, origins []int32, semi bool) bool {
	n := len(prefix)
	for len(p.common) < n {
		p.common, p.first = append(p.common, nil), append(p.first, 0)
	}
	for k, origin := range origins {
		p.match(db, prefix, origin)
		alive := false
		last := p.first[n-1] // of the last occurrence, from behind
		if !semi {
			last = db.end(origin) - 1
		}
		for i := n - 1; i >= 0; i-- {
			for db.items[last] != prefix[i] {
				last--
			}
			from := origin
			if i > 0 {
				from = p.first[i-1] + 1
			}
			if k == 0 || len(p.common[i]) > 0 {
				p.intersect(i, k == 0, db.items[from:last])
			}
			alive = alive || len(p.common[i]) > 0
			last--
		}
		if !alive {
			return false
		}
	}
	return true
}

// match finds the first occurrence of the prefix in the sequence at start.
func (p *periods) match(db *prepared, prefix []int32, start int32) {
	at := start
	for i, item := range prefix {
		for db.items[at] != item {
			at++
		}
		p.first[i] = at
		at++
	}
}

// intersect keeps of period i the items that this sequence has there too.
func (p *periods) intersect(i int, begin bool, period []int32) {
	if p.clock++; p.clock == 0 {
		clear(p.marks)
		p.clock = 1
	}
	if begin {
		p.common[i] = p.common[i][:0]
		for _, item := range period {
			if p.marks[item] != p.clock {
				p.marks[item] = p.clock
				p.common[i] = append(p.common[i], item)
			}
		}
		return
	}
	for _, item := range period {
		p.marks[item] = p.clock
	}
	p.common[i] = slices.DeleteFunc(p.common[i], func(item int32) bool { return p.marks[item] != p.clock })
}

// closedAmong keeps the patterns that have no longer one with the same support
// among those given: closure within limits, where the database itself cannot
// tell.
func closedAmong(patterns []Pattern) []Pattern {
	bySupport := map[int][]Pattern{}
	for _, p := range patterns {
		bySupport[p.Support] = append(bySupport[p.Support], p)
	}
	return slices.DeleteFunc(patterns, func(p Pattern) bool {
		return slices.ContainsFunc(bySupport[p.Support], func(q Pattern) bool {
			return len(q.Items) > len(p.Items) && isSubsequence(p.Items, q.Items)
		})
	})
}

// isSubsequence reports whether short's items stand in long in their order.
func isSubsequence(short, long []int32) bool {
	for _, it := range long {
		if len(short) > 0 && short[0] == it {
			short = short[1:]
		}
	}
	return len(short) == 0
}
