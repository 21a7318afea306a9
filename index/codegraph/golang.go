package codegraph

import (
	"strconv"
	"strings"

	ts "github.com/tree-sitter/go-tree-sitter"
)

// golang visits a node of a Go file.
func (x *extractor) golang(n *ts.Node, scope int) (int, bool) {
	switch n.Kind() {
	case "function_declaration":
		at := x.define(Function, x.text(n.ChildByFieldName("name")), n, scope)
		x.goSignature(n, at, scope)
		return at, true
	case "method_declaration":
		return x.goMethod(n, scope), true
	case "type_spec", "type_alias":
		at := x.define(Class, x.text(n.ChildByFieldName("name")), n, scope)
		if at != scope {
			x.f.entities[at].Bases = x.goEmbedded(n.ChildByFieldName("type"))
		}
		return scope, true
	case "import_spec":
		x.goImport(n)
		return scope, false
	case "call_expression":
		x.goCall(n, scope)
	}
	return scope, true
}

func (x *extractor) goSignature(n *ts.Node, at, scope int) {
	if at == scope {
		return
	}
	e := &x.f.entities[at]
	e.Returns = x.text(n.ChildByFieldName("result"))
	for _, p := range x.children(n.ChildByFieldName("parameters")) {
		kind := x.text(p.ChildByFieldName("type"))
		if p.Kind() == "variadic_parameter_declaration" {
			kind = "..." + kind
		}
		named := false
		for _, c := range x.children(&p) {
			if c.Kind() == "identifier" {
				named = true
				e.Parameters = append(e.Parameters, Parameter{x.text(&c), kind})
			}
		}
		if !named && strings.HasSuffix(p.Kind(), "parameter_declaration") {
			e.Parameters = append(e.Parameters, Parameter{"_", kind})
		}
	}
}

// goMethod defines "Type.method" whatever the receiver's form, (t *Type[K]).
func (x *extractor) goMethod(n *ts.Node, scope int) int {
	name := x.text(n.ChildByFieldName("name"))
	if name == "" || len(x.f.entities) >= maxEntities {
		return scope
	}
	var recv, variable string
	for _, p := range x.children(n.ChildByFieldName("receiver")) {
		recv = bareType(x.text(p.ChildByFieldName("type")))
		variable = x.text(p.ChildByFieldName("name"))
	}
	if recv == "" {
		return scope
	}
	at := x.add(Entity{Kind: Method, Name: name, Qualified: recv + "." + name}, n, false)
	if at == 0 {
		return scope
	}
	x.f.receivers[at] = variable
	x.goSignature(n, at, scope)
	return at
}

// bareType is a type's name without pointer, slice and type arguments.
func bareType(s string) string {
	s = strings.TrimLeft(s, "*[]( ")
	if i := strings.IndexAny(s, "[({ "); i >= 0 {
		s = s[:i]
	}
	return strings.TrimRight(s, ") ")
}

// goEmbedded lists the embedded types of a struct or interface.
func (x *extractor) goEmbedded(t *ts.Node) []string {
	var bases []string
	if t == nil {
		return nil
	}
	fields := x.children(t)
	if t.Kind() == "struct_type" && len(fields) == 1 {
		fields = x.children(&fields[0])
	}
	for _, f := range fields {
		switch f.Kind() {
		case "field_declaration":
			if f.ChildByFieldName("name") == nil {
				bases = append(bases, bareType(x.text(f.ChildByFieldName("type"))))
			}
		case "type_elem":
			if f.NamedChildCount() == 1 {
				bases = append(bases, bareType(x.text(&f)))
			}
		}
	}
	return bases
}

func (x *extractor) goImport(n *ts.Node) {
	module, err := strconv.Unquote(x.text(n.ChildByFieldName("path")))
	if err != nil {
		return
	}
	i := importFact{module: module, alias: x.text(n.ChildByFieldName("name")), line: line(n)}
	switch i.alias {
	case "":
		i.alias = goPackageName(module)
	case ".":
		i.alias, i.names = "", map[string]string{"*": "*"}
	}
	x.imports(i)
}

// goPackageName is what a package is usually called: the last part of its path
// that is not a version.
func goPackageName(module string) string {
	parts := strings.Split(module, "/")
	last := parts[len(parts)-1]
	if len(parts) > 1 && len(last) > 1 && last[0] == 'v' && strings.Trim(last[1:], "0123456789") == "" {
		last = parts[len(parts)-2]
	}
	if i := strings.Index(last, ".v"); i > 0 {
		last = last[:i]
	}
	return strings.TrimPrefix(last, "go-")
}

func (x *extractor) goCall(n *ts.Node, scope int) {
	fn := n.ChildByFieldName("function")
	if fn == nil {
		return
	}
	switch fn.Kind() {
	case "identifier":
		x.call(scope, "", x.text(fn), n)
	case "selector_expression":
		x.call(scope, x.receiver(fn.ChildByFieldName("operand")), x.text(fn.ChildByFieldName("field")), n)
	}
}
