package signature

import (
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"

	"lathe/learn"
)

//go:embed patterns/*.yaml
var files embed.FS

// entry is a pattern as its YAML file says it.
type entry struct {
	ID   string `yaml:"id"`
	Name string `yaml:"name"`
	// Kind is the identity of the failures that it takes, where that is coarser
	// than the pattern: the many TypeErrors differ in what helps, and are one
	// kind of failure. Its own id when empty.
	Kind     string   `yaml:"kind"`
	Regexp   string   `yaml:"regexp"`
	Literals []string `yaml:"literals"` // at least one stands in every line that the regexp matches
	// Level decides which pattern takes a line and how the failures of one
	// output are ordered. A "cause" is preferred to a "broad" one, that to a
	// "summary" (what follows from other failures; listed after them), that to
	// a "generic" one. A "verdict" is the summary of a test run, and gives its
	// kind to what the tests raised. A "wrapper" is the summary of a program that
	// ran another one: what that one said comes first, known or not.
	Level string `yaml:"level"`
	// Where, if not empty, is the only place that it is looked for, instead of
	// at its literals: "traceback" the last line of a Python traceback, "stack"
	// a line above JavaScript's frames.
	Where string `yaml:"where"`
	// Loading says that tests could not be loaded: the run's verdict follows
	// from the causes beside it.
	Loading   bool     `yaml:"loading"`
	Group     []string `yaml:"group"` // captures that belong to the identity
	Causes    []string `yaml:"causes"`
	Hints     []string `yaml:"hints"`
	Transient bool     `yaml:"transient"`
	Language  string   `yaml:"language"`
}

// Ranks of the levels; a cause has rank 0.
const (
	rankBroad = iota + 1
	rankSummary
	rankGeneric
)

// Places that a pattern may be bound to.
const (
	whereTraceback = "traceback"
	whereStack     = "stack"
)

// pattern is a compiled entry.
type pattern struct {
	entry
	re    *regexp.Regexp
	names []string
	rank  int // smaller is more specific
	order int
}

// library is the patterns and the automaton over their literals.
type library struct {
	patterns []*pattern
	byID     map[string]*pattern
	scan     *automaton
	bound    []*pattern // with a Where, in order

	preferred  []*pattern // as a line prefers them
	place      []int      // of each pattern among the preferred
	candidates sync.Pool  // of *candidates
}

// loadLibrary reads every YAML file of the folder.
func loadLibrary(fsys fs.FS) (*library, error) {
	names, err := fs.Glob(fsys, "patterns/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list pattern files: %w", err)
	}
	sort.Strings(names)
	lib := &library{byID: map[string]*pattern{}}
	var literals []string
	var owners []int
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read pattern file %s: %w", name, err)
		}
		var entries []entry
		if err := yaml.UnmarshalWithOptions(data, &entries, yaml.Strict()); err != nil {
			return nil, fmt.Errorf("parse pattern file %s: %w", name, err)
		}
		for _, e := range entries {
			p, err := compile(e)
			if err != nil {
				return nil, fmt.Errorf("pattern file %s: %w", name, err)
			}
			if lib.byID[p.ID] != nil {
				return nil, fmt.Errorf("pattern file %s: pattern %s stands twice; give one another id", name, p.ID)
			}
			p.order = len(lib.patterns)
			lib.byID[p.ID] = p
			lib.patterns = append(lib.patterns, p)
			if p.Where != "" {
				lib.bound = append(lib.bound, p)
			}
			for _, l := range p.Literals {
				literals = append(literals, l)
				owners = append(owners, p.order)
			}
		}
	}
	lib.scan = newAutomaton(literals, owners)
	lib.prefer()
	return lib, nil
}

// alternative is the suffix that tells captures of one name apart.
var alternative = regexp.MustCompile(`_\d$`)

func compile(e entry) (*pattern, error) {
	re, err := regexp.Compile(e.Regexp)
	if err != nil {
		return nil, fmt.Errorf("pattern %s: %w", e.ID, err)
	}
	p := &pattern{entry: e, re: re, names: re.SubexpNames()}
	for i, n := range p.names { // an alternative's capture is name_2, name_3
		p.names[i] = alternative.ReplaceAllString(n, "")
	}
	switch e.Level {
	case "", "cause":
	case "broad":
		p.rank = rankBroad
	case "summary", "verdict", "wrapper":
		p.rank = rankSummary
	case "generic":
		p.rank = rankGeneric
	default:
		return nil, fmt.Errorf("pattern %s: level %q is none of cause, broad, summary, verdict, wrapper, generic", e.ID, e.Level)
	}
	if e.ID == "" || e.Name == "" || (len(e.Literals) == 0) == (e.Where == "") {
		return nil, fmt.Errorf("pattern %q: id, name, and either literals or a place are needed", e.ID)
	}
	if e.Where != "" && e.Where != whereTraceback && e.Where != whereStack {
		return nil, fmt.Errorf("pattern %s: place %q is none of traceback, stack", e.ID, e.Where)
	}
	if p.Kind == "" {
		p.Kind = p.ID
	}
	for _, g := range e.Group {
		if !slices.Contains(p.names, g) {
			return nil, fmt.Errorf("pattern %s: groups by %q, which is no capture", e.ID, g)
		}
	}
	return p, nil
}

// describe is the pattern in the domain's words.
func (p *pattern) describe() learn.ErrorPattern {
	var captures []string
	for _, n := range p.names {
		if n != "" && !slices.Contains(captures, n) {
			captures = append(captures, n)
		}
	}
	return learn.ErrorPattern{ID: p.ID, Name: p.Name, Regexp: p.Regexp, Captures: captures, CommonCauses: p.Causes,
		Hints: p.Hints, Language: p.Language, Transient: p.Transient, Generic: p.Level == "generic"}
}

// captures gives the named captures of a match and the line with {name} in
// their place.
func (p *pattern) captures(line string, loc []int) (map[string]string, string) {
	var out map[string]string
	var b strings.Builder
	at := 0
	for i, name := range p.names {
		if name == "" || loc[2*i] < 0 {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		if _, taken := out[name]; !taken {
			out[name] = cut(line[loc[2*i]:loc[2*i+1]], maxCapture)
		}
		if loc[2*i] >= at {
			b.WriteString(line[at:loc[2*i]])
			b.WriteString("{" + name + "}")
			at = loc[2*i+1]
		}
	}
	b.WriteString(line[at:])
	return out, b.String()
}
