package codegraph

import (
	"strconv"
	"strings"

	"lathe/learn"
)

// golang visits a node of a Go file.
func (x *extractor) golang(n node, scope int) (int, bool) {
	switch n.kind() {
	case "package_clause":
		x.f.pack = n.first().text()
		return scope, false
	case "function_declaration":
		at := x.define(learn.CodeFunction, n.field("name").text(), n, scope)
		x.goSignature(n, at, scope)
		return at, true
	case "method_declaration":
		return x.goMethod(n, scope), true
	case "type_spec", "type_alias":
		return x.goType(n, scope), true
	case "method_elem": // of an interface
		if isType(x.f.entities[scope].kind) {
			x.goSignature(n, x.define(learn.CodeMethod, n.field("name").text(), n, scope), scope)
		}
		return scope, false
	case "import_spec":
		x.goImport(n)
		return scope, false
	case "const_spec":
		x.goVariables(n, scope, learn.CodeConstant)
	case "var_spec":
		x.goVariables(n, scope, learn.CodeVariable)
	case "short_var_declaration":
		x.goShort(n, scope)
	case "range_clause":
		x.goRange(n, scope)
	case "type_switch_statement":
		x.variable(scope, n.field("alias").first().text(), "=", n.line())
	case "func_literal":
		x.goLocals(n.field("parameters"), scope)
	case "call_expression":
		x.callTo(scope, strings.TrimSuffix(goChain(n.field("function")), "[]"), n)
	}
	return scope, true
}

func (x *extractor) goSignature(n node, at, scope int) {
	if at == scope {
		return
	}
	x.f.entities[at].returns = n.field("result").text()
	if results := n.field("result"); results.kind() == "parameter_list" {
		x.goLocals(results, at)
	}
	for p := range n.field("parameters").children() {
		typ := p.field("type").text()
		if p.kind() == "variadic_parameter_declaration" {
			typ = "..." + typ
		}
		named := false
		for c := range p.children() {
			if c.fieldName() == "name" {
				named = true
				x.param(at, c.text(), typ)
			}
		}
		if !named && strings.HasSuffix(p.kind(), "parameter_declaration") {
			x.param(at, "_", typ)
		}
	}
}

// goLocals are the names of a parameter list that is no entity's own.
func (x *extractor) goLocals(list node, scope int) {
	for p := range list.children() {
		for c := range p.children() {
			if c.fieldName() == "name" {
				x.variable(scope, c.text(), p.field("type").text(), p.line())
			}
		}
	}
}

// goMethod defines "Type.method" whatever the receiver's form, (t *Type[K]).
func (x *extractor) goMethod(n node, scope int) int {
	name := n.field("name").text()
	recv := n.field("receiver").first()
	owner := bareType("go", recv.field("type").text())
	if owner == "" {
		return scope
	}
	at := x.add(learn.CodeMethod, name, owner+"."+name, n.line(), n.endLine(), scope)
	if at == scope {
		return scope
	}
	x.variable(at, recv.field("name").text(), owner, n.line())
	x.goSignature(n, at, scope)
	return at
}

func (x *extractor) goType(n node, scope int) int {
	t := n.field("type")
	kind := learn.CodeType
	switch t.kind() {
	case "struct_type":
		kind = learn.CodeStruct
	case "interface_type":
		kind = learn.CodeInterface
	}
	at := x.define(kind, n.field("name").text(), n, scope)
	if at == scope {
		return scope
	}
	switch kind {
	case learn.CodeStruct:
		x.goFields(t.first(), at)
	case learn.CodeInterface:
		for c := range t.children() {
			if only := c.first(); c.kind() == "type_elem" && only.ok() && n.t.nodes[c.i].after == n.t.nodes[only.i].after {
				x.base(at, bareType("go", c.text()))
			}
		}
	default:
		if n.kind() == "type_alias" || t.kind() == "type_identifier" || t.kind() == "qualified_type" {
			x.variable(at, "=", t.text(), n.line()) // what it stands for
		}
	}
	return at
}

func (x *extractor) goFields(list node, at int) {
	for f := range list.children() {
		typ := f.field("type").text()
		named := false
		for c := range f.children() {
			if c.fieldName() == "name" {
				named = true
				x.variable(at, c.text(), typ, c.line())
			}
		}
		if base := bareType("go", typ); !named && f.kind() == "field_declaration" {
			x.base(at, base)
			x.variable(at, base[strings.LastIndexByte(base, '.')+1:], typ, f.line())
		}
	}
}

func (x *extractor) goImport(n node) {
	module, err := strconv.Unquote(n.field("path").text())
	if err != nil {
		return
	}
	i := importFact{module: module, alias: n.field("name").text(), line: int32(n.line())}
	if i.alias == "." {
		i.alias = ""
		i.add("*", "*")
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

func (x *extractor) goVariables(n node, scope int, kind learn.CodeKind) {
	typ := n.field("type").text()
	var names []node
	for c := range n.children() {
		if c.fieldName() == "name" && c.kind() == "identifier" {
			names = append(names, c)
		}
	}
	types := goValues(n.field("value"), len(names))
	for i, c := range names {
		x.value(kind, c.text(), c, scope)
		if typ == "" {
			x.variable(scope, c.text(), types[i], n.line())
		} else {
			x.variable(scope, c.text(), typ, n.line())
		}
	}
}

func (x *extractor) goShort(n node, scope int) {
	var names []node
	for c := range n.field("left").children() {
		names = append(names, c)
	}
	for i, typ := range goValues(n.field("right"), len(names)) {
		x.variable(scope, names[i].text(), typ, n.line())
	}
}

// goValues are the types of n names that a list of expressions is assigned to.
func goValues(list node, n int) []string {
	out := make([]string, n)
	var values []node
	for c := range list.children() {
		values = append(values, c)
	}
	for i := range out {
		switch {
		case len(values) == n:
			out[i] = goValue(values[i])
		case len(values) == 1 && i == 0 && values[0].kind() != "call_expression": // v, ok := m[k]
			out[i] = goValue(values[0])
		case len(values) == 1 && values[0].kind() == "call_expression":
			if out[i] = goValue(values[0]); strings.HasPrefix(out[i], "=") && len(out[i]) > 1 {
				out[i] += "#" + strconv.Itoa(i)
			}
		default:
			out[i] = "="
		}
	}
	return out
}

// goValue is the type of an expression.
func goValue(n node) string {
	switch n.kind() {
	case "composite_literal", "type_assertion_expression":
		return n.field("type").text()
	case "unary_expression":
		if o := n.field("operand"); o.kind() == "composite_literal" {
			return o.field("type").text()
		}
	case "call_expression":
		switch n.field("function").text() {
		case "make", "new":
			return n.field("arguments").first().text()
		case "append":
			return valueOf(goChain(n.field("arguments").first()))
		}
	}
	return valueOf(goChain(n))
}

func (x *extractor) goRange(n node, scope int) {
	var names []node
	for c := range n.field("left").children() {
		names = append(names, c)
	}
	if len(names) == 0 {
		return
	}
	x.variable(scope, names[0].text(), "=", n.line())
	if len(names) == 2 {
		typ := elementOf(goChain(n.field("right")))
		if t := goValue(n.field("right")); !strings.HasPrefix(t, "=") {
			typ = elementType("go", t)
		}
		x.variable(scope, names[1].text(), typ, n.line())
	}
}

// goChain is what an expression means, as a chain.
func goChain(n node) string {
	switch n.kind() {
	case "identifier", "package_identifier", "type_identifier":
		return n.text()
	case "selector_expression":
		return part(goChain(n.field("operand")), n.field("field").text())
	case "qualified_type":
		return part(n.field("package").text(), n.field("name").text())
	case "call_expression":
		if n.field("function").text() == "new" {
			return called(bareType("go", n.field("arguments").first().text()))
		}
		return called(strings.TrimSuffix(goChain(n.field("function")), "[]"))
	case "composite_literal", "type_assertion_expression", "type_conversion_expression":
		return called(bareType("go", n.field("type").text()))
	case "generic_type", "type_instantiation_expression":
		return goChain(n.field("type"))
	case "index_expression":
		return indexed(goChain(n.field("operand")))
	case "parenthesized_expression":
		return goChain(n.first())
	case "unary_expression":
		return goChain(n.field("operand"))
	}
	return unknown
}
