package codegraph

import (
	"path"
	"strings"
)

// ref is an entity by its place.
type ref struct {
	f *file
	i int
}

func (r ref) entity() Entity { return r.f.entities[r.i] }

const maxReexports = 4 // modules through which a name is followed

// targets are the files that an import means, in order; none when it leaves
// the project.
func (g *Graph) targets(f *file, i importFact) []string {
	switch f.lang {
	case "go":
		return g.byModule[i.module]
	case "javascript":
		return g.jsTarget(f, i.module)
	}
	return g.pythonTarget(f, i)
}

func (g *Graph) pythonTarget(f *file, i importFact) []string {
	module := g.absolute(f, i)
	if i.level == 0 {
		// A script's folder comes first on the interpreter's path.
		beside := path.Join(path.Dir(f.path), strings.ReplaceAll(module, ".", "/"))
		for _, name := range []string{beside + ".py", beside + "/__init__.py"} {
			if g.files[name] != nil {
				return []string{name}
			}
		}
	}
	return g.byModule[module]
}

// absolute is the module of an import with its leading dots resolved.
func (g *Graph) absolute(f *file, i importFact) string {
	if f.lang != "python" || i.level == 0 {
		return i.module
	}
	base := f.module
	up := i.level
	if path.Base(f.path) == "__init__.py" {
		up--
	}
	for ; up > 0; up-- {
		at := strings.LastIndexByte(base, '.')
		if at < 0 {
			base = ""
			break
		}
		base = base[:at]
	}
	return strings.Trim(base+"."+i.module, ".")
}

func (g *Graph) jsTarget(f *file, module string) []string {
	if !strings.HasPrefix(module, "./") && !strings.HasPrefix(module, "../") && module != "." && module != ".." {
		return nil
	}
	base := path.Join(path.Dir(f.path), module)
	for _, end := range []string{"", ".js", ".mjs", ".cjs", ".jsx", "/index.js", "/index.mjs", "/index.cjs"} {
		if g.files[base+end] != nil {
			return []string{base + end}
		}
	}
	return nil
}

// inScope finds what a plain name means at the top level of a file.
func (g *Graph) inScope(f *file, name string, hops int) (ref, bool) {
	if hops > maxReexports || name == "" {
		return ref{}, false
	}
	if at, ok := f.top[name]; ok {
		return ref{f, at}, true
	}
	if f.lang == "go" {
		if r, ok := g.inPackage(g.byModule[f.module], name); ok {
			return r, true
		}
	}
	for _, i := range f.imports {
		original, ok := i.names[name]
		if !ok {
			if _, all := i.names["*"]; !all {
				continue
			}
			original = name
		}
		for _, t := range g.targets(f, i) {
			if r, ok := g.exported(g.files[t], original, hops); ok {
				return r, true
			}
		}
	}
	return ref{}, false
}

// exported finds a name that another file imports.
func (g *Graph) exported(t *file, name string, hops int) (ref, bool) {
	if r, ok := g.inScope(t, name, hops+1); ok {
		return r, true
	}
	if t.lang == "javascript" && name == "default" && len(t.top) == 1 {
		for _, at := range t.top {
			return ref{t, at}, true
		}
	}
	return ref{}, false
}

// inPackage looks through the files of a Go package.
func (g *Graph) inPackage(files []string, name string) (ref, bool) {
	for _, n := range files {
		if f := g.files[n]; f.lang == "go" {
			if at, ok := f.top[name]; ok {
				return ref{f, at}, true
			}
		}
	}
	return ref{}, false
}

// resolve finds what a call means.
func (g *Graph) resolve(f *file, c *callFact) (ref, How, bool) {
	if c.recv == "" {
		r, ok := g.plain(f, c)
		return r, ByScope, ok
	}
	if r, ok, known := g.onReceiver(f, c); known {
		return r, ByScope, ok
	}
	return g.unique(f, c.name)
}

// plain resolves name(...): a function nested in the caller or beside it, then
// the file's scope.
func (g *Graph) plain(f *file, c *callFact) (ref, bool) {
	for scope := f.entities[c.caller].Qualified; c.caller > 1 && scope != ""; {
		if at, ok := f.qualified[scope+"."+c.name]; ok && f.entities[at].Kind == Function {
			return ref{f, at}, true
		}
		cut := strings.LastIndexByte(scope, '.')
		if cut < 0 {
			break
		}
		scope = scope[:cut]
	}
	return g.inScope(f, c.name, 0)
}

// onReceiver resolves recv.name(...) by what recv is. known is false when
// nothing says what it is.
func (g *Graph) onReceiver(f *file, c *callFact) (r ref, ok, known bool) {
	owner := f.entities[c.caller]
	class := ""
	if at := strings.IndexByte(owner.Qualified, '.'); at > 0 {
		class = owner.Qualified[:strings.LastIndexByte(owner.Qualified, '.')]
	}
	switch {
	case c.recv == "self" || c.recv == "cls" || c.recv == "this":
		r, ok = g.methodOf(f, class, c.name, 0)
		return r, ok, ok // an inherited one may come from outside: try the unique name
	case c.recv == "super":
		r, ok = g.inherited(f, class, c.name, 0)
		return r, ok, true
	case f.lang == "go" && c.recv == f.receivers[c.caller]:
		r, ok = g.methodOf(f, class, c.name, 0)
		return r, ok, ok
	}
	for _, i := range f.imports {
		if i.alias == c.recv {
			return g.inModule(f, i, c.name)
		}
	}
	if at, found := g.inScope(f, c.recv, 0); found && at.entity().Kind == Class {
		r, ok = g.methodOf(at.f, at.entity().Qualified, c.name, 0)
		return r, ok, true
	}
	return g.submodule(f, c)
}

// inModule resolves module.name(...). The module's files are all there is to
// look at: what is not there is not elsewhere.
func (g *Graph) inModule(f *file, i importFact, name string) (ref, bool, bool) {
	for _, t := range g.targets(f, i) {
		if r, ok := g.exported(g.files[t], name, 0); ok {
			return r, true, true
		}
	}
	return ref{}, false, true
}

// submodule resolves mod.name(...) after Python's "from pkg import mod".
func (g *Graph) submodule(f *file, c *callFact) (ref, bool, bool) {
	if f.lang != "python" {
		return ref{}, false, false
	}
	for _, i := range f.imports {
		original, ok := i.names[c.recv]
		if !ok {
			continue
		}
		whole := strings.Trim(g.absolute(f, i)+"."+original, ".")
		for _, t := range g.byModule[whole] {
			if r, ok := g.exported(g.files[t], c.name, 0); ok {
				return r, true, true
			}
		}
		return ref{}, false, true // it came from there, whatever it is
	}
	return ref{}, false, false
}

// methodOf finds a method of a class or of its bases.
func (g *Graph) methodOf(f *file, class, name string, depth int) (ref, bool) {
	if class == "" || depth > maxReexports {
		return ref{}, false
	}
	files := []*file{f}
	if f.lang == "go" { // a type's methods may stand in any file of the package
		files = files[:0]
		for _, n := range g.byModule[f.module] {
			files = append(files, g.files[n])
		}
	}
	for _, o := range files {
		if at, ok := o.qualified[class+"."+name]; ok {
			return ref{o, at}, true
		}
	}
	return g.inherited(f, class, name, depth)
}

func (g *Graph) inherited(f *file, class, name string, depth int) (ref, bool) {
	at, ok := f.qualified[class]
	if !ok && f.lang == "go" {
		if r, found := g.inPackage(g.byModule[f.module], class); found {
			f, at, ok = r.f, r.i, true
		}
	}
	if !ok {
		return ref{}, false
	}
	for _, b := range f.entities[at].Bases {
		if base, ok := g.named(f, b); ok {
			if r, ok := g.methodOf(base.f, base.entity().Qualified, name, depth+1); ok {
				return r, true
			}
		}
	}
	return ref{}, false
}

// named finds a class by the name that a file gives it: "Base" or "mod.Base".
func (g *Graph) named(f *file, name string) (ref, bool) {
	if r, ok := g.inScope(f, name, 0); ok {
		return r, true
	}
	at := strings.LastIndexByte(name, '.')
	if at < 0 {
		return ref{}, false
	}
	c := callFact{caller: 1, recv: name[:at], name: name[at+1:]}
	r, ok, _ := g.onReceiver(f, &c)
	return r, ok
}

// unique finds the only method of that name in the language's files.
func (g *Graph) unique(f *file, name string) (ref, How, bool) {
	if common(name) {
		return ref{}, ByUniqueName, false
	}
	var only ref
	for o, at := range g.byName[name] {
		if o.lang != f.lang {
			continue
		}
		for _, i := range at {
			if o.entities[i].Kind != Method {
				continue
			}
			if only.f != nil {
				return ref{}, ByUniqueName, false
			}
			only = ref{o, i}
		}
	}
	return only, ByUniqueName, only.f != nil && g.reaches(f, only.f)
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
