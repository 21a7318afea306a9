package next

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"lathe/learn"
)

// call is an observation of a structured call.
func call(session, tool, output string, status learn.Status) *learn.Observation {
	return &learn.Observation{
		Record: learn.Record{Action: &learn.ActionOutcome{ProjectID: "p", SessionID: session, ActionType: learn.ToolCall, ToolName: tool,
			ToolOutput: learn.ToolOutput{Content: output}, Status: status}},
		Action: learn.Action{Tool: tool, Skeleton: tool + "()"},
	}
}

func start(session, prompt string) *learn.Observation {
	return &learn.Observation{Record: learn.Record{Task: &learn.TaskRecord{ProjectID: "p", SessionID: session, TaskID: session, Phase: learn.TaskStart, Prompt: prompt}}}
}

func feed(t testing.TB, n *Predictor, os ...*learn.Observation) {
	t.Helper()
	for _, o := range os {
		if err := n.Apply(o, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func first(n *Predictor, session string) string {
	p := n.Predict("p", session, 1)
	if len(p) == 0 {
		return ""
	}
	return p[0].Action
}

// TestPredict learns streams in which only one view can tell what comes next.
func TestPredict(t *testing.T) {
	ok, failed := learn.StatusSuccess, learn.StatusFailure
	for _, c := range []struct {
		name string
		run  func(i int, session string) []*learn.Observation // the last one is to be foreseen
	}{
		{"the last three calls", func(i int, s string) []*learn.Observation {
			a, z := "a", "x"
			if i%2 == 1 {
				a, z = "b", "y"
			}
			return []*learn.Observation{call(s, a, "", ok), call(s, "m", "", ok), call(s, "m", "", ok), call(s, z, "", ok)}
		}},
		{"how the last call ended", func(i int, s string) []*learn.Observation {
			st, z := ok, "submit"
			if i%3 == 1 {
				st, z = failed, "edit"
			}
			return []*learn.Observation{call(s, "test", "", st), call(s, z, "", ok)}
		}},
		{"the prompt", func(i int, s string) []*learn.Observation {
			word, z := "refund", "cancel"
			if i%2 == 1 {
				word, z = "upgrade", "change"
			}
			return []*learn.Observation{start(s, "please "+word+" this"), call(s, "look", "", ok), call(s, z, "", ok)}
		}},
		{"a list that is worked through", func(i int, s string) []*learn.Observation {
			list := make([]string, 1+i%4)
			for k := range list {
				list[k] = fmt.Sprintf("item-%d-%d", i, k)
			}
			raw, _ := json.Marshal(map[string]any{"items": list})
			out := []*learn.Observation{call(s, "list", string(raw), ok)}
			for _, l := range list {
				o := call(s, "get", `{"x":1}`, ok)
				o.Record.Action.ToolParameters, _ = json.Marshal(map[string]string{"id": l})
				out = append(out, o)
			}
			return append(out, call(s, "report", "", ok))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := New(Options{})
			for i := range 120 {
				feed(t, n, c.run(i, fmt.Sprint("s", i))...)
			}
			for i := 120; i < 132; i++ {
				s := fmt.Sprint("s", i)
				run := c.run(i, s)
				for k, o := range run {
					if o.Record.Action != nil && k == len(run)-1 {
						if got := first(n, s); got != o.Record.Action.ToolName {
							t.Errorf("session %d: %q was expected, %q came", i, got, o.Record.Action.ToolName)
						}
					}
					feed(t, n, o)
				}
			}
		})
	}
}

func generated(seed uint64, sessions int) []*learn.Observation {
	rng := rand.New(rand.NewPCG(seed, 1))
	var out []*learn.Observation
	for i := range sessions {
		s := fmt.Sprint("s", i)
		out = append(out, start(s, fmt.Sprintf("words about thing%c", 'a'+rng.IntN(20))))
		for range rng.IntN(12) {
			o := call(s, fmt.Sprint("t", rng.IntN(9)), []string{"", "[]", "{}", `["a","b"]`, "text"}[rng.IntN(5)],
				[]learn.Status{learn.StatusSuccess, learn.StatusFailure}[rng.IntN(2)])
			out = append(out, o)
		}
	}
	return out
}

// TestSnapshot: a restored predictor goes on as the one it was taken from.
func TestSnapshot(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		stream := generated(rapid.Uint64().Draw(rt, "seed"), 20)
		cut := rapid.IntRange(0, len(stream)).Draw(rt, "cut")
		whole, part := New(Options{}), New(Options{})
		feed(t, whole, stream[:cut]...)
		raw, err := whole.Snapshot()
		if err != nil {
			rt.Fatal(err)
		}
		if err := part.Restore(raw); err != nil {
			rt.Fatal(err)
		}
		feed(t, whole, stream[cut:]...)
		feed(t, part, stream[cut:]...)
		for i := range 20 {
			a, b := whole.Predict("p", fmt.Sprint("s", i), 9), part.Predict("p", fmt.Sprint("s", i), 9)
			if !reflect.DeepEqual(a, b) {
				rt.Fatalf("session %d: %v, after a restart %v", i, a, b)
			}
		}
	})
}

// TestProbabilities: what is predicted is a distribution, and asking changes
// nothing.
func TestProbabilities(t *testing.T) {
	n := New(Options{})
	if got := n.Predict("p", "s", 3); len(got) != 0 {
		t.Fatalf("a predictor that saw nothing said %v", got)
	}
	feed(t, n, generated(7, 40)...)
	before, err := n.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		sum := 0.0
		for _, a := range n.Predict("p", fmt.Sprint("s", i), 1000) {
			if !(a.Probability >= 0 && a.Probability <= 1) {
				t.Fatalf("%+v", a)
			}
			sum += a.Probability
		}
		if sum < 0.999 || sum > 1.001 {
			t.Fatalf("the probabilities of session %d add up to %f", i, sum)
		}
	}
	after, err := n.Snapshot()
	if err != nil || string(before) != string(after) {
		t.Fatal("asking changed what is known", err)
	}
}

func TestBounds(t *testing.T) {
	n := New(Options{MaxSessions: 10, MaxLabels: 5, MaxContexts: 50})
	feed(t, n, generated(3, 200)...)
	if len(n.sessions) > 10 {
		t.Errorf("%d sessions are kept of at most 10", len(n.sessions))
	}
	if len(n.labels) > 6 { // and the one for all others
		t.Errorf("%d labels are told apart, of at most 5", len(n.labels))
	}
	for i, tb := range n.tables {
		if len(tb.Contexts) > 50 {
			t.Errorf("view %s holds %d contexts, of at most 50", views[i].name, len(tb.Contexts))
		}
		once, twice := tb.once, tb.twice
		if tb.recount(); once != tb.once || twice != tb.twice {
			t.Errorf("view %s counted %d once and %d twice, it holds %d and %d", views[i].name, once, twice, tb.once, tb.twice)
		}
	}
	if n.Dropped() == 0 {
		t.Error("contexts were dropped and not counted")
	}
}

// TestExamplesStayInTheirProject: how another project calls something is not
// told, and Uses says that a name is another's.
func TestExamplesStayInTheirProject(t *testing.T) {
	n := New(Options{})
	for range 20 {
		for _, tool := range []string{"edit", "deploy"} {
			o := call("s", tool, "", learn.StatusSuccess)
			o.Record.Action.ProjectID, o.Action.Skeleton = "q", tool+" --to secret.example.com"
			feed(t, n, o)
		}
	}
	feed(t, n, call("mine", "edit", "", learn.StatusSuccess))
	for _, a := range n.Predict("p", "mine", 10) {
		if a.Example != "" {
			t.Errorf("project p is shown %q of project q", a.Example)
		}
	}
	if n.Uses("p", "deploy") || !n.Uses("q", "deploy") || !n.Uses("p", "edit") {
		t.Error("who uses what is not known")
	}
	feed(t, n, call("mine", "deploy", "", learn.StatusSuccess), call("mine", "edit", "", learn.StatusSuccess))
	found := false
	for _, a := range n.Predict("p", "mine", 10) {
		found = found || a.Action == "deploy" && a.Example == "deploy()"
	}
	if !found {
		t.Error("a project is not shown its own example")
	}
}

func TestRestoreRefuses(t *testing.T) {
	n := New(Options{})
	feed(t, n, generated(3, 5)...)
	want, _ := n.Snapshot()
	for _, bad := range []string{"", "{}", `{"version":1}`, `{"version":99}`, "[]"} {
		if err := n.Restore([]byte(bad)); err == nil {
			t.Errorf("%q was restored", bad)
		}
	}
	for name, damage := range map[string]func(*snapshot){
		"session": func(s *snapshot) { s.Sessions["p\x00s"] = nil },
		"form":    func(s *snapshot) { s.Forms[1] = nil },
		"context": func(s *snapshot) { s.Tables[0].Contexts[1] = nil },
		"count":   func(s *snapshot) { s.Tables[0].Contexts[1] = &counts{Labels: []int32{0}} },
		"label": func(s *snapshot) {
			s.Tables[0].Contexts[1] = &counts{Labels: []int32{1 << 30}, Times: []float64{1}, Total: 1}
		},
	} {
		var s snapshot
		if err := json.Unmarshal(want, &s); err != nil {
			t.Fatal(err)
		}
		damage(&s)
		bad, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Restore(bad); err == nil {
			t.Errorf("a snapshot with a bad %s was restored", name)
		}
	}
	if got, _ := n.Snapshot(); string(got) != string(want) {
		t.Error("a refused snapshot changed the state")
	}
}

func TestViewsStandBehindTheirParents(t *testing.T) {
	for i, v := range views {
		if v.parent >= i || i == 0 && v.parent != -1 {
			t.Errorf("view %d (%s) backs off to %d, which is not known before it", i, v.name, v.parent)
		}
	}
}

func FuzzSee(f *testing.F) {
	f.Add(`{"a":["b","c"]}`, `{"id":"b"}`)
	f.Add(`[[[[[[[["x"]]]]]]]]`, `"x"`)
	f.Add("\x00", "{")
	f.Fuzz(func(t *testing.T, output, parameters string) {
		s := See(&learn.ActionOutcome{ToolParameters: json.RawMessage(parameters), ToolOutput: learn.ToolOutput{Content: output}})
		if len(s.listed) > maxListed || len(s.given) > maxListed {
			t.Errorf("%d listed, %d given: at most %d", len(s.listed), len(s.given), maxListed)
		}
	})
}

// BenchmarkApply is one step of a predictor that has learned from many.
func BenchmarkApply(b *testing.B) {
	n := New(Options{})
	stream := generated(1, 2000)
	feed(b, n, stream...)
	for i := 0; b.Loop(); i++ {
		feed(b, n, stream[i%len(stream)])
	}
}
