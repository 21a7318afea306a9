package web

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// side is a line on one side of a diff. Pre and Post are what it shares with
// the line that it stands beside, Mid what differs.
type side struct {
	No             int // 0: there is no line here
	Class          string
	Pre, Mid, Post string
}

// sideRow is one row of a diff shown side by side; Hunk is a heading instead.
type sideRow struct {
	Hunk string
	Old  side
	New  side
}

var hunkHead = regexp.MustCompile(`^@@ -(\d{1,9})(?:,\d{1,9})? \+(\d{1,9})(?:,\d{1,9})? @@`)

// sides arranges a unified diff in two columns: what was removed beside what
// came in its place.
func sides(diff []line) []sideRow {
	var out []sideRow
	var removed, added []string
	oldNo, newNo := 1, 1
	flush := func() {
		for i := range max(len(removed), len(added)) {
			var row sideRow
			if i < len(removed) {
				row.Old = side{No: oldNo, Class: "del", Mid: removed[i]}
				oldNo++
			}
			if i < len(added) {
				row.New = side{No: newNo, Class: "add", Mid: added[i]}
				newNo++
			}
			if i < len(removed) && i < len(added) {
				row.Old.Pre, row.Old.Mid, row.New.Mid, row.Old.Post = differing(removed[i], added[i])
				row.New.Pre, row.New.Post = row.Old.Pre, row.Old.Post
			}
			out = append(out, row)
		}
		removed, added = nil, nil
	}
	for _, l := range diff {
		switch {
		case l.Class == "del":
			removed = append(removed, l.Text[1:])
		case l.Class == "add":
			added = append(added, l.Text[1:])
		case l.Class == "hunk":
			flush()
			if m := hunkHead.FindStringSubmatch(l.Text); m != nil {
				oldNo, _ = strconv.Atoi(m[1]) // nine digits fit
				newNo, _ = strconv.Atoi(m[2])
			}
			out = append(out, sideRow{Hunk: l.Text})
		default:
			flush()
			text := strings.TrimPrefix(l.Text, " ")
			out = append(out, sideRow{Old: side{No: oldNo, Mid: text}, New: side{No: newNo, Mid: text}})
			oldNo, newNo = oldNo+1, newNo+1
		}
	}
	flush()
	return out
}

// differing splits two lines into what they share at both ends and what not.
// Lines that share little are not split: marks all over help nobody.
func differing(a, b string) (pre, midA, midB, post string) {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && n < len(a) && !utf8.RuneStart(a[n]) {
		n--
	}
	restA, restB := a[n:], b[n:]
	m := 0
	for m < len(restA) && m < len(restB) && restA[len(restA)-1-m] == restB[len(restB)-1-m] {
		m++
	}
	for m > 0 && !utf8.RuneStart(restA[len(restA)-m]) {
		m--
	}
	if 3*(n+m) < max(len(a), len(b)) {
		return "", a, b, ""
	}
	return a[:n], restA[:len(restA)-m], restB[:len(restB)-m], restA[len(restA)-m:]
}
