package codegraph

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
)

// feed collects what changed since somebody took it, as far as it can change
// what the code of a file leads to: the files themselves, and those that call,
// derive from or import what changed its face.
type feed struct {
	seed  maphash.Seed
	files map[string]bool
	all   bool // any file's edges may have changed
	names bool // what a name means may have changed
}

// face is what a file shows to others.
type face struct {
	names map[string]uint64 // last name of what it defines -> kinds, results, bases
	rest  uint64            // types of fields and of the module's variables, bases that stand apart, re-exports
}

// changed notes that a file is replaced; nil for one that comes or goes. The
// caller holds the graph's lock, before the change or after it.
func (g *Graph) changed(name string, old, now *file) {
	d := &g.feed
	d.files[name] = true
	if d.all {
		return
	}
	if old == nil || now == nil || old.module != g.moduleName(now) || old.pack != now.pack || old.generated != now.generated || old.aside != now.aside {
		d.all, d.names = true, true
		return
	}
	a, b := d.faceOf(old), d.faceOf(now)
	if a.rest != b.rest {
		d.all, d.names = true, true
		return
	}
	for n, h := range a.names {
		if b.names[n] != h {
			g.concerned(n, old)
		}
	}
	for n := range b.names {
		if _, known := a.names[n]; !known {
			g.concerned(n, now)
		}
	}
}

// maxConcerned bounds the names that one changed name may concern.
const maxConcerned = 100

// concerned notes the files whose edges it decides what a name means that f
// defines: those that call it, derive from it or return it. Where nobody wrote
// what a function returns that calls it, that function is concerned as well.
func (g *Graph) concerned(name string, f *file) {
	d := &g.feed
	d.names = true
	seen := map[string]bool{name: true}
	for queue := []string{name}; len(queue) > 0 && !d.all; queue = queue[1:] {
		n := queue[0]
		called := []string{n}
		for local := range g.renamed[n] {
			called = append(called, local)
		}
		for _, c := range called {
			for _, o := range g.callsTo[c] {
				d.files[o.path] = true
				for _, derived := range d.derived(o, c) {
					if !seen[derived] {
						seen[derived] = true
						queue = append(queue, derived)
					}
				}
			}
		}
		for _, r := range g.typesOf[n] {
			d.files[r.f.path] = true
		}
		if f.lang != "go" && f.lang != "java" && f.lang != "rust" {
			g.unsaid(n, f)
		}
		if len(seen) > maxConcerned {
			d.all = true
		}
	}
}

// unsaid notes the files that use a name without calling it: as a property, or
// by the name that they give a default export.
func (g *Graph) unsaid(name string, f *file) {
	d := &g.feed
	part := "." + name
	for _, o := range g.files {
		if !sameLanguage(o.lang, f.lang) {
			continue
		}
		for i := range o.calls {
			if strings.Contains(o.calls[i].recv, part) {
				d.files[o.path] = true
				break
			}
		}
		for i := range o.vars {
			if v := &o.vars[i]; o.shown(v) && strings.Contains(v.typ, part) {
				d.all = true
				return
			}
		}
	}
	if f.lang != "python" {
		for _, o := range g.importers(f.path) {
			d.files[o.path] = true
		}
	}
}

// derived are the functions of a file that call a name and of which nobody
// wrote what they return. Where fields or variables that others see come of
// such a call, anything may have changed.
func (d *feed) derived(f *file, name string) []string {
	var found []string
	for i := range f.calls {
		c := &f.calls[i]
		if c.name != name {
			continue
		}
		if e := &f.entities[c.caller]; isCallable(e.kind) && e.returns == "" {
			if _, ok := f.typeOf(int(c.caller), "return", 0); ok {
				found = append(found, e.name)
			}
		}
		for k := range f.vars {
			if v := &f.vars[k]; v.from == c.caller && f.shown(v) && strings.HasPrefix(v.typ, "=") {
				d.all = true
				return nil
			}
		}
	}
	return found
}

// shown reports whether others see a variable: it is a field, or a module's.
func (f *file) shown(v *varFact) bool {
	return v.typ != "" && (v.scope == 1 || isType(f.entities[v.scope].kind))
}

func (d *feed) faceOf(f *file) face {
	c := face{names: map[string]uint64{}}
	for i := 2; i < len(f.entities); i++ {
		e := &f.entities[i]
		c.names[e.name] += d.hash(string(e.kind), e.qualified, fmt.Sprint(e.again), e.returns, fmt.Sprint(e.bases))
	}
	for i := range f.vars {
		v := &f.vars[i]
		switch e := &f.entities[v.scope]; {
		case f.shown(v):
			c.rest += d.hash("v", e.qualified, v.name, v.typ)
		case v.name == "return" && e.returns == "":
			c.names[e.name] += d.hash("r", e.qualified, v.typ)
		}
	}
	for _, b := range f.bases {
		c.rest += d.hash("b", b.typ, b.base)
	}
	if f.lang != "go" && f.lang != "java" { // there nobody imports what a file imports
		for _, i := range f.imports {
			c.rest += d.hash("i", i.module, fmt.Sprint(i.level), i.alias, fmt.Sprint(i.names))
		}
	}
	return c
}

func (d *feed) hash(parts ...string) uint64 {
	return maphash.String(d.seed, strings.Join(parts, "\x00"))
}

// takeFeed tells what changed since it was asked last. files are those whose
// edges are to be made again: every one when all is set.
func (g *Graph) takeFeed() (files []string, all, names bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for name := range g.feed.files {
		files = append(files, name)
	}
	slices.Sort(files)
	all, names = g.feed.all, g.feed.names
	g.resetFeed()
	return files, all, names
}

func (g *Graph) resetFeed() { g.feed = feed{seed: g.feed.seed, files: map[string]bool{}} }
