package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"lathe/index"
	"lathe/server"
	"lathe/server/connect"
)

// examineHere says what concerns the current folder: its project, the agents
// that are connected, whether their hooks reach the daemon, and what was
// recorded last.
func (a *app) examineHere(ctx context.Context, cfg server.Config, c *server.Client, runs bool) []finding {
	wd, err := os.Getwd()
	if err != nil {
		return []finding{{"project", false, err.Error()}}
	}
	p := server.NameProject(wd)
	project := p.ID + ", " + p.Why
	if len(p.Also) > 0 {
		project += "; so are " + strings.Join(p.Also, ", ")
	}
	agents, hooked, err := a.connectedAgents()
	out := []finding{{"project", true, project}, {"agents", err == nil, agents}}
	if err != nil {
		out[1].Detail = err.Error()
	}
	if hooked != "" {
		out = append(out, a.examineHooks(ctx, cfg, hooked, runs))
	}
	return append(out, lastCall(ctx, c, p.ID, runs))
}

// connectedAgents names the agents in whose settings Lathe stands, and one of
// those with hooks.
func (a *app) connectedAgents() (list, hooked string, err error) {
	l, w, store, err := a.connecting()
	if err != nil {
		return "", "", err
	}
	var names []string
	for _, c := range connect.Clients() {
		if !c.Agent {
			continue
		}
		p, err := connect.NewPlan(c, l, w, store, false)
		if err != nil {
			continue // `lathe connect` says why
		}
		switch missing, all := len(p.Changes), len(c.Paths(l, w)); {
		case missing == 0:
			names = append(names, c.Title)
		case missing < all:
			names = append(names, c.Title+" (in part: connect it again)")
		default:
			continue
		}
		if c.Hooks != "" && hooked == "" {
			hooked = c.Hooks
		}
	}
	if len(names) == 0 {
		return "none is connected as this program would do it; `lathe connect` lists them", "", nil
	}
	return "connected: " + strings.Join(names, ", "), hooked, nil
}

// examineHooks runs the program that hooks run, with an event that says nothing.
func (a *app) examineHooks(ctx context.Context, cfg server.Config, format string, runs bool) finding {
	f := finding{What: "hooks", OK: true}
	if !runs {
		waiting, _ := filepath.Glob(filepath.Join(cfg.DataDir, "spool", "*.jsonl")) // the pattern is sound
		f.Detail = fmt.Sprintf("no daemon runs: events go to the spool (%s now); the next daemon takes them in", plural(len(waiting), "file"))
		return f
	}
	exe, err := os.Executable()
	if err != nil {
		return finding{"hooks", false, err.Error()}
	}
	program, args := filepath.Join(filepath.Dir(exe), "lathe-hook"), []string{"--data", cfg.DataDir, format, "before"}
	if !executable(program) {
		program, args = exe, []string{"hook", "--data", cfg.DataDir, format}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var errs bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(`{"hook_event_name":"doctor","session_id":"doctor"}`), &errs
	began := time.Now()
	if err = cmd.Run(); err == nil && errs.Len() > 0 {
		err = errors.New(strings.TrimSpace(errs.String()))
	}
	if err != nil {
		return finding{"hooks", false, fmt.Sprintf("%s does not reach the daemon: %v", program, err)}
	}
	f.Detail = fmt.Sprintf("%s reaches the daemon, in %.1f ms", program, float64(time.Since(began).Microseconds())/1e3)
	if filepath.Base(program) != "lathe-hook" {
		f.Detail += "; lathe-hook beside it would start faster (go build -o DIR ./server/cmd/lathe ./server/cmd/lathe-hook)"
	}
	return f
}

// takeSpool has the daemon take in what hooks wrote down while there was none,
// so that the command shows it; it waits a few seconds at most.
func takeSpool(ctx context.Context, c *server.Client, cfg server.Config) {
	waiting, err := filepath.Glob(filepath.Join(cfg.DataDir, "spool", "*.jsonl"))
	if err != nil || len(waiting) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	_ = c.Settle(ctx) // it is taken in later, then
}

// lastCall is what was recorded last in a project.
func lastCall(ctx context.Context, c *server.Client, project string, runs bool) finding {
	f := finding{What: "last call here", OK: true, Detail: "not known while no daemon runs"}
	if !runs {
		return f
	}
	var r index.Result
	if err := c.Call(ctx, http.MethodPost, "/v1/log", index.Query{Project: project, Limit: 1}, &r); err != nil {
		return finding{f.What, false, err.Error()}
	}
	if len(r.Hits) == 0 {
		f.Detail = "none was recorded in this project yet"
		return f
	}
	h := r.Hits[0]
	f.Detail = fmt.Sprintf("%s %s %s: %.80s (%d in all)", h.Time.Local().Format("2006-01-02 15:04:05"), h.Tool, h.Status, h.Summary, r.Total)
	return f
}
