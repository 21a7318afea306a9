package verify_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/verify"
)

// agreement counts how inferred outcomes compare with the truth.
type agreement struct{ agree, wrongSuccess, wrongFailure, unknown int }

func (a *agreement) add(inferred learn.Outcome, truth bool) {
	switch {
	case inferred == learn.OutcomeUnknown:
		a.unknown++
	case (inferred == learn.OutcomeSuccess) == truth:
		a.agree++
	case inferred == learn.OutcomeSuccess:
		a.wrongSuccess++
	default:
		a.wrongFailure++
	}
}

func (a *agreement) decided() int { return a.agree + a.wrongSuccess + a.wrongFailure }

func (a *agreement) String() string {
	return fmt.Sprintf("%3d decided, %3d agree (%.0f %%), %2d successes are failures, %2d failures are successes, %3d unknown",
		a.decided(), a.agree, 100*float64(a.agree)/float64(max(1, a.decided())), a.wrongSuccess, a.wrongFailure, a.unknown)
}

// TestReplayAgreement infers the outcome of recorded coding sessions without
// their reports and compares with them, by strictness and by basis. It asserts
// sane bounds only; the tables are printed with -v. Then each report is told as
// a verdict, as a benchmark would, so that the confidence of the next session
// rests on those before it.
func TestReplayAgreement(t *testing.T) {
	trajs, resolved := readSessions(t)
	names := slices.Sorted(maps.Keys(trajs))
	tracker := verify.NewTracker(verify.TrackerOptions{})
	told := verify.NewTracker(verify.TrackerOptions{})
	var all, standard, strict, learned agreement
	bases := make(map[string]*agreement)
	var expected float64
	judged, good := 0, 0
	for _, name := range names {
		truth, ok := resolved[name]
		if !ok {
			continue
		}
		judged++
		if truth {
			good++
		}
		task := replay(t, tracker, name, trajs[name])
		all.add(task.Likely(0.01), truth)
		standard.add(task.Outcome, truth)
		strict.add(task.Likely(0.85), truth)
		if bases[task.OutcomeBasis] == nil {
			bases[task.OutcomeBasis] = new(agreement)
		}
		bases[task.OutcomeBasis].add(task.Likely(0.01), truth)
		task = replay(t, told, name, trajs[name])
		learned.add(task.Outcome, truth)
		if task.Outcome != learn.OutcomeUnknown {
			expected += task.OutcomeConfidence
		}
		tell(t, told, name, truth)
	}
	t.Logf("%d sessions with a report, %d resolved", judged, good)
	t.Logf("every leaning:        %s", &all)
	t.Logf("default (0.7):        %s", &standard)
	t.Logf("strict (0.85):        %s", &strict)
	t.Logf("default, verdicts told: %s; expected to agree %.0f", &learned, expected)
	for _, b := range slices.Sorted(maps.Keys(bases)) {
		t.Logf("  %-18s %s", b, bases[b])
	}
	if judged < 200 {
		t.Errorf("only %d sessions have a report; the archive should hold 245", judged)
	}
	if standard.decided() < judged/20 || standard.agree*2 < standard.decided() {
		t.Errorf("%s: worse than a coin", &standard)
	}
}

// tell gives the verdict on a finished session.
func tell(t *testing.T, tracker *verify.Tracker, name string, good bool) {
	t.Helper()
	outcome := learn.OutcomeFailure
	if good {
		outcome = learn.OutcomeSuccess
	}
	o := &learn.Observation{Record: learn.Record{Task: &learn.TaskRecord{
		ID: "verdict-" + name, TaskID: name, SessionID: name, ProjectID: "p", Phase: learn.TaskFeedback,
		Outcome: outcome, OutcomeKind: learn.VerifyBenchmark, Timestamp: time.Unix(0, 0),
	}}}
	if err := tracker.Apply(o, func(learn.LedgerEntry) {}); err != nil {
		t.Fatal(err)
	}
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
