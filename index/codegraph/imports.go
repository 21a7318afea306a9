package codegraph

import (
	"path"
	"slices"
	"strings"
)

// ref is an entity by its place.
type ref struct {
	f *file
	i int
}

func (r ref) entity() *entity { return &r.f.entities[r.i] }
func (r ref) ok() bool        { return r.f != nil }

const maxHops = 5 // modules through which a name is followed

// absolute is the module of an import with what is relative in it resolved.
func (g *Graph) absolute(f *file, i *importFact) string {
	switch f.lang {
	case "python":
		return g.pythonAbsolute(f, i)
	case "rust":
		return g.rustAbsolute(f, i.module)
	case "javascript", "typescript":
		if t := g.jsTarget(f, i.module); t != nil {
			return t.module
		}
	}
	return i.module
}

func (g *Graph) pythonAbsolute(f *file, i *importFact) string {
	if i.level == 0 {
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

// rustAbsolute resolves crate, self and super, and a child of the module that
// is named without any of them.
func (g *Graph) rustAbsolute(f *file, module string) string {
	first, rest, _ := strings.Cut(module, ".")
	base := ""
	switch first {
	case "crate":
		base, _, _ = strings.Cut(f.module, ".")
	case "self":
		base = f.module
	case "super":
		base = parentModule(f.module)
		for next, more, _ := strings.Cut(rest, "."); next == "super"; next, more, _ = strings.Cut(rest, ".") {
			base, rest = parentModule(base), more
		}
	default:
		if len(g.byModule[f.module+"."+first]) > 0 {
			return f.module + "." + module
		}
		return module
	}
	return strings.Trim(base+"."+rest, ".")
}

func parentModule(m string) string { return m[:max(0, strings.LastIndexByte(m, '.'))] }

// targets are the files that an import means; none when it leaves the project.
func (g *Graph) targets(f *file, i *importFact) []*file {
	switch f.lang {
	case "go":
		return slices.DeleteFunc(slices.Clone(g.byModule[i.module]), func(o *file) bool { return hasAny(o.path, "_test.go") })
	case "javascript", "typescript":
		if t := g.jsTarget(f, i.module); t != nil {
			return []*file{t}
		}
		return nil
	case "python":
		return g.pythonTarget(f, i)
	}
	return g.module(f.lang, g.absolute(f, i))
}

// module are the files of a module in a language.
func (g *Graph) module(lang, name string) []*file {
	files := g.byModule[name]
	for _, o := range files {
		if o.lang != lang {
			return slices.DeleteFunc(slices.Clone(files), func(o *file) bool { return o.lang != lang })
		}
	}
	return files
}

func (g *Graph) pythonTarget(f *file, i *importFact) []*file {
	module := g.absolute(f, i)
	if i.level == 0 {
		// A script's folder comes first on the interpreter's path.
		beside := path.Join(path.Dir(f.path), strings.ReplaceAll(module, ".", "/"))
		for _, name := range []string{beside + ".py", beside + "/__init__.py"} {
			if t := g.files[name]; t != nil {
				return []*file{t}
			}
		}
	}
	return g.module("python", module)
}

// jsEnds are tried in turn behind what an import names.
var jsEnds = [...]string{"", ".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts", ".d.ts",
	"/index.ts", "/index.tsx", "/index.js", "/index.jsx", "/index.mjs", "/index.cjs", "/index.d.ts"}

// jsTarget finds the file of a relative import, of one through tsconfig's
// paths, or of another package of the workspace.
func (g *Graph) jsTarget(f *file, module string) *file {
	if module == "." || module == ".." || strings.HasPrefix(module, "./") || strings.HasPrefix(module, "../") {
		return g.jsFile(path.Join(path.Dir(f.path), module))
	}
	if at, m, ok := g.above(path.Dir(f.path), "tsconfig.json"); ok {
		for _, to := range m.mapped(module) {
			if t := g.jsFile(path.Join(at, to)); t != nil {
				return t
			}
		}
	}
	for name, rest := module, ""; name != "." && name != "/"; name, rest = path.Dir(name), path.Join(path.Base(name), rest) {
		if dir, ok := g.packages[name]; ok {
			for _, to := range []string{rest, path.Join("src", rest), path.Join("lib", rest), g.manifests[path.Join(dir, "package.json")].main} {
				if t := g.jsFile(path.Join(dir, to)); t != nil {
					return t
				}
			}
		}
	}
	return nil
}

func (g *Graph) jsFile(base string) *file {
	for _, end := range jsEnds {
		if t := g.files[base+end]; t != nil {
			return t
		}
	}
	// TypeScript imports "./x.js" and means x.ts.
	if stem, ok := strings.CutSuffix(base, ".js"); ok {
		for _, end := range jsEnds[1:3] {
			if t := g.files[stem+end]; t != nil {
				return t
			}
		}
	}
	return nil
}

// inScope finds what a plain name means at the top level of a file.
func (g *Graph) inScope(f *file, name string, hops int) (ref, bool) {
	if hops > maxHops || name == "" {
		return ref{}, false
	}
	if at, ok := f.find(name); ok {
		return ref{f, at}, true
	}
	if f.lang == "go" || f.lang == "java" {
		if r, ok := g.inPackage(f, name); ok {
			return r, true
		}
	}
	for n := range f.imports {
		i := &f.imports[n]
		original, ok := i.original(name)
		if !ok {
			if !i.all() {
				continue
			}
			original = name
		}
		if r, ok := g.imported(f, i, original, hops); ok {
			return r, true
		}
	}
	return ref{}, false
}

// imported finds a name of what an import means.
func (g *Graph) imported(f *file, i *importFact, original string, hops int) (ref, bool) {
	targets := g.targets(f, i)
	for _, t := range here(targets) {
		if t != f {
			if r, ok := g.exported(t, original, hops); ok {
				return r, true
			}
		}
	}
	if len(targets) == 0 && (f.lang == "java" || f.lang == "rust") { // a part of a type
		module := g.absolute(f, i)
		if at := strings.LastIndexByte(module, '.'); at > 0 {
			for _, t := range g.module(f.lang, module[:at]) {
				if at, ok := t.find(module[at+1:] + "." + original); ok {
					return ref{t, at}, true
				}
			}
		}
	}
	return ref{}, false
}

// exported finds a name that another file imports.
func (g *Graph) exported(t *file, name string, hops int) (ref, bool) {
	switch t.lang {
	case "go", "java":
		at, ok := t.find(name)
		return ref{t, at}, ok
	case "javascript", "typescript":
		if v, ok := t.typeOf(1, name, 0); ok && strings.HasPrefix(v.typ, "=") {
			if _, own := t.find(name); !own || name == "default" {
				if got := g.eval(t, 1, 1<<30, v.typ[1:], hops+2); got.ref.ok() && got.kind != anInstance {
					return got.ref, true
				}
			}
		}
	}
	return g.inScope(t, name, hops+1)
}

// inPackage looks through the other files of a Go or Java package.
func (g *Graph) inPackage(f *file, name string) (ref, bool) {
	return nearest(g.byName[name], func(r ref) bool {
		return r.f.lang == f.lang && r.f.module == f.module && r.f.pack == f.pack && r.entity().qualified == name
	})
}

// nearest is the first that fits; of what Go builds for different machines,
// that for this one.
func nearest(list []ref, fits func(ref) bool) (found ref, ok bool) {
	for _, r := range list {
		if fits(r) && (!ok || found.f.aside && !r.f.aside) {
			found, ok = r, true
		}
	}
	return found, ok
}

// here puts the files that are built on this kind of machine first.
func here(files []*file) []*file {
	for i, f := range files {
		if f.aside && i < len(files)-1 {
			files = slices.Clone(files)
			slices.SortStableFunc(files, func(a, b *file) int {
				switch {
				case a.aside == b.aside:
					return 0
				case a.aside:
					return 1
				}
				return -1
			})
			return files
		}
	}
	return files
}
