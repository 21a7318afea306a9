package signature

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"lathe/learn"
)

// maxSignatures is how many signatures one output gives at most.
const maxSignatures = 8

// hit is a pattern on a line.
type hit struct {
	line int
	p    *pattern
	loc  []int
}

// hits finds the one best pattern of each line. It outdents the last lines of
// tracebacks that stand indented in another program's output.
func (lib *library) hits(lines []string) []hit {
	var out []hit
	var ends tracebacks
	c := lib.candidates.Get().(*candidates)
	defer lib.candidates.Put(c)
	for i := range lines {
		where := ends.at(lines, i)
		best := lib.best(lines[i], i, c)
		if where != "" && (best.p == nil || where == whereStack && best.p.rank == rankGeneric) {
			if h := lib.boundHit(lines[i], i, where); h.p != nil {
				best = h
			}
		}
		if best.p != nil {
			out = append(out, best)
		}
	}
	return out
}

// candidates are the patterns of which a literal stands in a line, best first.
type candidates struct {
	round int
	met   []int // the last round a pattern was met in
	list  []int
}

// best finds the best pattern of one line.
func (lib *library) best(line string, i int, c *candidates) hit {
	c.round++
	c.list = c.list[:0]
	lib.scan.each(line, func(owners []int) {
		for _, o := range owners {
			if c.met[o] != c.round {
				c.met[o] = c.round
				c.list = append(c.list, lib.place[o])
			}
		}
	})
	slices.Sort(c.list)
	for _, at := range c.list {
		p := lib.preferred[at]
		if loc := p.re.FindStringSubmatchIndex(line); loc != nil {
			return hit{i, p, loc}
		}
	}
	return hit{line: -1}
}

// boundHit finds the first pattern that belongs to a place.
func (lib *library) boundHit(line string, i int, where string) hit {
	for _, p := range lib.bound {
		if p.Where != where {
			continue
		}
		if loc := p.re.FindStringSubmatchIndex(line); loc != nil {
			return hit{i, p, loc}
		}
	}
	return hit{line: -1}
}

// prefer orders the patterns for one line: causes before summaries before
// generic ones, then the order of the library.
func (lib *library) prefer() {
	lib.preferred = slices.Clone(lib.patterns)
	slices.SortFunc(lib.preferred, func(p, q *pattern) int {
		return cmp.Or(cmp.Compare(p.rank, q.rank), cmp.Compare(p.order, q.order))
	})
	lib.place = make([]int, len(lib.patterns))
	for at, p := range lib.preferred {
		lib.place[p.order] = at
	}
	lib.candidates.New = func() any { return &candidates{met: make([]int, len(lib.patterns))} }
}

// signatures of the lines: causes before what follows from them, each as
// printed.
func (lib *library) signatures(lines []string) []learn.ErrorSignature {
	found := lib.hits(lines)
	slices.SortStableFunc(found, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.follows(lines), b.follows(lines)), cmp.Compare(a.line, b.line))
	})
	run := verdict(found)
	var out []learn.ErrorSignature
	seen := map[string]bool{}
	for _, h := range found {
		sig := h.signature(lines)
		key := h.p.ID + "\x00" + sig.ID
		if seen[key] {
			continue
		}
		seen[key] = true
		if run != nil && h.raisedBy(run) {
			sig.ID = run.Kind
		}
		out = append(out, sig)
		if len(out) == maxSignatures {
			break
		}
	}
	return out
}

// verdict is the pattern that says that tests ran and failed, nil when none
// does, or when tests could not be loaded: then the reason is the failure.
func verdict(found []hit) *pattern {
	var run *pattern
	for _, h := range found {
		if h.p.Loading {
			return nil
		}
		if run == nil && h.p.Level == "verdict" {
			run = h.p
		}
	}
	return run
}

// raisedBy reports whether a cause is one that the tests of the run raised. It
// then is of the kind "tests failed", since that is what a person calls it,
// whatever the assertion was; its pattern still says what the test raised.
func (h hit) raisedBy(run *pattern) bool {
	return h.p.rank != rankSummary && (h.p.Language == "" || h.p.Language == run.Language)
}

// follows is 1 for what only sums up or introduces other failures.
func (h hit) follows(lines []string) int {
	if h.p.rank == rankSummary || h.p.rank == rankGeneric && strings.HasSuffix(lines[h.line], ":") {
		return 1
	}
	return 0
}

func (h hit) signature(lines []string) learn.ErrorSignature {
	line := lines[h.line]
	captures, template := h.p.captures(line, h.loc)
	sig := learn.ErrorSignature{
		ID: signatureID(h.p, captures), PatternID: h.p.ID, Name: h.p.Name, Template: cut(strings.TrimSpace(template), maxCapture),
		Salient: cut(strings.TrimSpace(line), maxCapture), Captures: captures, Language: h.p.Language, Transient: h.p.Transient,
	}
	sig.File, sig.Line = place(lines, h.line, captures)
	sig.Entities = entities(captures, sig.File)
	return sig
}

// signatureID is the pattern's kind with its grouping captures.
func signatureID(p *pattern, captures map[string]string) string {
	id := p.Kind
	for _, g := range p.Group {
		id += ":" + cut(captures[g], 80)
	}
	return id
}

// kinds maps the names of captures to kinds of entities.
func entityKind(capture string) string {
	switch capture {
	case "module":
		return "module"
	case "path", "file", "directory":
		return "file"
	case "symbol", "attribute", "name", "type":
		return "symbol"
	case "package", "command":
		return "package"
	case "host":
		return "host"
	}
	return ""
}

func entities(captures map[string]string, file string) []learn.Entity {
	names := make([]string, 0, len(captures))
	for n := range captures {
		names = append(names, n)
	}
	slices.Sort(names)
	var out []learn.Entity
	for _, n := range names {
		if kind := entityKind(n); kind != "" && captures[n] != "" {
			out = append(out, learn.Entity{Kind: kind, Name: captures[n]})
		}
	}
	if e := (learn.Entity{Kind: "file", Name: file}); file != "" && !slices.Contains(out, e) {
		out = append(out, e)
	}
	return out
}

// atoi reads a line number; 0 when it is none.
func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
