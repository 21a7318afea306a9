package server

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/mcp"
)

// minPrefix is the shortest beginning of an event's id that stands for it.
const minPrefix = 4

// recordLike returns the record with that id, or the one whose id begins so, of
// the caller's project. What is not there, or not told apart, is ErrNotFound.
func (d *Daemon) recordLike(ctx context.Context, s mcp.Scope, id string) (learn.Record, error) {
	rec, err := d.log.Record(ctx, id)
	if !errors.Is(err, eventlog.ErrNotFound) || len(id) < minPrefix || learn.ValidID(id) {
		return rec, err
	}
	project := s.ProjectID
	if s.Import {
		project = ""
	}
	d.searchable(ctx)
	found, err := d.index.EventsLike(ctx, strings.ToLower(id), project, 2)
	switch {
	case err != nil:
		return learn.Record{}, err
	case len(found) == 0:
		return learn.Record{}, eventlog.ErrNotFound
	case len(found) > 1:
		return learn.Record{}, fmt.Errorf("%.80q begins the ids of several recorded calls, such as %s and %s: give more of it", id, found[0], found[1])
	}
	return d.log.Record(ctx, found[0])
}
