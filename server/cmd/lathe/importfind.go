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
	once, sources := d.Found, []intake.Source(nil)
	if f.follow {
		once, sources = divide(d.Found)
	}
	problems, err := a.importEach(ctx, client, f, once, &d)
	if err != nil {
		return err
	}
	if !f.follow {
		a.reportImport(d.Summary)
		return errors.Join(append(problems, a.showImported(ctx, client, d))...)
	}
	for _, h := range once {
		fmt.Fprintf(a.errs, "not followed: %s %s; it was taken in once, what comes to it needs another import\n", h.Format, clean(h.Path))
	}
	if len(once) > 0 {
		a.reportImport(d.Summary)
	}
	if len(sources) == 0 {
		problems = append(problems, errors.New("none of what was found can be followed; lathe connect AGENT records its calls as they happen"))
		if a.json {
			problems = append(problems, a.print(d))
		}
		return errors.Join(problems...)
	}
	s, err := a.follow(ctx, client, f, sources)
	d.add(s)
	if a.json {
		err = errors.Join(err, a.print(d))
	}
	return errors.Join(append(problems, err)...)
}

// importEach imports histories one by one: one that cannot be read does not cost
// the others. Only the end of ctx is an error.
func (a *app) importEach(ctx context.Context, client *server.Client, f *importFlags, found []intake.Found, d *discovered) (problems []error, err error) {
	for _, h := range found {
		fmt.Fprintf(a.errs, "%s %s\n", h.Format, clean(h.Path))
		s, err := a.importPaths(ctx, client, intake.ImportOptions{Format: h.Format, Paths: []string{h.Path}, ProjectID: f.project})
		d.add(s)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s %s: %w", h.Format, h.Path, err))
		}
	}
	return problems, nil
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

// divide tells the histories that can be followed, by the folders in which more
// of them will appear, from those that can only be taken in once.
func divide(found []intake.Found) (once []intake.Found, sources []intake.Source) {
	for _, f := range found {
		s := intake.Source{Format: f.Format, Path: f.Root}
		switch {
		case !slices.Contains(intake.FollowFormats(), f.Format):
			once = append(once, f)
		case !slices.Contains(sources, s):
			sources = append(sources, s)
		}
	}
	return once, sources
}
