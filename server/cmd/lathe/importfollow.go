package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"

	"lathe/learn"
	"lathe/server"
	"lathe/server/intake"
)

// follow takes in what is written, until ctx ends.
func (a *app) follow(ctx context.Context, client *server.Client, f *importFlags, sources []intake.Source) (intake.Summary, error) {
	for _, s := range sources {
		fmt.Fprintf(a.errs, "following %s %s\n", s.Format, clean(s.Path))
	}
	cursors, err := a.followCursors(ctx, client, f)
	if err != nil { // what is known already adds nothing
		fmt.Fprintf(a.errs, "everything is read from the start: %v\n", err)
	}
	defer cursors.Close()
	o := intake.FollowOptions{Sources: sources, ProjectID: f.project, Cursors: cursors}
	told, named := false, 0
	o.Told = func(s intake.Summary) {
		for _, p := range s.Problems[min(named, len(s.Problems)):] {
			fmt.Fprintln(a.errs, " ", clean(fmt.Sprint(p)))
		}
		named = len(s.Problems)
		fmt.Fprintf(a.errs, "%s, %d calls: %d records new, %d known already, %d rejected\n", plural(s.Sessions, "session"), s.Calls, s.Accepted, s.Duplicates, s.Rejected)
		if !told {
			told = true
			fmt.Fprintln(a.errs, "all that was there is taken in; waiting for more, Ctrl-C ends")
		}
	}
	return intake.Follow(ctx, o, &server.LocalProjects{Sink: client})
}

// followCursors are how far earlier followers of this log came, in its data
// directory: they are worth nothing without it.
func (a *app) followCursors(ctx context.Context, client *server.Client, f *importFlags) (*intake.Cursors, error) {
	cfg, _, err := a.config()
	if err != nil {
		return nil, err
	}
	head := func(ctx context.Context) (uint64, error) {
		var s server.Status
		err := client.Call(ctx, http.MethodGet, "/v1/status", nil, &s)
		return s.Events, err
	}
	// Records of another project, or in another log, were not taken in yet.
	of := learn.ContentHash([]byte(cfg.LogURL + "\x00" + f.project))
	c, err := intake.OpenCursors(ctx, filepath.Join(cfg.DataDir, "follow", of[len(of)-16:]+".json"), head)
	if err != nil {
		return nil, err
	}
	if f.afresh {
		c.Forget()
	}
	if n := c.Len(); n > 0 {
		fmt.Fprintf(a.errs, "%s were taken in before; what changed in them since, and others, come now (--afresh reads all again)\n", plural(n, "file"))
	}
	return c, nil
}
