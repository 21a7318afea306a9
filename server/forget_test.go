package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/server"
	"lathe/server/intake"
)

const slipped = "quagmire-token-1357" // a secret of no known form

// slip sends a session whose calls, task and failure hold what should not have
// been said; it fails and is mended as the others of teach.
func (s *site) slip(project, session string) (recs []learn.Record) {
	s.t.Helper()
	for k, ev := range []learn.ActionOutcome{
		outcome("1", "python3 -m pytest -q tests/test_price.py", wrongRunner+" "+slipped, 1),
		outcome("2", "cat "+slipped, slipped, 0),
		outcome("3", "python3 run_tests.py test_price --key "+slipped, "ok "+slipped, 0),
	} {
		ev.ProjectID, ev.SessionID, ev.TaskID = project, session, "task of "+session
		ev.Timestamp = time.Date(2026, 4, 1, 10, k, 0, 0, time.UTC)
		recs = append(recs, learn.Record{Action: &ev})
	}
	recs = append(recs, learn.Record{Task: &learn.TaskRecord{TaskID: "task of " + session, ProjectID: project, SessionID: session,
		Timestamp: time.Date(2026, 4, 1, 11, 0, 0, 0, time.UTC), Phase: learn.TaskFinish, Prompt: "use " + slipped, Outcome: learn.OutcomeSuccess}})
	s.send(recs)
	return recs
}

func (s *site) send(recs []learn.Record) intake.Receipt {
	s.t.Helper()
	var r intake.Receipt
	s.mustCall(http.MethodPost, "/v1/records", server.RecordsCall{Records: recs}, &r)
	s.settle()
	return r
}

// mentionsSlipped reports where, of the log's content and the files below the
// data directory, the secret still is.
func (s *site) mentionsSlipped() (places []string) {
	s.t.Helper()
	records, entries := s.stored()
	raw, err := json.Marshal(map[string]any{"records": records, "entries": entries})
	if err != nil {
		s.t.Fatal(err)
	}
	if bytes.Contains(raw, []byte(slipped)) {
		places = append(places, "the log")
	}
	err = filepath.WalkDir(s.cfg.DataDir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		if bytes.Contains(raw, []byte(slipped)) {
			places = append(places, path)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return places
}

// A session that is forgotten is in the log, the ledger, the index, the
// snapshots and the spool no more, and does not come back with its recording;
// what others learned stays.
func TestForgottenIsNowhere(t *testing.T) {
	s := taught(t, "shop")
	recs := s.slip("shop", "slip")
	report := s.diagnosed("shop")
	if len(report.Remedies) == 0 {
		t.Fatal("nothing was learned")
	}
	f := server.Forget{Session: "slip"}
	var plan server.ForgetPlan
	s.mustCall(http.MethodPost, "/v1/forget/plan", f, &plan)
	if plan.Events != 3 || plan.Tasks != 1 || plan.Ledger == 0 || plan.Kinds[learn.EntryTask] == 0 {
		t.Errorf("planned %+v", plan)
	}
	quiet := slog.New(slog.DiscardHandler)
	if _, err := server.Removing(t.Context(), s.cfg, f, quiet, nil); !errors.Is(err, server.ErrRunning) {
		t.Errorf("under a running daemon: %v", err)
	}
	s.stop()
	if places := s.mentionsSlipped(); len(places) < 2 {
		t.Fatalf("it is only in %v before, so the test proves nothing", places)
	}
	before, _ := s.stored()
	spool := filepath.Join(s.cfg.DataDir, "spool")
	line, err := json.Marshal(recs[0])
	if err := errors.Join(err, os.MkdirAll(spool, 0o700), os.WriteFile(filepath.Join(spool, "1.jsonl"), append(line, '\n'), 0o600)); err != nil {
		t.Fatal(err)
	}
	removed, err := server.Removing(t.Context(), s.cfg, f, quiet, nil)
	if err != nil || removed.Events != 3 || removed.Ledger < plan.Ledger {
		t.Fatalf("%+v, %v", removed, err)
	}
	if places := s.mentionsSlipped(); len(places) > 0 {
		t.Errorf("it is still in %v", places)
	}
	after, entries := s.stored()
	if len(after) != len(before)-4 {
		t.Errorf("%d records are left of %d", len(after), len(before))
	}
	said := 0
	for _, e := range entries {
		if e.Kind == learn.EntryForgotten {
			said++
			if strings.Contains(string(e.Body), "slip") || strings.Contains(string(e.Body), "shop") {
				t.Errorf("the ledger says what was removed: %s", e.Body)
			}
		}
	}
	if said != 1 {
		t.Errorf("the ledger says it %d times", said)
	}
	s.start()
	var v eventlog.VerifyReport
	s.mustCall(http.MethodPost, "/v1/verify", struct{}{}, &v)
	if !v.OK {
		t.Errorf("%+v", v)
	}
	if r := s.send(recs); r.Accepted != 0 || r.Duplicates != len(recs) {
		t.Errorf("imported again: %+v", r)
	}
	if again := s.diagnosed("shop"); len(again.Remedies) == 0 || again.Remedies[0].Support != report.Remedies[0].Support-1 {
		t.Errorf("remedies %+v, before %+v", again.Remedies, report.Remedies)
	}
	if err := s.call(http.MethodPost, "/v1/forget/plan", f, &plan); err == nil {
		t.Errorf("there is more to forget: %+v", plan)
	}
	var b bytes.Buffer
	if err := s.client.Copy(t.Context(), http.MethodGet, "/v1/backup", nil, &b); err != nil {
		t.Fatal(err)
	}
	back := newSite(t)
	if _, err := server.Restore(t.Context(), back.cfg, bytes.NewReader(b.Bytes()), quiet); err != nil {
		t.Fatal(err)
	}
	back.start()
	if r := back.send(recs); r.Accepted != 0 {
		t.Errorf("imported into what was restored: %+v", r)
	}
}

func TestForgetEventsAndProjects(t *testing.T) {
	s := taught(t, "shop")
	s.slip("shop", "slip")
	s.slip("other", "slip")
	one := learn.InProject("shop", learn.EventID("slip", "2"))
	for _, c := range []struct {
		name   string
		f      server.Forget
		events int
	}{
		{"an event by the beginning of its id", server.Forget{Events: []string{one[:13]}}, 1},
		{"a session in one project", server.Forget{Session: "slip", Project: "other"}, 3},
		{"a session in both", server.Forget{Session: "slip"}, 6},
		{"a project", server.Forget{Project: "other"}, 3},
		{"nothing", server.Forget{}, -1},
		{"two things", server.Forget{Session: "slip", Events: []string{one}}, -1},
		{"what is not there", server.Forget{Session: "none"}, -1},
		{"an event of another project", server.Forget{Project: "other", Events: []string{one}}, -1},
		{"too short an id", server.Forget{Events: []string{"a"}}, -1},
	} {
		var plan server.ForgetPlan
		if err := s.call(http.MethodPost, "/v1/forget/plan", c.f, &plan); (err != nil) != (c.events < 0) || err == nil && plan.Events != c.events {
			t.Errorf("%s: %+v, %v", c.name, plan, err)
		}
	}
	s.stop()
	if _, err := server.Removing(t.Context(), s.cfg, server.Forget{Project: "other"}, slog.New(slog.DiscardHandler), nil); err != nil {
		t.Fatal(err)
	}
	records, entries := s.stored()
	if calls := fmt.Sprint(records, entries); strings.Contains(calls, "other") || len(records) == 0 {
		t.Error("the project is still there, or everything went")
	}
	for _, e := range entries {
		if e.ProjectID == "other" {
			t.Errorf("%s of the project is still there", e.Kind)
		}
	}
}

// forgetChild is set in a process that is to be killed while it forgets: the
// step after which, and the data directory.
const forgetChild = "LATHE_TEST_FORGET"

// dieForgetting is such a process.
func dieForgetting(spec string) {
	step, dir, _ := strings.Cut(spec, "=")
	_, err := server.Removing(context.Background(), server.Config{DataDir: dir, HTTP: "off"}, server.Forget{Session: "slip"}, slog.New(slog.DiscardHandler), func(done string) {
		if done == step {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until it strikes
		}
	})
	fmt.Fprintln(os.Stderr, "was not killed after", step, err)
	os.Exit(1)
}

// Killed after whatever step: everything is there as before, or what was to be
// forgotten is gone, and nothing else is.
func TestHeavyForgettingIsKilled(t *testing.T) {
	first := taught(t, "shop")
	recs := first.slip("shop", "slip")
	first.stop()
	before, _ := first.stored()
	for _, c := range []struct {
		step string
		gone bool
	}{
		{"copied", false}, {"verified", false}, {"decided", true}, {"moved away", true}, {"moved in", true},
		{"index gone", true}, {"snapshots gone", true}, {"old log gone", true}, {"done", true}, {"rebuilt", true},
	} {
		s := newSite(t)
		if err := os.CopyFS(s.cfg.DataDir, os.DirFS(first.cfg.DataDir)); err != nil {
			t.Fatal(err)
		}
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), forgetChild+"="+c.step+"="+s.cfg.DataDir)
		if out, err := child.CombinedOutput(); err == nil || child.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("%s: %v: %s", c.step, err, out)
		}
		s.start() // which finishes it
		s.settle()
		var v eventlog.VerifyReport
		s.mustCall(http.MethodPost, "/v1/verify", struct{}{}, &v)
		if !v.OK || len(s.diagnosed("shop").Remedies) == 0 {
			t.Errorf("%s: verified %+v", c.step, v)
		}
		s.stop()
		after, _ := s.stored()
		places := s.mentionsSlipped()
		if c.gone && (len(places) > 0 || len(after) != len(before)-len(recs)) || !c.gone && (len(places) == 0 || len(after) != len(before)) {
			t.Errorf("%s: it is in %v; %d records of %d", c.step, places, len(after), len(before))
		}
		left, err := filepath.Glob(filepath.Join(s.cfg.DataDir, "*forg*"))
		if err != nil || len(left) > 0 {
			t.Errorf("%s: %v is left, %v", c.step, left, err)
		}
	}
}
