package toolforge

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"lathe/learn"
)

// tokensOf estimates the tokens of a text: four bytes each.
func tokensOf(s string) int64 { return int64(len(s)+3) / 4 }

// saving is what one call would have saved if a tool for op had been there.
type saving struct {
	op     string
	what   string
	calls  float64
	tokens int64
	timeMS float64
	read   int64 // tokens of the prompt that a call that falls away took
	miss   bool  // near miss: counted as nothing, what says why
}

// window is a search with context in which every hit is shown as the agent
// then looked at one: at most so many tokens may that add before a second call
// is cheaper.
const foldArguments = 8 // tokens that a further range or pattern adds to a call

// written is what the call cost to write: as the provider counted, else the
// command alone, since the words around it are not known.
func written(a *learn.ActionOutcome, command string) int64 {
	if n := a.ResourceMetrics.TokenCountOut; n > 0 {
		return n
	}
	return tokensOf(command)
}

// savings lists what a use would have saved by itself and behind the call
// before it (nil when there was none, or another kind of call).
func savings(before, now *use) []saving {
	var out []saving
	if s, ok := alone(now); ok {
		out = append(out, s)
	}
	if before == nil {
		return out
	}
	if s, ok := together(before, now); ok {
		if s.calls > 0 {
			s.timeMS, s.read = now.TimeMS, now.Read
		}
		out = append(out, s)
	}
	return out
}

// alone is what the tool would have printed less.
func alone(u *use) (saving, bool) {
	switch u.Op {
	case opTest:
		const summary = 60 // tokens: counts, failing names, first error
		if u.Printed > 2*summary {
			return saving{op: opTest, what: "a summary in place of the whole output", tokens: u.Printed - summary}, true
		}
	case opList:
		if kept := tokensOf(quietListing(u.Output)); len(u.Output) <= maxExampleResult && kept+4 < u.Printed {
			return saving{op: opList, what: "names only, without generated files and version control", tokens: u.Printed - kept}, true
		}
	}
	return saving{}, false
}

// together is what one call in place of two would have saved.
func together(a, b *use) (saving, bool) {
	if a.Op != opSnippet && b.Op == opSnippet {
		return saving{}, false
	}
	turn := b.Written - foldArguments
	pathKnown := len(b.Paths) == 0 || slices.ContainsFunc(b.Paths, func(p string) bool { return strings.Contains(a.Command, p) })
	if !pathKnown {
		turn -= tokensOf(strings.Join(b.Paths, " "))
	}
	one := func(op, what string) (saving, bool) {
		if turn <= 0 {
			return saving{}, false
		}
		return saving{op: op, what: what, calls: 1, tokens: turn}, true
	}
	miss := func(op, what string) (saving, bool) { return saving{op: op, what: what, miss: true}, true }
	switch {
	case a.Op == opView && b.Op == opView:
		if told(a, b) {
			return miss(opView, "the second place stands in what the first call printed")
		}
		s, ok := one(opView, "several places in one call")
		if o := overlap(a, b); o > 0 && ok {
			s.tokens += o
		}
		return s, ok
	case a.Op == opSearch && b.Op == opView:
		return searchThenView(a, b, turn)
	case a.Op == opSearch && b.Op == opSearch:
		if newWord(a.Output, a.Command, b.Pattern) {
			return miss(opSearch, "the second pattern stands in what the first search printed")
		}
		return one(opSearch, "several patterns in one search")
	case a.Op == opReplace && (b.Op == opView || b.Op == opSearch) && samePath(a, b):
		return one(opReplace, "the changed lines shown at once, in place of a look afterwards")
	case a.Op == opSnippet && b.Op == opSnippet && a.Step == "write" && b.Step == "run" && strings.Contains(b.Command, path.Base(a.Paths[0])):
		return one(opSnippet, "written and run in one call")
	case a.Op == opSnippet && b.Op == opSnippet && a.Step == "run" && b.Step == "remove" && namesOne(a.Command, b.Command):
		return one(opSnippet, "no file to remove afterwards")
	case a.Op == opList && b.Op == opList:
		if slices.ContainsFunc(b.Paths, func(p string) bool { return newWord(a.Output, a.Command, p) }) {
			return miss(opList, "the second folder stands in what the first listing printed")
		}
		return one(opList, "several folders in one listing")
	}
	return saving{}, false
}

// searchThenView is a search whose hit was then looked at: with context, or
// with the whole definition, the search had shown it. Context around all other
// hits is what that costs.
func searchThenView(a, b *use, turn int64) (saving, bool) {
	op, what := opSearch, "a hit with the lines around it, in place of a look afterwards"
	if a.Defines != "" {
		op, what = opDefine, "the definition at once, in place of a search and a look"
	}
	if len(b.Spans) != 1 {
		return saving{}, false
	}
	if len(a.Hits) == 0 && a.Found > 0 {
		return saving{op: op, what: "the search printed no line numbers", miss: true}, true
	}
	shown := b.Spans[0]
	found := slices.IndexFunc(a.Hits, func(h hit) bool {
		return h.Line+2 >= shown.First && (h.Line <= shown.Last || shown.Last == 0) && (h.Path == "" && samePath(a, b) || samePathName(h.Path, b.Paths[0]))
	})
	switch {
	case found < 0:
		return saving{op: op, what: "the look was at another place than a hit", miss: true}, true
	case found > 0 && op == opDefine:
		return saving{op: op, what: "the look was not at the first definition that was found", miss: true}, true
	}
	// What the search printed stands in what is shown; a tool shows the first
	// definition and names the others, and every hit of another search.
	tokens, more := turn+a.Printed, int64(a.Found-1)
	if op == opDefine {
		tokens -= more * 20
	} else {
		tokens -= more * b.Printed
	}
	if tokens <= 0 {
		return saving{op: op, what: "the context of all other hits costs more than the second call", miss: true}, true
	}
	return saving{op: op, what: what, calls: 1, tokens: tokens}, true
}

// namesOne reports whether two commands name the same file.
func namesOne(a, b string) bool {
	words := strings.Fields(b)
	return slices.ContainsFunc(strings.Fields(a), func(w string) bool { return path.Ext(w) != "" && slices.Contains(words, w) })
}

func samePath(a, b *use) bool {
	return slices.ContainsFunc(a.Paths, func(p string) bool {
		return slices.ContainsFunc(b.Paths, func(q string) bool { return samePathName(p, q) })
	})
}

func samePathName(p, q string) bool { return path.Clean(p) == path.Clean(q) }

// told reports whether the place that b looks at stands in what a printed, so
// that a had to be read first. The line numbers in front of lines are not
// told: they are the place that was asked for.
func told(a, b *use) bool {
	text := lineNumber.ReplaceAllString(a.Output, "")
	if !samePath(a, b) && newWord(text, a.Command, b.Paths[0]) {
		return true
	}
	for _, s := range b.Spans {
		for _, n := range []int{s.First, s.Last} {
			if n > 9 && numberIn(text, n) {
				return true
			}
		}
	}
	return false
}

var lineNumber = regexp.MustCompile(`(?m)^ *[0-9]+\t`)

func numberIn(text string, n int) bool {
	return slices.ContainsFunc(digits.FindAllString(text, 4096), func(d string) bool { return len(d) < 9 && atoi(d) == n })
}

// newWord reports whether a word of text stands in output and not in command.
func newWord(output, command, text string) bool {
	for _, token := range tokens(text) {
		if len(token) > 3 && strings.Contains(output, token) && !strings.Contains(command, token) {
			return true
		}
	}
	return false
}

// overlap is the tokens of lines that b printed again.
func overlap(a, b *use) int64 {
	if !samePath(a, b) || b.Lines == 0 {
		return 0
	}
	again := 0
	for _, s := range a.Spans {
		for _, t := range b.Spans {
			if s.Last == 0 || t.Last == 0 {
				continue
			}
			again += max(0, min(s.Last, t.Last)-max(s.First, t.First)+1)
		}
	}
	return min(int64(again), int64(b.Lines)) * b.Printed / int64(b.Lines)
}

var (
	longListing = regexp.MustCompile(`^[-dlbcps][-rwxsStT]{9}[.+@]? +\d+ +\S+ +\S+ +[\d,. ]*\S* +[A-Z]?\S* +\d+ +[\d:]+ (.+)$`)
	generated   = regexp.MustCompile(`(^|/)(\.git|\.hg|\.svn|__pycache__|node_modules|\.tox|\.nox|\.venv|venv|\.mypy_cache|\.pytest_cache|\.ruff_cache|\.cache|target|dist|build|[^/]+\.egg-info|[^/]+\.pyc|[^/]+\.pyo|[^/]+\.o|\.DS_Store)(/|$)`)
)

// quietListing is a listing as list_tree prints it: names only, without
// version control, caches and what compilers make.
func quietListing(listing string) string {
	var b strings.Builder
	for text := range strings.Lines(listing) {
		name := strings.TrimSpace(text)
		if m := longListing.FindStringSubmatch(name); m != nil {
			name = m[1]
		}
		name = strings.TrimPrefix(name, "./")
		if name == "" || name == "." || name == ".." || strings.HasPrefix(name, "total ") || generated.MatchString(strings.TrimRight(name, "*/:@")) {
			continue
		}
		b.WriteString(name + "\n")
	}
	return b.String()
}
