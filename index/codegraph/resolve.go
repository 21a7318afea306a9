package codegraph

import (
	"strings"

	"lathe/learn"
)

// What a chain may mean.
type valueKind uint8

const (
	aMystery   valueKind = iota // nothing says what it is
	aStranger                   // something from outside the project
	anInstance                  // of the type ref
	aType                       // the type ref itself
	aFunction                   // the function ref
	aModule                     // files
	aBase                       // super: the bases of the type ref
)

type value struct {
	kind   valueKind
	ref    ref
	files  []*file
	module string
	// text is the type as written in file in, for what its elements are.
	text string
	in   ref
	self bool // an instance by the name of self or this
}

const maxDepth = 6 // steps of inference; a hostile file makes each of them several

// eval follows a chain as it stands in scope on a line of f.
func (g *Graph) eval(f *file, scope, line int, chain string, depth int) value {
	chain, at, _ := strings.Cut(chain, "#")
	if depth > maxDepth || chain == "" || strings.HasPrefix(chain, unknown) {
		return value{}
	}
	segs := segments(chain)
	v, used := g.head(f, scope, line, segs, depth)
	for i := used - 1; i < len(segs); i++ {
		pass := i >= used && transparent(f.lang, segs[i].name) && !g.has(v, segs[i].name)
		if i >= used && !pass {
			v = g.member(f, v, segs[i].name, segs[i].called, depth)
		}
		if segs[i].called && !pass {
			result := 0
			if at != "" && i == len(segs)-1 {
				result = int(at[0] - '0')
			}
			v = g.result(v, result, depth)
		}
		for range segs[i].index {
			v = g.element(v, depth)
		}
	}
	return v
}

// head finds what a chain begins with, and how many of its segments that is.
func (g *Graph) head(f *file, scope, line int, segs []segment, depth int) (value, int) {
	name := segs[0].name
	if v, ok := g.own(f, scope, name, len(segs) > 1); ok {
		return v, 1
	}
	if v, ok := g.local(f, scope, line, name, depth); ok {
		return v, 1
	}
	if r, ok := g.inScope(f, name, 0); ok {
		return g.named(r, depth), 1
	}
	if v, ok := f.typeOf(1, name, line); ok {
		return g.variable(f, 1, v, depth), 1
	}
	if v, used, ok := g.alias(f, segs); ok {
		return v, used
	}
	if v, used, ok := g.path(f, segs); ok {
		return v, used
	}
	return value{kind: aStranger}, 1
}

// own is what self, this, super and their like mean.
func (g *Graph) own(f *file, scope int, name string, more bool) (value, bool) {
	class, ok := g.classOf(f, scope)
	switch name {
	case "self":
		if f.lang == "rust" && !ok && more {
			return value{kind: aModule, files: []*file{f}, module: f.module}, true
		}
		return value{kind: anInstance, ref: class, self: true}, ok && (f.lang == "python" || f.lang == "rust")
	case "this":
		return value{kind: anInstance, ref: class, self: true}, ok && f.lang != "python" && f.lang != "go"
	case "cls", "Self":
		return value{kind: aType, ref: class, self: true}, ok && (f.lang == "python" || f.lang == "rust")
	case "super":
		if f.lang == "rust" {
			at := f.module
			if !inlineModule(f, scope) {
				at = parentModule(at)
			}
			return value{kind: aModule, files: g.module("rust", at), module: at}, true
		}
		return value{kind: aBase, ref: class}, ok
	}
	return value{}, false
}

func inlineModule(f *file, scope int) bool {
	for ; scope > 1; scope = int(f.entities[scope].parent) {
		if f.entities[scope].kind == learn.CodeModule {
			return true
		}
	}
	return false
}

// classOf is the type that an entity is a part of. A method of Go or Rust
// stands apart from its type, maybe in another file.
func (g *Graph) classOf(f *file, scope int) (ref, bool) {
	for ; scope > 1; scope = int(f.entities[scope].parent) {
		e := &f.entities[scope]
		if isType(e.kind) {
			return ref{f, scope}, true
		}
		if e.kind == learn.CodeMethod {
			if cut := len(e.qualified) - len(e.name) - 1; cut > 0 {
				return g.typeNamed(f, e.qualified[:cut])
			}
		}
	}
	return ref{}, false
}

// typeNamed finds a type of the file, or of its Go package or Rust crate, by
// its qualified name.
func (g *Graph) typeNamed(f *file, qualified string) (ref, bool) {
	if at, ok := f.find(qualified); ok && isType(f.entities[at].kind) {
		return ref{f, at}, true
	}
	for _, r := range g.byName[lastOf(qualified)] {
		if r.f.lang == f.lang && isType(r.entity().kind) && sameUnit(r.f, f) {
			return r, true
		}
	}
	return ref{}, false
}

// sameUnit reports whether two files are of one Go package or Rust crate.
func sameUnit(a, b *file) bool {
	if a.lang == "rust" {
		x, _, _ := strings.Cut(a.module, ".")
		y, _, _ := strings.Cut(b.module, ".")
		return x == y
	}
	return a.module == b.module && a.pack == b.pack
}

// local finds a name among the variables and functions of the scopes around,
// and in Java among the fields of the types around.
func (g *Graph) local(f *file, scope, line int, name string, depth int) (value, bool) {
	for s := scope; s > 1; s = int(f.entities[s].parent) {
		e := &f.entities[s]
		switch {
		case isCallable(e.kind) || e.kind == learn.CodeVariable || e.kind == learn.CodeConstant:
			if v, ok := f.typeOf(s, name, line); ok {
				return g.variable(f, s, v, depth), true
			}
		case isType(e.kind) && f.lang == "java":
			if v, ok := g.field(ref{f, s}, name, 0, depth); ok {
				return v, true
			}
		}
		if f.lang == "python" && isType(e.kind) && s != scope {
			continue // a class is no scope for its methods
		}
		if at, ok := f.find(e.qualified + "." + name); ok && (f.lang != "java" || e.name != name) { // a constructor is called as its type
			return g.named(ref{f, at}, depth), true
		}
	}
	return value{}, false
}

// named is the value of an entity's name.
func (g *Graph) named(r ref, depth int) value {
	e := r.entity()
	switch {
	case isType(e.kind):
		if v, ok := r.f.typeOf(r.i, "=", 0); ok { // stands for another
			if to := g.typed(r.f, r.i, v.typ, depth+1); to.kind == anInstance && r.f.lang != "go" {
				return value{kind: aType, ref: to.ref}
			}
		}
		return value{kind: aType, ref: r}
	case isCallable(e.kind):
		return value{kind: aFunction, ref: r}
	case e.kind == learn.CodeModule:
		return value{kind: aType, ref: r} // a namespace: its parts are found as a type's
	}
	if v, ok := r.f.typeOf(max(1, int(e.parent)), e.name, int(e.line)); ok {
		if got := g.variable(r.f, max(1, int(e.parent)), v, depth); got.kind != aMystery {
			return got
		}
	}
	return value{kind: aFunction, ref: r} // it may hold anything; its parts are its own
}

// variable is the value of what a varFact says.
func (g *Graph) variable(f *file, scope int, v varFact, depth int) value {
	if v.from != v.scope {
		scope = int(v.from)
	}
	line := int(v.line) - 1
	if v.from != v.scope {
		line++ // self.x = x
	}
	if chain, ok := strings.CutPrefix(v.typ, "="); ok {
		if chain == "" || chain == v.name && v.from == v.scope {
			return value{}
		}
		return g.eval(f, scope, line, chain, depth+1)
	}
	if v.typ == "" {
		return value{}
	}
	return g.typed(f, scope, v.typ, depth+1)
}

// typed is an instance of a type as written in scope.
func (g *Graph) typed(f *file, scope int, text string, depth int) value {
	v := value{kind: aStranger, text: text, in: ref{f, scope}}
	bare := bareType(f.lang, text)
	switch bare {
	case "":
		return v
	case "Any", "any", "object", "unknown", "auto":
		return value{}
	case "Self", "self", "this":
		if class, ok := g.classOf(f, scope); ok {
			return value{kind: anInstance, ref: class}
		}
	}
	if depth > maxDepth {
		return value{}
	}
	for scope > 1 && isCallable(f.entities[scope].kind) && !strings.Contains(f.entities[scope].qualified, ".") {
		scope = int(f.entities[scope].parent) // types are seldom local, and variables no types
	}
	if r, ok := g.typeIn(f, scope, bare, depth); ok {
		return value{kind: anInstance, ref: r, text: text, in: v.in}
	}
	if len(bare) == 1 { // a type parameter
		return value{}
	}
	return v
}

// typeIn finds a type by the name that a scope gives it: "Base" or "mod.Base".
func (g *Graph) typeIn(f *file, scope int, name string, depth int) (ref, bool) {
	for s := scope; s > 1; s = int(f.entities[s].parent) {
		e := &f.entities[s]
		if at, ok := f.find(e.qualified + "." + name); ok && isType(f.entities[at].kind) {
			return ref{f, at}, true
		}
	}
	if r, ok := g.inScope(f, name, 0); ok && isType(r.entity().kind) {
		v := g.named(r, depth+1)
		return v.ref, v.kind == aType
	}
	if !strings.Contains(name, ".") {
		return ref{}, false
	}
	v := g.eval(f, 1, 1<<30, name, depth+1)
	return v.ref, v.kind == aType && v.ref.ok()
}

// result is what calling a value gives; of several results the i-th.
func (g *Graph) result(v value, i, depth int) value {
	switch v.kind {
	case aType:
		return value{kind: anInstance, ref: v.ref}
	case aFunction:
		return g.returned(v.ref, i, depth)
	case aStranger:
		return value{kind: aStranger}
	}
	return value{}
}

// returned is what a function returns, by its annotation, or by its first
// return statement that can be followed.
func (g *Graph) returned(r ref, i, depth int) value {
	e := r.entity()
	if e.returns != "" {
		text := e.returns
		if r.f.lang == "go" && strings.HasPrefix(text, "(") {
			list := arguments(strings.Trim(text, "()"))
			if i >= len(list) {
				return value{}
			}
			text = strings.TrimSpace(list[i])
			if at := strings.LastIndexByte(text, ' '); at > 0 && !strings.HasPrefix(text, "func") && !strings.HasPrefix(text, "chan") {
				text = text[at+1:]
			}
		} else if i > 0 {
			return value{}
		}
		return g.typed(r.f, r.i, text, depth+1)
	}
	if v, ok := r.f.typeOf(r.i, "return", 0); ok && depth < maxDepth && i == 0 {
		return g.variable(r.f, r.i, v, depth+1)
	}
	return value{}
}

// element is what indexing a value gives.
func (g *Graph) element(v value, depth int) value {
	if v.text == "" || v.in.f == nil || depth > maxDepth {
		return value{}
	}
	text := elementType(v.in.f.lang, v.text)
	if text == "" && v.kind == anInstance { // a named collection type
		if of, ok := v.ref.f.typeOf(v.ref.i, "=", 0); ok {
			return g.element(value{text: of.typ, in: v.ref}, depth+1)
		}
	}
	if text == "" {
		return value{}
	}
	return g.typed(v.in.f, v.in.i, text, depth+1)
}
