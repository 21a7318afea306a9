package codegraph

import (
	"context"
	"path"
	"slices"
	"sort"
	"strings"

	"lathe/learn"
)

const maxAnswers = 1000 // of one query

// Entities lists what a file defines, in its order, the file and its module
// first; nil for an unknown file.
func (g *Graph) Entities(name string) []Entity {
	g.mu.RLock()
	defer g.mu.RUnlock()
	f, ok := g.files[name]
	if !ok {
		return nil
	}
	found := make([]Entity, len(f.entities))
	for i := range f.entities {
		found[i] = f.entity(i)
	}
	return found
}

// Lookup finds entities by id, qualified name ("Store.put"), module and name
// ("pkg.mod.Store") or last name, in order of their files, at most 1,000.
func (g *Graph) Lookup(name string) []Entity {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var found []Entity
	for _, r := range g.lookup(name) {
		found = append(found, r.f.entity(r.i))
	}
	return found
}

// Definition implements learn.CodeGraph.
func (g *Graph) Definition(ctx context.Context, symbol string) ([]learn.CodeEntity, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	found := []learn.CodeEntity{}
	for _, r := range g.lookup(symbol) {
		found = append(found, g.described(r))
	}
	return found, ctx.Err()
}

// described is an entity with what is known of its history so far.
func (g *Graph) described(r ref) learn.CodeEntity {
	e := r.f.code(r.i)
	e.History = g.history.known(r.f.path, r.f.hash, e)
	return e
}

func (g *Graph) lookup(name string) []ref {
	if f, ok := g.files[path.Clean(name)]; ok {
		return []ref{{f, 0}}
	}
	var found []ref
	for _, f := range g.byModule[strings.TrimPrefix(name, "module:")] {
		found = append(found, ref{f, 1})
	}
	name = strings.ReplaceAll(name, "::", ".")
	last := name[strings.LastIndexAny(name, ".#")+1:]
	last, _, _ = strings.Cut(last, "@")
	for _, r := range g.byName[last] {
		e := r.entity()
		if name == e.name || name == e.qualified || strings.HasPrefix(name, r.f.path+"#") && name == r.f.id(r.i) ||
			len(name) == len(r.f.module)+1+len(e.qualified) && strings.HasPrefix(name, r.f.module) && strings.HasSuffix(name, "."+e.qualified) {
			found = append(found, r)
		}
	}
	inPlace(found)
	return found[:min(len(found), maxAnswers)]
}

func inPlace(list []ref) {
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if a.f.path != b.f.path {
			return a.f.path < b.f.path
		}
		return a.i < b.i
	})
}

// Importers lists the files that import a module, given by its name or as a
// file of the workspace, sorted. Importing from a package a module in it
// counts for both.
func (g *Graph) Importers(module string) []string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	found := []string{}
	for _, f := range g.importers(module) {
		found = append(found, f.path)
	}
	sort.Strings(found)
	return found
}

func (g *Graph) importers(module string) []*file {
	var of *file
	if f, ok := g.files[module]; ok {
		of, module = f, f.module
	}
	keys := strings.FieldsFunc(module, func(r rune) bool { return r == '.' || r == '/' })
	if len(keys) == 0 {
		return nil
	}
	tries := []string{keys[len(keys)-1], "."}
	if of != nil { // "./db" means db/index.js, "./x.js" may mean x.ts
		stem := strings.TrimSuffix(path.Base(of.path), path.Ext(of.path))
		tries = append(tries, stem, path.Base(path.Dir(of.path)))
		for name, dir := range g.packages {
			if dir != "." && strings.HasPrefix(of.path, dir+"/") {
				tries = append(tries, path.Base(name))
			}
		}
	}
	seen := map[*file]bool{}
	var found []*file
	for _, k := range tries {
		for _, f := range g.importsOf[k] {
			if !seen[f] && f != of {
				seen[f] = true
				if g.importsModule(f, module) {
					found = append(found, f)
				}
			}
		}
	}
	return found
}

func (g *Graph) importsModule(f *file, module string) bool {
	if f.module == module && f.lang != "go" {
		return false
	}
	for n := range f.imports {
		i := &f.imports[n]
		whole := g.absolute(f, i)
		if whole == module {
			return true
		}
		for _, t := range g.targets(f, i) {
			if t.module == module {
				return true
			}
		}
		if f.lang == "go" {
			continue
		}
		if f.lang == "python" && strings.HasPrefix(whole, module+".") { // importing a.b runs a
			return true
		}
		for _, n := range i.names {
			if whole+"."+n.original == module || whole == "" && n.original == module {
				return true
			}
		}
	}
	return false
}

// Imports lists the modules that a file imports, relative ones resolved, in
// order of appearance, without duplicates.
func (g *Graph) Imports(name string) []string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	f, ok := g.files[name]
	if !ok {
		return nil
	}
	return g.imports(f)
}

func (g *Graph) imports(f *file) []string {
	var found []string
	for n := range f.imports {
		i := &f.imports[n]
		m := g.absolute(f, i)
		if t := g.targets(f, i); len(t) > 0 {
			m = t[0].module
		}
		if m != "" && !slices.Contains(found, m) {
			found = append(found, m)
		}
	}
	return found
}

// Dependencies lists what the manifests declare, by name and manifest.
func (g *Graph) Dependencies() []Dependency {
	g.mu.RLock()
	defer g.mu.RUnlock()
	found := []Dependency{}
	for _, m := range g.manifests {
		found = append(found, m.deps...)
	}
	sort.Slice(found, func(i, j int) bool {
		a, b := found[i], found[j]
		if a.Name != b.Name {
			return a.Name < b.Name
		}
		if a.Manifest != b.Manifest {
			return a.Manifest < b.Manifest
		}
		return a.Version < b.Version
	})
	return found
}

// Declares reports whether a manifest declares the package. name is a package
// as its registry calls it, a Python module ("yaml" is declared by "PyYAML"),
// a Go import path below a required module, or a path into an npm package.
func (g *Graph) Declares(name string) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return len(g.declared("", name)) > 0
}

// declared are the declarations of a package or module; ecosystem "" is any.
func (g *Graph) declared(ecosystem, name string) []Dependency {
	top, _, _ := strings.Cut(name, ".")
	python := []string{pypiName(name), pypiName(top), distribution(name), distribution(top)}
	var found []Dependency
	for _, m := range g.manifests {
		for _, d := range m.deps {
			if ecosystem != "" && d.Ecosystem != ecosystem {
				continue
			}
			var fits bool
			switch d.Ecosystem {
			case "python":
				fits = slices.Contains(python, d.Name)
			case "rust":
				crate, _, _ := strings.Cut(strings.ReplaceAll(name, "::", "."), ".")
				fits = strings.ReplaceAll(d.Name, "-", "_") == strings.ReplaceAll(crate, "-", "_")
			case "java":
				group, artifact, _ := strings.Cut(d.Name, ":")
				fits = name == d.Name || name == artifact || strings.HasPrefix(name, group+".")
			default:
				fits = name == d.Name || strings.HasPrefix(name, d.Name+"/")
			}
			if fits {
				found = append(found, d)
			}
		}
	}
	sort.Slice(found, func(i, j int) bool {
		a, b := found[i], found[j]
		if a.Dev != b.Dev {
			return b.Dev
		}
		return a.Manifest+a.Name < b.Manifest+b.Name
	})
	return found
}

// Local reports whether a module is the project's own.
func (g *Graph) Local(module string) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.isLocal(module)
}

// Stats counts what is there, and resolves every call to say how many lead
// somewhere.
func (g *Graph) Stats() Stats {
	g.mu.RLock()
	defer g.mu.RUnlock()
	s := Stats{Parser: Parser, Files: map[string]int{}, Entities: map[learn.CodeKind]int{}, By: map[string]int{}, Last: g.last}
	for _, f := range g.files {
		s.Files[f.lang]++
		for i := range f.entities {
			s.Entities[f.entities[i].kind]++
			s.Entities[learn.CodeParameter] += len(f.entities[i].params)
		}
		s.Imports += len(f.imports)
		s.Calls += len(f.calls)
		for i := range f.calls {
			r, how, external := g.resolve(f, &f.calls[i])
			switch {
			case r.ok():
				s.Resolved++
				s.By[how]++
			case external:
				s.External++
			}
		}
	}
	for _, m := range g.manifests {
		s.Declared += len(m.deps)
	}
	return s
}
