package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"lathe/index/codegraph"
	"lathe/learn"
)

// CodeCall asks about the code of a workspace. Ask is stats, definition,
// callers, callees, imports, importers, neighbourhood, touches, dependencies
// or update.
type CodeCall struct {
	Workspace string          `json:"workspace"`
	Ask       string          `json:"ask"`
	Symbol    string          `json:"symbol,omitempty"`
	Hops      int             `json:"hops,omitempty"`
	Limit     int             `json:"limit,omitempty"`
	Query     learn.CodeQuery `json:"query,omitzero"`
}

// CodeStats are a code graph's numbers with how it is kept.
type CodeStats struct {
	codegraph.Stats
	Workspace string `json:"workspace"`
	Watching  string `json:"watching"`
	Why       string `json:"why,omitempty"` // of polling
	Lost      string `json:"lost,omitempty"`
}

// serveCode mounts the code graph's call.
func (d *Daemon) serveCode(mux *http.ServeMux) {
	answer(d, mux, "POST /v1/code", func(ctx context.Context, call CodeCall) (any, error) { return d.code.ask(ctx, call) })
}

// ask answers a person's question; it waits until the graph is there.
func (c *codeGraphs) ask(ctx context.Context, call CodeCall) (any, error) {
	root, err := c.root("", call.Workspace)
	if err != nil {
		return nil, err
	}
	w := c.workspace(root)
	select {
	case <-w.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if w.err != nil {
		return nil, w.err
	}
	g := w.graph
	if call.Ask == "definition" || call.Ask == "touches" {
		c.readHistories(ctx, g, call)
	}
	if err := unknownCode(g, call, root); err != nil {
		return nil, err
	}
	switch call.Ask {
	case "stats":
		how, why := g.Watching()
		return CodeStats{g.Stats(), root, how, why, codegraph.Lost}, nil
	case "definition":
		return g.Definition(ctx, call.Symbol)
	case "callers":
		return g.Callers(ctx, call.Symbol)
	case "callees":
		return g.Callees(ctx, call.Symbol)
	case "imports":
		return g.Imports(codeFile(call.Symbol)), nil
	case "importers":
		return g.Importers(call.Symbol), nil
	case "neighbourhood":
		return g.Neighbourhood(ctx, call.Symbol, call.Hops, call.Limit)
	case "touches":
		return g.Touches(ctx, call.Query), nil
	case "dependencies":
		return g.CheckDependencies(max(1, call.Limit)), nil
	case "update":
		return g.Update(ctx)
	}
	return nil, fmt.Errorf("the code graph cannot be asked for %.40q", call.Ask)
}

// codeFile is a file of the workspace as a person may write it.
func codeFile(name string) string { return strings.TrimPrefix(filepath.ToSlash(name), "./") }

// unknownCode says of a name that is neither defined in the workspace nor, where
// modules from elsewhere may be meant, used in it, what it could have been.
func unknownCode(g *codegraph.Graph, call CodeCall, root string) error {
	known := true
	switch call.Ask {
	case "definition", "callers", "callees", "neighbourhood":
		known = len(g.Lookup(call.Symbol)) > 0
	case "imports":
		known = g.Entities(codeFile(call.Symbol)) != nil
	case "importers":
		known = len(g.Importers(call.Symbol)) > 0 || len(g.Lookup(call.Symbol)) > 0
	}
	if known {
		return nil
	}
	near := g.Near(call.Symbol, 5)
	if len(near) == 0 {
		return fmt.Errorf("the code in %s has no %.80q, as far as it was read: see `lathe graph code stats`", root, call.Symbol)
	}
	return fmt.Errorf("the code in %s has no %.80q; it has %s", root, call.Symbol, strings.Join(near, ", "))
}

// readHistories reads the histories that an answer will show. Where there is
// no git, there are none.
func (c *codeGraphs) readHistories(ctx context.Context, g *codegraph.Graph, call CodeCall) {
	files := map[string]bool{}
	if found, err := g.Definition(ctx, call.Symbol); err == nil {
		for _, e := range found[:min(5, len(found))] {
			files[e.File] = true
		}
	}
	for _, t := range g.Touches(ctx, call.Query).Touched {
		files[t.File] = true
	}
	for f := range files {
		if err := g.FileHistory(ctx, f); err != nil && !errors.Is(err, codegraph.ErrNoGit) {
			c.logger.Warn("git history of a file", "file", f, "err", err)
		}
	}
}
