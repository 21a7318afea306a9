package refine

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"lathe/learn"
)

//go:embed plan.schema.json
var schemaText []byte

// Schema is the JSON Schema (draft 2020-12) of a plan template.
func Schema() []byte { return slices.Clone(schemaText) }

var compiledSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaText))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("urn:lathe:plan", doc); err != nil {
		return nil, err
	}
	return c.Compile("urn:lathe:plan")
})

// File is a valid plan with the text that it was read from. It is not changed
// any more; a refined plan is another File.
type File struct {
	Name string // for messages and diffs
	Plan learn.TaskGraph

	text []byte
	root *node
}

// Problem is one thing that is wrong in a plan's text.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line"`   // from 1
	Column int    `json:"column"` // from 1, in characters
	Where  string `json:"where"`  // JSON pointer; "" is the whole plan
	What   string `json:"what"`   // with what to do
}

// Problems are all that is wrong in a plan, in the order of the text.
type Problems []Problem

func (p Problems) Error() string {
	var lines []string
	for _, q := range p {
		lines = append(lines, fmt.Sprintf("%s:%d:%d: %s", q.File, q.Line, q.Column, q.What))
	}
	return strings.Join(lines, "\n")
}

// maxProblems bounds what is told of a plan at once.
const maxProblems = 50

// Parse reads a plan: JSON, the schema, and what a schema cannot say (Validate).
// The error is of type Problems.
func Parse(name string, text []byte) (*File, error) {
	f := &File{Name: name, text: slices.Clone(text)}
	root, err := scan(f.text)
	if err != nil {
		var bad *syntaxError
		if !errors.As(err, &bad) {
			return nil, err
		}
		line, column := place(f.text, bad.offset)
		return nil, Problems{{File: name, Line: line, Column: column, What: bad.what}}
	}
	f.root = root
	if problems := f.againstSchema(); len(problems) > 0 {
		return nil, problems
	}
	if f.Plan, err = f.plan(); err != nil {
		return nil, f.problems([]fault{{"", err.Error()}})
	}
	if faults := check(f.Plan, nil); len(faults) > 0 {
		return nil, f.problems(faults)
	}
	return f, nil
}

// FromPlan is a plan that has no text of its own, written with two spaces.
func FromPlan(plan learn.TaskGraph) (*File, error) {
	if plan.Dependencies == nil {
		plan.Dependencies = map[string][]string{}
	}
	if plan.Tasks == nil {
		plan.Tasks = []learn.PlanTask{}
	}
	doc, err := json.Marshal(plan)
	if err != nil {
		return nil, fmt.Errorf("write plan %q as JSON: %w", plan.Name, err)
	}
	return FromJSON(plan.Name, doc)
}

// FromJSON is a plan as JSON whose form does not matter: it is indented anew.
func FromJSON(name string, doc []byte) (*File, error) {
	var b bytes.Buffer
	if len(doc) <= MaxText && json.Indent(&b, doc, "", "  ") == nil {
		doc = append(b.Bytes(), '\n')
	}
	if name == "" {
		name = "plan"
	}
	return Parse(name, doc)
}

// Text is the plan as it is written.
func (f *File) Text() []byte { return slices.Clone(f.text) }

// Hash is the content hash of the text.
func (f *File) Hash() string { return learn.ContentHash(f.text) }

// problems gives each fault its place.
func (f *File) problems(faults []fault) Problems {
	var out Problems
	for _, x := range faults[:min(len(faults), maxProblems)] {
		n := f.root
		if at := f.find(x.pointer); at != nil {
			n = at
		}
		line, column := place(f.text, n.start)
		out = append(out, Problem{File: f.Name, Line: line, Column: column, Where: x.pointer, What: x.what})
	}
	slices.SortStableFunc(out, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return slices.Compact(out)
}

// find follows a JSON pointer (RFC 6901) in the text; nil when there is nothing.
func (f *File) find(pointer string) *node { return findNode(f.root, pointer) }

func findNode(n *node, pointer string) *node {
	if pointer == "" {
		return n
	}
	if pointer[0] != '/' {
		return nil
	}
	for _, part := range strings.Split(pointer, "/")[1:] {
		switch {
		case n == nil:
			return nil
		case n.kind == '{':
			n = n.get(unescape(part))
		case n.kind == '[':
			i, ok := index(part)
			if !ok || i >= len(n.elems) {
				return nil
			}
			n = n.elems[i]
		default:
			return nil
		}
	}
	return n
}

// index reads an array index of RFC 6901: no sign, no leading zero.
func index(part string) (int, bool) {
	i, err := strconv.Atoi(part)
	return i, err == nil && i >= 0 && strconv.Itoa(i) == part
}

// plan is the part of the text that Lathe knows. Names are taken exactly:
// encoding/json by itself would take "ID" for "id".
func (f *File) plan() (learn.TaskGraph, error) {
	tree, _ := decodeNode(f.text, f.root).(map[string]any)
	only(tree, "name", "tasks", "dependencies")
	tasks, _ := tree["tasks"].([]any)
	for _, t := range tasks {
		t, _ := t.(map[string]any)
		only(t, "id", "tool_name", "arguments", "priority", "preconditions", "retry", "fallback", "expected_output")
		conditions, _ := t["preconditions"].([]any)
		for _, c := range conditions {
			c, _ := c.(map[string]any)
			only(c, "kind", "argument")
		}
		retry, _ := t["retry"].(map[string]any)
		only(retry, "max_attempts", "backoff_ms", "patterns")
		expected, _ := t["expected_output"].(map[string]any)
		only(expected, "exit_code", "pattern", "schema")
	}
	raw, err := json.Marshal(tree)
	if err != nil {
		return learn.TaskGraph{}, err
	}
	var g learn.TaskGraph
	if err := json.Unmarshal(raw, &g); err != nil {
		return g, fmt.Errorf("a number is not written as a whole one (3, not 3.0): %w", err)
	}
	return g, nil
}

func only(object map[string]any, names ...string) {
	for name := range object {
		if !slices.Contains(names, name) {
			delete(object, name)
		}
	}
}

// againstSchema holds the text to the schema.
func (f *File) againstSchema() Problems {
	schema, err := compiledSchema()
	if err != nil { // the program's own text, which a test compiles
		return f.problems([]fault{{"", err.Error()}})
	}
	err = schema.Validate(decodeNode(f.text, f.root))
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return nil
	}
	var faults []fault
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(faults) >= maxProblems {
			return
		}
		if len(e.Causes) == 0 {
			pointer := ""
			for _, part := range e.InstanceLocation {
				pointer += "/" + escape(part)
			}
			faults = append(faults, fault{pointer, described(e.InstanceLocation) + words(e.ErrorKind)})
		}
		for _, c := range e.Causes {
			walk(c)
		}
	}
	walk(invalid)
	return f.problems(faults)
}

// described names a place in a reader's words.
func described(location []string) string {
	if len(location) == 0 {
		return "the plan "
	}
	return strings.ToValidUTF8(fmt.Sprintf("%.80s ", strings.Join(location, ".")), "")
}

// words say what does not fit, and what would.
func words(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Required:
		return fmt.Sprintf("lacks %s: add it", strings.Join(k.Missing, " and "))
	case *kind.Type:
		return fmt.Sprintf("is %s and should be %s", article(k.Got), article(strings.Join(k.Want, " or ")))
	case *kind.Enum:
		var want []string
		for _, w := range k.Want {
			want = append(want, fmt.Sprint(w))
		}
		return fmt.Sprintf("is %.40q: use %s", fmt.Sprint(k.Got), strings.Join(want, ", "))
	case *kind.MinLength:
		return "is empty: give it a value"
	case *kind.MaxLength:
		return fmt.Sprintf("has %d characters: use at most %d", k.Got, k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("has %d entries: use at most %d", k.Got, k.Want)
	case *kind.Minimum:
		return fmt.Sprintf("is too small: use %s or more", k.Want.RatString())
	case *kind.Maximum:
		return fmt.Sprintf("is too large: use %s or less", k.Want.RatString())
	}
	return "does not fit the schema (" + strings.Join(k.KeywordPath(), "/") + "): see `lathe plan schema`"
}

func article(kind string) string {
	if strings.ContainsAny(kind[:min(1, len(kind))], "aeiou") {
		return "an " + kind
	}
	return "a " + kind
}
