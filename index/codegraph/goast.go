//go:build !cgo

package codegraph

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"

	"lathe/learn"
)

// goReader reads a Go file with the standard library's parser, for builds
// without tree-sitter. It says the same as golang.go.
type goReader struct {
	*extractor
	set *token.FileSet
}

func (x *extractor) goFile(name string) error {
	r := &goReader{extractor: x, set: token.NewFileSet()}
	file, err := parser.ParseFile(r.set, name, x.src, parser.SkipObjectResolution)
	if file == nil {
		return err
	}
	if file.Name != nil {
		x.f.pack = file.Name.Name
	}
	for _, i := range file.Imports {
		r.imported(i)
	}
	for _, d := range file.Decls {
		ast.Walk(goVisitor{r, 1}, d)
	}
	return nil
}

// lines is a span.
type lines struct{ from, to int }

func (l lines) line() int    { return l.from }
func (l lines) endLine() int { return l.to }

func (r *goReader) span(n ast.Node) lines {
	return lines{r.set.Position(n.Pos()).Line, r.set.Position(n.End()).Line}
}

// text is a node's source, its white space folded.
func (r *goReader) text(n ast.Node) string {
	if n == nil {
		return ""
	}
	a, b := r.set.Position(n.Pos()).Offset, r.set.Position(n.End()).Offset
	if a < 0 || b > len(r.src) || a > b {
		return ""
	}
	return cutName(strings.Join(strings.Fields(string(r.src[a:b])), " "))
}

func cutName(s string) string {
	if len(s) > maxName {
		s = strings.ToValidUTF8(s[:maxName], "")
	}
	return s
}

func (r *goReader) imported(s *ast.ImportSpec) {
	module, err := strconv.Unquote(s.Path.Value)
	if err != nil {
		return
	}
	i := importFact{module: module, line: int32(r.span(s).from)}
	if s.Name != nil {
		i.alias = s.Name.Name
	}
	if i.alias == "." {
		i.alias = ""
		i.add("*", "*")
	}
	r.imports(i)
}

type goVisitor struct {
	r     *goReader
	scope int
}

// Visit implements ast.Visitor.
func (v goVisitor) Visit(n ast.Node) ast.Visitor {
	r := v.r
	switch n := n.(type) {
	case *ast.FuncDecl:
		return goVisitor{r, r.function(n, v.scope)}
	case *ast.TypeSpec:
		return goVisitor{r, r.typeSpec(n, v.scope)}
	case *ast.InterfaceType:
		if isType(r.f.entities[v.scope].kind) {
			r.methods(n, v.scope)
			return nil
		}
	case *ast.FuncLit:
		r.locals(n.Type.Params, v.scope)
	case *ast.GenDecl:
		r.variables(n, v.scope)
	case *ast.AssignStmt:
		if n.Tok == token.DEFINE {
			for i, typ := range r.values(n.Rhs, len(n.Lhs)) {
				r.variable(v.scope, r.text(n.Lhs[i]), typ, r.span(n).from)
			}
		}
	case *ast.RangeStmt:
		r.ranged(n, v.scope)
	case *ast.CallExpr:
		r.callTo(v.scope, strings.TrimSuffix(r.chain(n.Fun), "[]"), r.span(n))
	}
	return v
}

func (r *goReader) function(n *ast.FuncDecl, scope int) int {
	at := scope
	if n.Recv == nil {
		at = r.define(learn.CodeFunction, n.Name.Name, r.span(n), scope)
	} else if len(n.Recv.List) > 0 {
		owner := bareType("go", r.text(n.Recv.List[0].Type))
		if owner == "" {
			return scope
		}
		s := r.span(n)
		if at = r.add(learn.CodeMethod, n.Name.Name, owner+"."+n.Name.Name, s.from, s.to, scope); at != scope && len(n.Recv.List[0].Names) > 0 {
			r.variable(at, n.Recv.List[0].Names[0].Name, owner, s.from)
		}
	}
	if at != scope {
		r.signature(n.Type, at)
	}
	return at
}

func (r *goReader) signature(t *ast.FuncType, at int) {
	if t.Results != nil {
		r.f.entities[at].returns = r.text(t.Results)
		r.locals(t.Results, at)
	}
	for _, p := range t.Params.List {
		for _, name := range p.Names {
			r.param(at, name.Name, r.text(p.Type))
		}
		if len(p.Names) == 0 {
			r.param(at, "_", r.text(p.Type))
		}
	}
}

func (r *goReader) locals(list *ast.FieldList, scope int) {
	if list == nil {
		return
	}
	for _, p := range list.List {
		for _, name := range p.Names {
			r.variable(scope, name.Name, r.text(p.Type), r.span(p).from)
		}
	}
}

func (r *goReader) typeSpec(n *ast.TypeSpec, scope int) int {
	kind := learn.CodeType
	switch n.Type.(type) {
	case *ast.StructType:
		kind = learn.CodeStruct
	case *ast.InterfaceType:
		kind = learn.CodeInterface
	}
	at := r.define(kind, n.Name.Name, r.span(n), scope)
	if at == scope {
		return scope
	}
	switch t := n.Type.(type) {
	case *ast.StructType:
		for _, f := range t.Fields.List {
			typ := r.text(f.Type)
			for _, name := range f.Names {
				r.variable(at, name.Name, typ, r.span(name).from)
			}
			if base := bareType("go", typ); len(f.Names) == 0 {
				r.base(at, base)
				r.variable(at, lastOf(base), typ, r.span(f).from)
			}
		}
	case *ast.Ident, *ast.SelectorExpr:
		r.variable(at, "=", r.text(t), r.span(n).from)
	default:
		if n.Assign.IsValid() {
			r.variable(at, "=", r.text(t), r.span(n).from)
		}
	}
	return at
}

// methods are those of an interface, and what it embeds.
func (r *goReader) methods(t *ast.InterfaceType, at int) {
	for _, f := range t.Methods.List {
		fn, ok := f.Type.(*ast.FuncType)
		if !ok {
			if _, union := f.Type.(*ast.BinaryExpr); !union {
				r.base(at, bareType("go", r.text(f.Type)))
			}
			continue
		}
		for _, name := range f.Names {
			if m := r.define(learn.CodeMethod, name.Name, r.span(f), at); m != at {
				r.signature(fn, m)
			}
		}
	}
}

func (r *goReader) variables(d *ast.GenDecl, scope int) {
	kind := learn.CodeVariable
	if d.Tok == token.CONST {
		kind = learn.CodeConstant
	}
	for _, s := range d.Specs {
		v, ok := s.(*ast.ValueSpec)
		if !ok {
			continue
		}
		types := r.values(v.Values, len(v.Names))
		for i, name := range v.Names {
			r.value(kind, name.Name, r.span(name), scope)
			if v.Type != nil {
				types[i] = r.text(v.Type)
			}
			r.variable(scope, name.Name, types[i], r.span(v).from)
		}
	}
}

// values are the types of n names that a list of expressions is assigned to.
func (r *goReader) values(list []ast.Expr, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = "="
		switch {
		case len(list) == n:
			out[i] = r.valueText(list[i])
		case len(list) == 1:
			_, call := list[0].(*ast.CallExpr)
			if v := r.valueText(list[0]); call && len(v) > 1 && v[0] == '=' {
				out[i] = v + "#" + strconv.Itoa(i)
			} else if i == 0 {
				out[i] = v
			}
		}
	}
	return out
}

func (r *goReader) valueText(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.CompositeLit:
		if e.Type != nil {
			return r.text(e.Type)
		}
	case *ast.TypeAssertExpr:
		if e.Type != nil {
			return r.text(e.Type)
		}
		return "="
	case *ast.UnaryExpr:
		if c, ok := e.X.(*ast.CompositeLit); ok && c.Type != nil {
			return r.text(c.Type)
		}
	case *ast.CallExpr:
		if id, ok := e.Fun.(*ast.Ident); ok && len(e.Args) > 0 {
			switch id.Name {
			case "make", "new":
				return r.text(e.Args[0])
			case "append":
				return valueOf(r.chain(e.Args[0]))
			}
		}
	}
	return valueOf(r.chain(e))
}

func (r *goReader) ranged(n *ast.RangeStmt, scope int) {
	if n.Key == nil {
		return
	}
	line := r.span(n).from
	r.variable(scope, r.text(n.Key), "=", line)
	if n.Value != nil {
		typ := elementOf(r.chain(n.X))
		if t := r.valueText(n.X); !strings.HasPrefix(t, "=") {
			typ = elementType("go", t)
		}
		r.variable(scope, r.text(n.Value), typ, line)
	}
}

// chain is what an expression means, as a chain.
func (r *goReader) chain(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return part(r.chain(e.X), e.Sel.Name)
	case *ast.CallExpr:
		if id, ok := e.Fun.(*ast.Ident); ok && id.Name == "new" && len(e.Args) > 0 {
			return called(bareType("go", r.text(e.Args[0])))
		}
		return called(strings.TrimSuffix(r.chain(e.Fun), "[]"))
	case *ast.CompositeLit:
		if e.Type != nil {
			return called(bareType("go", r.text(e.Type)))
		}
	case *ast.TypeAssertExpr:
		if e.Type != nil {
			return called(bareType("go", r.text(e.Type)))
		}
	case *ast.IndexExpr:
		return indexed(r.chain(e.X))
	case *ast.ParenExpr:
		return r.chain(e.X)
	case *ast.UnaryExpr:
		return r.chain(e.X)
	case *ast.StarExpr:
		return r.chain(e.X)
	}
	return unknown
}
