package codegraph

import (
	"strings"

	"lathe/learn"
)

// java visits a node of a Java file.
func (x *extractor) java(n node, scope int) (int, bool) {
	switch n.kind() {
	case "package_declaration":
		x.f.pack = n.child("scoped_identifier", "identifier").text()
		return scope, false
	case "import_declaration":
		x.javaImport(n)
		return scope, false
	case "class_declaration", "record_declaration":
		return x.javaType(learn.CodeClass, n, scope), true
	case "interface_declaration", "annotation_type_declaration":
		return x.javaType(learn.CodeInterface, n, scope), true
	case "enum_declaration":
		return x.javaType(learn.CodeEnum, n, scope), true
	case "method_declaration", "constructor_declaration", "compact_constructor_declaration":
		at := x.define(x.function(scope), n.field("name").text(), n, scope)
		if at != scope {
			x.f.entities[at].returns = n.field("type").text()
			x.javaParameters(n.field("parameters"), at)
		}
		return at, true
	case "field_declaration", "constant_declaration":
		x.javaField(n, scope)
	case "enum_constant":
		x.define(learn.CodeConstant, n.field("name").text(), n, scope)
		x.variable(scope, n.field("name").text(), x.f.entities[scope].name, n.line())
	case "local_variable_declaration":
		x.javaLocal(n, scope)
	case "enhanced_for_statement":
		x.javaNamed(n, scope, elementOf(javaChain(n.field("value"))))
	case "resource":
		x.javaNamed(n, scope, valueOf(javaChain(n.field("value"))))
	case "catch_formal_parameter":
		x.variable(scope, n.field("name").text(), n.child("catch_type").first().text(), n.line())
	case "instanceof_expression":
		if name := n.field("name"); name.ok() {
			x.variable(scope, name.text(), n.field("right").text(), n.line())
		}
	case "lambda_expression":
		x.javaLambda(n, scope)
	case "method_invocation":
		x.callTo(scope, strings.TrimSuffix(javaChain(n), "()"), n)
	case "object_creation_expression":
		x.callTo(scope, bareType("java", n.field("type").text()), n)
	}
	return scope, true
}

// javaImport reads "import a.b.C;", "import a.b.*;" and their static forms.
func (x *extractor) javaImport(n node) {
	path := n.child("scoped_identifier", "identifier").text()
	i := importFact{line: int32(n.line())}
	if n.child("asterisk").ok() {
		i.module = path
		i.add("*", "*")
	} else if at := strings.LastIndexByte(path, '.'); at > 0 {
		i.module = path[:at]
		i.add(path[at+1:], path[at+1:])
	}
	x.imports(i)
}

func (x *extractor) javaType(kind learn.CodeKind, n node, scope int) int {
	at := x.define(kind, n.field("name").text(), n, scope)
	if at == scope {
		return at
	}
	x.base(at, bareType("java", n.field("superclass").first().text()))
	for _, list := range []node{n.field("interfaces"), n.child("extends_interfaces")} {
		for b := range list.first().children() {
			x.base(at, bareType("java", b.text()))
		}
	}
	for p := range n.field("parameters").children() { // a record's components
		name, typ := p.field("name").text(), p.field("type").text()
		x.param(at, name, typ)
		x.variable(at, name, typ, p.line())
	}
	return at
}

func (x *extractor) javaParameters(list node, at int) {
	for p := range list.children() {
		switch p.kind() {
		case "formal_parameter":
			x.param(at, p.field("name").text(), p.field("type").text())
		case "spread_parameter":
			typ := ""
			for c := range p.children() {
				if c.kind() == "variable_declarator" {
					x.param(at, c.field("name").text(), typ+"...")
				} else if c.kind() != "modifiers" {
					typ = c.text()
				}
			}
		}
	}
}

// javaField reads fields; those that are static and final are constants.
func (x *extractor) javaField(n node, scope int) {
	mods := n.child("modifiers").text()
	constant := n.kind() == "constant_declaration" || strings.Contains(mods, "static") && strings.Contains(mods, "final")
	for c := range n.children() {
		if c.kind() != "variable_declarator" {
			continue
		}
		name := c.field("name").text()
		x.variable(scope, name, n.field("type").text(), n.line())
		if constant {
			x.define(learn.CodeConstant, name, c, scope)
		}
	}
}

func (x *extractor) javaLocal(n node, scope int) {
	for c := range n.children() {
		if c.kind() == "variable_declarator" {
			typ := n.field("type").text()
			if typ == "var" {
				typ = valueOf(javaChain(c.field("value")))
			}
			x.variable(scope, c.field("name").text(), typ, n.line())
		}
	}
}

func (x *extractor) javaNamed(n node, scope int, inferred string) {
	typ := n.field("type").text()
	if typ == "var" || typ == "" {
		typ = inferred
	}
	x.variable(scope, n.field("name").text(), typ, n.line())
}

func (x *extractor) javaLambda(n node, scope int) {
	p := n.field("parameters")
	if p.kind() == "identifier" {
		x.variable(scope, p.text(), "=", n.line())
	}
	for c := range p.children() {
		if c.kind() == "identifier" {
			x.variable(scope, c.text(), "=", n.line())
		} else if c.kind() == "formal_parameter" {
			x.javaNamed(c, scope, "=")
		}
	}
}

// javaChain is what an expression means, as a chain.
func javaChain(n node) string {
	switch n.kind() {
	case "identifier", "this", "super":
		return n.text()
	case "field_access":
		return part(javaChain(n.field("object")), n.field("field").text())
	case "scoped_identifier":
		return part(javaChain(n.field("scope")), n.field("name").text())
	case "method_invocation":
		if o := n.field("object"); o.ok() {
			return called(part(javaChain(o), n.field("name").text()))
		}
		return called(n.field("name").text())
	case "object_creation_expression", "cast_expression":
		return called(bareType("java", n.field("type").text()))
	case "array_access":
		return indexed(javaChain(n.field("array")))
	case "parenthesized_expression":
		return javaChain(n.first())
	case "string_literal":
		return "String.literal()"
	}
	return unknown
}
