package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"lathe/index"
	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/server/pipeline"
)

// Removing records takes these steps. A crash before the journal stands leaves
// everything as it was, one after it is finished by whoever opens the data
// directory next (finishForget).
//
//	log.forget   the copy without the records is written, closed, and verified
//	forget.json  the journal: from here on the copy is the log
//	log          is moved to log.forgotten, and log.forget to its place
//	index, snapshots, log.forgotten, forget.json are removed, in this order
func forgetPaths(dataDir string) (log, copied, old, journal string) {
	log = logDir(dataDir)
	return log, log + ".forget", log + ".forgotten", filepath.Join(dataDir, "forget.json")
}

// Removing removes what f names from a data directory that no daemon has, and
// makes everything learned anew from what is left. stage, if not nil, is told
// of each step that is done.
func Removing(ctx context.Context, cfg Config, f Forget, logger *slog.Logger, stage func(string)) (plan ForgetPlan, err error) {
	if cfg.LogURL != "" {
		return plan, errors.New("records are removed from a log of this machine only, and eventlog.url names a server")
	}
	if stage == nil {
		stage = func(string) {}
	}
	lock := flock.New(lockPath(cfg.DataDir))
	if held, err := lock.TryLock(); err != nil || !held {
		return plan, errors.Join(ErrRunning, err)
	}
	plan, err = remove(ctx, cfg, f, logger, stage)
	if err := errors.Join(err, lock.Unlock()); err != nil {
		return plan, err
	}
	if err := Rebuild(ctx, cfg, logger); err != nil {
		return plan, fmt.Errorf("the records are removed; learning from what is left: %w (the next start does it)", err)
	}
	stage("rebuilt")
	return plan, nil
}

// remove does what Removing does under the lock.
func remove(ctx context.Context, cfg Config, f Forget, logger *slog.Logger, stage func(string)) (plan ForgetPlan, err error) {
	if err := finishForget(cfg.DataDir, stage); err != nil {
		return plan, err
	}
	logAt, copied, _, journal := forgetPaths(cfg.DataDir)
	log, err := eventlog.Open(ctx, eventlog.Options{Dir: logAt, Logger: logger})
	if err != nil {
		return plan, fmt.Errorf("event log: %w", err)
	}
	p, err := planForget(ctx, log, f)
	if err == nil {
		plan = p.ForgetPlan
		err = copyForgetting(ctx, log, copied, p, logger)
	}
	if err = errors.Join(err, log.Close()); err != nil {
		return plan, errors.Join(err, os.RemoveAll(copied))
	}
	stage("copied")
	if err := verifyLog(ctx, copied, logger); err != nil {
		return plan, errors.Join(fmt.Errorf("the copy without the records: %w; the log is as it was", err), os.RemoveAll(copied))
	}
	stage("verified")
	if err := forgetSpooled(cfg.DataDir, f); err != nil {
		return plan, errors.Join(err, os.RemoveAll(copied))
	}
	if err := writeJournal(journal); err != nil {
		return plan, fmt.Errorf("write %s: %w; run the same again", journal, err)
	}
	stage("decided")
	return plan, finishForget(cfg.DataDir, stage)
}

// copyForgetting writes the copy, with an entry that says that something is
// missing.
func copyForgetting(ctx context.Context, log *eventlog.Log, dir string, p *forgetting, logger *slog.Logger) error {
	removed := learn.Forgetting{Events: uint64(p.Events + p.Tasks), Ledger: uint64(p.Ledger), Timestamp: time.Now().UTC()}
	removed.ForgettingID = learn.UUIDv8("forgetting", removed.Timestamp.Format(time.RFC3339Nano))
	n, err := log.CopyWithout(ctx, eventlog.Options{Dir: dir, Logger: logger}, p.drop, func(to *eventlog.Log) error {
		entry, err := learn.NewEntry(learn.EntryForgotten, removed.ForgettingID, "", removed.Timestamp, removed, nil)
		if err == nil {
			_, err = to.AppendLedger(ctx, []learn.LedgerEntry{entry})
		}
		return err
	})
	if err == nil && (n.Events != removed.Events || n.Ledger != removed.Ledger) {
		err = fmt.Errorf("%d records and %d conclusions were to be removed, and %d and %d were found", removed.Events, removed.Ledger, n.Events, n.Ledger)
	}
	return err
}

// verifyLog opens the copy as a daemon would and reads all of it.
func verifyLog(ctx context.Context, dir string, logger *slog.Logger) error {
	log, err := eventlog.Open(ctx, eventlog.Options{Dir: dir, Logger: logger})
	if err != nil {
		return err
	}
	report, err := log.Verify(ctx, nil)
	if err == nil && !report.OK {
		err = fmt.Errorf("it does not verify: %v", report.Damage())
	}
	return errors.Join(err, log.Close())
}

// writeJournal makes the journal, durably. That it is there says all.
func writeJournal(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString("{}\n")
	return errors.Join(err, f.Sync(), f.Close(), syncFolder(filepath.Dir(path)))
}

// finishForget ends what an interrupted Removing left: it finishes what was
// decided, and clears away what was not. The caller holds the lock.
func finishForget(dataDir string, stage func(string)) error {
	log, copied, old, journal := forgetPaths(dataDir)
	if !exists(journal) {
		return os.RemoveAll(copied)
	}
	steps := []struct {
		name string
		do   func() error
	}{
		{"moved away", func() error {
			if !exists(copied) || !exists(log) {
				return nil
			}
			return os.Rename(log, old)
		}},
		{"moved in", func() error {
			if !exists(copied) {
				return nil
			}
			return os.Rename(copied, log)
		}},
		{"index gone", func() error { return index.Remove(indexDir(dataDir)) }},
		{"snapshots gone", func() error { return pipeline.Discard(snapshotsDir(dataDir)) }},
		{"old log gone", func() error { return os.RemoveAll(old) }},
		{"done", func() error { return os.Remove(journal) }},
	}
	for _, step := range steps {
		if err := errors.Join(step.do(), syncFolder(dataDir)); err != nil {
			return fmt.Errorf("removing records, step %q: %w; the next start goes on", step.name, err)
		}
		stage(step.name)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// syncFolder makes new and renamed names in a folder durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// forgetSpooled takes records out of what hooks left for the daemon. They have
// no id in the log yet, so events are not among them.
func forgetSpooled(dataDir string, f Forget) error {
	if len(f.Events) > 0 {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(spoolDir(dataDir), "*.jsonl"))
	if err != nil {
		return err
	}
	for _, path := range files {
		raw, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read the spool: %w", err)
		}
		var kept bytes.Buffer
		for line := range bytes.Lines(raw) {
			var rec learn.Record
			if json.Unmarshal(line, &rec) == nil && f.wants(rec) {
				continue
			}
			kept.Write(line)
		}
		switch {
		case kept.Len() == len(raw):
		case strings.TrimSpace(kept.String()) == "":
			err = os.Remove(path)
		default:
			if err = os.WriteFile(path+".kept", kept.Bytes(), 0o600); err == nil {
				err = os.Rename(path+".kept", path)
			}
		}
		if err != nil {
			return fmt.Errorf("clear the spool: %w", err)
		}
	}
	return nil
}

// planned is what a running daemon says of a Forget.
func (d *Daemon) planned(ctx context.Context, f Forget) (ForgetPlan, error) {
	p, err := planForget(ctx, d.log, f)
	if err != nil {
		return ForgetPlan{}, err
	}
	return p.ForgetPlan, nil
}
