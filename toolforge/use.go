package toolforge

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

// The operations that are known: what agents do with files whatever the
// programs they do it with. A tool for one is written with Python's standard
// library, see operation.go.
const (
	opView    = "view_lines"
	opSearch  = "search_code"
	opDefine  = "show_definition"
	opList    = "list_tree"
	opReplace = "replace_in_file"
	opTest    = "run_tests"
	opSnippet = "run_snippet"
)

// printout is a call with what it printed.
type printout struct {
	Command string `json:"c"`
	Output  string `json:"o"` // cut to maxExampleResult+1
}

// span is a range of lines, both ends inclusive; Last 0 is the end.
type span struct {
	First int `json:"f"`
	Last  int `json:"l"`
}

// hit is a place that a search found.
type hit struct {
	Path string `json:"p,omitempty"`
	Line int    `json:"n"`
}

// use is one call as a use of a known operation.
type use struct {
	Op      string   `json:"op"`
	Paths   []string `json:"p,omitempty"`
	Spans   []span   `json:"s,omitempty"`  // of a view
	Pattern string   `json:"pt,omitempty"` // of a search
	Defines string   `json:"d,omitempty"`  // the name whose definition is looked for
	Hits    []hit    `json:"h,omitempty"`  // of a search with line numbers, at most maxHits
	Found   int      `json:"n,omitempty"`  // lines that it printed
	Step    string   `json:"st,omitempty"` // of a snippet: write, run, remove

	Script *editScript `json:"sc,omitempty"` // a program that stands for a replacement
	Before []printout  `json:"b,omitempty"`  // calls that one call would have been together with this one

	Event   string  `json:"e"`
	Command string  `json:"c"`
	Output  string  `json:"o,omitempty"` // cut to maxExampleResult+1
	Lines   int     `json:"ln,omitempty"`
	Printed int64   `json:"pr,omitempty"` // tokens
	Written int64   `json:"w,omitempty"`  // tokens of the call as the agent wrote it, its reason included
	Read    int64   `json:"rd,omitempty"` // tokens of the prompt that it was written for
	TimeMS  float64 `json:"ms,omitempty"`
	Numbers bool    `json:"nb,omitempty"` // it printed line numbers
}

const maxHits = 64

var (
	viewScript   = lazyregexp.New(`^[0-9]+(,([0-9]+|\$))?p(;[0-9]+(,([0-9]+|\$))?p)*;?$`)
	awkRange     = lazyregexp.New(`^NR ?>=? ?([0-9]+) ?&& ?NR ?<=? ?([0-9]+)$`)
	defined      = lazyregexp.New(`^\^?(?:\\s\*|\s|\[\[:space:\]\]\*)*(?:class|def|func|function|fn|struct|interface|type|async def)(?:\s|\\s\+?|\[\[:space:\]\]\+?)+([A-Za-z_][A-Za-z0-9_]{1,79})\\?[(:]?\\?b?$`)
	searchedLine = lazyregexp.New(`^(?:([^:\n]{1,200}?)[:-])?([0-9]{1,7})[:-]`)
)

// useOf says which operation a command is a use of; ok is false for none.
func useOf(l line, act *learn.Action) (use, bool) {
	switch {
	case act.Intent == learn.IntentTest:
		return use{Op: opTest}, true
	case act.Intent == learn.IntentCreate && len(act.Writes) == 1 && strings.Contains(path.Ext(act.Writes[0]), "."):
		return use{Op: opSnippet, Paths: act.Writes, Step: "write"}, true
	case act.Intent == learn.IntentRun:
		return use{Op: opSnippet, Step: "run"}, true
	case act.Intent == learn.IntentDelete:
		return use{Op: opSnippet, Step: "remove"}, true
	case len(l.stages) == 0:
		return use{}, false
	}
	groups := l.groups()
	u, ok := useOfPipe(groups[0])
	if !ok {
		return u, false
	}
	for _, g := range groups[1:] { // several of one kind in one call
		more, ok := useOfPipe(g)
		if !ok || more.Op != u.Op || u.Op != opView && u.Op != opSearch {
			return use{}, false
		}
		u.Paths, u.Spans = append(u.Paths, more.Paths...), append(u.Spans, more.Spans...)
		if u.Op == opSearch {
			u.Pattern, u.Defines = u.Pattern+`\|`+more.Pattern, ""
		}
	}
	return u, true
}

// groups divides a line into its pipelines.
func (l line) groups() [][]stage {
	var out [][]stage
	for i, s := range l.stages {
		if i == 0 || s.join != joinPipe {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], s)
	}
	return out
}

func useOfPipe(p []stage) (use, bool) {
	if search, ok := searchBehind(p); ok {
		return searchUse(search)
	}
	switch p[0].words[0] {
	case "grep", "egrep", "fgrep", "rg", "git":
		return searchUse(p)
	case "ls", "find", "tree":
		return listUse(p)
	case "sed":
		if slices.ContainsFunc(p[0].words[1:], func(w string) bool { return w == "-i" || strings.HasPrefix(w, "--in-place") }) {
			return replaceUse(p)
		}
	case "perl":
		return replaceUse(p)
	}
	return viewUse(p)
}

// searchBehind makes a search that is fed by another program into one that
// reads the files itself: behind cat and nl of one file, or of the names that
// find prints, through xargs.
func searchBehind(p []stage) ([]stage, bool) {
	if len(p) < 2 {
		return nil, false
	}
	first, search := p[0], p[1]
	var paths []string
	switch name := first.words[0]; {
	case (name == "cat" || name == "nl") && search.words[0] == "grep":
		paths = first.operands()
	case name == "find" && search.words[0] == "xargs" && len(search.words) > 2 && search.words[1] == "grep":
		u, ok := listUse(p[:1])
		if !ok {
			return nil, false
		}
		paths, search.words = u.Paths, search.words[1:]
	default:
		return nil, false
	}
	if len(paths) != 1 {
		return nil, false
	}
	search.words = append(slices.Clone(search.words), paths...)
	return append([]stage{search}, p[2:]...), true
}

// viewUse knows sed -n 'A,Bp' FILE, head and tail, awk on NR, and the same
// behind nl, cat and cat -n, which by themselves show the whole file.
func viewUse(p []stage) (use, bool) {
	u := use{Op: opView}
	for i, s := range p {
		operands := s.operands()
		switch name := s.words[0]; {
		case i == 0 && (name == "nl" || name == "cat") && len(operands) == 1:
			u.Paths, u.Numbers = operands, len(s.words) > 2
		case name == "sed" && s.has("-n") && len(operands) >= 1 && viewScript.MatchString(operands[0]):
			u.Paths, u.Spans = append(u.Paths, operands[1:]...), scriptSpans(operands[0])
		case (name == "awk" || name == "gawk" || name == "mawk") && len(operands) >= 1:
			m := awkRange.FindStringSubmatch(operands[0])
			if m == nil {
				return u, false
			}
			u.Paths, u.Spans = append(u.Paths, operands[1:]...), []span{{atoi(m[1]), atoi(m[2])}}
		case name == "head":
			u.Paths, u.Spans = append(u.Paths, operands...), []span{{1, s.count()}}
		case name == "tail" && i > 0 && len(u.Spans) == 1: // head -n B | tail -n N
			u.Spans[0].First = max(u.Spans[0].Last-s.count()+1, 1)
		default:
			return u, false
		}
	}
	if len(u.Spans) == 0 && len(p) == 1 {
		u.Spans = []span{{1, 0}}
	}
	return u, len(u.Paths) == 1 && len(u.Spans) > 0
}

// operands are the words that are no flags and no values of flags.
func (s stage) operands() []string {
	var out []string
	roles := s.roles()
	p, _ := reader(s.words[0])
	for i := 1; i < len(s.words); i++ {
		if roles[i] == roleFlag {
			continue
		}
		if roles[i-1] == roleFlag && i > 1 && p.flags[valueFlag(s.words[0], s.words[i-1])] != "" && s.words[i-1] != "-e" {
			continue
		}
		out = append(out, s.words[i])
	}
	return out
}

func (s stage) has(flag string) bool { return slices.Contains(s.words[1:], flag) }

// count is the number that head and tail were given: -n 5, -n5, -5; else 10.
func (s stage) count() int {
	for i, w := range s.words[1:] {
		n := strings.TrimLeft(strings.TrimPrefix(w, "-n"), "-")
		if w == "-n" && i+2 < len(s.words) {
			n = s.words[i+2]
		}
		if v, err := strconv.Atoi(n); err == nil && strings.HasPrefix(w, "-") {
			return max(v, 0)
		}
	}
	return 10
}

func scriptSpans(script string) []span {
	var out []span
	for part := range strings.SplitSeq(strings.TrimSuffix(script, ";"), ";") {
		first, last, two := strings.Cut(strings.TrimSuffix(part, "p"), ",")
		s := span{First: atoi(first), Last: atoi(first)}
		if two {
			s.Last = atoi(last) // "$" gives 0
		}
		out = append(out, s)
	}
	return out
}

// searchUse knows grep and its kin, with what only shortens the result behind
// them.
func searchUse(p []stage) (use, bool) {
	s := p[0]
	if s.words[0] == "git" {
		if len(s.words) < 3 || s.words[1] != "grep" {
			return use{}, false
		}
		s.words = append([]string{"grep"}, s.words[2:]...)
	}
	u := use{Op: opSearch}
	roles := s.roles()
	for i, w := range s.words {
		switch {
		case i == 0:
		case roles[i] == rolePattern:
			if u.Pattern != "" {
				u.Pattern += `\|`
			}
			u.Pattern += w
		case roles[i] == rolePath:
			u.Paths = append(u.Paths, w)
		case roles[i] == roleFlag && (w == "-c" || w == "--count" || w == "-v" || w == "--invert-match" || w == "-o" || w == "-q"):
			return u, false
		}
	}
	if len(u.Paths) == 0 {
		u.Paths = []string{"."}
	}
	for _, more := range p[1:] {
		if name := more.words[0]; name != "head" && name != "sort" && !(name == "grep" && more.has("-v")) {
			return u, false
		}
	}
	u.Defines = definedName(u.Pattern)
	return u, u.Pattern != ""
}

// definedName is the first name of a pattern that looks for definitions, or "":
// every alternative of it must be one.
func definedName(pattern string) string {
	first := ""
	for alternative := range strings.SplitSeq(strings.ReplaceAll(pattern, `\|`, "|"), "|") {
		m := defined.FindStringSubmatch(alternative)
		if m == nil {
			return ""
		}
		if first == "" {
			first = m[1]
		}
	}
	return first
}

// listUse knows listings of folders: ls, tree, and find by name and kind.
func listUse(p []stage) (use, bool) {
	s := p[0]
	u := use{Op: opList}
	roles := s.roles()
	for i, w := range s.words[1:] {
		if roles[i+1] == rolePath {
			u.Paths = append(u.Paths, w)
		}
		if s.words[0] == "find" && slices.Contains([]string{"-exec", "-execdir", "-ok", "-okdir", "-delete", "-newer", "-mtime", "-size", "-perm", "-printf", "-fprint", "-ls"}, w) {
			return u, false
		}
	}
	if len(u.Paths) == 0 {
		u.Paths = []string{"."}
	}
	for _, more := range p[1:] {
		if name := more.words[0]; name != "head" && name != "sort" && name != "grep" {
			return u, false
		}
	}
	return u, true
}

// replaceUse knows sed -i and perl -pi with a substitution in one file, and sed
// -i that deletes, adds or changes lines by their numbers.
func replaceUse(p []stage) (use, bool) {
	if len(p) != 1 || len(p[0].words) < 4 {
		return use{}, false
	}
	w := p[0].words
	script, ok := "", false
	for i := 1; i < len(w)-1; i++ {
		if substitution.MatchString(w[i]) || w[0] == "sed" && lineEdit.MatchString(w[i]) {
			script, ok = w[i], true
		}
	}
	if w[0] == "perl" && !slices.ContainsFunc(w, func(s string) bool { return strings.HasPrefix(s, "-") && strings.Contains(s, "i") }) {
		return use{}, false
	}
	u := use{Op: opReplace, Paths: w[len(w)-1:], Pattern: script}
	if m := address.FindStringSubmatch(script); m != nil {
		u.Spans = []span{{First: atoi(m[1]), Last: max(atoi(m[1]), atoi(m[2]))}}
	}
	return u, ok
}

// address is the lines that a sed script begins with.
var address = lazyregexp.New(`^([0-9]{1,9})(?:,([0-9]{1,9}))? *[a-z]`)

// substitution is a sed or perl script that replaces text: s/a/b/, with an
// address in front or without.
var substitution = lazyregexp.New(`(?s)^([0-9,$]+ *)?s([/|#,@:!~]).+`)

// lineEdit is a sed script that deletes, adds or changes lines by number.
var lineEdit = lazyregexp.New(`(?s)^[0-9]+(,[0-9]+)? *(d|[aic]( |\\).*)$`)

// hitsOf reads the places that a search printed.
func (u *use) hitsOf(output string) {
	for text := range strings.Lines(output) {
		u.Found++
		if m := searchedLine.FindStringSubmatch(text); m != nil && len(u.Hits) < maxHits {
			u.Hits = append(u.Hits, hit{Path: m[1], Line: atoi(m[2])})
		}
	}
}
