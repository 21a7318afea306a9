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
	for i := range f.entities {
		if i < 2 {
			continue
		}
		name := f.entities[i].Name
		if g.byName[name] == nil {
			g.byName[name] = map[*file][]int{}
		}
		g.byName[name][f] = append(g.byName[name][f], i)
	}
	for _, c := range f.calls {
		if g.callsTo[c.name] == nil {
			g.callsTo[c.name] = map[*file]int{}
		}
		g.callsTo[c.name][f]++
	}
}

func (g *Graph) drop(name string) bool {
	f, ok := g.files[name]
	if !ok {
		return false
	}
	delete(g.files, name)
	g.byModule[f.module] = slices.DeleteFunc(g.byModule[f.module], func(n string) bool { return n == name })
	if len(g.byModule[f.module]) == 0 {
		delete(g.byModule, f.module)
	}
	for _, e := range f.entities[2:] {
		delete(g.byName[e.Name], f)
		if len(g.byName[e.Name]) == 0 {
			delete(g.byName, e.Name)
		}
	}
	for _, c := range f.calls {
		delete(g.callsTo[c.name], f)
		if len(g.callsTo[c.name]) == 0 {
			delete(g.callsTo, c.name)
		}
	}
	return true
}

// nameModules names every file's module anew. It costs a little per file and
// no parsing.
func (g *Graph) nameModules() {
	g.byModule = map[string][]string{}
	for _, f := range g.files {
		g.nameModule(f)
	}
}

func (g *Graph) nameModule(f *file) {
	f.module = g.moduleName(f)
	m := &f.entities[1]
	m.ID, m.Qualified, m.Name = "module:"+f.module, f.module, path.Base(f.module)
	if f.lang == "python" {
		m.Name = f.module[strings.LastIndexByte(f.module, '.')+1:]
	}
	names := g.byModule[f.module]
	at, _ := slices.BinarySearch(names, f.path)
	g.byModule[f.module] = slices.Insert(names, at, f.path)
}

// moduleName is how others import the file: "pkg.mod" in Python, the package's
// import path in Go, the path in JavaScript.
func (g *Graph) moduleName(f *file) string {
	switch f.lang {
	case "python":
		return g.pythonModule(f.path)
	case "go":
		dir := path.Dir(f.path)
		for at := dir; ; at = path.Dir(at) {
			if m, ok := g.manifests[path.Join(at, "go.mod")]; ok && m.module != "" {
				return path.Join(m.module, strings.TrimPrefix(strings.TrimPrefix(dir, at), "/"))
			}
			if at == "." {
				return dir
			}
		}
	}
	return f.path
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
	case at != path.Dir(name): // within a package
		stem = strings.TrimPrefix(stem, at+"/")
	case strings.HasPrefix(stem, "src/"), strings.HasPrefix(stem, "lib/"):
		stem = stem[4:]
	}
	return strings.ReplaceAll(stem, "/", ".")
}
