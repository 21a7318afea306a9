package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"lathe/index"
	"lathe/index/eventlog"
	"lathe/server/pipeline"
	"lathe/server/review"
)

// keptFiles are what stands in the data directory beside the log and is no
// projection of it: the reviewer's key, which is encrypted with the passphrase,
// and which every approval is checked against.
var keptFiles = []string{review.KeyFile}

// serveBackup streams a backup. What breaks off lacks its end, which who reads
// it notices.
func (d *Daemon) serveBackup(w http.ResponseWriter, r *http.Request) {
	files := map[string][]byte{}
	for _, name := range keptFiles {
		raw, err := os.ReadFile(filepath.Join(d.cfg.DataDir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			fail(w, http.StatusInternalServerError, err)
			return
		}
		files[name] = raw
	}
	w.Header().Set("Content-Type", "application/zstd")
	if err := d.log.Backup(r.Context(), w, files); err != nil {
		d.logger.Error("a backup broke off", "err", err)
	}
}

// Restore puts a backup into a data directory that has no log. The backup is
// verified as a whole before anything is written. The daemon must not run; it
// makes indexes and everything learned anew at its next start.
func Restore(ctx context.Context, cfg Config, backup io.ReadSeeker, logger *slog.Logger) (report eventlog.BackupReport, err error) {
	if cfg.LogURL != "" {
		return report, errors.New("a backup is restored into a log of this machine, and eventlog.url names a server: unset it for the restored data directory")
	}
	report, files, err := eventlog.CheckBackup(backup)
	if err != nil {
		return report, err
	}
	if raw, ok := files[review.KeyFile]; ok {
		if err := review.CheckKeyFile(review.KeyFile, raw); err != nil {
			return report, fmt.Errorf("nothing is restored; in the backup: %w", err)
		}
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return report, fmt.Errorf("data directory: %w", err)
	}
	lock := flock.New(lockPath(cfg.DataDir))
	if held, err := lock.TryLock(); err != nil || !held {
		return report, errors.Join(ErrRunning, err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if err := finishForget(cfg.DataDir, func(string) {}); err != nil {
		return report, err
	}
	if _, err := os.Stat(logDir(cfg.DataDir)); !errors.Is(err, os.ErrNotExist) {
		return report, errors.Join(fmt.Errorf("%s has a log already: restore into another directory (--data)", cfg.DataDir), err)
	}
	if _, err := backup.Seek(0, io.SeekStart); err != nil {
		return report, fmt.Errorf("read the backup again: %w", err)
	}
	// Beside its place first: half a log must not pass for one.
	half := logDir(cfg.DataDir) + ".restore"
	if err := os.RemoveAll(half); err != nil {
		return report, fmt.Errorf("remove what an earlier attempt left: %w", err)
	}
	if err := eventlog.Restore(ctx, backup, files["accepted.json"], eventlog.Options{Dir: half, Logger: logger}); err != nil {
		return report, errors.Join(err, os.RemoveAll(half))
	}
	for _, name := range keptFiles {
		if raw, ok := files[name]; ok {
			if err := keepFile(filepath.Join(cfg.DataDir, name), raw); err != nil {
				return report, err
			}
		}
	}
	err = errors.Join(index.Remove(indexDir(cfg.DataDir)), pipeline.Discard(snapshotsDir(cfg.DataDir)))
	return report, errors.Join(err, os.Rename(half, logDir(cfg.DataDir)))
}

// keepFile writes a file that is not there yet; another one of its name is not
// replaced.
func keepFile(path string, raw []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		there, err := os.ReadFile(path)
		if err == nil && string(there) != string(raw) {
			err = fmt.Errorf("%s is another than in the backup: move it away, or the approvals in the backup are worth nothing", path)
		}
		return err
	}
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	return errors.Join(err, f.Sync(), f.Close())
}
