package codegraph

import (
	"slices"
	"strings"
)

// member is a part of a value; called says that the part is called, so that a
// method is meant and not what a property returns.
func (g *Graph) member(f *file, v value, name string, called bool, depth int) value {
	switch v.kind {
	case aModule:
		return g.inModule(v, name, depth)
	case anInstance, aType, aBase:
		r, ok := g.part(v, name)
		if ok {
			got := g.named(r, depth+1)
			if got.kind == aFunction && !called && v.kind == anInstance && isCallable(r.entity().kind) {
				return g.returned(r, 0, depth+1) // a property
			}
			return got
		}
		if got, ok := g.field(v.ref, name, 0, depth); ok && v.kind != aBase {
			return got
		}
		return value{}
	case aFunction:
		if r, ok := v.ref.f.find(v.ref.entity().qualified + "." + name); ok {
			return g.named(ref{v.ref.f, r}, depth+1)
		}
		return value{}
	}
	return value{kind: v.kind}
}

// has reports whether a value is known to have a part of that name.
func (g *Graph) has(v value, name string) bool {
	if v.kind != anInstance && v.kind != aType {
		return v.kind == aModule
	}
	_, ok := g.part(v, name)
	return ok
}

// part finds a method, nested type or constant of a type or of its bases.
func (g *Graph) part(v value, name string) (ref, bool) {
	if v.kind == aBase {
		return g.inherited(v.ref, name, 0)
	}
	return g.methodOf(v.ref, name, 0)
}

// methodOf finds a part of a type or of its bases.
func (g *Graph) methodOf(class ref, name string, depth int) (ref, bool) {
	if !class.ok() || depth > maxHops {
		return ref{}, false
	}
	qualified := class.entity().qualified + "." + name
	if at, ok := class.f.find(qualified); ok {
		return ref{class.f, at}, true
	}
	if class.f.lang == "go" || class.f.lang == "rust" { // methods stand apart
		r, ok := nearest(g.byName[name], func(r ref) bool {
			return r.f != class.f && r.f.lang == class.f.lang && r.entity().qualified == qualified && sameUnit(r.f, class.f)
		})
		if ok {
			return r, true
		}
	}
	return g.inherited(class, name, depth)
}

// inherited finds a part of a type's bases, in their order.
func (g *Graph) inherited(class ref, name string, depth int) (ref, bool) {
	if !class.ok() || depth > maxHops {
		return ref{}, false
	}
	for _, base := range g.basesOf(class) {
		if r, ok := g.methodOf(base, name, depth+1); ok {
			return r, true
		}
	}
	return ref{}, false
}

// basesOf are the types of the project that a type extends, implements or
// embeds.
func (g *Graph) basesOf(class ref) []ref {
	var found []ref
	add := func(f *file, scope int, name string) {
		if r, ok := g.typeIn(f, scope, name, maxDepth-3); ok && r != class && len(found) < 8 && !slices.Contains(found, r) {
			found = append(found, r)
		}
	}
	e := class.entity()
	for _, b := range e.bases {
		add(class.f, int(e.parent), b)
	}
	if v, ok := class.f.typeOf(class.i, "=", 0); ok && class.f.lang == "go" {
		add(class.f, 1, bareType("go", v.typ))
	}
	if class.f.lang == "rust" {
		for _, b := range class.f.bases {
			if b.typ == e.name {
				add(class.f, 1, b.base)
			}
		}
	}
	return found
}

// field is the value of a field of a type or of its bases.
func (g *Graph) field(class ref, name string, hops, depth int) (value, bool) {
	if !class.ok() || hops > maxHops || depth > maxDepth {
		return value{}, false
	}
	if v, ok := class.f.typeOf(class.i, name, 1<<30); ok {
		return g.variable(class.f, class.i, v, depth+1), true
	}
	for _, base := range g.basesOf(class) {
		if v, ok := g.field(base, name, hops+1, depth+1); ok {
			return v, true
		}
	}
	return value{}, false
}

// inModule finds a name in a module, or a module below it.
func (g *Graph) inModule(v value, name string, depth int) value {
	for _, t := range here(v.files) {
		if r, ok := g.exported(t, name, 0); ok {
			return g.named(r, depth+1)
		}
		if w, ok := t.typeOf(1, name, 1<<30); ok {
			return g.variable(t, 1, w, depth+1)
		}
	}
	if len(v.files) > 0 && v.files[0].lang == "go" {
		return value{kind: aStranger}
	}
	whole := v.module + "." + name
	lang := "python"
	if len(v.files) > 0 {
		lang = v.files[0].lang
	}
	if files := g.module(lang, whole); len(files) > 0 {
		return value{kind: aModule, files: files, module: whole}
	}
	return value{kind: aStranger}
}

// alias finds an import by the name that the file gives the module, or by a
// name of it that is a module itself.
func (g *Graph) alias(f *file, segs []segment) (value, int, bool) {
	best, used := value{}, 0
	for n := range f.imports {
		i := &f.imports[n]
		alias := g.aliasOf(f, i)
		if k := strings.Count(alias, ".") + 1; alias != "" && k > used && k <= len(segs) && joined(segs[:k]) == alias {
			best, used = g.moduleValue(f, i), k
		}
		if used > 0 {
			continue
		}
		if original, ok := i.original(segs[0].name); ok {
			whole := strings.Trim(g.absolute(f, i)+"."+original, ".")
			if files := g.module(f.lang, whole); len(files) > 0 && f.lang != "java" {
				best, used = value{kind: aModule, files: files, module: whole}, 1
			} else {
				best, used = value{kind: aStranger}, 1 // it came from there, whatever it is
			}
		}
	}
	return best, used, used > 0
}

func (g *Graph) moduleValue(f *file, i *importFact) value {
	files := g.targets(f, i)
	if len(files) > 0 {
		return value{kind: aModule, files: files, module: files[0].module}
	}
	return value{kind: aStranger}
}

// aliasOf is the local name of an imported module. A Go package is called as
// its files say, which its path only suggests.
func (g *Graph) aliasOf(f *file, i *importFact) string {
	if i.alias != "" || f.lang != "go" || len(i.names) > 0 {
		return i.alias
	}
	for _, t := range g.byModule[i.module] {
		if t.pack != "" && !hasAny(t.path, "_test.go") {
			return t.pack
		}
	}
	return goPackageName(i.module)
}

func joined(segs []segment) string {
	s := segs[0].name
	for i, next := range segs[1:] {
		if segs[i].called || segs[i].index > 0 {
			return ""
		}
		s += "." + next.name
	}
	return s
}

// path finds what Java and Rust name by the whole path: a.b.C, crate.a.f.
func (g *Graph) path(f *file, segs []segment) (value, int, bool) {
	if f.lang != "java" && f.lang != "rust" {
		return value{}, 0, false
	}
	for k := len(segs); k >= 1; k-- {
		whole := joined(segs[:k])
		if whole == "" || segs[k-1].called || segs[k-1].index > 0 {
			continue
		}
		if f.lang == "rust" {
			whole = g.rustAbsolute(f, whole)
		}
		if files := g.module(f.lang, whole); len(files) > 0 {
			return value{kind: aModule, files: files, module: whole}, k, true
		}
	}
	return value{}, 0, false
}

// transparent methods hand on what they are called on.
func transparent(lang, name string) bool {
	switch lang {
	case "rust":
		switch name {
		case "unwrap", "expect", "clone", "as_ref", "as_mut", "borrow", "borrow_mut", "lock", "read", "write", "iter", "iter_mut", "into_iter",
			"unwrap_or_default", "to_owned", "ok", "as_deref", "as_deref_mut", "cloned", "copied", "unwrap_or_else", "unwrap_or", "take", "into":
			return true
		}
	case "java":
		switch name {
		case "get", "orElse", "orElseThrow", "orElseGet", "stream":
			return true
		}
	}
	return false
}
