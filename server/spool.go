package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lathe/learn"
	"lathe/server/intake"
)

// The spool holds at most this much; what comes later is dropped.
const (
	maxSpoolFiles = 4096
	maxSpoolBytes = 64 << 20
)

// spoolPause is how often a running daemon looks into its spool: hooks write
// there while it starts, or is too busy to answer.
const spoolPause = 15 * time.Second

func spoolDir(dataDir string) string { return filepath.Join(dataDir, "spool") }

// Spool writes a hook event down for a daemon that cannot be reached: its
// secrets are removed, and its records become one new file of JSON lines (each
// a learn.Record) in the data directory's spool. It returns how many there are;
// an event that says nothing has none. The file appears whole or not at all,
// and its name sorts by time. There is no sync, which would cost more than a
// lost event after a crash of the machine does.
//
// project names the project; "" is that of the folder that the event is from.
func Spool(ctx context.Context, dataDir, project, format string, event []byte) (int, error) {
	h, err := intake.ParseHook(format, event)
	if err != nil || len(h.Records) == 0 {
		return 0, err
	}
	door, err := newDoor()
	if err != nil {
		return 0, err
	}
	setProject(h.Records, project)
	admitted, _, rejected := door.Admit(h.Records)
	if len(rejected) > 0 {
		return 0, fmt.Errorf("the event is not valid: %s", rejected[0].Reason)
	}
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines) // ends each value with a newline
	for _, rec := range admitted {
		if err := enc.Encode(rec); err != nil {
			return 0, fmt.Errorf("encode the record: %w", err)
		}
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	dir := spoolDir(dataDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, fmt.Errorf("make the spool folder: %w", err)
	}
	if err := spoolRoom(dir, lines.Len()); err != nil {
		return 0, err
	}
	return len(admitted), spoolFile(dir, lines.Bytes())
}

// spoolRoom reports an error when need more bytes do not fit.
func spoolRoom(dir string, need int) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look into the spool: %w", err)
	}
	total := int64(need)
	for _, e := range entries {
		if fi, err := e.Info(); err == nil { // the daemon may be emptying it
			total += fi.Size()
		}
	}
	if len(entries) >= maxSpoolFiles || total > maxSpoolBytes {
		return fmt.Errorf("the spool is full (%d files, %d bytes): any command that starts the daemon empties it, such as `lathe kpi`", len(entries), total)
	}
	return nil
}

// spoolFile writes to a hidden name first: readers take *.jsonl only.
func spoolFile(dir string, data []byte) error {
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, spoolName(f.Name())))
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the write's error matters more
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

// spoolName is a spool file's final name: when it was made, then the temporary
// name's unique part.
func spoolName(temporary string) string {
	unique := strings.TrimPrefix(filepath.Base(temporary), ".new-")
	made := ""
	if fi, err := os.Stat(temporary); err == nil {
		made = fi.ModTime().UTC().Format("20060102T150405.000000000")
	}
	return made + "-" + unique + ".jsonl"
}

// drainSpool takes in what hooks wrote down while the daemon was not reached,
// at its start and from then on.
func (d *Daemon) drainSpool(ctx context.Context) error {
	tick := time.NewTicker(spoolPause)
	defer tick.Stop()
	for {
		if err := d.drainSpoolOnce(ctx); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// drainSpoolOnce takes in what lies there now. A file goes when all of it is
// in the log.
func (d *Daemon) drainSpoolOnce(ctx context.Context) error {
	d.draining.Lock()
	defer d.draining.Unlock()
	names, err := filepath.Glob(filepath.Join(spoolDir(d.cfg.DataDir), "*.jsonl"))
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

// setProject gives records the project that a person named, if they did.
func setProject(recs []learn.Record, project string) {
	for i := range recs {
		if a := recs[i].Action; a != nil && project != "" {
			a.ProjectID = project
		}
		if t := recs[i].Task; t != nil && project != "" {
			t.ProjectID = project
		}
	}
}

// nameProjects gives records that come from this machine's agents the project
// of the workspace that they were made in: that of a call's working directory,
// or that of the folder which stands for the project. One with a name keeps it.
func nameProjects(recs []learn.Record) {
	for i := range recs {
		if a := recs[i].Action; a != nil && filepath.IsAbs(a.ProjectID) {
			a.ProjectID = projectOfFolder(a.ContextSnapshot.CWD, a.ProjectID)
		}
		if t := recs[i].Task; t != nil {
			t.ProjectID = projectOfFolder("", t.ProjectID)
		}
	}
}

// projectOfFolder names the project of a working directory, or, without one, of
// a project that is named by its folder.
func projectOfFolder(cwd, project string) string {
	if !filepath.IsAbs(cwd) {
		cwd = project
	}
	if !filepath.IsAbs(cwd) {
		return project
	}
	return WorkspaceProject(ProjectRoot(filepath.Clean(cwd)))
}
