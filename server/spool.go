package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"lathe/learn"
	"lathe/server/intake"
)

// drainSpool takes in what lathe-hook wrote down while no daemon ran. A file
// goes when all of it is in the log.
func (d *Daemon) drainSpool(ctx context.Context) error {
	names, err := filepath.Glob(filepath.Join(d.cfg.DataDir, "spool", "*.jsonl"))
	if err != nil {
		return err
	}
	for _, name := range names {
		s, err := intake.Import(ctx, intake.ImportOptions{Format: "events", Paths: []string{name}}, spooled{d})
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			d.logger.Error("spooled events not taken in; they stay where they are", "file", name, "err", err)
			continue
		}
		for _, p := range s.Problems {
			d.logger.Warn("spooled event dropped", "problem", fmt.Sprint(p))
		}
		if err := os.Remove(name); err != nil {
			return fmt.Errorf("spool: %w", err)
		}
	}
	return nil
}

// spooled is the log as the sink of the spool, whose records know their
// working directory but not their project.
type spooled struct{ d *Daemon }

func (s spooled) Accept(ctx context.Context, recs []learn.Record) (intake.Receipt, error) {
	nameProjects(recs)
	return s.d.accept(ctx, recs)
}

// nameProjects sets the project of hook events from their working directory.
func nameProjects(recs []learn.Record) {
	for i := range recs {
		if a := recs[i].Action; a != nil && a.ContextSnapshot.CWD != "" {
			a.ProjectID = WorkspaceProject(ProjectRoot(a.ContextSnapshot.CWD))
		}
	}
}
