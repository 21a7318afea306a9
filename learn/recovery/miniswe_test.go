package recovery_test

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
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lathe/learn"
	"lathe/learn/recovery"
)

var (
	fence  = regexp.MustCompile("(?s)```bash\n(.*?)\n?```")
	result = regexp.MustCompile(`(?s)^<returncode>(-?\d+)</returncode>\s*<output>\n?(.*)$`)
)

// TestReplayMiniSWE replays sessions that nothing here was designed on. It
// guards that what is said stays mostly right on strangers' sessions, too.
func TestReplayMiniSWE(t *testing.T) {
	sessions := miniSWE(t)
	r := newReader(t)
	cases, err := recovery.Replay(recovery.ReplayOptions{}, func(yield func(*learn.Observation, error) bool) {
		for _, s := range sessions {
			for i := range s {
				if !yield(r.read(learn.Record{Action: &s[i]}), nil) {
					return
				}
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := report(t, cases); got.Cases < 200 || got.Precision < 0.5 {
		t.Error("more advice is wrong than right")
	}
}

// miniSWE reads the shared archive: a session each, in time order.
func miniSWE(t *testing.T) [][]learn.ActionOutcome {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "mini-swe-agent.tar.gz"))
	if err != nil {
		t.Fatalf("the recorded sessions must lie beside the repository: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var sessions [][]learn.ActionOutcome
	for tr := tar.NewReader(z); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if name, ok := strings.CutSuffix(path.Base(h.Name), ".traj.json"); ok {
			if s := miniSession(t, name, tr); len(s) > 0 {
				sessions = append(sessions, s)
			}
		}
	}
	slices.SortStableFunc(sessions, func(a, b []learn.ActionOutcome) int { return a[0].Timestamp.Compare(b[0].Timestamp) })
	return sessions
}

func miniSession(t *testing.T, name string, from io.Reader) []learn.ActionOutcome {
	t.Helper()
	var doc struct {
		Messages []struct {
			Role, Content string
			Extra         struct{ Response struct{ Created int64 } }
		}
	}
	if err := json.NewDecoder(from).Decode(&doc); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	project, _, _ := strings.Cut(name, "-")
	var events []learn.ActionOutcome
	for i := 0; i+1 < len(doc.Messages); i++ {
		m := doc.Messages[i]
		cmd, res := fence.FindStringSubmatch(m.Content), result.FindStringSubmatch(doc.Messages[i+1].Content)
		if m.Role != "assistant" || cmd == nil || res == nil {
			continue
		}
		code, _ := strconv.Atoi(res[1]) // the expression lets only numbers through
		params, _ := json.Marshal(map[string]string{"command": cmd[1]})
		ev := learn.ActionOutcome{
			ID: learn.PositionID("test", name, i), Timestamp: time.Unix(m.Extra.Response.Created, 0).UTC(),
			ProjectID: project, SessionID: name, TaskID: name, ActionType: learn.ToolCall, ToolName: "bash", ToolParameters: params, Status: learn.StatusSuccess,
			ToolOutput: learn.ToolOutput{Stdout: strings.TrimSuffix(strings.TrimSpace(res[2]), "</output>"), ExitCode: &code},
		}
		if code != 0 {
			ev.Status = learn.StatusFailure
		}
		events = append(events, ev)
	}
	return events
}
