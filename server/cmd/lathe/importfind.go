package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"

	"lathe/learn/monitor"
	"lathe/server"
	"lathe/server/intake"
)

// discovered is what `lathe import --discover --json` prints.
type discovered struct {
	intake.Summary
	Found []intake.Found `json:"found"`
}

func (a *app) importDiscovered(ctx context.Context, f *importFlags) error {
	home, err := os.UserHomeDir()
	if err != nil {
		return fmt.Errorf("no home directory: %w", err)
	}
	d := discovered{Found: intake.Discover(intake.Places{Home: home, Getenv: os.Getenv})}
	if len(d.Found) == 0 {
		return fmt.Errorf("no agent's history was found below %s; give a format and a path", home)
	}
	a.showFound(d.Found)
	if !f.yes && !a.confirm() {
		return errors.New("stopped; nothing was imported (--yes does not ask)")
	}
	client, _, err := a.client(ctx)
	if err != nil {
		return err
	}
	if f.follow {
		return a.follow(ctx, client, f, followable(d.Found))
	}
	// One history that cannot be read does not cost the others.
	var problems []error
	for _, h := range d.Found {
		fmt.Fprintf(a.errs, "%s %s\n", h.Format, clean(h.Path))
		s, err := a.importPaths(ctx, client, intake.ImportOptions{Format: h.Format, Paths: []string{h.Path}, ProjectID: f.project})
		d.add(s)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		problems = append(problems, err)
	}
	a.reportImport(d.Summary)
	return errors.Join(append(problems, a.showImported(ctx, client, d))...)
}

// showImported prints what came of it: what failed and cost most.
func (a *app) showImported(ctx context.Context, client *server.Client, d discovered) error {
	if a.json {
		return a.print(d)
	}
	if err := client.Settle(ctx); err != nil {
		return err
	}
	var k monitor.KPIs
	if err := client.Call(ctx, http.MethodPost, "/v1/kpi", monitor.Filter{}, &k); err != nil {
		return err
	}
	return a.printCostly(ctx, client, k, 10)
}

// showFound lists histories where a person decides on them.
func (a *app) showFound(found []intake.Found) {
	var rows [][]string
	sessions, bytes := 0, int64(0)
	for _, f := range found {
		rows = append(rows, []string{f.Format, strconv.Itoa(f.Sessions), megabytes(f.Bytes), f.Newest.Local().Format("2006-01-02"), f.Path})
		sessions, bytes = sessions+f.Sessions, bytes+f.Bytes
	}
	(&app{out: a.errs}).table("AGENT SESSIONS SIZE NEWEST PATH", rows)
	fmt.Fprintf(a.errs, "in all %s, %s; they stay where they are, what Lathe keeps of them is without secrets and on this machine\n", plural(sessions, "recording"), megabytes(bytes))
}

func (d *discovered) add(s intake.Summary) {
	t := &d.Summary
	t.Files, t.Sessions, t.Calls = t.Files+s.Files, t.Sessions+s.Sessions, t.Calls+s.Calls
	t.Records, t.Accepted = t.Records+s.Records, t.Accepted+s.Accepted
	t.Duplicates, t.Rejected = t.Duplicates+s.Duplicates, t.Rejected+s.Rejected
	t.Problems = append(t.Problems, s.Problems...)
}

// followable are the folders in which more of what was found will appear.
func followable(found []intake.Found) (sources []intake.Source) {
	for _, f := range found {
		s := intake.Source{Format: f.Format, Path: f.Root}
		if slices.Contains(intake.FollowFormats(), f.Format) && !slices.Contains(sources, s) {
			sources = append(sources, s)
		}
	}
	return sources
}
