package codegraph

import (
	"path"
	"slices"
	"sort"
	"strings"
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
	return slices.Clone(f.entities)
}

// Lookup finds entities by id, qualified name ("Store.put"), module and name
// ("pkg.mod.Store") or last name, in order of their ids, at most 1,000.
func (g *Graph) Lookup(name string) []Entity {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var found []Entity
	for _, r := range g.lookup(name) {
		found = append(found, r.entity())
	}
	return found
}

func (g *Graph) lookup(name string) []ref {
	if f, ok := g.files[name]; ok {
		return []ref{{f, 0}}
	}
	var found []ref
	for _, n := range g.byModule[strings.TrimPrefix(name, "module:")] {
		found = append(found, ref{g.files[n], 1})
	}
	last := name[strings.LastIndexAny(name, ".#")+1:]
	last, _, _ = strings.Cut(last, "@")
	for f, at := range g.byName[last] {
		for _, i := range at {
			e := &f.entities[i]
			if name == e.Name || name == e.ID || name == e.Qualified || name == f.module+"."+e.Qualified {
				found = append(found, ref{f, i})
			}
		}
	}
	sort.Slice(found, func(i, j int) bool {
		a, b := found[i], found[j]
		if a.f.path != b.f.path {
			return a.f.path < b.f.path
		}
		return a.i < b.i
	})
	return found[:min(len(found), maxAnswers)]
}

// Importers lists the files that import a module, given by its name or as a
// file of the workspace, sorted. Importing from a package a module in it
// counts for both.
func (g *Graph) Importers(module string) []string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if f, ok := g.files[module]; ok {
		module = f.module
	}
	found := []string{}
	for name, f := range g.files {
		if f.module != module && g.importsModule(f, module) {
			found = append(found, name)
		}
	}
	sort.Strings(found)
	return found
}

func (g *Graph) importsModule(f *file, module string) bool {
	for _, i := range f.imports {
		whole := g.absolute(f, i)
		if whole == module {
			return true
		}
		for _, t := range g.targets(f, i) {
			if g.files[t].module == module {
				return true
			}
		}
		if f.lang != "python" {
			continue
		}
		if strings.HasPrefix(whole, module+".") { // importing a.b runs a
			return true
		}
		for _, n := range i.names {
			if whole+"."+n == module || whole == "" && n == module {
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
	var found []string
	for _, i := range f.imports {
		m := g.absolute(f, i)
		if t := g.targets(f, i); len(t) > 0 {
			m = g.files[t[0]].module
		}
		if !slices.Contains(found, m) {
			found = append(found, m)
		}
	}
	return found
}

// Callers lists the calls that lead to a symbol (as Lookup takes it), by file
// and line, at most 1,000.
func (g *Graph) Callers(symbol string) []Call {
	g.mu.RLock()
	defer g.mu.RUnlock()
	wanted := map[ref]bool{}
	names := map[string]bool{}
	for _, r := range g.lookup(symbol) {
		wanted[r] = true
		names[r.entity().Name] = true
		// A call may use another name: from m import f as h.
		for _, f := range g.files {
			for _, i := range f.imports {
				for local, original := range i.names {
					if original == r.entity().Name || original == "default" {
						names[local] = true
					}
				}
			}
		}
	}
	var found []Call
	for name := range names {
		for f := range g.callsTo[name] {
			for i := range f.calls {
				if f.calls[i].name == name {
					if c, to, ok := g.call(f, &f.calls[i]); ok && wanted[to] {
						found = append(found, c)
					}
				}
			}
		}
	}
	return inOrder(found)
}

// Callees lists the calls that a symbol makes that stay in the project.
func (g *Graph) Callees(symbol string) []Call {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var found []Call
	for _, r := range g.lookup(symbol) {
		for i := range r.f.calls {
			if r.f.calls[i].caller == r.i {
				if c, _, ok := g.call(r.f, &r.f.calls[i]); ok {
					found = append(found, c)
				}
			}
		}
	}
	return inOrder(found)
}

func (g *Graph) call(f *file, c *callFact) (Call, ref, bool) {
	to, how, ok := g.resolve(f, c)
	if !ok {
		return Call{}, ref{}, false
	}
	return Call{Caller: f.entities[c.caller], Callee: to.entity(), File: f.path, Line: c.line, How: how}, to, true
}

func inOrder(calls []Call) []Call {
	sort.SliceStable(calls, func(i, j int) bool {
		a, b := &calls[i], &calls[j]
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Callee.ID < b.Callee.ID
	})
	return calls[:min(len(calls), maxAnswers)]
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
	top, _, _ := strings.Cut(name, ".")
	python := []string{pypiName(name), pypiName(top), distribution(name), distribution(top)}
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, m := range g.manifests {
		for _, d := range m.deps {
			switch d.Ecosystem {
			case "python":
				if slices.Contains(python, d.Name) {
					return true
				}
			default:
				if name == d.Name || strings.HasPrefix(name, d.Name+"/") {
					return true
				}
			}
		}
	}
	return false
}

// Local reports whether a module is the project's own.
func (g *Graph) Local(module string) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if len(g.byModule[module]) > 0 || g.files[path.Clean(module)] != nil {
		return true
	}
	for m := range g.byModule {
		if strings.HasPrefix(m, module+".") || strings.HasPrefix(m, module+"/") {
			return true
		}
	}
	return false
}

// Stats counts what is there, and resolves every call to say how many lead
// somewhere.
func (g *Graph) Stats() Stats {
	g.mu.RLock()
	defer g.mu.RUnlock()
	s := Stats{Files: map[string]int{}, Entities: map[Kind]int{}}
	for _, f := range g.files {
		s.Files[f.lang]++
		for i := range f.entities {
			s.Entities[f.entities[i].Kind]++
		}
		s.Imports += len(f.imports)
		s.Calls += len(f.calls)
		for i := range f.calls {
			if _, _, ok := g.resolve(f, &f.calls[i]); ok {
				s.Resolved++
			}
		}
	}
	for _, m := range g.manifests {
		s.Declared += len(m.deps)
	}
	return s
}
