package signature

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// heldOutLogs are the recorded logs by which nothing of the miner was chosen.
var heldOutLogs = []string{"auth", "broker", "directory", "dpkg", "ensemble", "jails", "kernel", "redis", "resolver", "supervisor", "webserver"}

// TestConfusions prints, of the recorded logs that may be learned from, which
// print statements were taken for one and which were torn apart.
func TestConfusions(t *testing.T) {
	for _, c := range recorded(t) {
		if slices.Contains(heldOutLogs, c.name) {
			continue
		}
		ids := onlineIDs(c.lines, 4096)
		if g := measure(c.lines, ids); g.ga == 0 {
			t.Errorf("%s: no line is grouped as it should be", c.name)
		}
		t.Logf("%s\n%s", c.name, confusions(c.lines, ids))
	}
}

// confusions lists the groups that hold lines of several labels, and the labels
// whose lines are in several groups, the ones with the most lines first.
func confusions(lines []labelled, ids []string) string {
	groups, labels := map[string]map[string][]string{}, map[string]map[string][]string{}
	add := func(m map[string]map[string][]string, a, b, line string) {
		if m[a] == nil {
			m[a] = map[string][]string{}
		}
		m[a][b] = append(m[a][b], line)
	}
	for i, l := range lines {
		add(groups, ids[i], l.label, l.line)
		add(labels, l.label, ids[i], l.line)
	}
	var b strings.Builder
	show := func(what string, m map[string]map[string][]string) {
		size := func(k string) (n int) {
			for _, of := range m[k] {
				n += len(of)
			}
			return n
		}
		for _, k := range slices.SortedFunc(maps.Keys(m), func(x, y string) int { return cmp.Compare(size(y), size(x)) }) {
			if len(m[k]) < 2 {
				continue
			}
			fmt.Fprintf(&b, "%s %d lines in %d\n", what, size(k), len(m[k]))
			for _, other := range slices.Sorted(maps.Keys(m[k])) {
				fmt.Fprintf(&b, "  %4d %s\n", len(m[k][other]), cut(m[k][other][0], 220))
			}
		}
	}
	show("merged", groups)
	show("torn", labels)
	return b.String()
}
