package codegraph

import (
	"strings"

	ts "github.com/tree-sitter/go-tree-sitter"
)

// python visits a node of a Python file.
func (x *extractor) python(n *ts.Node, scope int) (int, bool) {
	switch n.Kind() {
	case "class_definition":
		at := x.define(Class, x.text(n.ChildByFieldName("name")), n, scope)
		if at != scope {
			for _, b := range x.children(n.ChildByFieldName("superclasses")) {
				if k := b.Kind(); k == "identifier" || k == "attribute" {
					x.f.entities[at].Bases = append(x.f.entities[at].Bases, x.text(&b))
				}
			}
		}
		return at, true
	case "function_definition":
		return x.pythonFunction(n, scope), true
	case "import_statement":
		x.pythonImport(n)
		return scope, false
	case "import_from_statement":
		x.pythonFrom(n)
		return scope, false
	case "call":
		x.pythonCall(n, scope)
	}
	return scope, true
}

func (x *extractor) pythonFunction(n *ts.Node, scope int) int {
	kind := Function
	if x.f.entities[scope].Kind == Class {
		kind = Method
	}
	at := x.define(kind, x.text(n.ChildByFieldName("name")), n, scope)
	if at == scope {
		return at
	}
	e := &x.f.entities[at]
	e.Returns = x.text(n.ChildByFieldName("return_type"))
	for i, p := range x.children(n.ChildByFieldName("parameters")) {
		got := x.pythonParameter(&p)
		if got.Name == "" || i == 0 && kind == Method && (got.Name == "self" || got.Name == "cls") {
			continue
		}
		e.Parameters = append(e.Parameters, got)
	}
	return at
}

func (x *extractor) pythonParameter(p *ts.Node) Parameter {
	switch p.Kind() {
	case "identifier", "list_splat_pattern", "dictionary_splat_pattern":
		return Parameter{Name: x.text(p)}
	case "default_parameter":
		return Parameter{Name: x.text(p.ChildByFieldName("name"))}
	case "typed_default_parameter":
		return Parameter{Name: x.text(p.ChildByFieldName("name")), Type: x.text(p.ChildByFieldName("type"))}
	case "typed_parameter":
		return Parameter{Name: x.text(p.NamedChild(0)), Type: x.text(p.ChildByFieldName("type"))}
	}
	return Parameter{}
}

// pythonImport reads "import a.b, c as d". Without an alias the local name is
// the whole dotted name, as calls write it.
func (x *extractor) pythonImport(n *ts.Node) {
	for _, c := range x.children(n) {
		switch c.Kind() {
		case "dotted_name":
			name := x.text(&c)
			x.imports(importFact{module: name, alias: name, line: line(n)})
		case "aliased_import":
			x.imports(importFact{module: x.text(c.ChildByFieldName("name")), alias: x.text(c.ChildByFieldName("alias")), line: line(n)})
		}
	}
}

// pythonFrom reads "from ..a import b as c, d" and "from a import *".
func (x *extractor) pythonFrom(n *ts.Node) {
	from := n.ChildByFieldName("module_name")
	i := importFact{module: x.text(from), names: map[string]string{}, line: line(n)}
	if from != nil && from.Kind() == "relative_import" {
		rest := strings.TrimLeft(strings.ReplaceAll(i.module, " ", ""), ".")
		i.level = len(strings.ReplaceAll(i.module, " ", "")) - len(rest)
		i.module = rest
	}
	for at, c := range x.children(n) {
		switch {
		case at == 0: // the module itself
		case c.Kind() == "dotted_name":
			i.names[x.text(&c)] = x.text(&c)
		case c.Kind() == "aliased_import":
			i.names[x.text(c.ChildByFieldName("alias"))] = x.text(c.ChildByFieldName("name"))
		case c.Kind() == "wildcard_import":
			i.names["*"] = "*"
		}
	}
	x.imports(i)
}

func (x *extractor) pythonCall(n *ts.Node, scope int) {
	fn := n.ChildByFieldName("function")
	if fn == nil {
		return
	}
	switch fn.Kind() {
	case "identifier":
		x.call(scope, "", x.text(fn), n)
	case "attribute":
		object := fn.ChildByFieldName("object")
		recv := x.receiver(object)
		if object != nil && object.Kind() == "call" && strings.HasPrefix(x.text(object), "super(") {
			recv = "super"
		}
		x.call(scope, recv, x.text(fn.ChildByFieldName("attribute")), n)
	}
}
