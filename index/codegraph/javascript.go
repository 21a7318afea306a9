package codegraph

import (
	"strings"

	"lathe/learn"
)

// javascript visits a node of a JavaScript or TypeScript file.
func (x *extractor) javascript(n node, scope int) (int, bool) {
	switch n.kind() {
	case "class_declaration", "class", "abstract_class_declaration":
		return x.jsClass(n, scope), true
	case "interface_declaration":
		at := x.define(learn.CodeInterface, n.field("name").text(), n, scope)
		x.jsBases(n.child("extends_type_clause"), at, scope)
		return at, true
	case "enum_declaration":
		return x.define(learn.CodeEnum, n.field("name").text(), n, scope), true
	case "type_alias_declaration":
		at := x.define(learn.CodeType, n.field("name").text(), n, scope)
		if v := n.field("value"); at != scope && v.kind() != "object_type" {
			x.variable(at, "=", v.text(), n.line())
		}
		return at, true
	case "internal_module", "module": // namespace
		if name := n.field("name"); name.kind() == "identifier" {
			return x.define(learn.CodeModule, name.text(), n, scope), true
		}
	case "function_declaration", "generator_function_declaration", "function_signature":
		return x.jsFunction(learn.CodeFunction, x.jsName(n, "default"), n, n, scope), true
	case "method_definition", "method_signature", "abstract_method_signature":
		return x.jsFunction(x.function(scope), n.field("name").text(), n, n, scope), true
	case "public_field_definition", "field_definition", "property_signature":
		return x.jsField(n, scope), true
	case "pair":
		if v := n.field("value"); isFunction(v) && n.field("key").kind() == "property_identifier" {
			return x.jsFunction(learn.CodeFunction, n.field("key").text(), n, v, scope), true
		}
	case "variable_declarator":
		return x.jsVariable(n, scope), true
	case "assignment_expression":
		return x.jsAssignment(n, scope), true
	case "import_statement":
		x.jsImport(n)
		return scope, false
	case "export_statement":
		x.jsExport(n, scope)
	case "arrow_function", "function_expression":
		x.jsLocals(n, scope)
	case "for_in_statement":
		if left := n.field("left"); left.kind() == "identifier" {
			x.variable(scope, left.text(), elementOf(jsChain(n.field("right"))), n.line())
		}
	case "return_statement":
		if x.f.entities[scope].returns == "" && scope > 1 {
			x.variable(scope, "return", valueOf(jsChain(n.first())), n.line())
		}
	case "catch_clause":
		x.jsPattern(n.field("parameter"), scope)
	case "call_expression":
		x.jsCall(n, scope)
	case "new_expression":
		x.callTo(scope, jsChain(n.field("constructor")), n)
	case "jsx_opening_element", "jsx_self_closing_element":
		if name := jsChain(n.field("name")); name != "" && name[0] >= 'A' && name[0] <= 'Z' {
			x.callTo(scope, name, n)
		}
	}
	return scope, true
}

// jsName is a definition's name; what is exported as default may have none.
func (x *extractor) jsName(n node, otherwise string) string {
	if name := n.field("name"); name.ok() {
		return name.text()
	}
	return otherwise
}

func isFunction(n node) bool {
	switch n.kind() {
	case "arrow_function", "function_expression", "generator_function":
		return true
	}
	return false
}

func (x *extractor) jsClass(n node, scope int) int {
	at := x.define(learn.CodeClass, x.jsName(n, "default"), n, scope)
	heritage := n.child("class_heritage")
	clauses := false
	for c := range heritage.children() {
		if k := c.kind(); k == "extends_clause" || k == "implements_clause" {
			clauses = true
			x.jsBases(c, at, scope)
		}
	}
	if !clauses {
		x.jsBases(heritage, at, scope)
	}
	return at
}

func (x *extractor) jsBases(list node, at, scope int) {
	if at == scope {
		return
	}
	for c := range list.children() {
		switch c.kind() {
		case "identifier", "type_identifier", "member_expression", "nested_type_identifier", "generic_type":
			x.base(at, bareType("typescript", c.text()))
		}
	}
}

func (x *extractor) jsFunction(kind learn.CodeKind, name string, n, fn node, scope int) int {
	at := x.define(kind, name, n, scope)
	if at == scope {
		return at
	}
	x.f.entities[at].returns = annotation(fn.field("return_type"))
	x.param(at, fn.field("parameter").text(), "")
	for p := range fn.field("parameters").children() {
		switch p.kind() {
		case "object_pattern", "array_pattern":
			x.param(at, p.text(), "")
			x.jsPattern(p, at)
		case "identifier", "rest_pattern":
			x.param(at, p.text(), "")
		case "assignment_pattern":
			x.param(at, p.field("left").text(), "")
		case "required_parameter", "optional_parameter":
			name, typ := p.field("pattern").text(), annotation(p.field("type"))
			if name == "this" {
				continue
			}
			x.param(at, name, typ)
			if p.child("accessibility_modifier", "override_modifier").ok() { // a field too
				x.variable(scope, name, typ, p.line())
			}
		}
	}
	return at
}

// jsLocals are the parameters of a function that is no entity.
func (x *extractor) jsLocals(fn node, scope int) {
	if name := x.f.entities[scope]; int(name.line) == fn.line() && isCallable(name.kind) {
		return // it is the entity's own function
	}
	x.variable(scope, fn.field("parameter").text(), "=", fn.line())
	for p := range fn.field("parameters").children() {
		switch p.kind() {
		case "identifier":
			x.variable(scope, p.text(), "=", p.line())
		case "required_parameter":
			typ := annotation(p.field("type"))
			if typ == "" {
				typ = "="
			}
			x.variable(scope, p.field("pattern").text(), typ, p.line())
		}
	}
}

// jsPattern notes the names of a pattern as variables that nothing is known
// of.
func (x *extractor) jsPattern(n node, scope int) {
	switch n.kind() {
	case "identifier", "shorthand_property_identifier_pattern":
		x.value(learn.CodeVariable, n.text(), n, scope)
		x.variable(scope, n.text(), "=", n.line())
	case "pair_pattern":
		x.jsPattern(n.field("value"), scope)
	case "object_pattern", "array_pattern", "rest_pattern":
		for c := range n.children() {
			x.jsPattern(c, scope)
		}
	case "assignment_pattern", "object_assignment_pattern":
		x.jsPattern(n.field("left"), scope)
	}
}

func annotation(n node) string { return strings.TrimSpace(strings.TrimPrefix(n.text(), ":")) }

func (x *extractor) jsField(n node, scope int) int {
	name := n.field("name")
	if !name.ok() {
		name = n.field("property")
	}
	value, typ := n.field("value"), annotation(n.field("type"))
	if !isType(x.f.entities[scope].kind) {
		return scope
	}
	if isFunction(value) {
		return x.jsFunction(learn.CodeMethod, name.text(), n, value, scope)
	}
	if typ == "" {
		typ = valueOf(jsChain(value))
	}
	x.variable(scope, name.text(), typ, n.line())
	return scope
}

// jsVariable reads "const f = () => ..." as a function and
// "const {a, b: c} = require('x')" as an import.
func (x *extractor) jsVariable(n node, scope int) int {
	name, value := n.field("name"), n.field("value")
	if isFunction(value) && name.kind() == "identifier" {
		return x.jsFunction(learn.CodeFunction, name.text(), n, value, scope)
	}
	if module := required(value); module != "" {
		x.jsRequire(n, name, module)
		return scope
	}
	if name.kind() != "identifier" {
		x.jsPattern(name, scope)
		return scope
	}
	typ := annotation(n.field("type"))
	if typ == "" {
		typ = valueOf(jsChain(value))
	}
	kind := learn.CodeVariable
	if constantName(name.text()) {
		kind = learn.CodeConstant
	}
	before := len(x.f.entities)
	x.value(kind, name.text(), n, scope)
	x.variable(scope, name.text(), typ, n.line())
	if value.kind() == "object" && len(x.f.entities) > before {
		return before // its functions are the variable's
	}
	return scope
}

// jsRequire reads "const x = require('m')" and "const {a, b: c} = require('m')".
func (x *extractor) jsRequire(n, name node, module string) {
	i := importFact{module: module, line: int32(n.line())}
	switch name.kind() {
	case "identifier":
		i.alias = name.text()
	case "object_pattern":
		for c := range name.children() {
			switch c.kind() {
			case "shorthand_property_identifier_pattern":
				i.add(c.text(), c.text())
			case "pair_pattern":
				i.add(c.field("value").text(), c.field("key").text())
			}
		}
	}
	x.imports(i)
}

// required is the module of require("module"), or "".
func required(n node) string {
	if n.kind() != "call_expression" || n.field("function").text() != "require" {
		return ""
	}
	if arg := n.field("arguments").first(); arg.kind() == "string" {
		return strings.Trim(arg.text(), "'\"")
	}
	return ""
}

// jsAssignment reads "exports.f = function", "T.prototype.m = function",
// "this.x = v" and "module.exports = v".
func (x *extractor) jsAssignment(n node, scope int) int {
	left, right := n.field("left"), n.field("right")
	if left.kind() != "member_expression" {
		return scope
	}
	object, name := left.field("object").text(), left.field("property").text()
	class := x.class(scope)
	switch {
	case object == "this" && class > 0:
		x.field(class, scope, name, valueOf(jsChain(right)), n.line())
	case object == "module" && name == "exports" && !isFunction(right) && right.kind() != "object":
		x.variable(1, "default", valueOf(jsChain(right)), n.line())
	case object == "module" && name == "exports" && isFunction(right):
		return x.jsFunction(learn.CodeFunction, x.jsName(right, "default"), n, right, scope)
	case isFunction(right) && strings.HasSuffix(object, ".prototype"):
		owner := strings.TrimSuffix(object, ".prototype")
		at := x.add(learn.CodeMethod, name, owner+"."+name, n.line(), n.endLine(), scope)
		return at
	case isFunction(right) && (object == "exports" || object == "module.exports"):
		return x.jsFunction(learn.CodeFunction, name, n, right, scope)
	case isFunction(right) && !strings.ContainsAny(object, "()[] "):
		if at := x.add(learn.CodeFunction, name, object+"."+name, n.line(), n.endLine(), scope); object != "this" {
			return at
		}
	}
	return scope
}

// jsImport reads import statements.
func (x *extractor) jsImport(n node) {
	i := importFact{module: strings.Trim(n.field("source").text(), "'\""), line: int32(n.line())}
	for clause := range n.children() {
		if clause.kind() == "import_require_clause" {
			i.module, i.alias = strings.Trim(clause.field("source").text(), "'\""), clause.first().text()
		}
		if clause.kind() != "import_clause" {
			continue
		}
		for c := range clause.children() {
			switch c.kind() {
			case "identifier":
				i.add(c.text(), "default")
			case "namespace_import":
				i.alias = c.first().text()
			case "named_imports":
				for s := range c.children() {
					i.specifier(s)
				}
			}
		}
	}
	x.imports(i)
}

// jsExport reads "export ... from" and what is exported as default.
func (x *extractor) jsExport(n node, scope int) {
	i := importFact{module: strings.Trim(n.field("source").text(), "'\""), line: int32(n.line())}
	for c := range n.children() {
		switch c.kind() {
		case "export_clause":
			for s := range c.children() {
				i.specifier(s)
			}
		case "namespace_export":
			i.alias = c.first().text()
		}
	}
	if i.module != "" {
		if len(i.names) == 0 && i.alias == "" {
			i.add("*", "*")
		}
		x.imports(i)
		return
	}
	for _, name := range i.names { // export { a as b }
		if name.local != name.original {
			x.variable(1, name.local, valueOf(name.original), n.line())
		}
	}
	x.jsDefault(n)
}

// jsDefault notes what "export default" names.
func (x *extractor) jsDefault(n node) {
	if raw := strings.TrimSpace(strings.TrimPrefix(string(n.raw()), "export")); !strings.HasPrefix(raw, "default") {
		return
	}
	if v := n.field("value"); v.ok() {
		x.variable(1, "default", valueOf(jsChain(v)), n.line())
	} else if d := n.field("declaration"); d.field("name").ok() {
		x.variable(1, "default", valueOf(d.field("name").text()), n.line())
	}
}

func (i *importFact) specifier(s node) {
	name := s.field("name").text()
	if name == "" && strings.HasPrefix(string(s.raw()), "default") { // a keyword is no named node
		name = "default"
	}
	local := name
	if alias := s.field("alias"); alias.ok() {
		local = alias.text()
	}
	i.add(local, name)
}

func (x *extractor) jsCall(n node, scope int) {
	fn := n.field("function")
	arg := strings.Trim(n.field("arguments").first().text(), "'\"")
	switch {
	case fn.kind() == "import":
		x.imports(importFact{module: arg, line: int32(n.line())})
	case fn.text() == "require" && n.field("arguments").first().kind() == "string":
		for _, i := range x.f.imports {
			if i.module == arg && int(i.line) == n.line() {
				return // its variable was seen before
			}
		}
		x.imports(importFact{module: arg, line: int32(n.line())})
	default:
		x.callTo(scope, jsChain(fn), n)
	}
}

// jsChain is what an expression means, as a chain.
func jsChain(n node) string {
	switch n.kind() {
	case "identifier", "this", "super", "property_identifier":
		return n.text()
	case "member_expression", "nested_identifier":
		return part(jsChain(n.field("object")), n.field("property").text())
	case "call_expression":
		return called(jsChain(n.field("function")))
	case "new_expression":
		return called(jsChain(n.field("constructor")))
	case "subscript_expression":
		return indexed(jsChain(n.field("object")))
	case "as_expression", "satisfies_expression":
		return called(bareType("typescript", n.last().text()))
	case "await_expression", "parenthesized_expression", "non_null_expression":
		return jsChain(n.first())
	}
	return unknown
}
