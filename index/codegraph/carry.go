package codegraph

import (
	"bufio"
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"lathe/learn"
)

var hunk = regexp.MustCompile(`^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@`)

// span of an entity on its way back through the commits.
type carried struct {
	id       string
	from, to int
	gone     bool // it did not exist before
	h        learn.CodeHistory
}

// carry takes a file's entities back through what changed.
func carry(f *file, dirty []change, log []byte) map[string]learn.CodeHistory {
	var all []*carried
	for i := 2; i < len(f.entities); i++ {
		all = append(all, &carried{id: f.id(i), from: int(f.entities[i].line), to: int(f.entities[i].end)})
	}
	for _, c := range all {
		c.h.Uncommitted = c.back(dirty)
	}
	commits := 0
	for record := range strings.SplitSeq(string(log), recordSeparator) {
		head, diff, _ := strings.Cut(record, "\n")
		commit, ok := parseCommit(head)
		if !ok {
			continue
		}
		commits++
		changed := hunks([]byte(diff))
		for _, c := range all {
			if c.back(changed) {
				if c.h.Changes++; c.h.Changes == 1 {
					c.h.Changed, c.h.Author, c.h.Commit = commit.changed, commit.author, commit.commit
				}
			}
		}
	}
	found := map[string]learn.CodeHistory{}
	for _, c := range all {
		c.h.Bounded = commits >= maxFileCommits && !c.gone
		found[c.id] = c.h
	}
	return found
}

// change is a hunk without context: a range of old lines became one of new.
type change struct{ oldFrom, oldCount, newFrom, newCount int }

func hunks(diff []byte) []change {
	var found []change
	for s := bufio.NewScanner(bytes.NewReader(diff)); ; {
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			if m := hunk.FindSubmatch(s.Bytes()); m != nil {
				found = append(found, change{number(m[1], 0), number(m[2], 1), number(m[3], 0), number(m[4], 1)})
			}
		}
		return found
	}
}

func number(b []byte, otherwise int) int {
	if n, err := strconv.Atoi(string(b)); err == nil {
		return n
	}
	return otherwise
}

// back carries the lines to what they were before a commit's hunks, which are
// in order, and reports whether one of the hunks lies within them.
func (c *carried) back(changed []change) (touched bool) {
	if c.gone {
		return false
	}
	lost := 0
	for _, h := range changed {
		first, last := h.lines()
		inside := min(last, c.to) - max(first, c.from) + 1
		if inside > 0 || h.newCount == 0 && c.from <= h.newFrom && h.newFrom < c.to {
			touched = true
			lost += max(0, inside)
		}
	}
	c.gone = lost > c.to-c.from // all of it is new
	c.from, c.to = before(changed, c.from, false), before(changed, c.to, true)
	c.to = max(c.from, c.to)
	return touched
}

// lines are the new ones; what only took lines out has none.
func (h *change) lines() (first, last int) {
	if h.newCount == 0 {
		return h.newFrom + 1, h.newFrom
	}
	return h.newFrom, h.newFrom + h.newCount - 1
}

// before is the line that a line was: of what is new, the begin or the end of
// what stood there.
func before(changed []change, line int, end bool) int {
	shift := 0
	for _, h := range changed {
		first, last := h.lines()
		switch {
		case last < line:
			shift += h.oldCount - h.newCount
		case first <= line && end:
			return h.oldFrom + max(0, h.oldCount-1)
		case first <= line && h.oldCount == 0:
			return h.oldFrom + 1
		case first <= line:
			return h.oldFrom
		}
	}
	return line + shift
}
