package server_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "lathe/"

// direction is the package table of the design: what a package may import of
// this module, besides the standard library and third parties. Siblings do not
// import each other; server connects them.
var direction = map[string][]string{
	"learn":                   {},
	"learn/lazyregexp":        {},
	"learn/template":          {"learn"},
	"learn/action":            {"learn", "learn/lazyregexp"},
	"learn/signature":         {"learn"},
	"learn/verify":            {"learn", "learn/action", "learn/lazyregexp"},
	"learn/monitor":           {"learn"},
	"learn/diagnose":          {"learn", "learn/signature", "learn/action", "learn/lazyregexp"},
	"learn/recovery":          {"learn", "learn/signature", "learn/action", "learn/template"},
	"learn/mine":              {"learn", "learn/action", "learn/template"},
	"learn/mine/next":         {"learn"},
	"learn/refine":            {"learn"},
	"learn/recall":            {"learn", "learn/action"},
	"learn/recall/recalltest": {"learn"},
	"learn/trial":             {"learn"},
	"learn/llm":               {"learn"},
	"learn/llm/llmtest":       {"learn/llm"},
	"index":                   {"learn"},
	"index/eventlog":          {"learn"},
	"index/graph":             {"learn"},
	"index/codegraph":         {"learn", "index/graph"},
	// How hosts in permissions are written is the proxy's to say.
	"toolforge": {"learn", "learn/action", "learn/template", "toolforge/egress", "toolforge/wheel", "learn/lazyregexp"},
	// Packages that tools declare.
	"toolforge/wheel":           {},
	"toolforge/wheel/wheeltest": {},
	"toolforge/image":           {"learn"},
	"toolforge/egress":          {},
	"toolforge/sandbox":         {"learn", "toolforge/image", "toolforge/egress"},
	"mcp":                       {"learn"},
	"mcp/gateway":               {"learn", "mcp", "learn/lazyregexp"},
	"mcp/conformance":           {"mcp"},
	"lsp":                       {"learn"},
	"server/pipeline":           {"learn"},
	"server/review":             {"learn"},
	"server/intake":             {"learn", "learn/lazyregexp"},
	"server/redact":             {"learn"},
	"server/web":                {"learn"},
	// The settings of agents and editors, and how they are edited.
	"server/connect":  {},
	"server/docs":     {},
	"fixtures":        {"learn"},
	"fixtures/record": {"fixtures", "learn"},
	// The recorder of what the patterns are tested on.
	"learn/signature/record": {"learn", "learn/signature"},
	// The hook program stays small: see the design on what imports cost.
	"server/cmd/lathe-hook": {"server/intake", "server/redact"},
}

// composition may import everything but commands: it wires the rest.
var composition = []string{"server", "server/cmd/lathe"}

// testsAlso are imports that a package's tests need beyond its own, to meet the
// real neighbour instead of a fake.
var testsAlso = map[string][]string{
	"learn/llm":             {"learn/llm/llmtest"}, // what all models promise
	"learn/recall":          {"learn/recall/recalltest"},
	"server/intake":         {"server/redact"},
	"server/cmd/lathe-hook": {"learn"},
	"toolforge":             {"toolforge/image", "toolforge/sandbox", "toolforge/wheel/wheeltest"},
	"toolforge/wheel":       {"toolforge/wheel/wheeltest"},
	"learn/recovery":        {"fixtures", "learn/verify"}, // whole recordings, read as the daemon reads them
}

type listed struct {
	ImportPath, Dir, Name              string
	Imports, TestImports, XTestImports []string
	GoFiles                            []string
	Standard                           bool
}

// packages asks the go command, so that build tags and test files are seen as
// the compiler sees them.
func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Name,Imports,TestImports,XTestImports,GoFiles", "./...")
	cmd.Dir = ".."
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var problems strings.Builder
	cmd.Stderr = &problems
	if err := cmd.Start(); err != nil {
		t.Fatalf("the go command is needed: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(out); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list: %v\n%s", err, problems.String())
		}
		all = append(all, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("go list: %v\n%s", err, problems.String())
	}
	if len(all) < 20 {
		t.Fatalf("go list found %d packages of this module; the test would prove nothing", len(all))
	}
	return all
}

// offence says what is wrong with one import, or nothing.
func offence(pkg, imported string, test bool) string {
	own, ok := strings.CutPrefix(imported, module)
	switch {
	case pkg == "learn" && !test && strings.Contains(strings.SplitN(imported, "/", 2)[0], "."):
		return "learn imports the standard library only"
	case !ok || own == pkg:
		return ""
	case strings.HasPrefix(own, "server/cmd/"):
		return "nothing imports a command"
	case slices.Contains(composition, pkg):
		return ""
	case test && slices.Contains(testsAlso[pkg], own):
		return ""
	}
	allowed, ok := direction[pkg]
	if !ok {
		return "the package is not in the table: add it to the design and to this test"
	}
	if !slices.Contains(allowed, own) {
		return "it may import of this module: " + strings.Join(allowed, ", ") + "; declare an interface and let server connect the two"
	}
	return ""
}

func TestImportsGoOneWay(t *testing.T) {
	for _, p := range packages(t) {
		pkg := strings.TrimPrefix(p.ImportPath, module)
		if _, ok := direction[pkg]; !ok && !slices.Contains(composition, pkg) {
			t.Errorf("%s is not in the package table: add it to the design and to this test", pkg)
		}
		for _, i := range p.Imports {
			if why := offence(pkg, i, false); why != "" {
				t.Errorf("%s imports %s: %s", pkg, i, why)
			}
		}
		for _, i := range slices.Concat(p.TestImports, p.XTestImports) {
			if why := offence(pkg, i, true); why != "" {
				t.Errorf("a test of %s imports %s: %s", pkg, i, why)
			}
		}
	}
}

// The rule itself is wrong if it lets one of these through.
func TestImportRuleFindsOffences(t *testing.T) {
	for _, c := range []struct {
		pkg, imported string
		test, bad     bool
	}{
		{"learn", "github.com/google/uuid", false, true},
		{"learn", "golang.org/x/text/unicode/norm", false, true},
		{"learn", "lathe/learn/action", false, true},
		{"learn", "encoding/json", false, false},
		{"learn", "pgregory.net/rapid", true, false},
		{"mcp", "lathe/lsp", false, true},
		{"mcp", "lathe/index", false, true},
		{"mcp", "lathe/learn", false, false},
		{"learn/monitor", "lathe/learn/verify", false, true},
		{"learn/verify", "lathe/learn/action", false, false},
		{"server/intake", "lathe/server/redact", false, true},
		{"server/intake", "lathe/server/redact", true, false},
		{"server/intake", "lathe/server", true, true},
		{"server", "lathe/mcp", false, false},
		{"server", "lathe/server/cmd/lathe", false, true},
		{"server/cmd/lathe-hook", "lathe/index/eventlog", false, true},
		{"something/new", "lathe/learn", false, true},
	} {
		if why := offence(c.pkg, c.imported, c.test); (why != "") != c.bad {
			t.Errorf("%s importing %s (test %v): %q", c.pkg, c.imported, c.test, why)
		}
	}
}

func TestEachPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range packages(t) {
		pkg := strings.TrimPrefix(p.ImportPath, module)
		if pkg == "server/cmd/lathe" || pkg == "fixtures/record" {
			continue // a command says it in main.go, and in its help
		}
		raw, err := os.ReadFile(filepath.Join(p.Dir, "doc.go"))
		if err != nil {
			t.Errorf("%s has no doc.go: say what it is for, how data passes through it, what it promises", pkg)
			continue
		}
		first := "// Package " + filepath.Base(p.Dir) + " "
		if strings.HasPrefix(pkg, "server/cmd/") || p.Name == "main" {
			first = "// Command "
		}
		if text := string(raw); !strings.HasPrefix(text, first) && !strings.HasPrefix(text, "/*\n"+strings.TrimPrefix(first, "// ")) {
			t.Errorf("doc.go of %s does not begin with %q", pkg, first)
		}
	}
}

// The top level is fixed: a new thing belongs into one of these.
func TestTopLevel(t *testing.T) {
	allowed := []string{"server", "mcp", "lsp", "learn", "toolforge", "index", "fixtures", "go.mod", "go.sum", "README.md"}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || ignored(e) {
			continue
		}
		seen = append(seen, e.Name())
		if !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s does not belong to the top level, which is %s and dot-files", e.Name(), strings.Join(allowed, " "))
		}
	}
	for _, name := range allowed {
		if !slices.Contains(seen, name) {
			t.Errorf("%s is missing from the top level", name)
		}
	}
}

// ignored are what .gitignore names: left over from running tests by hand.
func ignored(e fs.DirEntry) bool {
	ext := filepath.Ext(e.Name())
	return e.Name() == "node_modules" || ext == ".test" || ext == ".prof"
}
