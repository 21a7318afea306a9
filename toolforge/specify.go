package toolforge

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lathe/learn"
)

// ErrNotForgeable says that no tool can be made without a model, and why.
var ErrNotForgeable = errors.New("cannot be made into a tool")

// maxInteger bounds integer parameters.
const maxInteger = 1_000_000_000

// property is one parameter in a JSON Schema.
type property struct {
	Type        string          `json:"type"`
	Description string          `json:"description"`
	Format      string          `json:"format,omitempty"`
	Minimum     *int64          `json:"minimum,omitempty"`
	Maximum     *int64          `json:"maximum,omitempty"`
	MinLength   *int            `json:"minLength,omitempty"`
	MaxLength   *int            `json:"maxLength,omitempty"`
	Default     json.RawMessage `json:"default,omitempty"`
}

// schema is a JSON Schema of an object, as far as the forge writes and reads
// it.
type schema struct {
	Type                 string              `json:"type"`
	Properties           map[string]property `json:"properties"`
	Required             []string            `json:"required"`
	AdditionalProperties bool                `json:"additionalProperties"`
}

// returns is the schema of what a generated tool gives.
const returns = `{"type":"object","properties":{` +
	`"stdout":{"type":"string","description":"what the command printed, invalid UTF-8 replaced"},` +
	`"stderr":{"type":"string","description":"what it complained about, at most 64 KiB"},` +
	`"exit_code":{"type":"integer","description":"exit status of the last command"},` +
	`"truncated":{"type":"boolean","description":"whether stdout was cut at 1 MiB"}},` +
	`"required":["stdout","stderr","exit_code","truncated"],"additionalProperties":false}`

// Specify turns an opportunity into a specification: one command with
// parameters in place of what varied between the examples. It fails with
// ErrNotForgeable when the examples allow none, naming the reason.
func Specify(o learn.ToolOpportunity) (learn.ToolSpecification, error) {
	fail := func(err error) (learn.ToolSpecification, error) {
		return learn.ToolSpecification{}, fmt.Errorf("opportunity %s: %w: %w", o.OpportunityID, ErrNotForgeable, err)
	}
	if o.Operation != "" {
		spec, err := known(o.Operation).specify(o)
		if err != nil {
			return fail(err)
		}
		return spec, nil
	}
	t, err := generaliseExamples(o.Examples)
	if err != nil {
		return fail(err)
	}
	if err := t.check(); err != nil {
		return fail(err)
	}
	name := o.Name
	if !validName(name) {
		name = t.toolName()
	}
	sch := schema{Type: "object", Properties: map[string]property{}, Required: []string{}}
	for _, i := range t.appearance() {
		p := t.params[i]
		sch.Properties[p.name] = p.property()
		sch.Required = append(sch.Required, p.name)
	}
	params, err := json.Marshal(sch)
	if err != nil {
		return fail(err)
	}
	return learn.ToolSpecification{
		Name: name, Description: t.describe(), Parameters: params, Returns: json.RawMessage(returns),
		Examples: t.examples[:min(len(t.examples), 5)], CommandTemplate: t.String(), Evidence: slices.Clone(o.Evidence),
	}, nil
}

// check refuses commands that may do more than read, and parameters that
// would be code.
func (t *proto) check() error {
	for _, s := range t.stages {
		st := stage{}
		for _, w := range s.words {
			st.words = append(st.words, t.render(w, func(i int) string { return t.params[i].sample() }))
		}
		if err := checkReadOnly(st); err != nil {
			return err
		}
	}
	for _, p := range t.params {
		if p.role == roleScript && !p.number && p.owner != "sed" && p.owner != "jq" && p.owner != "-script" {
			return fmt.Errorf("parameter %s would be code for %s", p.name, p.owner)
		}
	}
	return nil
}

func (p parameter) sample() string {
	if len(p.values) > 0 {
		return p.values[0]
	}
	return "x"
}

func (p parameter) property() property {
	if p.number {
		low, high := int64(0), int64(maxInteger)
		return property{Type: "integer", Description: p.words(), Minimum: &low, Maximum: &high}
	}
	longest := 4096
	q := property{Type: "string", Description: p.words(), MaxLength: &longest}
	if p.role == rolePath {
		shortest := 1
		q.Format, q.MinLength = "path", &shortest
	}
	return q
}

// words describes the parameter.
func (p parameter) words() string {
	owner := strings.TrimPrefix(p.owner, "-")
	switch {
	case p.name == "start_line":
		return "First line, counted from 1"
	case p.name == "end_line":
		return "Last line, inclusive"
	case p.number:
		return "Number for " + owner
	case p.role == rolePath && strings.HasPrefix(p.name, "directory"):
		return "Directory, relative to the workspace"
	case p.role == rolePath:
		return "File or directory, relative to the workspace"
	case p.role == rolePattern:
		return "Pattern, as grep reads it"
	case p.role == roleGlob:
		return "File name pattern such as *.py"
	case p.role == roleScript:
		return "Script for " + owner + "; it can write no file and run no program"
	}
	return "Value for " + owner
}

// bindExamples writes each example's arguments.
func (t *proto) bindExamples() error {
	for e := range t.examples {
		args := map[string]any{}
		for _, p := range t.params {
			if p.number {
				args[p.name] = atoi(p.values[e])
			} else {
				args[p.name] = p.values[e]
			}
		}
		raw, err := json.Marshal(args)
		if err != nil {
			return fmt.Errorf("arguments of an example: %w", err)
		}
		t.examples[e].Arguments = raw
	}
	return nil
}

// verbs say what programs do, in the third person.
func verb(program string) string {
	verbs := map[string]string{
		"grep": "searches for a pattern", "egrep": "searches for a pattern", "rg": "searches for a pattern",
		"sed": "selects or edits lines", "awk": "processes fields", "head": "keeps the first lines", "tail": "keeps the last lines",
		"cut": "cuts out columns", "sort": "sorts", "uniq": "merges equal neighbours", "wc": "counts", "cat": "reads files",
		"nl": "numbers lines", "tr": "replaces characters", "find": "finds files", "xargs": "runs on each name", "ls": "lists files",
		"git": "asks git", "diff": "compares files", "jq": "queries JSON", "tac": "reverses lines", "du": "measures sizes",
	}
	if v, ok := verbs[program]; ok {
		return v
	}
	return "runs " + program
}

// describe says in words what the command does.
func (t *proto) describe() string {
	var parts []string
	for _, s := range t.stages {
		parts = append(parts, verb(s.words[0][0].text))
	}
	d := strings.Join(slices.Compact(parts), ", then ")
	return strings.ToUpper(d[:1]) + d[1:] + ". Same as: " + t.String()
}
