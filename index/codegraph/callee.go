package codegraph

import (
	"lathe/learn"
)

// callee finds what a call means. known says that something is known of it, so
// that a failure means that it leaves the project.
func (g *Graph) callee(f *file, c *callFact) (r ref, how string, known bool) {
	if c.recv == "" {
		return g.plainCallee(f, c)
	}
	v := g.eval(f, int(c.caller), int(c.line), c.recv, 0)
	how = ByType
	switch v.kind {
	case aMystery:
		return ref{}, "", false
	case aModule, aType, aBase:
		how = ByScope
	}
	if v.self {
		how = ByScope
	}
	switch v.kind {
	case anInstance, aType, aBase:
		if r, ok := g.part(v, c.name); ok {
			return r, how, true
		}
		if got, ok := g.field(v.ref, c.name, 0, 0); ok {
			return got.ref, ByType, got.kind == aFunction || got.kind == aType
		}
		return ref{}, "", !v.self // what self lacks may be another's that it is mixed with
	case aModule, aFunction:
		if got := g.member(f, v, c.name, true, 0); got.kind == aFunction || got.kind == aType {
			return got.ref, how, true
		}
	}
	return ref{}, "", true
}

// plainCallee resolves name(...): a function nested in the caller or beside
// it, in Java a method of the types around, then the file's scope.
func (g *Graph) plainCallee(f *file, c *callFact) (ref, string, bool) {
	scope, line := int(c.caller), int(c.line)
	if f.lang == "java" {
		for s := scope; s > 1; s = int(f.entities[s].parent) {
			if isType(f.entities[s].kind) {
				if r, ok := g.methodOf(ref{f, s}, c.name, 0); ok && f.entities[s].name != c.name { // a type's own name builds one
					return r, ByScope, true
				}
			}
		}
	}
	if v, ok := g.local(f, scope, line, c.name, 0); ok {
		if v.kind == aFunction || v.kind == aType {
			return v.ref, ByScope, true
		}
		return ref{}, "", true // a variable that hides what has its name
	}
	if r, ok := g.inScope(f, c.name, 0); ok {
		if e := r.entity(); e.kind == learn.CodeVariable || e.kind == learn.CodeConstant {
			if v := g.named(r, 0); v.kind == aFunction || v.kind == aType {
				return v.ref, ByScope, true
			}
		}
		return r, ByScope, true
	}
	if v, _, ok := g.path(f, append(segments(c.name), segment{})); ok && v.kind == aModule {
		return ref{}, "", true
	}
	return ref{}, "", true
}

// resolve finds what a call means; external says that it leaves the project.
func (g *Graph) resolve(f *file, c *callFact) (r ref, how string, external bool) {
	r, how, known := g.callee(f, c)
	if r.ok() && callable(r) {
		return r, how, false
	}
	if known {
		return ref{}, "", true
	}
	r, ok := g.unique(f, c.name)
	if !ok {
		return ref{}, "", false
	}
	return r, ByUniqueName, false
}

// callable: a Rust enum's variants are built, not called.
func callable(r ref) bool {
	k := r.entity().kind
	return isCallable(k) || isType(k) || (k == learn.CodeVariable || k == learn.CodeConstant) && r.f.lang != "rust"
}

// unique finds the only method of that name in the language's files.
func (g *Graph) unique(f *file, name string) (ref, bool) {
	if common(name) {
		return ref{}, false
	}
	var only ref
	for _, r := range g.byName[name] {
		if !sameLanguage(r.f.lang, f.lang) || r.entity().kind != learn.CodeMethod {
			continue
		}
		if only.ok() {
			return ref{}, false
		}
		only = r
	}
	return only, only.ok() && g.reaches(f, only.f)
}

func sameLanguage(a, b string) bool {
	script := func(s string) bool { return s == "javascript" || s == "typescript" }
	return a == b || script(a) && script(b)
}

// reaches reports whether a file may well hold a value of a type that another
// defines. A Go file that does not import the package mostly cannot; Python
// and JavaScript pass objects about without a word.
func (g *Graph) reaches(f, to *file) bool {
	if f.lang != "go" || f.module == to.module {
		return true
	}
	for _, i := range f.imports {
		if i.module == to.module {
			return true
		}
	}
	return false
}
