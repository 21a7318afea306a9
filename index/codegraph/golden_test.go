package codegraph_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"lathe/index/codegraph"
)

// TestGolden reads small projects, one a language, and compares with answers
// that were worked out by hand: "def" lines name some definitions with their
// lines, "imports" and "importers" all of a file's, "call" lines every call of
// the project that stays in it. A build without cgo is held to what its
// readers see: everything of Go, else no calls.
func TestGolden(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(names) != 6 {
		t.Fatalf("testdata has %d projects, want 6: %v", len(names), err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{}
			var want string
			for _, f := range a.Files {
				if f.Name == "want" {
					want = string(f.Data)
				} else {
					files[f.Name] = string(f.Data)
				}
			}
			g, _ := load(t, files)
			whole := codegraph.Lost == "" || filepath.Base(name) == "go.txtar"
			got := allCalls(t, g, files)
			var calls []string
			for l := range strings.Lines(want) {
				l = strings.TrimSpace(l)
				verb, rest, _ := strings.Cut(l, " ")
				switch verb {
				case "def":
					checkDefinition(t, g, rest, whole)
				case "imports", "importers":
					of, list, _ := strings.Cut(rest, ":")
					found := g.Importers(of)
					if verb == "imports" {
						found = g.Imports(of)
					}
					if s := strings.Join(found, " "); s != strings.TrimSpace(list) {
						t.Errorf("%s: got %q, want %q", verb+" "+of, s, strings.TrimSpace(list))
					}
				case "call":
					calls = append(calls, rest)
				}
			}
			if !whole {
				calls = nil
			}
			slices.Sort(calls)
			if !slices.Equal(got, calls) {
				t.Errorf("calls:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(calls, "\n"))
			}
		})
	}
}

func checkDefinition(t *testing.T, g *codegraph.Graph, want string, whole bool) {
	t.Helper()
	words := strings.Fields(want)
	for _, e := range g.Lookup(words[1]) {
		if got := fmt.Sprintf("%s %s %d-%d", e.Kind, e.ID, e.Line, e.EndLine); e.ID == words[1] {
			if got != want && (whole || !strings.HasPrefix(want, fmt.Sprintf("%s %s %d-", e.Kind, e.ID, e.Line))) {
				t.Errorf("got %s, want %s", got, want)
			}
			return
		}
	}
	t.Errorf("no definition %s", want)
}

// allCalls lists the resolved calls of every entity.
func allCalls(t *testing.T, g *codegraph.Graph, files map[string]string) []string {
	t.Helper()
	var found []string
	for name := range files {
		for _, e := range g.Entities(name) {
			calls, err := g.Callees(t.Context(), e.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range calls {
				if c.File == name && c.Caller.ID == e.ID {
					found = append(found, fmt.Sprintf("%s:%d -> %s %s", c.File, c.Line, c.Callee.ID, c.How))
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
