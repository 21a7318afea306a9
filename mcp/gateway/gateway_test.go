package gateway

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"lathe/learn"
)

func TestToolsAreNamespacedAndCallsRecorded(t *testing.T) {
	m := &memory{}
	dir := t.TempDir()
	r := newRig(t, Options{Config: servers(testServer(t, "one", "library"), testServer(t, "two", "library")), Recorder: m,
		Dir: dir, Env: append(os.Environ(), "AGENT_SAID=a")})
	tools := r.tools()
	for _, name := range []string{"one__echo", "two__echo", "one__fail"} {
		if _, ok := tools[name]; !ok {
			t.Errorf("%s is not among %v", name, slices.Sorted(maps.Keys(tools)))
		}
	}
	if texts, failed := r.mustCall("two__echo", map[string]any{"text": "hello"}); failed || texts[0] != "hello" {
		t.Errorf("echo: %q, failed %v", texts, failed)
	}
	if texts, _ := r.mustCall("one__where", nil); texts[0] != dir+" a b" {
		t.Errorf("the server runs as %q, want in %s with a b", texts[0], dir)
	}
	if _, failed := r.mustCall("one__fail", nil); !failed {
		t.Error("a failure came as a success")
	}
	r.closed()

	echo := m.of("two__echo")
	if len(echo) != 1 {
		t.Fatalf("two__echo was recorded %d times", len(echo))
	}
	ev := echo[0]
	if ev.Status != learn.StatusSuccess || ev.ToolOutput.Content != "hello" || string(ev.ToolParameters) != `{"text":"hello"}` ||
		ev.Source != learn.SourceGateway || ev.ActionType != learn.ToolCall || ev.ProjectID != "project" || ev.SessionID != "session" ||
		ev.AgentID != "agent" || ev.ContextSnapshot.CWD != dir || !learn.ValidID(ev.ID) || ev.ResourceMetrics.DurationMS <= 0 || ev.Timestamp.IsZero() {
		t.Errorf("recorded: %+v", ev)
	}
	fail := m.of("one__fail")
	if len(fail) != 1 || fail[0].Status != learn.StatusFailure || !strings.Contains(fail[0].ToolOutput.Content, "No module named") {
		t.Errorf("recorded of the failure: %+v", fail)
	}
	if ev.ID == fail[0].ID {
		t.Error("two calls have one id")
	}
}

func TestAdviceOnFailureOnly(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	adviser := adviserFunc(func(_ context.Context, ev learn.ActionOutcome) (learn.FailureAnalysisReport, error) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, ev.ToolName+": "+ev.ToolOutput.Content)
		return learn.FailureAnalysisReport{ConfidenceScore: 0.8, Remedies: []learn.RemedyOffer{{Description: "run pip install pytest\x1b[2J\nthen again", Support: 4, Confidence: 0.8}}}, nil
	})
	m := &memory{}
	r := newRig(t, Options{Config: servers(testServer(t, "s", "library")), Recorder: m, Adviser: adviser, AdviceTime: patience})
	r.tools()
	if texts, _ := r.mustCall("s__echo", map[string]any{"text": "fine"}); len(texts) != 1 {
		t.Errorf("a success got advice: %q", texts)
	}
	texts, failed := r.mustCall("s__fail", nil)
	want := "Lathe knows this failure. What fixed it before:\n1. run pip install pytest\\u{1b}[2J then again (80 %, 4 sessions)"
	if !failed || len(texts) != 2 || texts[1] != want {
		t.Errorf("blocks %q, failed %v; want a second one %q", texts, failed, want)
	}
	r.closed()
	if want := []string{"s__fail: ModuleNotFoundError: No module named 'pytest'"}; !slices.Equal(asked, want) {
		t.Errorf("asked about %q, want %q", asked, want)
	}
	if got := m.of("s__fail")[0].ToolOutput.Content; strings.Contains(got, "Lathe") {
		t.Errorf("the advice was recorded as the tool's output: %q", got)
	}
}

func TestNoAdviceLeavesTheResult(t *testing.T) {
	for name, adviser := range map[string]adviserFunc{
		"late": func(ctx context.Context, _ learn.ActionOutcome) (learn.FailureAnalysisReport, error) {
			<-ctx.Done()
			return learn.FailureAnalysisReport{Remedies: []learn.RemedyOffer{{Description: "late"}}}, nil
		},
		"error": func(context.Context, learn.ActionOutcome) (learn.FailureAnalysisReport, error) {
			return learn.FailureAnalysisReport{}, errors.New("no daemon")
		},
		"nothing known": func(context.Context, learn.ActionOutcome) (learn.FailureAnalysisReport, error) {
			return learn.FailureAnalysisReport{}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{Config: servers(testServer(t, "s", "library")), Recorder: &memory{}, Adviser: adviser})
			r.tools()
			if texts, failed := r.mustCall("s__fail", nil); !failed || len(texts) != 1 {
				t.Errorf("blocks %q, failed %v", texts, failed)
			}
		})
	}
}

func TestCrashIsSaidAndServerRestarted(t *testing.T) {
	m := &memory{}
	r := newRig(t, Options{Config: servers(testServer(t, "s", "library"), testServer(t, "other", "library")), Recorder: m})
	r.tools()
	if texts, failed := r.mustCall("s__crash", nil); !failed || !strings.Contains(texts[0], "the server ended") {
		t.Errorf("a crash: %q, failed %v", texts, failed)
	}
	if texts, failed := r.mustCall("other__echo", map[string]any{"text": "x"}); failed || texts[0] != "x" {
		t.Errorf("another server's call: %q, failed %v", texts, failed)
	}
	if _, ok := r.tools()["s__echo"]; !ok {
		t.Error("the crashed server's tools left the list")
	}
	r.until(func() bool {
		texts, failed := r.mustCall("s__echo", map[string]any{"text": "again"})
		if failed && !strings.Contains(texts[0], "server") {
			t.Fatalf("while it is down: %q", texts)
		}
		return !failed && texts[0] == "again"
	})
	r.closed()
	if got := m.of("s__crash"); len(got) != 1 || got[0].Status != learn.StatusFailure || got[0].ErrorDetails == nil {
		t.Errorf("recorded of the crash: %+v", got)
	}
	if log := r.logged(); !strings.Contains(log, "exit status 3: the last words") {
		t.Errorf("the log does not say how it ended:\n%s", log)
	}
}

func TestCancellationReachesTheServer(t *testing.T) {
	m := &memory{}
	r := newRig(t, Options{Config: servers(testServer(t, "s", "library")), Recorder: m})
	r.tools()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = r.call(ctx, "s__wait", nil)
	}()
	// The call is under way when the gateway counts it.
	for r.g.upstreams[0].open.Load() == 0 {
		r.mustCall("s__echo", map[string]any{"text": ""})
	}
	cancel()
	<-done
	for r.g.upstreams[0].open.Load() != 0 { // the cancellation ended it
		r.mustCall("s__echo", map[string]any{"text": ""})
	}
	r.closed()
	if got := m.of("s__wait"); len(got) != 1 || got[0].Status != learn.StatusInterrupted {
		t.Errorf("recorded: %+v", got)
	}
}

func TestBadToolsAreLeftOutAndSchemasPassUnchanged(t *testing.T) {
	r := newRig(t, Options{Config: servers(testServer(t, "raw", "raw"), testServer(t, "s", "library")), Recorder: &memory{}})
	tools := r.tools()
	var got []string
	for _, name := range slices.Sorted(maps.Keys(tools)) {
		if strings.HasPrefix(name, "raw__") {
			got = append(got, name)
		}
	}
	want := []string{"raw__big", Name("raw", "odd name/ü"), "raw__refuse"}
	if !slices.Equal(got, want) {
		t.Errorf("tools %v, want %v", got, want)
	}
	if _, ok := tools["s__echo"]; !ok {
		t.Error("another server's tools are gone")
	}
	if n := len(r.g.Status()[0].LeftOut); n != 5 {
		t.Errorf("%d tools are said to be left out, want 5: %q", n, r.g.Status()[0].LeftOut)
	}
	page, err := r.g.catalog.Load().page("tools/list", "")
	if err != nil || !strings.Contains(string(page), rawSchema) {
		t.Errorf("the schema was rewritten (%v): %s", err, page)
	}
}

func TestAnswersOfAnySize(t *testing.T) {
	m := &memory{}
	r := newRig(t, Options{Config: servers(testServer(t, "raw", "raw")), Recorder: m})
	r.tools()
	large := maxOutput * 3
	if texts, failed := r.mustCall("raw__big", map[string]any{"bytes": large}); failed || len(texts[0]) != large {
		t.Errorf("a large answer came with %d of %d bytes", len(texts[0]), large)
	}
	if texts, failed := r.mustCall("raw__big", map[string]any{"bytes": maxFrame + 100}); !failed || !strings.Contains(texts[0], "ask it for less") {
		t.Errorf("a huge answer: %.200q, failed %v", texts, failed)
	}
	if texts, failed := r.mustCall("raw__big", map[string]any{"bytes": 3}); failed || texts[0] != "xxx" {
		t.Errorf("after a huge answer: %.200q, failed %v", texts, failed)
	}
	if _, err := r.call(t.Context(), "raw__refuse", nil); err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("a protocol error: %v", err)
	}
	r.closed()
	recs := m.of("raw__big")
	if len(recs) != 3 || recs[1].Status != learn.StatusFailure {
		t.Fatalf("recorded: %d", len(recs))
	}
	if n := len(recs[0].ToolOutput.Content); n < maxOutput || n > maxOutput+100 {
		t.Errorf("of %d bytes %d were recorded, want about %d", large, n, maxOutput)
	}
	if got := m.of("raw__refuse"); len(got) != 1 || got[0].ErrorDetails == nil || got[0].ErrorDetails.Code != "-32010" {
		t.Errorf("recorded of the refusal: %+v", got)
	}
}

func TestProgramThatCannotStart(t *testing.T) {
	r := newRig(t, Options{Config: servers(ServerConfig{Name: "none", Command: "/nonexistent/server"}, testServer(t, "s", "library")), Recorder: &memory{}})
	if _, ok := r.tools()["s__echo"]; !ok {
		t.Error("one server that cannot start took the other with it")
	}
	st := r.g.Status()
	if !strings.Contains(st[0].State, "cannot be started") || st[1].State != "running" {
		t.Errorf("status: %+v", st)
	}
}
