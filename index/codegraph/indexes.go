package codegraph

import (
	"path"
	"slices"
	"strings"
)

// put enters a file into the indexes; drop takes it out.
func (g *Graph) put(f *file) {
	g.files[f.path] = f
	g.nameModule(f)
	g.byBase[path.Base(f.path)] = append(g.byBase[path.Base(f.path)], f)
	for i := 2; i < len(f.entities); i++ {
		name := f.entities[i].name
		g.byName[name] = append(g.byName[name], ref{f, i})
		for _, typ := range typesNamed(f, i) {
			g.typesOf[typ] = append(g.typesOf[typ], ref{f, i})
		}
	}
	for _, b := range f.bases {
		g.typesOf[lastOf(b.base)] = append(g.typesOf[lastOf(b.base)], ref{f, 1})
	}
	for _, name := range calledNames(f) {
		g.callsTo[name] = append(g.callsTo[name], f)
	}
	for _, key := range importKeys(f) {
		g.importsOf[key] = append(g.importsOf[key], f)
	}
	for _, i := range f.imports {
		for _, n := range i.names {
			if n.local != n.original && n.original != "*" {
				locals := g.renamed[n.original]
				if locals == nil {
					locals = map[string]int{}
					g.renamed[n.original] = locals
				}
				locals[n.local]++
			}
		}
	}
}

func (g *Graph) drop(name string) bool {
	f, ok := g.files[name]
	if !ok {
		return false
	}
	delete(g.files, name)
	without(g.byModule, f.module, func(o *file) bool { return o == f })
	without(g.byBase, path.Base(f.path), func(o *file) bool { return o == f })
	seen := map[string]bool{}
	for i := 2; i < len(f.entities); i++ {
		if name := f.entities[i].name; !seen[name] {
			seen[name] = true
			without(g.byName, name, func(r ref) bool { return r.f == f })
		}
		for _, typ := range typesNamed(f, i) {
			without(g.typesOf, typ, func(r ref) bool { return r.f == f })
		}
	}
	for _, b := range f.bases {
		without(g.typesOf, lastOf(b.base), func(r ref) bool { return r.f == f })
	}
	for _, name := range calledNames(f) {
		without(g.callsTo, name, func(o *file) bool { return o == f })
	}
	for _, key := range importKeys(f) {
		without(g.importsOf, key, func(o *file) bool { return o == f })
	}
	for _, i := range f.imports {
		for _, n := range i.names {
			if locals := g.renamed[n.original]; locals != nil {
				if locals[n.local]--; locals[n.local] <= 0 {
					delete(locals, n.local)
				}
				if len(locals) == 0 {
					delete(g.renamed, n.original)
				}
			}
		}
	}
	return true
}

func without[T any](index map[string][]T, key string, gone func(T) bool) {
	if left := slices.DeleteFunc(index[key], gone); len(left) > 0 {
		index[key] = left
	} else {
		delete(index, key)
	}
}

// typesNamed are the last names of the types that an entity derives from or
// returns.
func typesNamed(f *file, i int) []string {
	e := &f.entities[i]
	var names []string
	for _, b := range e.bases {
		names = append(names, lastOf(b))
	}
	if t := bareType(f.lang, e.returns); t != "" {
		names = append(names, lastOf(t))
	}
	return names
}

// calledNames are the names that a file calls, each once.
func calledNames(f *file) []string {
	seen := make(map[string]bool, len(f.calls))
	var names []string
	for i := range f.calls {
		if n := f.calls[i].name; !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
	}
	return names
}

// importKeys are words under which a file is found when one asks who imports a
// module: the parts of the modules' names, each once.
func importKeys(f *file) []string {
	seen := map[string]bool{}
	var keys []string
	add := func(k string) {
		if k != "" && !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	for _, i := range f.imports {
		for _, part := range strings.FieldsFunc(i.module, func(r rune) bool { return r == '.' || r == '/' }) {
			add(part)
		}
		if f.lang == "python" || f.lang == "rust" || f.lang == "java" { // a name may be a module
			for _, n := range i.names {
				add(n.original)
			}
		}
		if i.level > 0 || strings.HasPrefix(i.module, ".") {
			add(".") // from . import x names the package by where it stands
		}
	}
	return keys
}

// nameModules names every file's module anew. It costs a little per file and
// no parsing.
func (g *Graph) nameModules() {
	g.packages = g.localPackages()
	for _, f := range g.files {
		if old := f.module; old != g.moduleName(f) {
			without(g.byModule, old, func(o *file) bool { return o == f })
			g.nameModule(f)
			g.feed.all, g.feed.names = true, true
		}
	}
}

func (g *Graph) nameModule(f *file) {
	f.module = g.moduleName(f)
	files := g.byModule[f.module]
	at, _ := slices.BinarySearchFunc(files, f.path, func(o *file, p string) int { return strings.Compare(o.path, p) })
	g.byModule[f.module] = slices.Insert(files, at, f)
}

// moduleName is how others import the file: "pkg.mod" in Python, the package's
// import path in Go, the package in Java, "crate.mod" in Rust, the path in
// JavaScript.
func (g *Graph) moduleName(f *file) string {
	switch f.lang {
	case "python":
		return g.pythonModule(f.path)
	case "java":
		if f.pack != "" {
			return f.pack
		}
	case "rust":
		return g.rustModule(f.path)
	case "go":
		dir := path.Dir(f.path)
		if at, m, ok := g.above(dir, "go.mod"); ok && m.module != "" {
			return path.Join(m.module, below(dir, at))
		}
		return dir
	}
	return f.path
}

// above is the nearest manifest of a name in dir or over it.

func (g *Graph) above(dir, name string) (at string, m manifest, ok bool) {
	for at = dir; ; at = path.Dir(at) {
		if m, ok = g.manifests[path.Join(at, name)]; ok || at == "." {
			return at, m, ok
		}
	}
}

// below is the path of dir as seen from at, a folder over it.
func below(dir, at string) string {
	if at == "." {
		return strings.TrimPrefix(dir, ".")
	}
	return strings.TrimPrefix(strings.TrimPrefix(dir, at), "/")
}

// pythonModule goes up as long as folders are packages; a file in none is
// named from the workspace, or from its "src" or "lib" folder.
func (g *Graph) pythonModule(name string) string {
	stem := strings.TrimSuffix(strings.TrimSuffix(name, ".pyi"), ".py")
	stem = strings.TrimSuffix(stem, "/__init__")
	at := path.Dir(name)
	for at != "." && g.files[at+"/__init__.py"] != nil {
		at = path.Dir(at)
	}
	switch {
	case at == "." && at != path.Dir(name): // in a package at the top
	case at != path.Dir(name): // within a package
		stem = strings.TrimPrefix(stem, at+"/")
	case strings.HasPrefix(stem, "src/"), strings.HasPrefix(stem, "lib/"):
		stem = stem[4:]
	}
	return strings.ReplaceAll(stem, "/", ".")
}

// rustModule follows Cargo's layout: src/lib.rs and src/main.rs are the crate,
// each file of src/bin, tests, examples and benches is one of its own.
func (g *Graph) rustModule(name string) string {
	at, m, ok := g.above(path.Dir(name), "Cargo.toml")
	crate := strings.ReplaceAll(m.module, "-", "_")
	rest := strings.TrimSuffix(name, ".rs")
	if ok && at != "." {
		rest = strings.TrimPrefix(rest, at+"/")
	}
	rest = strings.TrimSuffix(rest, "/mod")
	for _, own := range []string{"src/bin/", "tests/", "examples/", "benches/"} {
		if own, found := strings.CutPrefix(rest, own); found {
			return strings.ReplaceAll(strings.TrimSuffix(own, "/main"), "/", ".")
		}
	}
	rest = strings.TrimPrefix(rest, "src/")
	switch {
	case !ok || crate == "":
		return strings.ReplaceAll(rest, "/", ".")
	case rest == "lib" || rest == "main" || rest == "src":
		return crate
	}
	return crate + "." + strings.ReplaceAll(rest, "/", ".")
}

// localPackages are the npm packages of the workspace itself: name to folder.
func (g *Graph) localPackages() map[string]string {
	found := map[string]string{}
	for name, m := range g.manifests {
		if path.Base(name) == "package.json" && m.module != "" {
			found[m.module] = path.Dir(name)
		}
	}
	return found
}
