package signature

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

// recorded are logs that real programs wrote (testdata/logs: a server each,
// driven by clients that did wrong now and then), labelled from the programs'
// print statements.
func recorded(t testing.TB) (out []corpus) {
	files, err := filepath.Glob("testdata/logs/*.log")
	if err != nil || len(files) == 0 {
		t.Fatal("testdata/logs is missing", err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		c := corpus{name: strings.TrimSuffix(filepath.Base(f), ".log")}
		for l := range strings.Lines(string(raw)) {
			label, line, _ := strings.Cut(strings.TrimSuffix(l, "\n"), "\t")
			c.lines = append(c.lines, labelled{line, label})
		}
		out = append(out, c)
	}
	return out
}

// TestGrouping prints the measures beside those of plain Drain, and holds the
// means to the bar of the product on the logs of the generator, and to more
// than Drain's on the recorded ones.
func TestGrouping(t *testing.T) {
	var tunedLogs, heldLogs []corpus
	for _, c := range recorded(t) {
		if slices.Contains(heldOutLogs, c.name) {
			heldLogs = append(heldLogs, c)
		} else {
			tunedLogs = append(tunedLogs, c)
		}
	}
	for _, part := range []struct {
		name string
		logs []corpus
		bar  grouping
	}{
		{"tuned, messages", generated(tunedSystems, false), grouping{ga: 0.88, fga: 0.80}},
		{"tuned, whole lines", generated(tunedSystems, true), grouping{ga: 0.88, fga: 0.80}},
		{"held out, messages", generated(heldOutSystems, false), grouping{ga: 0.88, fga: 0.80}},
		{"held out, whole lines", generated(heldOutSystems, true), grouping{ga: 0.88, fga: 0.80}},
		{"recorded, tuned, whole lines", tunedLogs, grouping{}},
		{"recorded, held out, whole lines", heldLogs, grouping{}},
	} {
		means, text := table(part.name, part.logs)
		t.Log(text)
		ahead, strict, drain := means[0], means[1], means[2]
		if ahead.ga < part.bar.ga || ahead.fga < part.bar.fga || strict.ga < part.bar.ga || strict.fga < part.bar.fga {
			t.Errorf("%s: means %.3f with look-ahead, %.3f without; want at least %.3f", part.name, ahead, strict, part.bar)
		}
		if ahead.ga <= drain.ga || ahead.fga <= drain.fga || strict.ga <= drain.ga || strict.fga <= drain.fga {
			t.Errorf("%s: means %.3f with look-ahead, %.3f without, not above Drain's %.3f", part.name, ahead, strict, drain)
		}
	}
}

// table groups logs in three ways and gives the means, and all as text.
func table(name string, logs []corpus) (means [3]grouping, text string) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: GA FGA pairs\n%-14s %-20s %-20s %-20s\n", name, "", "look-ahead 4096", "none", "Drain")
	row := func(name string, of [3]grouping) {
		fmt.Fprintf(&b, "%-14s", name)
		for _, g := range of {
			fmt.Fprintf(&b, " %.3f %.3f %.3f   ", g.ga, g.fga, g.pairs)
		}
		b.WriteByte('\n')
	}
	for _, c := range logs {
		of := [3]grouping{measure(c.lines, onlineIDs(c.lines, 4096)), measure(c.lines, onlineIDs(c.lines, 0)), measure(c.lines, drainIDs(c.lines))}
		for i, g := range of {
			means[i].ga += g.ga / float64(len(logs))
			means[i].fga += g.fga / float64(len(logs))
			means[i].pairs += g.pairs / float64(len(logs))
		}
		row(c.name, of)
	}
	row("mean", means)
	return means, b.String()
}
