package codegraph

import (
	"strings"

	ts "github.com/tree-sitter/go-tree-sitter"
)

// javascript visits a node of a JavaScript file.
func (x *extractor) javascript(n *ts.Node, scope int) (int, bool) {
	switch n.Kind() {
	case "class_declaration", "class":
		at := x.define(Class, x.text(n.ChildByFieldName("name")), n, scope)
		for _, c := range x.children(n) {
			if c.Kind() == "class_heritage" && at != scope {
				x.f.entities[at].Bases = []string{strings.TrimSpace(strings.TrimPrefix(x.text(&c), "extends"))}
			}
		}
		return at, true
	case "function_declaration", "generator_function_declaration":
		return x.jsFunction(Function, x.text(n.ChildByFieldName("name")), n, n, scope), true
	case "method_definition":
		kind := Function
		if x.f.entities[scope].Kind == Class {
			kind = Method
		}
		return x.jsFunction(kind, x.text(n.ChildByFieldName("name")), n, n, scope), true
	case "variable_declarator":
		return x.jsVariable(n, scope), true
	case "assignment_expression":
		if value := n.ChildByFieldName("right"); isFunction(value) {
			if left := n.ChildByFieldName("left"); left.Kind() == "member_expression" {
				return x.jsFunction(Function, x.text(left.ChildByFieldName("property")), n, value, scope), true
			}
		}
	case "import_statement", "export_statement":
		x.jsImport(n)
	case "call_expression":
		x.jsCall(n, n.ChildByFieldName("function"), scope)
	case "new_expression":
		x.jsCall(n, n.ChildByFieldName("constructor"), scope)
	}
	return scope, true
}

func isFunction(n *ts.Node) bool {
	if n == nil {
		return false
	}
	switch n.Kind() {
	case "arrow_function", "function_expression", "generator_function":
		return true
	}
	return false
}

func (x *extractor) jsFunction(kind Kind, name string, n, fn *ts.Node, scope int) int {
	at := x.define(kind, name, n, scope)
	if at == scope {
		return at
	}
	e := &x.f.entities[at]
	if one := fn.ChildByFieldName("parameter"); one != nil {
		e.Parameters = []Parameter{{Name: x.text(one)}}
	}
	for _, p := range x.children(fn.ChildByFieldName("parameters")) {
		switch p.Kind() {
		case "identifier", "rest_pattern", "object_pattern", "array_pattern":
			e.Parameters = append(e.Parameters, Parameter{Name: x.text(&p)})
		case "assignment_pattern":
			e.Parameters = append(e.Parameters, Parameter{Name: x.text(p.ChildByFieldName("left"))})
		}
	}
	return at
}

// jsVariable reads "const f = () => ..." as a function and
// "const {a, b: c} = require('x')" as an import.
func (x *extractor) jsVariable(n *ts.Node, scope int) int {
	name, value := n.ChildByFieldName("name"), n.ChildByFieldName("value")
	if name == nil || value == nil {
		return scope
	}
	if isFunction(value) && name.Kind() == "identifier" {
		return x.jsFunction(Function, x.text(name), n, value, scope)
	}
	module := x.required(value)
	if module == "" {
		return scope
	}
	i := importFact{module: module, line: line(n)}
	switch name.Kind() {
	case "identifier":
		i.alias = x.text(name)
	case "object_pattern":
		i.names = map[string]string{}
		for _, c := range x.children(name) {
			switch c.Kind() {
			case "shorthand_property_identifier_pattern":
				i.names[x.text(&c)] = x.text(&c)
			case "pair_pattern":
				i.names[x.text(c.ChildByFieldName("value"))] = x.text(c.ChildByFieldName("key"))
			}
		}
	}
	x.imports(i)
	return scope
}

// required is the module of require("module"), or "".
func (x *extractor) required(n *ts.Node) string {
	if n == nil || n.Kind() != "call_expression" || x.text(n.ChildByFieldName("function")) != "require" {
		return ""
	}
	args := x.children(n.ChildByFieldName("arguments"))
	if len(args) != 1 || args[0].Kind() != "string" {
		return ""
	}
	return strings.Trim(x.text(&args[0]), "'\"")
}

// jsImport reads import statements and "export ... from".
func (x *extractor) jsImport(n *ts.Node) {
	i := importFact{module: strings.Trim(x.text(n.ChildByFieldName("source")), "'\""), names: map[string]string{}, line: line(n)}
	if i.module == "" {
		return
	}
	for _, clause := range x.children(n) {
		if k := clause.Kind(); k != "import_clause" && k != "export_clause" {
			continue
		}
		for _, c := range x.children(&clause) {
			switch c.Kind() {
			case "identifier":
				i.names[x.text(&c)] = "default"
			case "namespace_import":
				i.alias = x.text(c.NamedChild(0))
			case "named_imports":
				for _, s := range x.children(&c) {
					x.jsSpecifier(&s, i.names)
				}
			case "export_specifier":
				x.jsSpecifier(&c, i.names)
			}
		}
	}
	if n.Kind() == "export_statement" && len(i.names) == 0 {
		i.names["*"] = "*"
	}
	x.imports(i)
}

func (x *extractor) jsSpecifier(s *ts.Node, names map[string]string) {
	name := x.text(s.ChildByFieldName("name"))
	local := name
	if alias := s.ChildByFieldName("alias"); alias != nil {
		local = x.text(alias)
	}
	if name != "" {
		names[local] = name
	}
}

func (x *extractor) jsCall(n, fn *ts.Node, scope int) {
	if fn == nil {
		return
	}
	switch fn.Kind() {
	case "identifier":
		x.call(scope, "", x.text(fn), n)
	case "member_expression":
		x.call(scope, x.receiver(fn.ChildByFieldName("object")), x.text(fn.ChildByFieldName("property")), n)
	}
}
