package verify_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/verify"
)

// TestReplayAgreement infers the outcome of recorded coding sessions without
// their reports and compares with them. It asserts sane bounds only; the
// figures are printed with -v.
func TestReplayAgreement(t *testing.T) {
	trajs, resolved := readSessions(t)
	names := make([]string, 0, len(trajs))
	for name := range trajs {
		names = append(names, name)
	}
	sort.Strings(names)
	tracker := verify.NewTracker(verify.TrackerOptions{})
	var agree, wrongSuccess, wrongFailure, unknown, judged int
	reasons := make(map[string]int)
	for _, name := range names {
		task := replay(t, tracker, name, trajs[name])
		truth, ok := resolved[name]
		if !ok {
			continue
		}
		judged++
		reasons[reasonClass(task, truth)]++
		switch {
		case task.Outcome == learn.OutcomeUnknown:
			unknown++
		case (task.Outcome == learn.OutcomeSuccess) == truth:
			agree++
		case task.Outcome == learn.OutcomeSuccess:
			wrongSuccess++
		default:
			wrongFailure++
		}
	}
	decided := judged - unknown
	t.Logf("%d sessions with a report: %d decided, %d agree (%.0f %%), %d inferred successes are failures, %d inferred failures are successes, %d unknown",
		judged, decided, agree, 100*float64(agree)/float64(max(1, decided)), wrongSuccess, wrongFailure, unknown)
	for r, n := range reasons {
		t.Logf("%4d %s", n, r)
	}
	if judged < 200 {
		t.Errorf("only %d sessions have a report; the archive should hold 245", judged)
	}
	if decided < judged/20 || agree*2 < decided {
		t.Errorf("%d of %d decided, %d agree: worse than a coin", decided, judged, agree)
	}
}

func reasonClass(task *learn.Task, truth bool) string {
	r, _, _ := strings.Cut(task.OutcomeReason, ":")
	return string(task.Outcome) + ", resolved=" + strconv.FormatBool(truth) + ", " + r
}

// replay feeds one session without its verdict.
func replay(t *testing.T, tracker *verify.Tracker, name string, events []*learn.ActionOutcome) *learn.Task {
	t.Helper()
	drop := func(learn.LedgerEntry) {}
	for _, ev := range events {
		o := &learn.Observation{Record: learn.Record{Action: ev}, Action: action.Parse(ev)}
		if err := tracker.Apply(o, drop); err != nil {
			t.Fatal(err)
		}
	}
	o := &learn.Observation{Record: learn.Record{Task: &learn.TaskRecord{
		ID: "finish-" + name, TaskID: name, SessionID: name, ProjectID: "p", Phase: learn.TaskFinish, Timestamp: time.Unix(0, 0),
	}}}
	if err := tracker.Apply(o, drop); err != nil {
		t.Fatal(err)
	}
	return o.Finished
}

type trajectory struct {
	Messages []struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	} `json:"messages"`
}

// readSessions reads the archive of mini-swe-agent sessions: events and
// verdicts by instance.
func readSessions(t *testing.T) (map[string][]*learn.ActionOutcome, map[string]bool) {
	t.Helper()
	file := filepath.Join("..", "..", "..", "shared", "data", "mini-swe-agent.tar.gz")
	f, err := os.Open(file)
	if err != nil {
		t.Fatalf("the recorded sessions must lie beside the repository: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	trajs, resolved := make(map[string][]*learn.ActionOutcome), make(map[string]bool)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return trajs, resolved
		}
		if err != nil {
			t.Fatal(err)
		}
		base := path.Base(h.Name)
		switch {
		case strings.HasSuffix(base, ".traj.json"):
			var tr trajectory
			if err := json.NewDecoder(r).Decode(&tr); err != nil {
				t.Fatal(err)
			}
			name := strings.TrimSuffix(base, ".traj.json")
			trajs[name] = sessionEvents(name, tr)
		case strings.HasSuffix(base, ".json") && path.Base(path.Dir(h.Name)) == "reports":
			var report struct{ Resolved bool }
			if err := json.NewDecoder(r).Decode(&report); err != nil {
				t.Fatal(err)
			}
			resolved[strings.TrimSuffix(base, ".json")] = report.Resolved
		}
	}
}

var (
	fence  = regexp.MustCompile("(?s)```bash\n(.*?)\n?```")
	result = regexp.MustCompile(`(?s)^<returncode>(-?\d+)</returncode>\s*<output>\n?(.*)$`)
)

func sessionEvents(name string, tr trajectory) []*learn.ActionOutcome {
	var events []*learn.ActionOutcome
	for i := 0; i+1 < len(tr.Messages); i++ {
		if tr.Messages[i].Role != "assistant" {
			continue
		}
		cmd := fence.FindStringSubmatch(tr.Messages[i].Content)
		res := result.FindStringSubmatch(tr.Messages[i+1].Content)
		if cmd == nil || res == nil {
			continue
		}
		code, _ := strconv.Atoi(res[1])
		ev := shellEvent(cmd[1], code, strings.TrimSuffix(strings.TrimSpace(res[2]), "</output>"))
		ev.ID = learn.PositionID("test", name, i)
		ev.TaskID, ev.SessionID, ev.ProjectID, ev.Timestamp = name, name, "p", time.Unix(int64(i), 0)
		events = append(events, ev)
	}
	return events
}
