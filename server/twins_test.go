package server

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lathe/learn"
	"lathe/learn/monitor"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// seen is a call as a door tells it, after so many seconds.
func seen(id string, source learn.Source, session, call, tool, parameters string, after float64) learn.ActionOutcome {
	return learn.ActionOutcome{ID: id, ProjectID: "p", Source: source, SessionID: session, CallID: call, ActionType: learn.ToolCall,
		ToolName: tool, ToolParameters: json.RawMessage(parameters), Timestamp: noon.Add(time.Duration(after * float64(time.Second)))}
}

// TestTwins: which two tellings are of one call, in either order.
func TestTwins(t *testing.T) {
	gateway := func(call, tool, parameters string) learn.ActionOutcome {
		return seen("g", learn.SourceGateway, "gateway", call, tool, parameters, 0)
	}
	hook := func(call, tool, parameters string, after float64) learn.ActionOutcome {
		return seen("h", learn.SourceHook, "agent", call, tool, parameters, after)
	}
	slow := gateway("", "fs__read", `{"path":"a"}`)
	slow.ResourceMetrics.DurationMS = 60_000
	run := gateway("run-17", "count_errors", `{"word":"x"}`)
	run.Generated = &learn.GeneratedCall{}
	elsewhere := hook("", "mcp__lathe__fs__read", `{"path":"a"}`, 0)
	elsewhere.ProjectID = "q"
	report := hook("", "fs__read", `{"path":"a"}`, 0)
	report.Source = learn.SourceReport
	plain := gateway("", "fs__read", `{"path":"a"}`)
	for name, c := range map[string]struct {
		a, b learn.ActionOutcome
		one  bool
	}{
		"a gateway and the agent's hook":         {plain, hook("toolu_1", "mcp__gate__fs__read", `{ "path": "a" }`, 0.1), true},
		"parameters in another order":            {gateway("", "fs__read", `{"a":1,"b":[2]}`), hook("", "MCP:fs__read", `{"b":[2],"a":1}`, 0.1), true},
		"no parameters":                          {gateway("", "list", ``), hook("", "gate_list", `{}`, 0.1), true},
		"the agent's id is known to both":        {gateway("toolu_1", "fs__read", `{"cut_bytes":99}`), hook("toolu_1", "mcp__gate__fs__read", `{"path":"a"}`, 3600), true},
		"another id of the agent":                {gateway("toolu_1", "fs__read", `{"path":"a"}`), hook("toolu_2", "mcp__gate__fs__read", `{"path":"a"}`, 0.1), false},
		"a long call, told at its end":           {slow, hook("", "mcp__gate__fs__read", `{"path":"a"}`, 60.1), true},
		"long after":                             {plain, hook("", "mcp__gate__fs__read", `{"path":"a"}`, 60), false},
		"other parameters":                       {plain, hook("", "mcp__gate__fs__read", `{"path":"b"}`, 0), false},
		"a tool of another name":                 {plain, hook("", "mcp__gate__fs__spread", `{"path":"a"}`, 0), false},
		"another project":                        {plain, elsewhere, false},
		"what an agent says it did":              {plain, report, false},
		"a generated tool's run":                 {run, hook("toolu_1", "mcp__lathe__count_errors", `{"word":"x"}`, 0.1), true},
		"a generated tool's run by run_tool":     {run, hook("toolu_1", "mcp__lathe__run_tool", `{"name":"count_errors","arguments":{"word":"x"}}`, 0.1), true},
		"a tool that a search found":             {gateway("", "fs__read", `{"path":"a"}`), hook("", "mcp__gate__call_tool", `{"name":"fs__read","arguments":{"path":"a"}}`, 0.1), true},
		"a hook without id and the recording":    {hook("", "read_file", `{"path":"a"}`, 0), seen("i", learn.SourceImport, "agent", "c1", "read_file", `{"path":"a"}`, 0.5), true},
		"a hook and a recording of other ids":    {hook("c2", "read_file", `{"path":"a"}`, 0), seen("i", learn.SourceImport, "agent", "c1", "read_file", `{"path":"a"}`, 0.5), false},
		"a recording of another session":         {hook("", "read_file", `{"path":"a"}`, 0), seen("i", learn.SourceImport, "another", "c1", "read_file", `{"path":"a"}`, 0.5), false},
		"two gateways":                           {plain, seen("g2", learn.SourceGateway, "another", "", "fs__read", `{"path":"a"}`, 0), false},
		"telemetry of what a gateway passed on":  {plain, seen("o", learn.SourceOTLP, "agent", "", "fs__read", `{"path":"a"}`, 0), true},
		"parameters that are no JSON, by the id": {gateway("toolu_1", "x", `{`), hook("toolu_1", "mcp__gate__x", `{`, 0), true},
	} {
		for _, order := range [][2]learn.ActionOutcome{{c.a, c.b}, {c.b, c.a}} {
			tw := newTwins()
			counted := 0
			for _, ev := range order {
				h := halfOf(&ev)
				if h == nil {
					counted++
					continue
				}
				if out, _ := tw.meet(h, noon); !out {
					counted++
				}
			}
			if (counted == 1) != c.one {
				t.Errorf("%s, %s first: counted %d times", name, order[0].Source, counted)
			}
			// The recording of what was left out adds nothing later.
			if again := order[1]; c.one {
				if out, _ := tw.meet(halfOf(&again), noon); !out {
					t.Errorf("%s, %s first: the second is counted when it is told again", name, order[0].Source)
				}
			}
		}
	}
}

// TestTwinsPairOnce: calls that are made several times are counted so often,
// however the two doors' tellings mix.
func TestTwinsPairOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		calls := rapid.IntRange(1, 12).Draw(t, "calls")
		var all []learn.ActionOutcome
		for i := range calls {
			all = append(all, seen(fmt.Sprint("g", i), learn.SourceGateway, "gateway", "", "fs__read", `{}`, float64(i)/4),
				seen(fmt.Sprint("h", i), learn.SourceHook, "agent", fmt.Sprint("toolu_", i), "mcp__gate__fs__read", `{}`, float64(i)/4))
		}
		tw, counted := newTwins(), 0
		for _, i := range rapid.Permutation(indices(len(all))).Draw(t, "order") {
			if out, _ := tw.meet(halfOf(&all[i]), noon); !out {
				counted++
			}
			if rapid.Bool().Draw(t, "restart") {
				state, err := tw.Snapshot()
				if err == nil {
					tw = newTwins()
					err = tw.Restore(state)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		if counted != calls {
			t.Errorf("%d calls were counted %d times", calls, counted)
		}
	})
}

func indices(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// TestTwinsAreExpected: what a gateway asked about is stored under the
// gateway's id by whoever tells it first, and once.
func TestTwinsAreExpected(t *testing.T) {
	gateway := seen("g", learn.SourceGateway, "gateway", "", "fs__read", `{"path":"a"}`, 0)
	hook := seen("h", learn.SourceHook, "agent", "toolu_1", "mcp__gate__fs__read", `{"path":"a"}`, 0.1)
	tw := newTwins()
	tw.expect(gateway, noon)
	if out, as := tw.meet(halfOf(&hook), noon); out || as != "g" {
		t.Errorf("the hook first: left out %t, stored as %q", out, as)
	}
	tw = newTwins()
	tw.expect(gateway, noon)
	if out, as := tw.meet(halfOf(&gateway), noon); out || as != "" {
		t.Errorf("the gateway first: left out %t, stored as %q", out, as)
	}
	if out, as := tw.meet(halfOf(&hook), noon); !out || as != "" {
		t.Errorf("then the hook: left out %t, stored as %q", out, as)
	}
}

// TestTwinsOfLostCalls: what could not be stored keeps nobody out.
func TestTwinsOfLostCalls(t *testing.T) {
	gateway := seen("g", learn.SourceGateway, "gateway", "", "fs__read", `{}`, 0)
	hook := seen("h", learn.SourceHook, "agent", "toolu_1", "mcp__gate__fs__read", `{}`, 0.1)
	tw := newTwins()
	tw.meet(halfOf(&hook), noon)
	tw.lost([]learn.Record{{Action: &hook}})
	if out, _ := tw.meet(halfOf(&gateway), noon); out {
		t.Error("neither is counted")
	}
}

func TestTwinsAreBounded(t *testing.T) {
	tw := newTwins()
	for i := range maxHalves + maxLeftOut {
		g := seen(fmt.Sprint("g", i), learn.SourceGateway, "gateway", "", "fs__read", fmt.Sprintf(`{"n":%d}`, i), 0)
		h := seen(fmt.Sprint("h", i), learn.SourceHook, "agent", fmt.Sprint(i), "fs__read", fmt.Sprintf(`{"n":%d}`, i), 0)
		tw.meet(halfOf(&g), noon)
		if out, _ := tw.meet(halfOf(&h), noon); !out {
			t.Fatalf("%d is counted twice", i)
		}
	}
	old := seen("i", learn.SourceImport, "agent", "x", "bash", `{"command":"ls"}`, 0)
	tw.meet(halfOf(&old), noon.Add(24*time.Hour)) // nobody told of it live
	if tw.halves.Len() != maxHalves || len(tw.byID) != maxHalves || len(tw.alone) != 0 || len(tw.left) != maxLeftOut || len(tw.gone) != maxLeftOut {
		t.Errorf("it knows %d, %d, %d and %d, %d", tw.halves.Len(), len(tw.byID), len(tw.alone), len(tw.left), len(tw.gone))
	}
	for i := range 2 * maxHalves { // one command, again and again
		g := seen(fmt.Sprint("same", i), learn.SourceGateway, "gateway", "", "fs__read", `{}`, 0)
		tw.meet(halfOf(&g), noon)
	}
	for _, all := range tw.alone {
		if len(tw.alone) != 1 || len(all) != maxHalves || tw.halves.Len() != maxHalves {
			t.Errorf("of one call it knows %d in %d places", len(all), len(tw.alone))
		}
	}
}

// TestCallsAreOfTheirTool: by the name on offer, whatever an agent puts before it.
func TestCallsAreOfTheirTool(t *testing.T) {
	group := func(name string, calls int64, day string) monitor.Group {
		return monitor.Group{Name: name, Calls: calls, Failures: 1, LastUsed: day}
	}
	found := callsByTool([]string{"fs__read", "read", "a__fs__read", "count_errors"}, []monitor.Group{
		group("fs__read", 1, "2026-03-04"), group("mcp__gate__fs__read", 2, "2026-03-05"), group("MCP:fs__read", 4, "2026-03-03"), group("gate_a__fs__read", 8, ""),
		group("mcp__lathe__count_errors", 16, "older"), group("bash", 32, ""), group("mcp__other__unread", 64, ""), group("", 128, ""),
	})
	for name, calls := range map[string]int64{"fs__read": 7, "read": 0, "a__fs__read": 8, "count_errors": 16} {
		if found[name].Calls != calls {
			t.Errorf("%s: %+v", name, found[name])
		}
	}
	if got := found["fs__read"]; got.LastUsed != "2026-03-05" || got.Failures != 3 {
		t.Errorf("summed: %+v", got)
	}
}

// FuzzTwins: whatever a call's tool and parameters say, it is told apart from
// nothing but itself.
func FuzzTwins(f *testing.F) {
	f.Add("mcp__lathe__run_tool", []byte(`{"name":"x","arguments":{"b":1e400,"a":[null,"\ud800"]}}`))
	f.Add("call_tool", []byte(`{"name":7}`))
	f.Add("__", []byte(`[1,`))
	f.Add("0", []byte(" null"))
	f.Fuzz(func(t *testing.T, tool string, parameters []byte) {
		g := seen("g", learn.SourceGateway, "gateway", "", tool, string(parameters), 0)
		h := seen("h", learn.SourceHook, "agent", "c", tool, string(parameters), 1)
		tw := newTwins()
		first, second := halfOf(&g), halfOf(&h)
		if out, _ := tw.meet(first, noon); out {
			t.Fatal("the first is left out")
		}
		out, _ := tw.meet(second, noon)
		if known := first.Tool != "" && len(first.Keys) > 0; out != known {
			t.Fatalf("%q %q: the second left out: %t", tool, parameters, out)
		}
		if canonical, ok := canonicalJSON(parameters); ok {
			if again, ok := canonicalJSON(json.RawMessage(canonical)); !ok || again != canonical {
				t.Fatalf("%q is not canonical: %q", canonical, again)
			}
		}
	})
}
