package mine

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"lathe/learn"
)

// runs makes examples of two structured calls each, through flow.
func runs(n int, printed bool) []example {
	f, out := newFlow(), []example{}
	for i := range n {
		id := fmt.Sprintf("R-%04d", i)
		text := "nothing"
		if printed {
			text = fmt.Sprintf(`{"reservations": ["%s"], "member": "gold"}`, id)
		}
		evs := []learn.ActionOutcome{
			{ID: fmt.Sprint("a", i), SessionID: fmt.Sprint(i), ToolName: "get_user", ToolParameters: json.RawMessage(fmt.Sprintf(`{"user_id":"u_%d"}`, i)),
				ToolOutput: learn.ToolOutput{Content: text}},
			{ID: fmt.Sprint("b", i), SessionID: fmt.Sprint(i), ToolName: "change", ToolParameters: json.RawMessage(fmt.Sprintf(`{"cabin":"economy","id":"%s","user":"u_%d"}`, id, i))},
		}
		task := &taskSeq{}
		for j := range evs {
			a := learn.Action{Tool: evs[j].ToolName}
			f.see(&evs[j], &a)
			s := seqStep{EventID: evs[j].ID, Tool: a.Tool, Skeleton: a.Tool + "()"}
			s.Params, s.From = f.take(s.EventID)
			task.Steps = append(task.Steps, s)
		}
		out = append(out, example{task, []int{0, 1}})
	}
	return out
}

func TestFragmentsCarryTheDataFlow(t *testing.T) {
	for _, c := range []struct {
		printed, constants bool
		want               string
	}{
		{true, true, `{"user_id":"{user_id}"} {"cabin":"economy","id":"{s1.output}","user":"{user_id}"}`},
		{false, true, `{"user_id":"{user_id}"} {"cabin":"economy","id":"{id}","user":"{user_id}"}`},
		{true, false, `{"user_id":"{user_id}"} {"cabin":"{cabin}","id":"{s1.output}","user":"{user_id}"}`},
	} {
		g := fragment(runs(6, c.printed), c.constants)
		var got []string
		for _, s := range g.Tasks {
			got = append(got, string(s.Arguments))
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("printed %v, constants %v: %s\nwant %s", c.printed, c.constants, text, c.want)
		}
	}
}

func TestFragmentsOfCommands(t *testing.T) {
	step := func(command, skeleton string) seqStep {
		return seqStep{Tool: "bash", Skeleton: skeleton, Command: command, Intent: learn.IntentRun}
	}
	var same, unlike []example
	for i := range 4 {
		file := fmt.Sprintf("src/f%d.go", i)
		same = append(same, example{&taskSeq{Steps: []seqStep{step("gofmt -w "+file, "gofmt -w <path>"), step("go vet "+file, "go vet <path>")}}, []int{0, 1}})
		unlike = append(unlike, example{&taskSeq{Steps: []seqStep{step(strings.Repeat("x ", i+1), "x <string>"), step("go", fmt.Sprint("go", i))}}, []int{0, 1}})
	}
	for _, c := range []struct {
		name      string
		shown     []example
		constants bool
		want      [2]string
	}{
		{"one file goes through", same, true, [2]string{`{"command":"gofmt -w {p1}"}`, `{"command":"go vet {p1}"}`}},
		{"the same in all projects", same, false, [2]string{`{"command":"gofmt -w {p1}"}`, `{"command":"go vet {p1}"}`}},
		{"little in common", unlike, true, [2]string{`{"command":"x {string}"}`, `{"intent":"run"}`}},
		{"a constant stays in its project", same[:1], false, [2]string{`{"command":"gofmt -w {path}"}`, `{"command":"go vet {path}"}`}},
	} {
		g := fragment(c.shown, c.constants)
		for k, want := range c.want {
			if got := string(g.Tasks[k].Arguments); got != want {
				t.Errorf("%s: step %d is %s, want %s", c.name, k+1, got, want)
			}
		}
	}
	if g := fragment(nil, true); len(g.Tasks) != 0 {
		t.Errorf("no example gave %+v", g)
	}
}

func TestFlowIsBounded(t *testing.T) {
	f := newFlow()
	for i := range 3 * maxPending {
		ev := learn.ActionOutcome{ID: fmt.Sprint(i), SessionID: fmt.Sprint(i % 500), ToolName: "x", ToolParameters: json.RawMessage(`{"a":"b_1"}`),
			ToolOutput: learn.ToolOutput{Content: "b_1 " + strings.Repeat("x_1 y.2\n", 40)}}
		f.see(&ev, &learn.Action{Tool: "x"})
	}
	if len(f.Pending) > maxPending || len(f.Queue) != len(f.Pending) || len(f.Sessions) > maxSessions {
		t.Errorf("%d calls, %d queued, %d sessions", len(f.Pending), len(f.Queue), len(f.Sessions))
	}
}

func FuzzFlow(f *testing.F) {
	f.Add(`{"a":["b_1",{"c":null}]}`, "b_1: found\nsrc/x.go:12: y")
	f.Add(`[`, "\xff\x00")
	f.Fuzz(func(t *testing.T, params, output string) {
		fl := newFlow()
		for i := range 2 {
			ev := learn.ActionOutcome{ID: fmt.Sprint(i), ToolName: "x", ToolParameters: json.RawMessage(params), ToolOutput: learn.ToolOutput{Content: output}}
			fl.see(&ev, &learn.Action{Tool: "x"})
		}
		if _, err := json.Marshal(fl); err != nil {
			t.Fatal(err)
		}
		for _, s := range fl.Sessions {
			for _, c := range s.Calls {
				if len(c.Tokens) > maxTokens {
					t.Fatalf("%d tokens", len(c.Tokens))
				}
			}
		}
	})
}

func TestHabitsOfWork(t *testing.T) {
	step := func(intent learn.Intent, target string) seqStep {
		return seqStep{Tool: "bash", Intent: intent, Target: target, Command: string(intent) + " " + target}
	}
	failed := func(s seqStep) seqStep { s.Failed = true; return s }
	call := func(intent learn.Intent, tool, params string) seqStep {
		return seqStep{Tool: tool, Intent: intent, Params: json.RawMessage(params)}
	}
	for _, c := range []struct {
		name  string
		steps []seqStep
		want  string
	}{
		{"by the book", []seqStep{step("create", "repro.py"), failed(step("run", "repro.py")), step("read", "a.py"), step("edit", "a.py"), step("run", "repro.py"), step("delete", "repro.py")},
			"the same try before the first and after the last edit; what failed before the edit is tried again after it; a new script is run before the first edit; every edited file is read first; what was created is deleted; no failed call is repeated unchanged; one edit is enough"},
		{"blind", []seqStep{step("edit", "a.py"), step("edit", "tests/test_a.py"), failed(step("test", "tests")), step("test", "tests")},
			"a test is written or changed"},
		{"tests first", []seqStep{step("read", "tests/test_a.py"), step("edit", "tests/test_a.py"), step("edit", "tests/test_a.py")},
			"every edited file is read first; a test is read before the first edit; a test is written or changed; no failed call is repeated unchanged"},
		{"looked up", []seqStep{call("read", "get", `{"user_id":"mia_1"}`), call("create", "book", `{"user":"mia_1"}`)},
			"no failed call is repeated unchanged; every change is of something looked up"},
		{"not looked up", []seqStep{call("read", "get", `{"user_id":"mia_1"}`), call("create", "book", `{"user":"tom_2"}`)},
			"no failed call is repeated unchanged"},
	} {
		var got []string
		for _, h := range habitsOfWork() {
			if _, ok := h.find(&taskSeq{Steps: c.steps}); ok {
				got = append(got, h.title)
			}
		}
		if text := strings.Join(got, "; "); text != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, text, c.want)
		}
	}
}
