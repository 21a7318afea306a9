package server

import (
	"context"
	"path/filepath"

	"lathe/learn"
	"lathe/server/intake"
)

// LocalProjects is the way into a sink for recordings made on this machine: a
// project that is named by its folder gets the name that the folder's workspace
// has in hooks and sessions, so that what was learned from the recordings helps
// there. It is used by one goroutine.
type LocalProjects struct {
	Sink  intake.Sink
	names map[string]string // by folder
}

// maxNames bounds the folders whose names are remembered.
const maxNames = 10_000

// Accept implements intake.Sink. The records are changed in place.
func (l *LocalProjects) Accept(ctx context.Context, recs []learn.Record) (intake.Receipt, error) {
	for _, r := range recs {
		switch {
		case r.Action != nil:
			r.Action.ProjectID = l.name(r.Action.ProjectID)
		case r.Task != nil:
			r.Task.ProjectID = l.name(r.Task.ProjectID)
		}
	}
	return l.Sink.Accept(ctx, recs)
}

func (l *LocalProjects) name(folder string) string {
	if !filepath.IsAbs(folder) {
		return folder
	}
	name, ok := l.names[folder]
	if !ok {
		if l.names == nil || len(l.names) >= maxNames {
			l.names = map[string]string{}
		}
		name = projectOfFolder("", folder)
		l.names[folder] = name
	}
	return name
}
