package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"lathe/server"
	"lathe/server/connect"
)

// connectFlags are what `lathe connect` is told.
type connectFlags struct {
	remove, yes bool
	serverJSON  string
	image       string
}

func (a *app) connectCmd() *cobra.Command {
	f := &connectFlags{}
	var names []string
	for _, c := range connect.Clients() {
		names = append(names, c.Name)
	}
	c := &cobra.Command{
		Use:   "connect [AGENT | EDITOR]",
		Short: "Put Lathe into an agent's or editor's settings, after showing it (--remove undoes)",
		Long: `Shows how the settings files would change, asks, and writes: the MCP server, the
hooks where the agent has them, the language server for editors. Comments and
formatting stay; doing it again changes nothing. --remove gives back what was
there before. Without a name it lists what is known and what is connected.

Known: ` + strings.Join(names, ", ") + `

--server-json NAME prints a server.json for the MCP registry instead; NAME is a
reversed domain of yours and a name, like io.github.someone/lathe.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case f.serverJSON != "":
				doc, err := connect.ServerJSON(connect.Registered{Name: f.serverJSON, Version: server.Version, Image: f.image})
				if err != nil {
					return usageError{err}
				}
				return a.print(doc)
			case len(args) == 0 && f.remove:
				return usagef("name what to remove Lathe from; lathe connect lists it")
			case len(args) == 0:
				return a.connectList()
			}
			return a.connect(args[0], f)
		},
	}
	c.Flags().BoolVar(&f.remove, "remove", false, "take Lathe out of the settings again")
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	c.Flags().StringVar(&f.serverJSON, "server-json", "", "print a server.json for the MCP registry under this `NAME`")
	c.Flags().StringVar(&f.image, "image", "", "with --server-json: the OCI image, with its tag, that Lathe is published as")
	return c
}

// connecting is what a plan is made of on this machine.
func (a *app) connecting() (connect.Lathe, connect.Where, string, error) {
	cfg, _, err := a.config()
	if err != nil {
		return connect.Lathe{}, connect.Where{}, "", err
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return connect.Lathe{}, connect.Where{}, "", fmt.Errorf("no home directory: %w", err)
	}
	exe, err := os.Executable()
	if err != nil {
		return connect.Lathe{}, connect.Where{}, "", fmt.Errorf("find this program: %w", err)
	}
	l := connect.Lathe{Program: exe}
	if beside := filepath.Join(filepath.Dir(exe), "lathe-hook"); executable(beside) {
		l.Hook = beside
	}
	if !server.DefaultDataDir(cfg.DataDir) {
		l.DataDir = cfg.DataDir
	}
	return l, connect.Where{Home: home, Getenv: os.Getenv}, filepath.Join(cfg.DataDir, "connect"), nil
}

func executable(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Mode().IsRegular() && fi.Mode().Perm()&0o111 != 0
}

func (a *app) connect(name string, f *connectFlags) error {
	client, err := connect.Find(name)
	if err != nil {
		return usageError{err}
	}
	l, w, store, err := a.connecting()
	if err != nil {
		return err
	}
	p, err := connect.NewPlan(client, l, w, store, f.remove)
	if err != nil {
		return err
	}
	if err := a.showPlan(p); err != nil {
		return err
	}
	if len(p.Changes) > 0 {
		if !f.yes && !a.confirm() {
			return errors.New("stopped; nothing was changed")
		}
		if err := p.Apply(); err != nil {
			return err
		}
	}
	if client.Hooks != "" && l.Hook == "" && !f.remove {
		fmt.Fprintln(a.errs, "lathe-hook does not lie beside lathe: the hooks run `lathe hook`, which does the same and starts more slowly.\nTo change that: go build -o "+filepath.Dir(l.Program)+" ./server/cmd/lathe-hook   and connect again.")
	}
	if p.Note != "" {
		fmt.Fprintln(a.errs, p.Note)
	}
	if a.json {
		return a.print(p)
	}
	fmt.Fprintln(a.errs, done(client, p))
	return nil
}

func done(c connect.Client, p connect.Plan) string {
	switch {
	case len(p.Changes) == 0 && p.Remove:
		return "Lathe is not in " + c.Title + "'s settings; nothing was changed"
	case len(p.Changes) == 0:
		return c.Title + " is connected already; nothing was changed"
	case p.Remove:
		return "Lathe is out of " + c.Title + "'s settings"
	}
	return c.Title + " is connected; start it anew to see it. `lathe connect " + c.Name + " --remove` undoes it"
}

// showPlan prints the differences where a person decides on them.
func (a *app) showPlan(p connect.Plan) error {
	for _, ch := range p.Changes {
		how := "changes"
		switch {
		case ch.Gone:
			how = "goes"
		case !ch.Was:
			how = "is new"
		}
		fmt.Fprintf(a.errs, "%s %s (%s)\n", clean(ch.Path), how, ch.What)
		for line := range strings.Lines(ch.Diff) {
			fmt.Fprintln(a.errs, "  "+clean(strings.TrimSuffix(line, "\n")))
		}
	}
	return nil
}

// connectListed is a line of `lathe connect`.
type connectListed struct {
	Name  string   `json:"name"`
	Title string   `json:"title"`
	Agent bool     `json:"agent"`
	State string   `json:"state"` // connected, not connected, or why that is not known
	Files []string `json:"files"`
}

func (a *app) connectList() error {
	l, w, store, err := a.connecting()
	if err != nil {
		return err
	}
	var list []connectListed
	var rows [][]string
	for _, c := range connect.Clients() {
		line := connectListed{Name: c.Name, Title: c.Title, Agent: c.Agent, State: "not connected", Files: c.Paths(l, w)}
		p, err := connect.NewPlan(c, l, w, store, false)
		switch {
		case err != nil:
			line.State = err.Error()
		case len(p.Changes) == 0:
			line.State = "connected"
		case len(p.Changes) < len(line.Files):
			line.State = "connected in part"
		}
		list = append(list, line)
		kind := "editor"
		if c.Agent {
			kind = "agent"
		}
		rows = append(rows, []string{line.Name, kind, line.State, strings.Join(line.Files, " ")})
	}
	if a.json {
		return a.print(list)
	}
	a.table("NAME KIND STATE FILES", rows)
	return nil
}
