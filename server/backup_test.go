package server_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lathe/index/eventlog"
	"lathe/server"
	"lathe/server/review"
)

// What was learned comes back from a backup of a running daemon, with the key
// that approvals are checked against; a log that is there is not replaced.
func TestBackupOfARunningDaemonIsRestored(t *testing.T) {
	s := taught(t, "shop")
	if _, err := review.Create(s.cfg.DataDir, "correct horse battery"); err != nil {
		t.Fatal(err)
	}
	before := s.diagnosed("shop")
	if len(before.Remedies) == 0 {
		t.Fatal("nothing was learned")
	}
	var b bytes.Buffer
	if err := s.client.Copy(t.Context(), http.MethodGet, "/v1/backup", nil, &b); err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	if _, err := server.Restore(t.Context(), s.cfg, bytes.NewReader(b.Bytes()), quiet); !errors.Is(err, server.ErrRunning) {
		t.Errorf("under a running daemon: %v", err)
	}
	s.stop()
	if _, err := server.Restore(t.Context(), s.cfg, bytes.NewReader(b.Bytes()), quiet); err == nil {
		t.Error("a log that is there was replaced")
	}
	back := newSite(t)
	if _, err := server.Restore(t.Context(), back.cfg, bytes.NewReader(b.Bytes()[:b.Len()/2]), quiet); !errors.Is(err, eventlog.ErrBackup) {
		t.Errorf("half a backup: %v", err)
	}
	if _, err := os.Stat(filepath.Join(back.cfg.DataDir, "log")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a backup left a log: %v", err)
	}
	report, err := server.Restore(t.Context(), back.cfg, bytes.NewReader(b.Bytes()), quiet)
	if err != nil || report.Records == 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	if _, err := review.Unlock(back.cfg.DataDir, "correct horse battery"); err != nil {
		t.Error(err)
	}
	back.start()
	var v eventlog.VerifyReport
	back.mustCall(http.MethodPost, "/v1/verify", struct{}{}, &v)
	back.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
	after := back.diagnosed("shop")
	if !v.OK || len(after.Remedies) == 0 || after.Remedies[0].RemedyID != before.Remedies[0].RemedyID {
		t.Errorf("verified %v; remedies %+v, before %+v", v.OK, after.Remedies, before.Remedies)
	}
}

// A reviewer's key that is none makes the whole restore fail, before anything is
// written: nobody could approve, and every approval would be worth nothing.
func TestADamagedKeyIsNotRestored(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	for _, junk := range []string{"", "junk", "{}", `{"version":1,"argon2id_time":1,"argon2id_threads":1}`} {
		l, err := eventlog.Open(t.Context(), eventlog.Options{Dir: t.TempDir(), Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		err = errors.Join(l.Backup(t.Context(), &b, map[string][]byte{review.KeyFile: []byte(junk)}), l.Close())
		if err != nil {
			t.Fatal(err)
		}
		cfg := server.Config{DataDir: filepath.Join(t.TempDir(), "d")}
		if _, err := server.Restore(t.Context(), cfg, bytes.NewReader(b.Bytes()), quiet); err == nil || !strings.Contains(err.Error(), "nothing is restored") {
			t.Errorf("%q: %v", junk, err)
		}
		if _, err := os.Stat(cfg.DataDir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%q left a data directory: %v", junk, err)
		}
	}
}
