package toolforge

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"lathe/learn"
	"lathe/learn/action"
)

var fence = regexp.MustCompile("(?s)```(?:bash|sh)?\n(.*?)```")
var reply = regexp.MustCompile(`(?s)<returncode>(-?\d+)</returncode>\s*<output>\n?(.*?)</output>`)

// recorded feeds a Finder with real recorded sessions.
func recorded(t testing.TB, f *Finder) (calls int) {
	t.Helper()
	name := filepath.Join("..", "..", "shared", "data", "mini-swe-agent.tar.gz")
	file, err := os.Open(name)
	if err != nil {
		t.Fatalf("the recorded sessions are needed beside the repository: %v", err)
	}
	defer file.Close()
	zipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(zipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return calls
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(h.Name, ".traj.json") {
			continue
		}
		var session struct {
			Messages []struct {
				Role, Content string
				Extra         struct {
					Response struct {
						Usage struct {
							CompletionTokens int64 `json:"completion_tokens"`
						}
					}
				}
			}
		}
		if err := json.NewDecoder(r).Decode(&session); err != nil {
			t.Fatal(err)
		}
		id := filepath.Base(h.Name)
		project, _, _ := strings.Cut(id, "__")
		for i, m := range session.Messages[:max(len(session.Messages)-1, 0)] {
			call := fence.FindAllStringSubmatch(m.Content, -1)
			out := reply.FindStringSubmatch(session.Messages[i+1].Content)
			if m.Role != "assistant" || len(call) != 1 || out == nil {
				continue
			}
			calls++
			feed(t, f, project, id, i, strings.TrimSpace(call[0][1]), out[2], atoi(out[1]), m.Extra.Response.Usage.CompletionTokens)
		}
	}
}

func feed(t testing.TB, f *Finder, project, session string, i int, command, output string, exit int, written int64) {
	raw, err := json.Marshal(map[string]string{"command": command})
	if err != nil {
		t.Fatal(err)
	}
	a := &learn.ActionOutcome{ID: learn.PositionID("x", session, i), Timestamp: epoch.Add(time.Duration(i) * time.Second), ProjectID: project, SessionID: session,
		ToolName: "bash", ToolParameters: raw, Status: learn.StatusSuccess, ToolOutput: learn.ToolOutput{Stdout: output, ExitCode: &exit},
		ResourceMetrics: learn.ResourceMetrics{TokenCountOut: written}}
	if exit != 0 {
		a.Status = learn.StatusFailure
	}
	o := &learn.Observation{Record: learn.Record{Action: a}, Action: action.Parse(a)}
	if err := f.Apply(o, nil); err != nil {
		t.Fatal(err)
	}
}

func TestRecordedSessionsGiveTools(t *testing.T) {
	f := NewFinder(Options{})
	calls := recorded(t, f)
	forgeable := 0
	for _, o := range f.Opportunities() {
		spec, err := Specify(o)
		if o.Forgeable {
			forgeable++
			if err != nil {
				t.Errorf("%s: %v", o.Name, err)
			}
			if o.Calls < 4 || o.Sessions < 3 || o.Score <= 0 || len(o.Evidence) == 0 {
				t.Errorf("%s has little support: %+v", o.Name, o)
			}
		}
		t.Logf("%6.1f %4d calls %3d sessions %d params %-8s %-32s %s %s", o.Score, o.Calls, o.Sessions, o.Parameters, o.Kind, o.Name, spec.CommandTemplate, o.NotForgeable)
	}
	if forgeable < 5 {
		t.Errorf("%d forgeable opportunities in %d calls, want at least 5", forgeable, calls)
	}
}
