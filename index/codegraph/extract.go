package codegraph

import (
	"errors"
	"strings"

	"lathe/learn"
)

// Bounds of what is kept of one file.
const (
	maxEntities = 5000
	maxCalls    = 20000
	maxImports  = 2000
	maxNames    = 500 // of one import
	maxVars     = 20000
	maxParams   = 100 // of one function
	maxBases    = 50
	maxName     = 200 // bytes
)

var errParse = errors.New("the parser gave up")

// extractor collects what a file says.
type extractor struct {
	f    *file
	src  []byte
	seen map[string]int // qualified names
}

// span is where something stands; 1 is the first line.
type span interface {
	line() int
	endLine() int
}

// walk goes through the tree. visit looks at a node within the entity scope
// and returns the scope of its children, or false to leave them out.
func (x *extractor) walk(n node, scope int, visit func(node, int) (int, bool)) {
	inner, deeper := visit(n, scope)
	if !deeper {
		return
	}
	for c := range n.children() {
		x.walk(c, inner, visit)
	}
}

// define adds an entity below scope and returns its index, or scope when the
// file has too many.
func (x *extractor) define(kind learn.CodeKind, name string, n span, scope int) int {
	qualified := name
	if scope > 1 {
		qualified = x.f.entities[scope].qualified + "." + name
	}
	return x.add(kind, name, qualified, n.line(), n.endLine(), scope)
}

// add appends an entity and returns its index, or scope when it cannot.
func (x *extractor) add(kind learn.CodeKind, name, qualified string, line, end, scope int) int {
	f := x.f
	if name == "" || name == "_" || len(f.entities) >= maxEntities || len(qualified) > 3*maxName {
		return scope
	}
	if x.seen == nil {
		x.seen = map[string]int{}
	}
	e := entity{kind: kind, qualified: qualified, name: qualified[len(qualified)-len(name):], parent: int32(scope), line: int32(line), end: int32(end)}
	if last, twice := x.seen[qualified]; twice {
		if last == line {
			return scope // its id would not be its own
		}
		e.again = true
	}
	x.seen[qualified] = line
	f.entities = append(f.entities, e)
	return len(f.entities) - 1
}

// value adds a module's variable or constant, and no second one of that name.
func (x *extractor) value(kind learn.CodeKind, name string, n span, scope int) {
	if x.f.entities[scope].kind != learn.CodeModule {
		return
	}
	qualified := name
	if scope > 1 {
		qualified = x.f.entities[scope].qualified + "." + name
	}
	if _, twice := x.seen[qualified]; !twice {
		x.define(kind, name, n, scope)
	}
}

func (x *extractor) param(at int, name, typ string) {
	e := &x.f.entities[at]
	if name != "" && len(e.params) < maxParams {
		e.params = append(e.params, Parameter{name, typ})
	}
	if name = strings.TrimLeft(name, "*.&"); name != "" {
		x.variable(at, name, typ, int(e.line))
	}
}

// variable says what type a name has within scope; "" says that it is none of
// the outer ones.
func (x *extractor) variable(scope int, name, typ string, line int) {
	x.field(scope, scope, name, typ, line)
}

// field is variable for what is said elsewhere than in its scope.
func (x *extractor) field(scope, from int, name, typ string, line int) {
	if name == "" || name == "_" || len(x.f.vars) >= maxVars || len(name) > maxName {
		return
	}
	if len(typ) > maxName {
		typ = ""
	}
	x.f.vars = append(x.f.vars, varFact{scope: int32(scope), from: int32(from), line: int32(line), name: name, typ: typ})
}

func (x *extractor) base(at int, name string) {
	e := &x.f.entities[at]
	if name != "" && len(e.bases) < maxBases {
		e.bases = append(e.bases, name)
	}
}

func (x *extractor) call(scope int, recv, name string, n span) {
	if name == "" || len(x.f.calls) >= maxCalls || len(recv) > maxName {
		return
	}
	x.f.calls = append(x.f.calls, callFact{caller: int32(scope), recv: recv, name: name, line: int32(n.line())})
}

func (x *extractor) imports(i importFact) {
	if len(x.f.imports) < maxImports && (i.module != "" || i.level > 0) {
		x.f.imports = append(x.f.imports, i)
	}
}

func (i *importFact) add(local, original string) {
	if local != "" && original != "" && len(i.names) < maxNames {
		i.names = append(i.names, localName{local, original})
	}
}

// class is the innermost type that encloses scope, or 0.
func (x *extractor) class(scope int) int {
	for scope > 1 && !isType(x.f.entities[scope].kind) {
		scope = int(x.f.entities[scope].parent)
	}
	if scope <= 1 {
		return 0
	}
	return scope
}

func isType(k learn.CodeKind) bool {
	switch k {
	case learn.CodeClass, learn.CodeStruct, learn.CodeInterface, learn.CodeTrait, learn.CodeEnum, learn.CodeType:
		return true
	}
	return false
}

func isCallable(k learn.CodeKind) bool { return k == learn.CodeFunction || k == learn.CodeMethod }

// function is the kind of a function that stands in scope.
func (x *extractor) function(scope int) learn.CodeKind {
	if isType(x.f.entities[scope].kind) {
		return learn.CodeMethod
	}
	return learn.CodeFunction
}

// constantName: upper case says so in Python and JavaScript.
func constantName(s string) bool {
	return strings.ToUpper(s) == s && strings.ToLower(s) != s
}
