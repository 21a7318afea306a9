package toolforge

import (
	"path"
	"slices"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
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
	case opReplace:
		if u.Script != nil {
			return u.Script.saving(u.shown())
		}
	}
	return saving{}, false
}

// together is what one call in place of two would have saved.
func together(a, b *use) (saving, bool) {
	if a.Op == b.Op && a.full() {
		return saving{}, false
	}
	if a.Script != nil && b.Op == opSnippet {
		return a.Script.followed(b)
	}
	if a.Op != opSnippet && b.Op == opSnippet || a.Script != nil && !a.Script.counts() {
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
			return miss(opView, "the second place stands in what an earlier one printed")
		}
		turn += overlap(a, b) - b.numbering()
		if len(a.Before) == 0 {
			turn -= a.numbering()
		}
		if s, ok := one(opView, "several places in one call"); ok {
			return s, true
		}
		return miss(opView, "line numbers cost more than the second call")
	case a.Op == opSearch && b.Op == opView:
		return searchThenView(a, b, turn)
	case a.Op == opSearch && b.Op == opSearch:
		if a.printed(b.Pattern) {
			return miss(opSearch, "the second pattern stands in what an earlier search printed")
		}
		return one(opSearch, "several patterns in one search")
	case a.Op == opReplace && (b.Op == opView || b.Op == opSearch) && samePath(a, b):
		return changeThenLook(a, b)
	case a.Op == opSnippet && b.Op == opSnippet && a.Step == "write" && b.Step == "run" && strings.Contains(b.Command, path.Base(a.Paths[0])):
		return one(opSnippet, "written and run in one call")
	case a.Op == opSnippet && b.Op == opSnippet && a.Step == "run" && b.Step == "remove" && namesOne(a.Command, b.Command):
		return one(opSnippet, "no file to remove afterwards")
	case a.Op == opList && b.Op == opList:
		if slices.ContainsFunc(b.Paths, a.printed) {
			return miss(opList, "the second folder stands in what an earlier listing printed")
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
	shown := b.Spans[0]
	if shown.First == 1 && shown.Last == 0 {
		return saving{op: op, what: "the look was at the whole file", miss: true}, true
	}
	found := slices.IndexFunc(a.Hits, func(h hit) bool {
		return h.Line+2 >= shown.First && (h.Line <= shown.Last || shown.Last == 0) && (h.Path == "" && samePath(a, b) || samePathName(h.Path, b.Paths[0]))
	})
	if len(a.Hits) == 0 && a.Found > 0 {
		if found = a.foundIn(b); found < 0 {
			return saving{op: op, what: "the search printed no line numbers", miss: true}, true
		}
	}
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

// foundIn is the first line that a search printed, without its number, and
// that stands in what a look then printed of the same file; -1 for none.
func (u *use) foundIn(look *use) int {
	i := -1
	for text := range strings.Lines(u.Output) {
		i++
		file, line, named := strings.Cut(strings.TrimRight(text, "\n"), ":")
		if !named || !samePathName(file, look.Paths[0]) {
			line = strings.TrimRight(text, "\n")
			if !samePath(u, look) {
				continue
			}
		}
		if len(strings.TrimSpace(line)) >= minTelling && strings.Contains(look.Output, line) {
			return i
		}
	}
	return -1
}

// minTelling is how long a line is at least that says which place it stands at.
const minTelling = 8 // bytes

// changeThenLook is a change whose file was then looked at: the tool had shown
// the changed lines. A look at much more than those had another purpose.
func changeThenLook(a, b *use) (saving, bool) {
	const op, what = opReplace, "the changed lines shown at once, in place of a look afterwards"
	switch {
	case b.Lines > maxLook+a.added():
		return saving{op: op, what: "the look was at more than the change", miss: true}, true
	case elsewhere(a.Spans, b.Spans):
		return saving{op: op, what: "the look was at another place than the change", miss: true}, true
	}
	tokens := b.Written + b.Printed
	if a.Script == nil { // of a program it is reckoned already
		tokens -= a.shown()
	}
	return saving{op: op, what: what, calls: 1, tokens: tokens}, tokens > 0
}

// maxLook is how many lines a look at a change has at most.
const maxLook = 40

// elsewhere reports whether it is known that no line of a is among those of b.
func elsewhere(a, b []span) bool {
	return len(a) > 0 && len(b) > 0 && !slices.ContainsFunc(a, func(s span) bool {
		return slices.ContainsFunc(b, func(t span) bool { return (t.Last == 0 || s.First <= t.Last) && (s.Last == 0 || t.First <= s.Last) })
	})
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

// told reports whether the place that b looks at stands in what a printed, or a
// call that would have been one with a, so that it had to be read first. The
// line numbers in front of lines are not told: they are the place that was
// asked for.
func told(a, b *use) bool {
	return slices.ContainsFunc(a.printouts(), func(p printout) bool {
		text := lineNumber.ReplaceAllString(p.Output, "")
		if !samePath(a, b) && newWord(text, p.Command, b.Paths[0]) {
			return true
		}
		return slices.ContainsFunc(b.Spans, func(s span) bool {
			return s.First > 9 && numberIn(text, s.First) || s.Last > 9 && numberIn(text, s.Last)
		})
	})
}

// printed reports whether a word of text stands in what u printed, or a call
// that would have been one with it, and not in that call itself.
func (u *use) printed(text string) bool {
	return slices.ContainsFunc(u.printouts(), func(p printout) bool { return newWord(p.Output, p.Command, text) })
}

func (u *use) printouts() []printout {
	return append(slices.Clone(u.Before), printout{Command: u.Command, Output: u.Output})
}

// maxTogether bounds how many calls are held to be one; the next begins anew,
// and nothing is saved by it.
const maxTogether = 5

func (u *use) full() bool { return len(u.Before) >= maxTogether-1 }

// What a replacement shows afterwards: the new lines and so many on each side,
// at so many tokens a line.
const (
	shownAround = 2
	shownTokens = 12
)

// shown is what a tool would show of the change that u made.
func (u *use) shown() int64 { return int64(2*shownAround+u.added()) * shownTokens }

// added is how many lines a change has.
func (u *use) added() int {
	if u.Script != nil {
		return u.Script.Lines
	}
	return 1 + strings.Count(u.Pattern, "\n") + strings.Count(u.Pattern, `\n`)
}

// numbering is what line numbers add to a call that printed none.
func (u *use) numbering() int64 {
	if u.Numbers {
		return 0
	}
	return int64(u.Lines) * 7 / 4 // six digits and a tab
}

var lineNumber = lazyregexp.New(`(?m)^ *[0-9]+\t`)

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
	longListing = lazyregexp.New(`^[-dlbcps][-rwxsStT]{9}[.+@]? +\d+ +\S+ +\S+ +[\d,. ]*\S* +[A-Z]?\S* +\d+ +[\d:]+ (.+)$`)
	generated   = lazyregexp.New(`(^|/)(\.git|\.hg|\.svn|__pycache__|node_modules|\.tox|\.nox|\.venv|venv|\.mypy_cache|\.pytest_cache|\.ruff_cache|\.cache|target|dist|build|[^/]+\.egg-info|[^/]+\.pyc|[^/]+\.pyo|[^/]+\.o|\.DS_Store)(/|$)`)
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
