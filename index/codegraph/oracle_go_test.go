//go:build cgo

package codegraph

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// score compares sets of lines: what share of ours is right, what share of
// theirs we have.
type score struct {
	right, ours, theirs int
	wrong, missing      []string
}

func compare(ours, theirs map[string]bool) score {
	s := score{ours: len(ours), theirs: len(theirs)}
	for k := range ours {
		if theirs[k] {
			s.right++
		} else {
			s.wrong = append(s.wrong, k)
		}
	}
	for k := range theirs {
		if !ours[k] {
			s.missing = append(s.missing, k)
		}
	}
	slices.Sort(s.wrong)
	slices.Sort(s.missing)
	return s
}

func (s score) String() string {
	return fmt.Sprintf("precision %.4f (%d of %d), recall %.4f (%d of %d)",
		float64(s.right)/float64(max(1, s.ours)), s.right, s.ours, float64(s.right)/float64(max(1, s.theirs)), s.right, s.theirs)
}

// check reports a comparison and holds it against what was measured when this
// was written, a little below.
func (s score) check(t *testing.T, what string, precision, recall float64) {
	t.Helper()
	t.Logf("%s: %v", what, s)
	for _, l := range s.wrong[:min(15, len(s.wrong))] {
		t.Log("  wrong  ", l)
	}
	for _, l := range s.missing[:min(15, len(s.missing))] {
		t.Log("  missing", l)
	}
	if p := float64(s.right) / float64(max(1, s.ours)); p < precision {
		t.Errorf("%s: precision %.4f, was at least %.2f", what, p, precision)
	}
	if r := float64(s.right) / float64(max(1, s.theirs)); r < recall {
		t.Errorf("%s: recall %.4f, was at least %.2f", what, r, recall)
	}
}

// TestHeavyGoTypes compares with the Go type checker on modules that this one
// depends on.
func TestHeavyGoTypes(t *testing.T) {
	for _, module := range []string{"mvdan.cc/sh/v3", "github.com/santhosh-tekuri/jsonschema/v6", "github.com/spf13/cobra", "github.com/blevesearch/bleve/v2"} {
		t.Run(module, func(t *testing.T) {
			loaded, err := packages.Load(&packages.Config{Dir: ".", Fset: token.NewFileSet(),
				Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo |
					packages.NeedImports | packages.NeedModule | packages.NeedDeps}, ownPackages(t, module)...)
			if err != nil {
				t.Fatal(err)
			}
			root := loaded[0].Module.Dir
			g, err := New(root, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			if _, err := g.Update(t.Context()); err != nil {
				t.Fatal(err)
			}
			defs, calls, files := typeChecked(t, loaded, root)
			ownDefs, ownCalls := map[string]bool{}, map[string]bool{}
			for name := range files {
				f := g.files[name]
				if f == nil || f.generated {
					t.Logf("%s is not in the graph, or generated", name)
					continue
				}
				for i := 2; i < len(f.entities); i++ {
					e := &f.entities[i]
					if isCallable(e.kind) || isType(e.kind) && e.parent == 1 {
						ownDefs[fmt.Sprintf("%s:%d %s", name, e.line, e.name)] = true
					}
				}
				for i := range f.calls {
					c := &f.calls[i]
					if r, _, _ := g.resolve(f, c); r.ok() && isCallable(r.entity().kind) {
						ownCalls[fmt.Sprintf("%s:%d -> %s:%d %s", name, c.line, r.f.path, r.entity().line, r.entity().name)] = true
					}
				}
			}
			compare(ownDefs, defs).check(t, "definitions", 0.99, 0.99)
			compare(ownCalls, calls).check(t, "calls", 0.95, 0.85)
		})
	}
}

// ownPackages are the packages of a module that this module's go.sum covers.
func ownPackages(t *testing.T, module string) []string {
	all, err := packages.Load(&packages.Config{Dir: "../..", Mode: packages.NeedName | packages.NeedImports | packages.NeedDeps | packages.NeedModule}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	packages.Visit(all, nil, func(p *packages.Package) {
		if p.Module != nil && p.Module.Path == module {
			found = append(found, p.PkgPath)
		}
	})
	if len(found) == 0 {
		t.Fatalf("no package of %s", module)
	}
	return found
}

// typeChecked lists definitions and calls within the module as the type
// checker knows them.
func typeChecked(t *testing.T, loaded []*packages.Package, root string) (defs, calls map[string]bool, files map[string]bool) {
	defs, calls, files = map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, p := range loaded {
		for _, e := range p.Errors {
			t.Fatal(e)
		}
		at := func(pos token.Pos) (string, int) {
			place := p.Fset.Position(pos)
			rel, err := filepath.Rel(root, place.Filename)
			if err != nil || strings.HasPrefix(rel, "..") {
				return "", 0
			}
			return filepath.ToSlash(rel), place.Line
		}
		for _, file := range p.Syntax {
			if ast.IsGenerated(file) {
				continue
			}
			name, _ := at(file.Pos())
			files[name] = true
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncDecl:
					if n.Name.Name == "_" {
						break
					}
					_, line := at(n.Pos())
					defs[fmt.Sprintf("%s:%d %s", name, line, n.Name.Name)] = true
				case *ast.TypeSpec:
					if o := p.TypesInfo.Defs[n.Name]; o != nil && o.Parent() == p.Types.Scope() {
						_, line := at(n.Pos())
						defs[fmt.Sprintf("%s:%d %s", name, line, n.Name.Name)] = true
					}
					if i, ok := n.Type.(*ast.InterfaceType); ok {
						for _, m := range i.Methods.List {
							for _, id := range m.Names {
								_, line := at(id.Pos())
								defs[fmt.Sprintf("%s:%d %s", name, line, id.Name)] = true
							}
						}
					}
				case *ast.CallExpr:
					fn := calledFunc(p.TypesInfo, n)
					if fn == nil {
						break
					}
					_, line := at(n.Pos())
					if to, toLine := declared(loaded, fn, at); to != "" {
						calls[fmt.Sprintf("%s:%d -> %s:%d %s", name, line, to, toLine, fn.Name())] = true
					}
				}
				return true
			})
		}
	}
	return defs, calls, files
}

func calledFunc(info *types.Info, call *ast.CallExpr) *types.Func {
	fun := ast.Unparen(call.Fun)
	switch ix := fun.(type) {
	case *ast.IndexExpr:
		fun = ix.X
	case *ast.IndexListExpr:
		fun = ix.X
	}
	var id *ast.Ident
	switch f := fun.(type) {
	case *ast.Ident:
		id = f
	case *ast.SelectorExpr:
		id = f.Sel
	}
	if id == nil {
		return nil
	}
	fn, _ := info.Uses[id].(*types.Func)
	if fn != nil {
		fn = fn.Origin()
	}
	return fn
}

// declared is the place of a function's declaration: its name's line, which is
// the line that the declaration begins on.
func declared(_ []*packages.Package, fn *types.Func, at func(token.Pos) (string, int)) (string, int) {
	if fn.Pkg() == nil {
		return "", 0
	}
	return at(fn.Pos())
}
