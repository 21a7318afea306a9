package codegraph_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lathe/index/codegraph"
	"lathe/index/graph"
	"lathe/learn"
)

// failing is a call that failed with an error in a file, by a module's and a
// function's name.
func failing(file, symbol string) *learn.Observation {
	return &learn.Observation{Record: learn.Record{Action: &learn.ActionOutcome{ID: learn.UUIDv8("e", file, symbol), ProjectID: "p", TaskID: "t",
		ToolName: "bash", Status: learn.StatusFailure, Timestamp: time.Unix(1, 0)}},
		Signatures: []learn.ErrorSignature{{ID: "sig", PatternID: "pattern", Name: "a name", File: file, Entities: []learn.Entity{{Kind: "symbol", Name: symbol}}}}}
}

func keep(t interface {
	Fatal(...any)
	Helper()
}, l *codegraph.Layer) codegraph.LayerChanges {
	t.Helper()
	c, err := l.Sync(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func everything(g *graph.Graph) string {
	var b strings.Builder
	if err := g.Export(&b, graph.JSON, ""); err != nil {
		return err.Error()
	}
	return b.String()
}

// TestLayerConnectsWhatWasLearned: from an error, over what it names, into the
// code; what vanishes from the code is forgotten, what was learned is not.
func TestLayerConnectsWhatWasLearned(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, project())
	code := open(t, dir, codegraph.Options{})
	update(t, code)
	g := graph.New(graph.Options{})
	g.Observe(failing(filepath.Join(dir, "src/shop/util.py"), "Base.save"))
	learned := g.Stats()
	l := codegraph.NewLayer(code, g, "p", 0)
	if c := keep(t, l); !c.Whole || c.Files != 11 || c.Names != 2 {
		t.Errorf("%+v", c)
	}
	node := func(name string) string { return graph.ID(graph.CodeEntity, "p", name) }
	for _, to := range []string{"function/src/shop/util.py#clean", "method/src/shop/store.py#Store.put", "method/src/shop/base.py#Base.save", "module/shop.store"} {
		if path, _ := g.Path("Error:sig", node(to), 8, graph.Query{ProjectID: "p"}); len(path) == 0 || path[0].Edge.Kind != graph.References {
			t.Errorf("from the error to %s: %+v", to, path)
		}
	}
	g.Observe(failing("shop/base.py", "trim"))
	if c := keep(t, l); c.Files != 0 || c.Names != 2 {
		t.Errorf("two names were learned: %+v", c)
	}
	if path, _ := g.Path("Error:sig", node("file/src/shop/base.py"), 2, graph.Query{}); len(path) != 2 {
		t.Errorf("to a file named from elsewhere: %+v", path)
	}
	write(t, dir, map[string]string{"src/shop/util.py": "def tidy(x):\n    return x\n"})
	update(t, code)
	keep(t, l)
	if _, known := g.Node(node("function/src/shop/util.py#clean"), "p"); known {
		t.Error("a function that is gone is still there")
	}
	l.Drop()
	if s := g.Stats(); s.CodeEdges != 0 || s.CodeNodes != 0 || s.Nodes[graph.CodeEntity] != learned.Nodes[graph.CodeEntity]+2 {
		t.Errorf("without the layer: %+v", s)
	}
}

// TestLayerIsIncremental: a change of what a function does costs its file; one
// of what it is called costs those that call it too.
func TestLayerIsIncremental(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{}
	for i := range 20 {
		files[fmt.Sprintf("m%d.py", i)] = fmt.Sprintf("from m%d import f%d\n\ndef f%d(x):\n    f%d(x)\n", (i+1)%20, (i+1)%20, i, (i+1)%20)
	}
	write(t, dir, files)
	code := open(t, dir, codegraph.Options{})
	update(t, code)
	g := graph.New(graph.Options{})
	l := codegraph.NewLayer(code, g, "p", 0)
	keep(t, l)
	for _, c := range []struct {
		text string
		want int
	}{{"def f3(x):\n    y = x\n    f4(y)\n", 1}, {"def f3(x, z):\n    f4(x)\n", 1}, {"def g3(x, z):\n    f4(x)\n", 2}, {"def g3(x, z):\n    return f4(x)\n", 1},
		{"def g3(x, z) -> int:\n    f4(x)\n", 1}, {"from m6 import f6\n\ndef g3(x, z):\n    f5(x)\n", 20}} {
		write(t, dir, map[string]string{"m3.py": "from m4 import f4\n" + c.text})
		if _, err := code.UpdateFile(t.Context(), "m3.py"); err != nil {
			t.Fatal(err)
		}
		if got := keep(t, l); got.Files != c.want {
			t.Errorf("%q: %+v, want %d files", c.text, got, c.want)
		}
	}
	if got := keep(t, l); got.Files != 0 || got.Names != 0 {
		t.Errorf("nothing changed: %+v", got)
	}
}

// TestLayerOfALargeWorkspace: what was learned decides which files are taken
// where there is no room for all, whenever it was learned.
func TestLayerOfALargeWorkspace(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{}
	for i := range 60 {
		files[fmt.Sprintf("m%d.py", i)] = fmt.Sprintf("import m%d\n\ndef f%d(x):\n    return m%d.f%d(x)\n", (i+1)%60, i, (i+1)%60, (i+1)%60)
	}
	write(t, dir, files)
	code := open(t, dir, codegraph.Options{})
	update(t, code)
	const room = 100
	g := graph.New(graph.Options{})
	l := codegraph.NewLayer(code, g, "p", room)
	keep(t, l)
	if s := g.Stats(); s.CodeNodes != 0 {
		t.Errorf("nothing was learned, and it took %+v", s)
	}
	for _, file := range []string{"m7.py", "m40.py"} {
		g.Observe(failing(file, "x"))
		c := keep(t, l)
		if c.Whole || c.Files == 0 || c.Files > 15 {
			t.Errorf("%s: %+v", file, c)
		}
		if n := g.Neighbours(graph.ID(graph.CodeEntity, "p", "file/"+file), graph.Query{Kinds: []graph.EdgeKind{graph.Defines}}); len(n) != 1 {
			t.Errorf("%s defines %+v", file, n)
		}
	}
	again := open(t, dir, codegraph.Options{})
	update(t, again)
	before := everything(g)
	l.Drop()
	keep(t, codegraph.NewLayer(again, g, "p", room))
	if everything(g) != before {
		t.Error("taken anew, the layer is another")
	}
}

// drawModule is a random Python, Go or JavaScript file: functions, classes with
// bases and fields, calls between them.
func drawModule(t *rapid.T, kind string, i int) string {
	n := func(what string, max int) int { return rapid.IntRange(0, max).Draw(t, what) }
	var b strings.Builder
	other := n("imports", 3)
	call := func() string {
		f := n("callee", 3)
		return []string{fmt.Sprintf("f%d()", f), fmt.Sprintf("m%d.f%d()", other, f), fmt.Sprintf("m%d.C%d().f%d()", other, n("class", 1), f), fmt.Sprintf("C%d().v.f%d()", n("class", 1), f),
			fmt.Sprintf("f%d().f%d()", f, n("method", 3))}[n("form", 4)]
	}
	switch kind {
	case "py":
		fmt.Fprintf(&b, "import m%d\nfrom m%d import f%d as f%d, C0\n", other, n("from", 3), n("imported", 3), n("local", 3))
		for range n("functions", 2) {
			fmt.Fprintf(&b, "def f%d()%s:\n    return %s\n", n("name", 3), []string{"", " -> C0", " -> C1"}[n("returns", 2)], call())
		}
		for range n("classes", 2) {
			fmt.Fprintf(&b, "class C%d(%s):\n    v: C%d\n    def f%d(self):\n        return %s\n", n("name", 1), []string{"", "C0", "C1", fmt.Sprintf("m%d.C1", other)}[n("base", 3)], n("field", 1), n("method", 3), call())
		}
	case "go":
		fmt.Fprintf(&b, "package p%d\n\nimport \"x/m%d\"\n\n", i/2, other)
		for k := range n("functions", 3) {
			fmt.Fprintf(&b, "func F%d%d() *T%d { t := m%d.F%d%d(); t.M%d(); return nil }\n", i, k, n("result", 1), other, n("file", 3), n("f", 2), n("m", 2))
		}
		for k := range n("types", 2) {
			fmt.Fprintf(&b, "type T%d struct { *T%d; v m%d.T0 }\n\nfunc (t *T%d) M%d() { t.v.M%d() }\n", k, n("embeds", 2), other, n("receiver", 1), n("m", 2), n("called", 2))
		}
	default:
		fmt.Fprintf(&b, "import m, { f%d as f%d } from './m%d.js'\n", n("imported", 3), n("local", 3), other)
		for range n("functions", 3) {
			fmt.Fprintf(&b, "export %sfunction f%d() { return m(f%d(), f%d()) }\n", []string{"", "default "}[n("default", 1)], n("name", 3), n("a", 3), n("b", 3))
		}
	}
	return b.String()
}

// TestLayerStepByStep: whatever is edited, the layer that was kept is the one
// that is made anew.
func TestLayerStepByStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "layer")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		kind := rapid.SampledFrom([]string{"py", "go", "js"}).Draw(t, "language")
		name := func(i int) string {
			if kind == "go" {
				return fmt.Sprintf("m%d/f%d.go", i/2, i)
			}
			return fmt.Sprintf("m%d.%s", i, kind)
		}
		put := func(i int) {
			path := filepath.Join(dir, name(i))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(drawModule(t, kind, i)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			put(i)
		}
		ready := func() *codegraph.Graph {
			code, err := codegraph.New(dir, codegraph.Options{Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := code.Update(context.Background()); err != nil {
				t.Fatal(err)
			}
			return code
		}
		code := ready()
		defer code.Close()
		g := graph.New(graph.Options{})
		l := codegraph.NewLayer(code, g, "p", 0)
		for step := range rapid.IntRange(1, 5).Draw(t, "steps") {
			i := rapid.IntRange(0, 3).Draw(t, "file")
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				_ = os.Remove(filepath.Join(dir, name(i)))
			case 1:
				g.Observe(failing(name(i), fmt.Sprint("f", step)))
			default:
				put(i)
			}
			if _, err := code.UpdateFile(context.Background(), name(i)); err != nil {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(t, "sync") {
				keep(t, l)
			}
		}
		keep(t, l)
		fresh := ready()
		defer fresh.Close()
		got := everything(g)
		l.Drop()
		keep(t, codegraph.NewLayer(fresh, g, "p", 0))
		if want := everything(g); got != want {
			t.Fatalf("kept:\n%s\nanew:\n%s", got, want)
		}
	})
}

// TestLayerFollowsWhatANameDecides: an edit in a.py (or a.js) that changes what
// another file's calls lead to, by each of the ways there are.
func TestLayerFollowsWhatANameDecides(t *testing.T) {
	for what, c := range map[string]struct {
		files        map[string]string
		file, edited string
	}{
		"by a result that nobody wrote down": {map[string]string{
			"t.py": "class X:\n    def go(self): pass\nclass Y:\n    def go(self): pass\n",
			"a.py": "from t import X, Y\ndef make() -> X: pass\n", "b.py": "from a import make\ndef again():\n    return make()\n",
			"c.py": "from b import again\ndef use():\n    again().go()\n",
		}, "a.py", "from t import X, Y\ndef make() -> Y: pass\n"},
		"by a property": {map[string]string{
			"t.py": "class X:\n    def go(self): pass\nclass Y:\n    def go(self): pass\n",
			"a.py": "from t import X, Y\nclass Box:\n    @property\n    def inner(self) -> X: pass\n", "c.py": "from a import Box\ndef use(b: Box):\n    b.inner.go()\n",
		}, "a.py", "from t import X, Y\nclass Box:\n    @property\n    def inner(self) -> Y: pass\n"},
		"by a base that comes": {map[string]string{
			"a.py": "def other(): pass\n", "c.py": "from a import Base\nclass Sub(Base):\n    pass\ndef use() -> Base: pass\n",
		}, "a.py", "def other(): pass\nclass Base:\n    pass\n"},
		"by another name": {map[string]string{
			"a.py": "def f(): pass\n", "c.py": "from a import g as h\ndef use():\n    h()\n",
		}, "a.py", "def f(): pass\ndef g(): pass\n"},
		"by a default export": {map[string]string{
			"a.js": "export default function f() {}\nexport function g() {}\n", "c.js": "import h from './a.js'\nfunction use() { h() }\n",
		}, "a.js", "export function f() {}\nexport default function g() {}\n"},
		"by a field": {map[string]string{
			"t.py": "class X:\n    def go(self): pass\nclass Y:\n    def go(self): pass\n",
			"a.py": "from t import X, Y\nclass Box:\n    v: X\n", "c.py": "from a import Box\ndef use(b: Box):\n    b.v.go()\n",
		}, "a.py", "from t import X, Y\nclass Box:\n    v: Y\n"},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, c.files)
			code := open(t, dir, codegraph.Options{})
			update(t, code)
			g := graph.New(graph.Options{})
			l := codegraph.NewLayer(code, g, "p", 0)
			keep(t, l)
			before := everything(g)
			write(t, dir, map[string]string{c.file: c.edited})
			if _, err := code.UpdateFile(t.Context(), c.file); err != nil {
				t.Fatal(err)
			}
			keep(t, l)
			kept := everything(g)
			fresh := open(t, dir, codegraph.Options{})
			update(t, fresh)
			l.Drop()
			keep(t, codegraph.NewLayer(fresh, g, "p", 0))
			if everything(g) != kept || kept == before {
				t.Errorf("before:\n%s\nkept:\n%s\nanew:\n%s", before, kept, everything(g))
			}
		})
	}
}
