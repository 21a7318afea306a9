package toolforge

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

//go:embed templates
var templates embed.FS

// Default limits of a generated tool.
const (
	toolSeconds  = 30
	toolMemoryMB = 256
)

// Scaffold writes a tool for a specification without a model: Python that
// runs the command's programs with argument lists, tests that have the
// original command as their oracle, and a README. It fails with
// ErrNotForgeable for a command that is not known to only read.
func Scaffold(spec learn.ToolSpecification) (learn.ProposedTool, error) {
	fail := func(err error) (learn.ProposedTool, error) {
		return learn.ProposedTool{}, fmt.Errorf("scaffold %q: %w", clip(spec.Name, 80), err)
	}
	if !validName(spec.Name) {
		return fail(fmt.Errorf("%w: the name must be lower-case letters, digits and _, no Python keyword or built-in", ErrNotForgeable))
	}
	if spec.Operation != "" {
		tool, err := scaffoldOperation(spec)
		if err != nil {
			return fail(err)
		}
		return tool, nil
	}
	t, sch, err := readTemplate(spec)
	if err != nil {
		return fail(err)
	}
	if err := t.check(); err != nil {
		return fail(fmt.Errorf("%w: %w", ErrNotForgeable, err))
	}
	v, err := newView(spec, t, sch)
	if err != nil {
		return fail(err)
	}
	tool := learn.ProposedTool{
		Manifest: learn.ToolManifest{
			Name: spec.Name, Version: "0.1.0", Description: spec.Description, Parameters: spec.Parameters,
			Returns: spec.Returns, Permissions: t.permissions(), Language: "python", Examples: manifestExamples(spec),
			Provenance: learn.Provenance{Method: learn.MethodRules, Evidence: slices.Clone(spec.Evidence)},
		},
		Files: map[string]string{}, Spec: spec,
	}
	v.Permissions = PermissionsInWords(tool.Manifest.Permissions)
	for _, name := range []string{"tool.py", "test_tool.py", "README.md"} {
		if tool.Files[name], err = v.execute(name); err != nil {
			return fail(err)
		}
	}
	return Seal(tool)
}

// manifestExamples are the examples' arguments: their results belong to files
// that are not there.
func manifestExamples(spec learn.ToolSpecification) []learn.ToolExample {
	var out []learn.ToolExample
	for _, e := range spec.Examples {
		if len(out) < 3 && len(e.Arguments) > 0 && len(e.Arguments) < 1024 {
			out = append(out, learn.ToolExample{Arguments: e.Arguments, EventID: e.EventID})
		}
	}
	return out
}

// permissions are what the command needs: nothing, when it names no file and
// no program looks at the working directory by itself.
func (t *proto) permissions() learn.Permissions {
	p := learn.Permissions{Filesystem: "none", Seconds: toolSeconds, MemoryMB: toolMemoryMB}
	for _, s := range t.stages {
		if s.stdin != nil || t.touchesFiles(s) {
			p.Filesystem, p.Paths = "read", []string{"."}
		}
	}
	return p
}

// view is what the file templates see.
type view struct {
	Name, Summary, Command, Body, Oracle, Recorded string
	Params                                         []viewParam
	Examples                                       []string
	ParamNames, PathNames, OperandNames            string
	Golden, Permissions, ExampleJSON, Calls        string
	Numbers, Strings, Operands, Paths              bool
	Stdin, Git, HasGolden, RacyErrors              bool
	MaxInteger                                     int
	Answers                                        string // of a script: statuses that are no errors
	Fine                                           string // statuses of programs that feed others
}

type viewParam struct{ Name, Python, Type, Check, Description, Values, Strategy, Variable string }

func (v view) execute(name string) (string, error) {
	tm, err := template.ParseFS(templates, "templates/"+name+".tmpl")
	if err != nil {
		return "", fmt.Errorf("read the template of %s: %w", name, err)
	}
	var b bytes.Buffer
	if err := tm.Execute(&b, v); err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	return tidy(b.String(), strings.HasSuffix(name, ".py")), nil
}

var manyLines = lazyregexp.New(`\n{4,}`)
var twoLines = lazyregexp.New(`\n{3,}`)

// tidy removes what conditional parts of a template leave: trailing blanks
// and too many empty lines.
func tidy(s string, python bool) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \t")
	}
	s = strings.Join(lines, "\n")
	if python {
		s = manyLines.ReplaceAllString(s, "\n\n\n")
	} else {
		s = twoLines.ReplaceAllString(s, "\n\n")
	}
	return strings.TrimRight(s, "\n") + "\n"
}

func newView(spec learn.ToolSpecification, t *proto, sch schema) (view, error) {
	summary, _, _ := strings.Cut(spec.Description, ". Same as:")
	v := view{Name: spec.Name, Summary: sentence(summary), Command: docText(spec.CommandTemplate), MaxInteger: maxInteger,
		Calls: "a command that was given on request"}
	if n := len(spec.Evidence); n > 0 {
		v.Calls = fmt.Sprintf("recorded calls (%d named as evidence)", n)
	}
	var names, paths, operands []string
	for _, i := range t.appearance() {
		p := t.params[i]
		k := t.kind(i)
		vp := viewParam{Name: p.name, Python: "str", Type: "string", Check: "_" + string(k), Description: docText(strings.TrimRight(sch.Properties[p.name].Description, ". "))}
		switch k {
		case kindNumber:
			vp.Python, vp.Type, v.Numbers = "int", "integer", true
		case kindPath:
			v.Strings, v.Paths = true, true
			paths = append(paths, p.name)
		case kindOperand:
			v.Strings, v.Operands = true, true
			operands = append(operands, p.name)
		default:
			v.Strings = true
		}
		vp.Values, vp.Strategy = t.testValues(i, k, spec.Examples)
		names = append(names, p.name)
		v.Params = append(v.Params, vp)
	}
	var err error
	if v.Body, err = t.python(); err != nil {
		return v, err
	}
	v.Oracle, v.Fine = py(t.oracle()), t.fine()
	v.ParamNames, v.PathNames, v.OperandNames = py(names), py(paths), py(operands)
	v.Recorded = py(recordedText(spec.Examples))
	v.Stdin = t.usesStdin()
	v.Git = slices.Contains(t.programs(), "git")
	v.RacyErrors = slices.Contains(t.programs(), "xargs")
	v.Golden, v.HasGolden = t.golden(spec.Examples)
	v.Examples, v.ExampleJSON = callExamples(spec, names)
	return v, nil
}

func sentence(s string) string { return strings.TrimRight(docText(s), ".") + "." }

// docText makes text harmless within a docstring or a README: printable ASCII,
// one line, no quotes that end the docstring, no backslashes.
func docText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, clip(s, 600))
	return strings.NewReplacer(`\`, `\\`, `"""`, `'''`, "```", "'''").Replace(s)
}

// py writes a Python literal: JSON of strings, numbers and lists is one.
func py(v any) string {
	if s, ok := v.([]string); ok && s == nil {
		return "[]"
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "None"
	}
	return strings.ReplaceAll(strings.TrimSpace(b.String()), "\x7f", `\x7f`)
}

// callExamples are calls as they were recorded, for the documentation.
func callExamples(spec learn.ToolSpecification, names []string) (calls []string, first string) {
	first = "{}"
	for _, e := range spec.Examples[:min(len(spec.Examples), 2)] {
		var args map[string]any
		if json.Unmarshal(e.Arguments, &args) != nil || len(e.Arguments) > 300 {
			continue
		}
		var parts []string
		for _, n := range names {
			parts = append(parts, n+"="+py(args[n]))
		}
		calls = append(calls, docText(spec.Name+"("+strings.Join(parts, ", ")+")"))
		if first == "{}" {
			first = docText(strings.ReplaceAll(py(args), "'", `'\''`))
		}
	}
	return calls, first
}
