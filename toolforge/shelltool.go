package toolforge

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

// The languages of a tool, and the file that holds its source.
const (
	languagePython = "python"
	languageShell  = "shell"
	sourcePython   = "tool.py"
	sourceShell    = "tool.sh"
)

// SourceName is the file that holds a tool's source.
func SourceName(language string) string {
	if language == languageShell {
		return sourceShell
	}
	return sourcePython
}

// The shells that scripts are run with.
const (
	shellBash  = "bash"
	shellPOSIX = "sh"
)

// shellOf is the shell that a script's first line asks for, as guest/call.py
// reads it.
func shellOf(source string) string {
	first, _, _ := strings.Cut(source, "\n")
	words := strings.Fields(strings.ReplaceAll(first, "/", " "))
	if strings.HasPrefix(first, "#!") && len(words) > 0 && words[len(words)-1] == shellPOSIX {
		return shellPOSIX
	}
	return shellBash
}

// filesFor are the names in the folder of a tool, beside tool.json.
func filesFor(language string) []string {
	return []string{"README.md", "test_tool.py", SourceName(language)}
}

// sourceText is what a tool's source says of itself: docstrings, or the
// comment at its head.
func sourceText(tool learn.ProposedTool) string {
	if tool.Manifest.Language == languageShell {
		return headOf(tool.Files[sourceShell])
	}
	return docstring(tool.Files[sourcePython])
}

// shim is a module that lets tests call a shell tool as the function that it
// is to its callers.
func shim() string {
	return string(caller(CallerName)) + `

_FOLDER = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(_FOLDER, "tool.json"), encoding="utf-8") as _file:
    _NAME = json.load(_file)["name"]
globals()[_NAME] = shell(_FOLDER, _NAME)
`
}

// shellGates are the static gates of a shell tool.
func shellGates() []gate {
	return []gate{
		{"syntax", shellSyntax}, {"lint", shellcheck}, {"security", shellMatter("secrets")}, {"imports", shellMatter("imports")},
		{"complexity", shellMatter("complexity")}, {"contract", shellMatter("contract")}, {"documentation", documentation},
	}
}

// shellSyntax asks the parser that the rules use, and the shell itself.
func shellSyntax(ctx context.Context, j *job) (learn.Check, error) {
	c, err := rules("syntax")(ctx, j)
	if err != nil || !c.Passed {
		return c, err
	}
	if _, err := parseScript(j.tool.Files[sourceShell]); err != nil {
		return findings([]learn.Finding{{File: sourceShell, Line: lineIn(err), Rule: "syntax", Message: err.Error()}}), nil
	}
	shell := shellOf(j.tool.Files[sourceShell])
	r, err := j.run(ctx, nil, nil, "env", "LC_ALL=C", shell, "-n", "tool/"+sourceShell)
	switch {
	case err != nil:
		return learn.Check{}, err
	case r.ExitCode != 0 || len(r.Stderr) > 0:
		return failed(shell+" -n", r), nil
	}
	return learn.Check{Passed: true, Summary: "nothing found by the parser and " + shell + " -n"}, nil
}

var placed = lazyregexp.New(`^tool\.sh:([0-9]+):`)

func lineIn(err error) int {
	if m := placed.FindStringSubmatch(err.Error()); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return 1
}

// shellcheck refuses its errors and warnings; what is information or style
// lowers the rating only. SC2154 is the rules' matter: they know which
// variables a call sets.
func shellcheck(ctx context.Context, j *job) (learn.Check, error) {
	r, err := j.run(ctx, nil, nil, "shellcheck", "--norc", "--shell="+shellOf(j.tool.Files[sourceShell]), "--format=json1", "--exclude=SC2154", "tool/"+sourceShell)
	if err != nil {
		return learn.Check{}, err
	}
	var answer struct {
		Comments []struct {
			Line    int
			Level   string
			Code    int
			Message string
		}
	}
	if r.ExitCode > 1 || json.Unmarshal(r.Stdout, &answer) != nil {
		return failed("shellcheck", r), nil
	}
	rating := 10.0
	all := []learn.Finding{}
	for _, m := range answer.Comments {
		f := learn.Finding{File: sourceShell, Line: m.Line, Rule: fmt.Sprintf("SC%d", m.Code), Severity: learn.SeverityWarning, Message: m.Message}
		switch m.Level {
		case "error", "warning":
			f.Severity = learn.SeverityError
			rating -= 2
		case "info":
			rating -= 0.5
		default:
			rating -= 0.2
		}
		all = append(all, f)
	}
	c := findings(all)
	c.Rating = max(rating, 0)
	if c.Passed && c.Rating < minLint {
		c.Passed = false
	}
	c.Summary = fmt.Sprintf("shellcheck found %d, rated %.1f of 10; at least %.1f and no warning is asked for", len(all), c.Rating, minLint)
	return c, nil
}

// shellMatter puts together what the rules find in the script, and those of
// guest/rules.py in its tests.
func shellMatter(which string) func(context.Context, *job) (learn.Check, error) {
	return func(ctx context.Context, j *job) (learn.Check, error) {
		c, err := rules(which)(ctx, j)
		if err != nil || !c.Passed && len(c.Findings) == 0 {
			return c, err
		}
		source := j.tool.Files[sourceShell]
		file, err := parseScript(source)
		if err != nil {
			return learn.Check{Summary: "the script cannot be read: " + clip(err.Error(), 300)}, nil
		}
		all := c.Findings
		of := func(rule string) bool {
			switch rule {
			case "secret":
				return which == "secrets"
			case "arguments":
				return which == "contract"
			}
			return which == "imports"
		}
		for _, f := range findShell(j.tool.Manifest, file) {
			if of(f.Rule) {
				all = append(all, f)
			}
		}
		switch which {
		case "secrets":
			all = append(all, shellSecrets(source)...)
		case "contract":
			all = append(all, shellPrologue(j.tool.Manifest, source, file)...)
		case "complexity":
			all = append(all, shellComplexity(source, file)...)
		}
		return findings(all), nil
	}
}

// Bounds of a script.
const (
	maxShellBranches = 20
	maxShellLines    = 400
)

// shellComplexity counts the branches of the script outside of its functions,
// and of each function (McCabe, 1976).
func shellComplexity(source string, file *syntax.File) []learn.Finding {
	var out []learn.Finding
	if n := strings.Count(source, "\n"); n > maxShellLines {
		out = append(out, learn.Finding{File: sourceShell, Line: 1, Rule: "long-file", Message: fmt.Sprintf("%d lines, at most %d", n, maxShellLines)})
	}
	var count func(n syntax.Node, name string)
	count = func(root syntax.Node, name string) {
		branches := 1
		syntax.Walk(root, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.FuncDecl:
				if n.Name != nil {
					count(n.Body, n.Name.Value)
				}
				return false
			case *syntax.IfClause, *syntax.WhileClause, *syntax.ForClause, *syntax.CaseItem:
				branches++
			case *syntax.BinaryCmd:
				if n.Op == syntax.AndStmt || n.Op == syntax.OrStmt {
					branches++
				}
			}
			return true
		})
		if branches > maxShellBranches {
			out = append(out, learn.Finding{File: sourceShell, Line: int(root.Pos().Line()), Rule: "complex", Message: fmt.Sprintf("%s has complexity %d, at most %d", name, branches, maxShellBranches)})
		}
	}
	count(file, "the script")
	return out
}

// commandLines are the first and last lines of each command of a script that
// bash says that it runs: simple commands outside of substitutions.
func commandLines(file *syntax.File) [][2]int {
	var out [][2]int
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CmdSubst, *syntax.ProcSubst:
			return false
		case *syntax.CallExpr, *syntax.DeclClause, *syntax.TestClause, *syntax.ArithmCmd:
			out = append(out, [2]int{int(n.Pos().Line()), int(n.End().Line())})
		}
		return true
	})
	return out
}

// shellCoverage is the share of a script's commands that were run, and the
// lines of those that were not: what coverage of statements is to Python.
func shellCoverage(source string, ran []int) (float64, []int) {
	file, err := parseScript(source)
	if err != nil {
		return 0, nil
	}
	all, hit := commandLines(file), 0
	var missing []int
	for _, c := range all {
		if slices.ContainsFunc(ran, func(l int) bool { return l >= c[0] && l <= c[1] }) {
			hit++
		} else {
			missing = append(missing, c[0])
		}
	}
	return float64(hit) / float64(max(len(all), 1)), slices.Compact(missing)
}

// withShell adds what calls and tests of a shell tool need beside its files.
func withShell(tool learn.ProposedTool, files map[string][]byte) error {
	if tool.Manifest.Language != languageShell {
		return nil
	}
	raw, err := manifestJSON(tool)
	if err != nil {
		return err
	}
	maps.Copy(files, map[string][]byte{"tool/tool.json": raw, "tool/tool.py": []byte(shim())})
	return nil
}
