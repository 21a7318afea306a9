package server

import (
	"context"
	"fmt"

	"lathe/learn"
)

// place gives admitted records their ids: what the door named them, made one
// of their project's. Logs of earlier versions hold records under their bare
// names; such a record that is sent again by its own project keeps its name, so
// that it is known as the duplicate it is. recs are the daemon's own copies.
func (d *Daemon) place(ctx context.Context, recs []learn.Record) error {
	for i := range recs {
		rec := &recs[i]
		there, err := d.log.Holds(ctx, rec.ID(), rec.Project())
		if err != nil {
			return fmt.Errorf("store %d records: %w", len(recs), err)
		}
		if !there {
			rename(rec, learn.InProject(rec.Project(), rec.ID()))
		}
	}
	return nil
}

// rename sets a record's id.
func rename(rec *learn.Record, id string) {
	switch {
	case rec.Action != nil:
		rec.Action.ID = id
	case rec.Task != nil:
		rec.Task.ID = id
	}
}
