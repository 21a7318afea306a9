package codegraph

import (
	"context"
	"sort"
	"strings"

	"lathe/learn"
)

// maxSites bounds the call sites that one question looks at: a name like
// "get" has tens of thousands in a large workspace.
const maxSites = 50_000

// Callers implements learn.CodeGraph: the calls that lead to a symbol (as
// Lookup takes it), by file and line, at most 1,000.
func (g *Graph) Callers(ctx context.Context, symbol string) ([]learn.CodeCall, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	sites, _ := g.callers(ctx, g.lookup(symbol), maxAnswers)
	return g.asCalls(sites), ctx.Err()
}

// site is a resolved call.
type site struct {
	caller, callee ref
	line           int
	how            string
}

// callers finds the calls of entities; whole says that there are no more.
func (g *Graph) callers(ctx context.Context, of []ref, limit int) (found []site, whole bool) {
	wanted := map[ref]bool{}
	names := map[string]bool{}
	for _, r := range of {
		wanted[r] = true
		names[r.entity().name] = true
		for local := range g.renamed[r.entity().name] { // from m import f as h
			names[local] = true
		}
		for local := range g.defaults(r) {
			names[local] = true
		}
	}
	looked := 0
	for name := range names {
		for _, f := range g.callsTo[name] {
			if ctx.Err() != nil || looked > maxSites {
				return inOrder(found, limit), false
			}
			for i := range f.calls {
				c := &f.calls[i]
				if c.name != name {
					continue
				}
				looked++
				if to, how, _ := g.resolve(f, c); to.ok() && wanted[to] {
					found = append(found, site{ref{f, int(c.caller)}, to, int(c.line), how})
				}
			}
		}
	}
	return inOrder(found, limit), len(found) <= limit
}

// defaults are the names by which others import what a JavaScript file exports
// as default.
func (g *Graph) defaults(r ref) map[string]bool {
	if r.f.lang != "javascript" && r.f.lang != "typescript" {
		return nil
	}
	name := r.entity().name
	v, ok := r.f.typeOf(1, "default", 0)
	if name != "default" && (!ok || strings.TrimSuffix(strings.TrimPrefix(v.typ, "="), "()") != name) {
		return nil
	}
	found := map[string]bool{}
	for _, f := range g.importers(r.f.path) {
		for _, i := range f.imports {
			if i.alias != "" {
				found[i.alias] = true
			}
			for _, n := range i.names {
				if n.original == "default" {
					found[n.local] = true
				}
			}
		}
	}
	return found
}

// Callees lists the calls that a symbol makes that stay in the project.
func (g *Graph) Callees(ctx context.Context, symbol string) ([]learn.CodeCall, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var found []site
	for _, r := range g.lookup(symbol) {
		found = append(found, g.callees(r)...)
	}
	return g.asCalls(inOrder(found, maxAnswers)), ctx.Err()
}

func (g *Graph) callees(r ref) []site {
	var found []site
	for i := range r.f.calls {
		if c := &r.f.calls[i]; int(c.caller) == r.i {
			if to, how, _ := g.resolve(r.f, c); to.ok() {
				found = append(found, site{r, to, int(c.line), how})
			}
		}
	}
	return found
}

func inOrder(sites []site, limit int) []site {
	sort.SliceStable(sites, func(i, j int) bool {
		a, b := &sites[i], &sites[j]
		if a.caller.f.path != b.caller.f.path {
			return a.caller.f.path < b.caller.f.path
		}
		if a.line != b.line {
			return a.line < b.line
		}
		return a.callee.f.id(a.callee.i) < b.callee.f.id(b.callee.i)
	})
	return sites[:min(len(sites), limit)]
}

func (g *Graph) asCalls(sites []site) []learn.CodeCall {
	found := make([]learn.CodeCall, len(sites))
	for i, s := range sites {
		found[i] = learn.CodeCall{Caller: g.described(s.caller), Callee: g.described(s.callee),
			File: s.caller.f.path, Line: s.line, How: s.how}
	}
	return found
}
