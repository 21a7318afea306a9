package codegraph

import (
	"strings"

	"lathe/learn"
)

// python visits a node of a Python file.
func (x *extractor) python(n node, scope int) (int, bool) {
	switch n.kind() {
	case "class_definition":
		return x.pythonClass(n, scope), true
	case "function_definition":
		return x.pythonFunction(n, scope), true
	case "import_statement":
		x.pythonImport(n)
		return scope, false
	case "import_from_statement", "future_import_statement":
		x.pythonFrom(n)
		return scope, false
	case "assignment":
		x.pythonAssignment(n, scope)
	case "named_expression":
		x.variable(scope, n.field("name").text(), valueOf(pythonChain(n.field("value"))), n.line())
	case "as_pattern": // with open(x) as f, except E as e
		x.pythonAs(n, scope)
	case "for_statement", "for_in_clause":
		if left := n.field("left"); left.kind() == "identifier" {
			x.variable(scope, left.text(), elementOf(pythonChain(n.field("right"))), n.line())
		}
	case "lambda_parameters":
		for p := range n.children() {
			x.variable(scope, pythonParameter(p).Name, "=", n.line())
		}
	case "return_statement":
		if x.f.entities[scope].returns == "" && n.first().kind() != "none" {
			x.variable(scope, "return", valueOf(pythonChain(n.first())), n.line())
		}
	case "call":
		x.callTo(scope, pythonChain(n.field("function")), n)
	case "decorator":
		if c := n.first(); c.kind() != "call" { // a call counts by itself
			x.callTo(scope, pythonChain(c), n)
		}
	}
	return scope, true
}

func (x *extractor) pythonClass(n node, scope int) int {
	at := x.define(learn.CodeClass, n.field("name").text(), n, scope)
	if at == scope {
		return at
	}
	for b := range n.field("superclasses").children() {
		switch b.kind() {
		case "identifier", "attribute":
			x.base(at, b.text())
		case "subscript": // Generic[T]
			x.base(at, b.field("value").text())
		}
	}
	return at
}

func (x *extractor) pythonFunction(n node, scope int) int {
	kind := x.function(scope)
	at := x.define(kind, n.field("name").text(), n, scope)
	if at == scope {
		return at
	}
	x.f.entities[at].returns = n.field("return_type").text()
	i := 0
	for p := range n.field("parameters").children() {
		got := pythonParameter(p)
		if i == 0 && kind == learn.CodeMethod && (got.Name == "self" || got.Name == "cls") {
			got.Name = ""
		}
		i++
		x.param(at, got.Name, got.Type)
	}
	return at
}

func pythonParameter(p node) Parameter {
	switch p.kind() {
	case "identifier", "list_splat_pattern", "dictionary_splat_pattern":
		return Parameter{Name: p.text()}
	case "default_parameter":
		return Parameter{Name: p.field("name").text()}
	case "typed_default_parameter":
		return Parameter{Name: p.field("name").text(), Type: p.field("type").text()}
	case "typed_parameter":
		return Parameter{Name: p.first().text(), Type: p.field("type").text()}
	}
	return Parameter{}
}

// pythonImport reads "import a.b, c as d". Without an alias the local name is
// the whole dotted name, as calls write it.
func (x *extractor) pythonImport(n node) {
	for c := range n.children() {
		switch c.kind() {
		case "dotted_name":
			x.imports(importFact{module: c.text(), alias: c.text(), line: int32(n.line())})
		case "aliased_import":
			x.imports(importFact{module: c.field("name").text(), alias: c.field("alias").text(), line: int32(n.line())})
		}
	}
}

// pythonFrom reads "from ..a import b as c, d" and "from a import *".
func (x *extractor) pythonFrom(n node) {
	from := n.field("module_name")
	i := importFact{module: from.text(), line: int32(n.line())}
	if n.kind() == "future_import_statement" {
		i.module = "__future__"
	}
	if from.kind() == "relative_import" {
		whole := strings.ReplaceAll(i.module, " ", "")
		i.module = strings.TrimLeft(whole, ".")
		i.level = int32(len(whole) - len(i.module))
	}
	for c := range n.children() {
		switch {
		case c.fieldName() == "module_name":
		case c.kind() == "dotted_name":
			i.add(c.text(), c.text())
		case c.kind() == "aliased_import":
			i.add(c.field("alias").text(), c.field("name").text())
		case c.kind() == "wildcard_import":
			i.add("*", "*")
		}
	}
	x.imports(i)
}

// pythonAssignment reads "x: T = v", "x = v" and "self.x = v".
func (x *extractor) pythonAssignment(n node, scope int) {
	left, typ := n.field("left"), n.field("type").text()
	if typ == "" {
		typ = valueOf(pythonChain(n.field("right")))
	}
	switch left.kind() {
	case "identifier":
		name := left.text()
		kind := learn.CodeVariable
		if constantName(name) {
			kind = learn.CodeConstant
		}
		x.value(kind, name, n, scope)
		x.variable(scope, name, typ, n.line())
	case "pattern_list", "tuple_pattern":
		for c := range left.children() {
			if c.kind() == "identifier" {
				x.value(learn.CodeVariable, c.text(), n, scope)
				x.variable(scope, c.text(), "=", n.line())
			}
		}
	case "attribute":
		if object := left.field("object").text(); object == "self" || object == "cls" {
			if class := x.class(scope); class > 0 {
				x.field(class, scope, left.field("attribute").text(), typ, n.line())
			}
		}
	}
}

func (x *extractor) pythonAs(n node, scope int) {
	alias := n.field("alias").first()
	value := n.first()
	if alias.kind() != "identifier" {
		return
	}
	typ := valueOf(pythonChain(value))
	if value.kind() == "identifier" || value.kind() == "attribute" { // except E as e
		typ = value.text()
	}
	x.variable(scope, alias.text(), typ, n.line())
}

// pythonChain is what an expression means, as a chain. The last name of a part
// of something unknown is kept: "?.name".
func pythonChain(n node) string {
	switch n.kind() {
	case "identifier":
		return n.text()
	case "attribute":
		return part(pythonChain(n.field("object")), n.field("attribute").text())
	case "call":
		if fn := n.field("function"); fn.kind() == "identifier" && fn.text() == "super" {
			return "super"
		}
		return called(pythonChain(n.field("function")))
	case "subscript":
		return indexed(pythonChain(n.field("value")))
	case "await", "parenthesized_expression":
		return pythonChain(n.first())
	case "string", "concatenated_string":
		return "str.literal()"
	}
	return unknown
}
