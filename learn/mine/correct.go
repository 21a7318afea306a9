package mine

import (
	"slices"
	"sort"
)

// family is the hypotheses of one group at one level. Each has its share of
// the level of error, however many hypotheses it holds: the thousand patterns
// of one do not silence the ten habits of another, and what is certain in one
// carries nothing doubtful in another.
type family struct {
	share  float64
	all    []*sighting
	tested []*sighting
}

// correct sets q for the hypotheses that can be tested and returns them,
// ordered by strength. Untestable ones are discarded first: those whose
// smallest attainable p-value is beyond what the correction will ask for
// (Tarone 1990; for patterns Terada et al. 2013). The rest of each family is
// corrected by Benjamini and Hochberg (1995) as Gilbert (2005) does it for
// discrete tests, at the family's share of the level; the shares add up, and
// so does the rate of false discoveries. Nothing that decides what is tested,
// or at which level, knows which tasks succeeded, only how many.
func correct(families []*family, level float64) []*sighting {
	var all []*sighting
	for _, f := range divide(families, level) {
		p := make([]float64, len(f.tested))
		for i, s := range f.tested {
			p[i] = s.p / f.share
		}
		for i, q := range benjaminiHochberg(p) {
			f.tested[i].q = q
		}
		all = append(all, f.tested...)
	}
	slices.SortStableFunc(all, byStrength)
	return all
}

// divide finds what is testable in each family. A family with nothing to test
// leaves its share to the others.
func divide(families []*family, level float64) []*family {
	for {
		total := 0.0
		for _, f := range families {
			total += f.share
		}
		var live []*family
		for _, f := range families {
			f.share /= total
			f.tested = testable(f.all, level*f.share)
			if len(f.tested) > 0 {
				live = append(live, f)
			}
		}
		if len(live) == len(families) {
			return live
		}
		families = live
	}
}

// testable keeps those that can reach level/k, for the smallest k for which
// there are at most k such.
func testable(all []*sighting, level float64) []*sighting {
	floors := make([]float64, len(all))
	for i, s := range all {
		floors[i] = s.floor
	}
	slices.Sort(floors)
	for k := 1; ; k++ {
		limit := level / float64(k)
		n := sort.Search(len(floors), func(i int) bool { return floors[i] > limit })
		if n <= k {
			return slices.DeleteFunc(slices.Clone(all), func(s *sighting) bool { return s.floor > limit })
		}
	}
}
