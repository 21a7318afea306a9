package server

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"lathe/learn"
	"lathe/learn/diagnose"
	"lathe/learn/llm"
	"lathe/mcp/gateway"
)

// CodeGraphConfig names an MCP server that keeps the code graph of one
// project, in the [code_graph] table of the person's configuration. What is
// not set is: no such server.
type CodeGraphConfig struct {
	Project       string // whose code it knows; no other project is told of it
	Command       string // program with its arguments, separated by spaces
	URL           string // https, or http on this machine
	Dir           string // where the program starts
	Definition    string // names of tools
	Callers       string
	Neighbourhood string
	Timeout       time.Duration // of one question
}

func (c CodeGraphConfig) enabled() bool { return c.Command != "" || c.URL != "" }

// codeGraphSettings are the [code_graph] table. A workspace may set none of
// it: they start programs.
func codeGraphSettings() []setting {
	mk := func(name string, p func(*CodeGraphConfig) *string, check func(string) error) setting {
		return setting{"code_graph." + name, true, func(c *Config) string { return *p(&c.CodeGraph) }, func(c *Config, v string) error {
			if v != "" && check != nil {
				if err := check(v); err != nil {
					return err
				}
			}
			*p(&c.CodeGraph) = v
			return nil
		}}
	}
	return []setting{
		mk("project", func(c *CodeGraphConfig) *string { return &c.Project }, nil),
		mk("command", func(c *CodeGraphConfig) *string { return &c.Command }, nil),
		mk("url", func(c *CodeGraphConfig) *string { return &c.URL }, llm.CheckURL),
		mk("dir", func(c *CodeGraphConfig) *string { return &c.Dir }, nil),
		mk("definition", func(c *CodeGraphConfig) *string { return &c.Definition }, nil),
		mk("callers", func(c *CodeGraphConfig) *string { return &c.Callers }, nil),
		mk("neighbourhood", func(c *CodeGraphConfig) *string { return &c.Neighbourhood }, nil),
		{"code_graph.timeout", true, func(c *Config) string { return c.CodeGraph.Timeout.String() }, func(c *Config, v string) (err error) {
			c.CodeGraph.Timeout, err = time.ParseDuration(v)
			if err == nil && (c.CodeGraph.Timeout < 0 || c.CodeGraph.Timeout > time.Minute) {
				err = errors.New("it must lie between 0s (the default) and 1m")
			}
			return err
		}},
	}
}

// foreignCode is the code graph of one project that somebody else keeps, as
// diagnosis asks for it.
type foreignCode struct {
	project string
	graph   learn.CodeGraph
	close   func()
}

var _ diagnose.CodeSource = (*foreignCode)(nil)

// openForeignCode makes the client of the configured code graph; nil when
// there is none.
func openForeignCode(c CodeGraphConfig) (*foreignCode, error) {
	if !c.enabled() {
		return nil, nil
	}
	if c.Project == "" {
		return nil, errors.New("code_graph.project is not set: name the project whose code the server knows")
	}
	words := append(strings.Fields(c.Command), "")
	g, err := gateway.NewCodeGraph(gateway.CodeGraphConfig{
		Server: gateway.ServerConfig{Command: words[0], Args: words[1:max(1, len(words)-1)]}, URL: c.URL, Dir: c.Dir, Env: os.Environ(),
		Definition: c.Definition, Callers: c.Callers, Neighbourhood: c.Neighbourhood, Timeout: c.Timeout,
	}, time.Now)
	if err != nil {
		return nil, err
	}
	return &foreignCode{project: c.Project, graph: g, close: g.Close}, nil
}

// Bounds of what a foreign code graph is asked for one failure.
const (
	foreignTime    = 5 * time.Second
	foreignTouched = 4
	foreignCallers = 5
	foreignNear    = 200
)

// CodeContext implements diagnose.CodeSource.
func (f *foreignCode) CodeContext(ctx context.Context, projectID, _ string, q learn.CodeQuery) learn.CodeContext {
	if f == nil || projectID != f.project {
		return learn.CodeContext{State: learn.CodeAbsent, Why: "no code graph is kept of this project's workspace"}
	}
	ctx, cancel := context.WithTimeout(ctx, foreignTime)
	defer cancel()
	out := learn.CodeContext{State: learn.CodeReady}
	err := f.touched(ctx, q, &out)
	for i := range out.Touched {
		var calls []learn.CodeCall
		if err == nil {
			calls, err = f.graph.Callers(ctx, out.Touched[i].ID)
		}
		out.Touched[i].Callers = calls[:min(len(calls), foreignCallers)]
	}
	if err != nil && len(out.Touched) == 0 {
		return learn.CodeContext{State: learn.CodeAbsent, Why: "the code graph that is configured does not answer: " + err.Error()}
	}
	out.Truncated = err != nil
	return out
}

// touched finds the entities that an error names: by its frames, then by name.
func (f *foreignCode) touched(ctx context.Context, q learn.CodeQuery, out *learn.CodeContext) error {
	add := func(e learn.CodeEntity, reason string, place *learn.CodePlace) {
		known := func(t learn.TouchedCode) bool { return t.ID == e.ID }
		if len(out.Touched) < foreignTouched && !slices.ContainsFunc(out.Touched, known) {
			out.Touched = append(out.Touched, learn.TouchedCode{CodeEntity: e, Reason: reason, Place: place})
		}
	}
	for _, p := range q.Places[:min(len(q.Places), foreignTouched)] {
		near, err := f.graph.Neighbourhood(ctx, p.File, 1, foreignNear)
		if err != nil {
			return err
		}
		if e, ok := innermost(near.Entities, p); ok {
			add(e, "the failure happened in it", &p)
		}
	}
	for _, name := range q.Entities[:min(len(q.Entities), foreignTouched)] {
		if name.Kind == "package" || name.Kind == "host" || len(out.Touched) == foreignTouched {
			continue
		}
		found, err := f.graph.Definition(ctx, name.Name)
		if err != nil {
			return err
		}
		for _, e := range found {
			add(e, "the failure names it", nil)
		}
	}
	return nil
}

// innermost is the smallest entity that holds a place.
func innermost(all []learn.CodeEntity, p learn.CodePlace) (best learn.CodeEntity, ok bool) {
	size := func(e learn.CodeEntity) int {
		if e.Kind == learn.CodeFile || e.Kind == learn.CodeModule {
			return 1 << 30
		}
		return e.EndLine - e.Line
	}
	for _, e := range all {
		whole := e.Kind == learn.CodeFile || e.Kind == learn.CodeModule
		if e.File == p.File && (whole || p.Line > 0 && e.Line <= p.Line && p.Line <= e.EndLine) && (!ok || size(e) < size(best)) {
			best, ok = e, true
		}
	}
	return best, ok
}
