package codegraph

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lathe/learn"
)

// Bounds of an answer.
const (
	maxTouched      = 12
	maxTouchCallers = 5
	maxTouchImports = 20
	maxTouchDeps    = 10
	maxQuery        = 50 // places and entities that are looked at
)

// Touches says what an error touches: the entities around its frames and those
// that it names, with who calls them, what their files import and when they
// last changed; and of the modules and packages that it names, whether they
// are the project's own, declared and installed. It reads nothing but memory
// and, for what is installed, a few folders; it stops when ctx ends and says
// so.
func (g *Graph) Touches(ctx context.Context, q learn.CodeQuery) learn.CodeContext {
	g.mu.RLock()
	t := &touch{g: g, ctx: ctx, seen: map[ref]bool{}}
	for _, p := range q.Places[:min(len(q.Places), maxQuery)] {
		t.place(p)
	}
	entities := q.Entities[:min(len(q.Entities), maxQuery)]
	for _, e := range entities {
		t.entity(e)
	}
	var asked []asking
	for _, e := range entities {
		asked = append(asked, t.dependency(e)...)
	}
	g.mu.RUnlock()
	t.out.State = learn.CodeReady
	for _, a := range asked[:min(len(asked), maxTouchDeps)] {
		if ctx.Err() != nil {
			t.out.Truncated = true
			break
		}
		t.out.Dependencies = append(t.out.Dependencies, g.lookInto(a))
	}
	t.out.Truncated = t.out.Truncated || ctx.Err() != nil
	return t.out
}

type touch struct {
	g    *Graph
	ctx  context.Context // of this one question
	out  learn.CodeContext
	seen map[ref]bool
	lang string // of the first entity touched
}

// place touches the innermost entity around a frame.
func (t *touch) place(p learn.CodePlace) {
	f := t.g.fileNamed(p.File)
	if f == nil {
		return
	}
	at := 0
	for i := 2; i < len(f.entities); i++ {
		e := &f.entities[i]
		if inside := int(e.line) <= p.Line && p.Line <= int(e.end); inside && (at == 0 || e.end-e.line <= f.entities[at].end-f.entities[at].line) &&
			(isCallable(e.kind) || isType(e.kind)) {
			at = i
		}
	}
	frame := learn.CodePlace{File: f.path, Line: p.Line}
	t.add(ref{f, at}, fmt.Sprintf("the error names %s line %d", f.path, p.Line), &frame)
}

// entity touches what the error names by name.
func (t *touch) entity(e learn.Entity) {
	switch e.Kind {
	case "file":
		if f := t.g.fileNamed(e.Name); f != nil {
			t.add(ref{f, 0}, "the error names the file", nil)
		}
	case "symbol", "module":
		found := t.g.lookup(strings.TrimSuffix(e.Name, "()"))
		if e.Kind == "module" {
			found = slices.DeleteFunc(found, func(r ref) bool { return r.entity().kind != learn.CodeModule && r.i != 0 })
		}
		if len(found) > 3 { // a name like "get" means nothing without more
			return
		}
		for _, r := range found {
			t.add(r, "the error names the "+e.Kind+" "+r.f.code(r.i).Name, nil)
		}
	}
}

func (t *touch) add(r ref, reason string, place *learn.CodePlace) {
	if t.seen[r] {
		return
	}
	if len(t.out.Touched) == maxTouched {
		t.out.Truncated = true
		return
	}
	if t.ctx.Err() != nil {
		t.out.Truncated = true
		return
	}
	t.seen[r] = true
	if t.lang == "" {
		t.lang = r.f.lang
	}
	c := learn.TouchedCode{CodeEntity: t.g.described(r), Reason: reason, Place: place}
	imports := t.g.imports(r.f)
	c.Imports = imports[:min(len(imports), maxTouchImports)]
	if r.i > 1 {
		sites, _ := t.g.callers(t.ctx, []ref{r}, maxTouchCallers)
		c.Callers = t.g.asCalls(sites)
	}
	t.out.Touched = append(t.out.Touched, c)
}

// asking is a dependency before what is installed was looked at.
type asking struct{ learn.CodeDependency }

// dependency says of a module or package what the manifests do.
func (t *touch) dependency(e learn.Entity) []asking {
	if e.Kind != "module" && e.Kind != "package" || e.Name == "" || strings.HasPrefix(e.Name, ".") {
		return nil
	}
	found := t.g.declared("", e.Name)
	if len(found) == 0 {
		ecosystem := t.ecosystem(e.Name)
		if ecosystem == "" {
			return nil
		}
		a := asking{CodeDependency: learn.CodeDependency{Name: distributionIn(ecosystem, e.Name), Module: e.Name, Ecosystem: ecosystem,
			Local: t.g.isLocal(e.Name), Standard: standard(ecosystem, e.Name)}}
		return []asking{a}
	}
	d := found[0]
	return []asking{{CodeDependency: learn.CodeDependency{Name: d.Name, Module: e.Name, Ecosystem: d.Ecosystem, Declared: true, Dev: d.Dev,
		Constraint: d.Version, Manifest: d.Manifest, Local: t.g.isLocal(e.Name)}}}
}

// ecosystem is that of the code that the error touches, else of the manifests
// or the files, when they are all of one.
func (t *touch) ecosystem(string) string {
	if t.lang != "" {
		return ecosystemOf(t.lang)
	}
	only := ""
	for _, f := range t.g.files {
		if e := ecosystemOf(f.lang); only == "" {
			only = e
		} else if only != e {
			return ""
		}
	}
	return only
}

func ecosystemOf(lang string) string {
	if lang == "typescript" {
		return "javascript"
	}
	return lang
}

func distributionIn(ecosystem, module string) string {
	switch ecosystem {
	case "python":
		if d := distribution(module); d != pypiName(module) {
			return d
		}
		top, _, _ := strings.Cut(module, ".")
		return distribution(top)
	case "javascript":
		parts := strings.Split(module, "/")
		if strings.HasPrefix(module, "@") && len(parts) > 1 {
			return parts[0] + "/" + parts[1]
		}
		return parts[0]
	case "rust":
		crate, _, _ := strings.Cut(strings.ReplaceAll(module, "::", "."), ".")
		return crate
	}
	return module
}

// standard reports whether a module is known to come with the language, where
// its name alone tells.
func standard(ecosystem, module string) bool {
	switch ecosystem {
	case "go":
		first, _, _ := strings.Cut(module, "/")
		return !strings.Contains(first, ".")
	case "javascript":
		return strings.HasPrefix(module, "node:") || slices.Contains(nodeModules, module)
	case "java":
		return strings.HasPrefix(module, "java.") || strings.HasPrefix(module, "javax.")
	case "rust":
		crate, _, _ := strings.Cut(strings.ReplaceAll(module, "::", "."), ".")
		return crate == "std" || crate == "core" || crate == "alloc"
	case "python":
		top, _, _ := strings.Cut(module, ".")
		return slices.Contains(pythonModules, top)
	}
	return false
}
