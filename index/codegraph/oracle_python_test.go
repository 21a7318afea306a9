//go:build cgo

package codegraph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// pythonAst prints, a file a line, what Python's own parser sees.
const pythonAst = `
import ast, json, os, sys, sysconfig
root = sysconfig.get_paths()["stdlib"]
print(json.dumps(root))
skip = {"__pycache__", "site-packages", "dist-packages", "lib2to3", "test", "tests", "idle_test", "build", "dist", "env", "venv"}
for folder, dirs, files in os.walk(root):
    dirs[:] = sorted(d for d in dirs if d not in skip and not os.path.islink(os.path.join(folder, d)))
    for name in sorted(files):
        path = os.path.join(folder, name)
        if not name.endswith(".py") or os.path.islink(path) or os.path.getsize(path) > 1 << 20:
            continue
        try:
            tree = ast.parse(open(path, "rb").read())
        except (SyntaxError, ValueError):
            continue
        defs, imports, calls, bases = [], [], [], []
        def visit(node, scope):
            for child in ast.iter_child_nodes(node):
                inner = scope
                if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    inner = scope + [child.name]
                    defs.append([child.lineno, ".".join(inner)])
                    for d in child.decorator_list:
                        if isinstance(d, ast.Name):
                            calls.append([d.lineno, d.id])
                        elif isinstance(d, ast.Attribute):
                            calls.append([d.lineno, d.attr])
                    if isinstance(child, ast.ClassDef):
                        for b in child.bases:
                            if isinstance(b, ast.Subscript):
                                b = b.value
                            if isinstance(b, (ast.Name, ast.Attribute)):
                                bases.append([".".join(inner), ast.unparse(b)])
                elif isinstance(child, ast.Import):
                    for a in child.names:
                        imports.append([child.lineno, 0, a.name, ""])
                elif isinstance(child, ast.ImportFrom):
                    for a in child.names:
                        imports.append([child.lineno, child.level, child.module or "", a.name])
                elif isinstance(child, ast.Call):
                    f = child.func
                    if isinstance(f, ast.Name) and f.id != "super":
                        calls.append([child.lineno, f.id])
                    elif isinstance(f, ast.Attribute):
                        calls.append([child.lineno, f.attr])
                visit(child, inner)
        visit(tree, [])
        print(json.dumps({"file": os.path.relpath(path, root), "defs": defs, "imports": imports, "calls": calls, "bases": bases}))
`

// TestHeavyPythonAst compares with Python's own parser on Python's own
// library.
func TestHeavyPythonAst(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "python3", "-W", "ignore", "-c", pythonAst).Output()
	if err != nil {
		t.Fatalf("python3 is needed: %v", err)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	var root string
	if err := json.Unmarshal(lines[0], &root); err != nil {
		t.Fatal(err)
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		t.Fatal(err)
	}
	g, err := New(root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := g.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	sets := map[string][2]map[string]bool{}
	for _, what := range []string{"definitions", "imports", "calls by name", "bases"} {
		sets[what] = [2]map[string]bool{{}, {}}
	}
	files := 0
	for _, l := range lines[1:] {
		var theirs struct {
			File    string
			Defs    [][2]any
			Imports [][4]any
			Calls   [][2]any
			Bases   [][2]string
		}
		if err := json.Unmarshal(l, &theirs); err != nil {
			t.Fatal(err)
		}
		f := g.files[theirs.File]
		if f == nil || f.generated {
			t.Logf("%s is not in the graph, or generated", theirs.File)
			continue
		}
		files++
		add := func(what string, side int, format string, args ...any) {
			sets[what][side][theirs.File+": "+fmt.Sprintf(format, args...)] = true
		}
		for _, d := range theirs.Defs {
			add("definitions", 1, "%v %v", d[0], d[1])
		}
		for _, i := range theirs.Imports {
			add("imports", 1, "%v %v %v %v", i[0], i[1], i[2], i[3])
		}
		for _, c := range theirs.Calls {
			add("calls by name", 1, "%v %v", c[0], c[1])
		}
		for _, b := range theirs.Bases {
			add("bases", 1, "%v %v", b[0], b[1])
		}
		ownFacts(f, add)
	}
	t.Logf("%d files of %s", files, filepath.Base(root))
	for what, s := range sets {
		compare(s[0], s[1]).check(t, what, 0.99, 0.99)
	}
	s := g.Stats()
	t.Logf("of %d call sites %.3f resolve, %.3f leave the project", s.Calls, float64(s.Resolved)/float64(s.Calls), float64(s.External)/float64(s.Calls))
}

func ownFacts(f *file, add func(what string, side int, format string, args ...any)) {
	for i := 2; i < len(f.entities); i++ {
		e := &f.entities[i]
		if isCallable(e.kind) || isType(e.kind) {
			add("definitions", 0, "%d %s", e.line, e.qualified)
		}
		for _, b := range e.bases {
			add("bases", 0, "%s %s", e.qualified, strings.ReplaceAll(b, " ", ""))
		}
	}
	for _, i := range f.imports {
		if len(i.names) == 0 {
			add("imports", 0, "%d %d %s ", i.line, i.level, i.module)
		}
		for _, n := range i.names {
			add("imports", 0, "%d %d %s %s", i.line, i.level, i.module, n.original)
		}
	}
	for _, c := range f.calls {
		add("calls by name", 0, "%d %s", c.line, c.name)
	}
}
