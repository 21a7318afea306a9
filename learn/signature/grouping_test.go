package signature

import (
	"fmt"
	"strings"
	"testing"
)

// grouping are the measures of a partition against the labels: GA, the share of
// lines in a group that holds exactly the lines of its label (Zhu et al., Tools
// and Benchmarks for Automated Log Parsing, 2019); FGA, the harmonic mean of
// precision and recall of such groups (Jiang et al., 2024); and the F1 of pairs
// of lines.
type grouping struct{ ga, fga, pairs float64 }

func measure(lines []labelled, ids []string) grouping {
	type cell struct{ id, label string }
	byID, byLabel, both := map[string]int{}, map[string]int{}, map[cell]int{}
	for i, l := range lines {
		byID[ids[i]]++
		byLabel[l.label]++
		both[cell{ids[i], l.label}]++
	}
	exact, right, pairs := 0, 0, 0.0
	for c, n := range both {
		if n == byID[c.id] && n == byLabel[c.label] {
			exact += n
			right++
		}
		pairs += float64(n) * float64(n-1) / 2
	}
	all := func(m map[string]int) (sum float64) {
		for _, n := range m {
			sum += float64(n) * float64(n-1) / 2
		}
		return sum
	}
	g := grouping{ga: float64(exact) / float64(len(lines)), fga: 2 * float64(right) / float64(len(byID)+len(byLabel)), pairs: 1}
	if found, true_ := all(byID), all(byLabel); found+true_ > 0 {
		g.pairs = 2 * pairs / (found + true_)
	}
	return g
}

// onlineIDs groups lines as the command does.
func onlineIDs(lines []labelled, lookAhead int) []string {
	o := NewOnline(0, lookAhead > 0)
	ids := make([]string, 0, len(lines))
	each := func(id, _ string) { ids = append(ids, id) }
	for _, l := range lines {
		if o.Add([]byte(l.line)); o.Pending() > lookAhead {
			o.Flush(each)
		}
	}
	o.Flush(each)
	return ids
}

func drainIDs(lines []labelled) []string {
	d := newDrainBaseline()
	ids := make([]string, len(lines))
	for i, l := range lines {
		ids[i] = d.add(l.line)
	}
	return ids
}

// corpus is a labelled log.
type corpus struct {
	name  string
	lines []labelled
}

func generated(systems []system, head bool) (out []corpus) {
	for i, s := range systems {
		out = append(out, corpus{s.name, s.lines(2000, head, uint64(i+1))})
	}
	return out
}

// TestGrouping prints the measures beside those of plain Drain, and holds the
// mean to the bar of the product on the logs of the generator.
func TestGrouping(t *testing.T) {
	for _, part := range []struct {
		name string
		logs []corpus
		bar  bool
	}{
		{"tuned, messages", generated(tunedSystems, false), true},
		{"tuned, whole lines", generated(tunedSystems, true), true},
		{"held out, messages", generated(heldOutSystems, false), true},
		{"held out, whole lines", generated(heldOutSystems, true), true},
	} {
		table(t, part.name, part.logs, part.bar)
	}
}

func table(t *testing.T, name string, logs []corpus, bar bool) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: GA FGA pairs\n%-14s %-20s %-20s %-20s\n", name, "", "look-ahead 4096", "none", "Drain")
	sums := make([]grouping, 3)
	row := func(name string, of []grouping, n float64) {
		fmt.Fprintf(&b, "%-14s", name)
		for _, g := range of {
			fmt.Fprintf(&b, " %.3f %.3f %.3f   ", g.ga/n, g.fga/n, g.pairs/n)
		}
		b.WriteByte('\n')
	}
	for _, c := range logs {
		of := []grouping{measure(c.lines, onlineIDs(c.lines, 4096)), measure(c.lines, onlineIDs(c.lines, 0)), measure(c.lines, drainIDs(c.lines))}
		for i, g := range of {
			sums[i].ga += g.ga
			sums[i].fga += g.fga
			sums[i].pairs += g.pairs
		}
		row(c.name, of, 1)
	}
	row("mean", sums, float64(len(logs)))
	t.Log(b.String())
	if n := float64(len(logs)); bar && (sums[0].ga/n < 0.88 || sums[0].fga/n < 0.80) {
		t.Errorf("%s: mean grouping accuracy %.3f and F1 %.3f, want at least 0.88 and 0.80", name, sums[0].ga/n, sums[0].fga/n)
	}
}
