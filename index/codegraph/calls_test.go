//go:build cgo

package codegraph_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestCallers(t *testing.T) {
	g, _ := load(t, project())
	for symbol, want := range map[string][]string{
		"shop.base.Base.save":           {"src/shop/store.py#Store.put:9 scope"},
		"src/shop/store.py#Store.check": nil, // self.check() in Base means Base's
		"src/shop/base.py#Base.check":   {"src/shop/base.py#Base.save:3 scope", "src/shop/store.py#Store.check:15 scope"},
		"shop.util.clean":               {"module:run:8 scope", "src/shop/store.py#Store.put:10 scope", "src/shop/util.py#clean_all:10 scope"},
		"shop.util.helper":              {"module:run:7 scope"},
		"shop.store.Store":              {"module:run:5 scope"},
		"Store.put":                     {"module:run:6 type"},
		"make":                          {"src/shop/store.py#Store.put:12 scope"},
		"make.inner":                    {"src/shop/store.py#make:21 scope"},
		"Store.trim":                    {"store/store.go#Store.Put:13 type"},
		"Disk.Sync":                     {"store/store.go#Store.Put:14 type"},
		"Sync2":                         {"internal/disk/disk.go#Disk.Sync:5 scope", "store/store.go#Store.Put:15 scope"},
		"store/trim.go#check":           {"store/store.go#New:10 scope"},
		"App.listen":                    {"web/app.js#App.start:6 scope"},
		"web/view.js#render":            {"web/app.js#App.start:6 scope"},
		"web/view.js#other":             {"web/app.js#App.start:6 scope"},
		"web/view.js#helper":            {"web/view.js#render:1 scope"},
		"connect":                       {"web/app.js#App.start:6 scope"},
		"App":                           {"web/app.js#boot:10 scope"},
		"absent":                        nil,
	} {
		if got := callers(t, g, symbol); !slices.Equal(got, want) {
			t.Errorf("%s is called by %v, want %v", symbol, got, want)
		}
	}
	var callees []string
	calls, err := g.Callees(t.Context(), "Store.put")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range calls {
		callees = append(callees, c.Callee.ID)
	}
	if want := []string{"src/shop/base.py#Base.save", "src/shop/util.py#clean", "src/shop/store.py#make"}; !slices.Equal(callees, want) {
		t.Errorf("callees %v, want %v", callees, want)
	}
}

// TestUniqueName: a call on an unknown object resolves when one method has the
// name, but not into a Go package that the file does not import, and not for
// the names of the languages' own methods.
func TestUniqueName(t *testing.T) {
	g, _ := load(t, map[string]string{
		"go.mod":  "module m\n",
		"a/a.go":  "package a\n\ntype A struct{}\n\nfunc (A) Reset() {}\nfunc (A) Close() {}\n",
		"b/b.go":  "package b\n\nimport \"m/a\"\n\nfunc f(xs map[int]any) { x := xs[1]; x.Reset(); x.Close(); var _ a.A }\n",
		"c/c.go":  "package c\n\nfunc f(t interface{ Reset() }) { t.Reset() }\n",
		"one.py":  "class One:\n    def only(self): pass\n    def twice(self): pass\n",
		"two.py":  "class Two:\n    def twice(self): pass\n",
		"main.py": "def go(x):\n    x.only()\n    x.twice()\n",
	})
	for symbol, want := range map[string][]string{
		"A.Reset":   {"b/b.go#f:5 unique_name"},
		"A.Close":   nil,
		"One.only":  {"main.py#go:2 unique_name"},
		"One.twice": nil,
	} {
		if got := callers(t, g, symbol); !slices.Equal(got, want) {
			t.Errorf("%s is called by %v, want %v", symbol, got, want)
		}
	}
}

func TestEntities(t *testing.T) {
	g, _ := load(t, project())
	var got []string
	for _, name := range []string{"src/shop/store.py", "store/store.go", "web/app.js"} {
		for _, e := range g.Entities(name) {
			got = append(got, fmt.Sprintf("%s %s %d-%d %v %s %v", e.Kind, e.ID, e.Line, e.EndLine, e.Parameters, e.Returns, e.Bases))
		}
	}
	want := []string{
		"file src/shop/store.py 1-22 []  []",
		"module module:shop.store 1-22 []  []",
		"class src/shop/store.py#Store 7-15 []  [Base]",
		"method src/shop/store.py#Store.put 8-12 [{item } {*rest } {count int}]  []",
		"method src/shop/store.py#Store.check 14-15 []  []",
		"function src/shop/store.py#make 18-21 [{x }]  []",
		"function src/shop/store.py#make.inner 19-20 []  []",
		"file store/store.go 1-17 []  []",
		"module module:example.org/m/store 1-17 []  []",
		"struct store/store.go#Store 5-8 []  [disk.Disk]",
		"function store/store.go#New 10-10 [{name string} {sizes ...int}] (*Store, error) []",
		"method store/store.go#Store.Put 12-16 [{k string} {v string}] error []",
		"file web/app.js 1-11 []  []",
		"module module:web/app.js 1-11 []  []",
		"class web/app.js#App 5-8 []  [Base]",
		"method web/app.js#App.start 6-6 [{port } {host }]  []",
		"method web/app.js#App.listen 7-7 [{p }]  []",
		"function web/app.js#boot 10-10 [{cfg }]  []",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if found := g.Lookup("hidden"); found != nil {
		t.Errorf("looked into folders that are not the project's: %v", found)
	}
	if g.Entities("absent.py") != nil {
		t.Error("entities of a file that is not there")
	}
}

// TestSubgraph: every edge kind of the code graph is there, both ends too, and
// equal workspaces export equally.
func TestSubgraph(t *testing.T) {
	a, _ := load(t, project())
	b, _ := load(t, project())
	var x, y bytes.Buffer
	s := a.Subgraph("p")
	if err := s.WriteJSON(&x); err != nil {
		t.Fatal(err)
	}
	if err := b.Subgraph("p").WriteJSON(&y); err != nil {
		t.Fatal(err)
	}
	if x.String() != y.String() {
		t.Error("equal workspaces export differently")
	}
	nodes := map[string]bool{}
	for _, n := range s.Nodes {
		nodes[n.ID] = true
	}
	have := map[string]bool{}
	for _, e := range s.Edges {
		if !nodes[e.From] || !nodes[e.To] {
			t.Errorf("loose edge %+v", e)
		}
		have[strings.ReplaceAll(e.From+" "+string(e.Kind)+" "+e.To, "CodeEntity:p:", "")] = true
	}
	for _, want := range []string{
		"file/run.py IMPORTS module/shop",
		"file/src/shop/store.py DEFINES module/shop.store",
		"module/shop.store DEFINES class/src/shop/store.py#Store",
		"class/src/shop/store.py#Store DEFINES method/src/shop/store.py#Store.put",
		"class/src/shop/store.py#Store INHERITS_FROM class/src/shop/base.py#Base",
		"struct/store/store.go#Store DEFINES method/store/trim.go#Store.trim",
		"struct/store/store.go#Store INHERITS_FROM struct/internal/disk/disk.go#Disk",
		"method/src/shop/store.py#Store.put CALLS function/src/shop/util.py#clean",
		"method/src/shop/base.py#Base.save HAS_PARAMETER parameter/src/shop/base.py#Base.save(path)",
		"method/src/shop/base.py#Base.save RETURNS type/bool",
		"class/web/app.js#App INHERITS_FROM type/Base",
	} {
		if !have[want] {
			t.Errorf("no edge %s", want)
		}
	}
	if part := a.Subgraph("p", "run.py"); len(part.Edges) == 0 || len(part.Edges) >= len(s.Edges) {
		t.Errorf("one file has %d of %d edges", len(part.Edges), len(s.Edges))
	}
}
