package codegraph

import (
	"strings"

	"lathe/learn"
)

// rust visits a node of a Rust file.
func (x *extractor) rust(n node, scope int) (int, bool) {
	switch n.kind() {
	case "mod_item":
		name := n.field("name").text()
		if !n.field("body").ok() { // in a file of its own
			x.imports(importFact{module: "self." + name, alias: name, line: int32(n.line())})
			return scope, false
		}
		return x.define(learn.CodeModule, name, n, scope), true
	case "use_declaration":
		x.rustUse(n.field("argument"), "", n.line(), 0)
		return scope, false
	case "extern_crate_declaration":
		x.imports(importFact{module: n.field("name").text(), alias: n.field("name").text(), line: int32(n.line())})
		return scope, false
	case "struct_item", "union_item":
		return x.rustType(learn.CodeStruct, n, scope), true
	case "enum_item":
		return x.rustType(learn.CodeEnum, n, scope), true
	case "trait_item":
		return x.rustType(learn.CodeTrait, n, scope), true
	case "type_item":
		at := x.rustType(learn.CodeType, n, scope)
		if at != scope {
			x.variable(at, "=", n.field("type").text(), n.line())
		}
		return scope, false
	case "enum_variant":
		x.define(learn.CodeConstant, n.field("name").text(), n, scope)
	case "field_declaration":
		x.variable(scope, n.field("name").text(), n.field("type").text(), n.line())
	case "const_item", "static_item":
		kind := learn.CodeConstant
		if n.kind() == "static_item" && n.child("mutable_specifier").ok() {
			kind = learn.CodeVariable
		}
		x.value(kind, n.field("name").text(), n, scope)
		x.variable(scope, n.field("name").text(), n.field("type").text(), n.line())
	case "macro_definition":
		return x.define(learn.CodeFunction, n.field("name").text()+"!", n, scope), false
	case "impl_item":
		x.rustImpl(n, scope)
		return scope, false
	case "function_item", "function_signature_item":
		return x.rustFunction(n, x.define(x.function(scope), n.field("name").text(), n, scope), scope), true
	case "let_declaration", "let_condition":
		x.rustLet(n, scope)
	case "for_expression":
		if p := n.field("pattern"); p.kind() == "identifier" {
			x.variable(scope, p.text(), elementOf(rustChain(n.field("value"))), n.line())
		}
	case "closure_parameters":
		for p := range n.children() {
			x.rustParameter(p, scope)
		}
	case "call_expression":
		x.callTo(scope, rustChain(n.field("function")), n)
	case "macro_invocation":
		x.callTo(scope, rustChain(n.field("macro"))+"!", n)
	case "token_tree":
		x.rustTokens(n, scope)
	}
	return scope, true
}

// rustUse reads a use tree: every leaf becomes a name of its module.
func (x *extractor) rustUse(n node, prefix string, line, depth int) {
	join := func(a string) string { return strings.Trim(prefix+"."+a, ".") }
	leaf := func(path, local string) {
		at := strings.LastIndexByte(path, '.')
		switch {
		case strings.HasSuffix(path, ".self"):
			x.imports(importFact{module: path[:at], alias: local, line: int32(line)})
		case at < 0:
			x.imports(importFact{module: path, alias: local, line: int32(line)})
		default:
			i := importFact{module: path[:at], line: int32(line)}
			i.add(local, path[at+1:])
			x.imports(i)
		}
	}
	switch path := dots(n.text()); n.kind() {
	case "identifier", "scoped_identifier", "crate", "self", "super":
		whole := join(path)
		leaf(whole, lastOf(strings.TrimSuffix(whole, ".self")))
	case "use_as_clause":
		leaf(join(dots(n.field("path").text())), n.field("alias").text())
	case "use_wildcard":
		i := importFact{module: join(dots(n.first().text())), line: int32(line)}
		i.add("*", "*")
		x.imports(i)
	case "use_list", "scoped_use_list":
		list := n
		if n.kind() == "scoped_use_list" {
			list, prefix = n.field("list"), join(dots(n.field("path").text()))
		}
		for c := range list.children() {
			if depth < 20 {
				x.rustUse(c, prefix, line, depth+1)
			}
		}
	}
}

func dots(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, " ", ""), "::", ".") }

func lastOf(s string) string { return s[strings.LastIndexByte(s, '.')+1:] }

func (x *extractor) rustType(kind learn.CodeKind, n node, scope int) int {
	at := x.define(kind, n.field("name").text(), n, scope)
	if at != scope {
		for b := range n.field("bounds").children() {
			x.base(at, bareType("rust", b.text()))
		}
	}
	return at
}

// rustImpl reads an impl block: its functions are the type's methods, wherever
// the type stands.
func (x *extractor) rustImpl(n node, scope int) {
	owner := lastOf(bareType("rust", n.field("type").text()))
	if owner == "" {
		return
	}
	if scope > 1 {
		owner = x.f.entities[scope].qualified + "." + owner
	}
	if trait := bareType("rust", n.field("trait").text()); trait != "" {
		x.f.bases = append(x.f.bases, baseFact{lastOf(owner), trait})
	}
	for c := range n.field("body").children() {
		switch c.kind() {
		case "function_item":
			name := c.field("name").text()
			at := x.add(learn.CodeMethod, name, owner+"."+name, c.line(), c.endLine(), scope)
			at = x.rustFunction(c, at, scope)
			for inner := range c.children() {
				x.walk(inner, at, x.rust)
			}
		case "const_item":
			name := c.field("name").text()
			x.add(learn.CodeConstant, name, owner+"."+name, c.line(), c.endLine(), scope)
		default:
			x.walk(c, scope, x.rust)
		}
	}
}

func (x *extractor) rustFunction(n node, at, scope int) int {
	if at == scope {
		return at
	}
	x.f.entities[at].returns = n.field("return_type").text()
	for p := range n.field("parameters").children() {
		if p.kind() == "parameter" {
			x.param(at, strings.TrimPrefix(p.field("pattern").text(), "mut "), p.field("type").text())
		}
	}
	return at
}

func (x *extractor) rustParameter(p node, scope int) {
	switch p.kind() {
	case "identifier":
		x.variable(scope, p.text(), "=", p.line())
	case "parameter":
		x.variable(scope, p.field("pattern").text(), p.field("type").text(), p.line())
	}
}

// rustLet reads "let x: T = v", "let x = v" and "if let Some(x) = v".
func (x *extractor) rustLet(n node, scope int) {
	p, typ := n.field("pattern"), n.field("type").text()
	if typ == "" {
		typ = valueOf(rustChain(n.field("value")))
	}
	switch p.kind() {
	case "identifier":
		x.variable(scope, p.text(), typ, n.line())
	case "mut_pattern", "ref_pattern":
		x.variable(scope, p.last().text(), typ, n.line())
	case "tuple_struct_pattern":
		if c := p.last(); c.kind() == "identifier" && c.fieldName() != "type" {
			if wrapper := p.field("type").text(); wrapper != "Some" && wrapper != "Ok" {
				typ = "="
			}
			x.variable(scope, c.text(), typ, n.line())
		}
	case "tuple_pattern":
		for c := range p.children() {
			x.variable(scope, c.text(), "=", n.line())
		}
	}
}

// rustTokens finds calls in a macro's arguments, which have no syntax tree: a
// name with parentheses behind it.
func (x *extractor) rustTokens(n node, scope int) {
	var before node
	for c := range n.children() {
		if c.kind() == "token_tree" && before.kind() == "identifier" {
			a, b := n.t.nodes[before.i], n.t.nodes[c.i]
			if raw := c.raw(); a.end == b.start && len(raw) > 0 && raw[0] == '(' {
				x.callTo(scope, backwards(x.src[:a.end]), c)
			}
		}
		before = c
	}
}

// backwards reads the path that ends a text: "self.store::get" as a chain.
func backwards(src []byte) string {
	at := len(src)
	for at > 0 && len(src)-at < maxName {
		c := src[at-1]
		if c != '_' && c != '.' && c != ':' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			break
		}
		at--
	}
	chain := strings.ReplaceAll(string(src[at:]), "::", ".")
	if strings.HasPrefix(chain, ".") || at > 0 && src[at-1] == ')' {
		return unknown + "." + lastOf(chain)
	}
	if strings.ContainsRune(chain, ':') || strings.Contains(chain, "..") {
		return lastOf(strings.ReplaceAll(chain, ":", "."))
	}
	return chain
}

// rustChain is what an expression means, as a chain.
func rustChain(n node) string {
	switch n.kind() {
	case "identifier", "self", "crate", "super", "type_identifier":
		return n.text()
	case "scoped_identifier", "scoped_type_identifier":
		path := n.field("path")
		if !path.ok() { // ::name
			return n.field("name").text()
		}
		return part(rustChain(path), n.field("name").text())
	case "generic_type", "bracketed_type", "generic_type_with_turbofish":
		return bareTypeOr(n.text())
	case "field_expression":
		return part(rustChain(n.field("value")), n.field("field").text())
	case "generic_function":
		return rustChain(n.field("function"))
	case "call_expression":
		return called(rustChain(n.field("function")))
	case "struct_expression":
		return called(bareTypeOr(n.field("name").text()))
	case "index_expression":
		return indexed(rustChain(n.first()))
	case "reference_expression", "unary_expression", "parenthesized_expression", "try_expression", "await_expression":
		return rustChain(n.last())
	}
	return unknown
}

func bareTypeOr(s string) string {
	if t := bareType("rust", s); t != "" {
		return t
	}
	return unknown
}
