package refine

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"lathe/learn"
)

func shell(id, line string) learn.PlanTask {
	t := shellTask("bash", line)
	t.ID = id
	return t
}

func plan() learn.TaskGraph {
	return learn.TaskGraph{
		Name:         "release",
		Tasks:        []learn.PlanTask{shell("fetch", "curl -f host/data"), shell("test", "pytest tests"), shell("ship", "make ship")},
		Dependencies: map[string][]string{"test": {"fetch"}, "ship": {"test"}},
	}
}

func report(p learn.ErrorPattern, captures map[string]string, offers ...learn.RemedyOffer) learn.FailureAnalysisReport {
	return learn.FailureAnalysisReport{
		ReportID: "r", ErrorPattern: &p, ConfidenceScore: 0.7, Evidence: []string{"e1"}, Remedies: offers,
		Signatures: []learn.ErrorSignature{{ID: "s", PatternID: p.ID, Captures: captures}},
	}
}

func offer(kind string, intent learn.Intent, command string) learn.RemedyOffer {
	return learn.RemedyOffer{Kind: kind, Confidence: 0.9, Support: 4, Evidence: []string{"e2"},
		Actions: []learn.RemedyAction{{ToolName: "bash", Intent: intent, Command: command}}}
}

var (
	module = learn.ErrorPattern{ID: "python/module-not-found", Name: "Python module not found"}
	busy   = learn.ErrorPattern{ID: "http/503", Name: "Service unavailable", Transient: true}
)

func types(ps []learn.PlanModificationProposal) (out []learn.ModificationType) {
	for _, p := range ps {
		out = append(out, p.Type)
	}
	return out
}

func strategyOf(commands ...string) learn.ProvenStrategy {
	s := learn.ProvenStrategy{StrategyID: "st", Name: "n", SuccessInterval: learn.Interval{Low: 0.6}, Support: 9}
	for i, c := range commands {
		s.TemplatePlanFragment.Tasks = append(s.TemplatePlanFragment.Tasks, shell(fmt.Sprint("s", i+1), c))
	}
	return s
}

func TestProposals(t *testing.T) {
	tests := []struct {
		name string
		k    Knowledge
		want []learn.ModificationType
		see  []string // in the refined plan's JSON
	}{
		{"transient: retry and nothing else but the check",
			Knowledge{Failures: []Failure{{Report: report(busy, nil), StepID: "fetch"}}},
			[]learn.ModificationType{learn.AddRetry, learn.SetExpectedOutput}, []string{`"patterns":["http/503"]`, `"exit_code":0`}},
		{"missing module: precondition and installation",
			Knowledge{Failures: []Failure{{Report: report(module, map[string]string{"module": "yaml"},
				offer("inserted_actions", learn.IntentInstall, "pip install yaml")), ToolName: "bash", Command: "pytest tests"}}},
			[]learn.ModificationType{learn.AddPrecondition, learn.AddFragment, learn.SetExpectedOutput},
			[]string{`"module_importable"`, `"pip install yaml"`}},
		{"another runner: fallback",
			Knowledge{Failures: []Failure{{Report: report(module, nil, offer("changed_command", learn.IntentTest, "python run.py")), StepID: "test"}}},
			[]learn.ModificationType{learn.AddFallback, learn.SetExpectedOutput}, []string{`"python run.py"`, `"fallback":["test-fallback-`}},
		{"other arguments",
			Knowledge{Failures: []Failure{{Report: report(module, nil, offer("changed_parameter", learn.IntentTest, "pytest -q tests")), StepID: "test"}}},
			[]learn.ModificationType{learn.AdjustParameters, learn.SetExpectedOutput}, []string{`"pytest -q tests"`}},
		{"an open parameter enters no plan",
			Knowledge{Failures: []Failure{{Report: report(module, nil, offer("inserted_actions", learn.IntentInstall, "pip install {module}")), StepID: "test"}}},
			[]learn.ModificationType{learn.SetExpectedOutput}, nil},
		{"a hostile capture makes no precondition",
			Knowledge{Failures: []Failure{{Report: report(module, map[string]string{"module": "x; rm -rf ~"}), StepID: "test"}}},
			[]learn.ModificationType{learn.SetExpectedOutput}, nil},
		{"too little confidence", Knowledge{MinConfidence: 0.9, Failures: []Failure{{Report: report(busy, nil), StepID: "fetch"}}}, nil, nil},
		{"no such step", Knowledge{Failures: []Failure{{Report: report(busy, nil), StepID: "other"}}}, nil, nil},
		{"strategy: the step that was always missing",
			Knowledge{Strategies: []learn.ProvenStrategy{strategyOf("pytest {p1}", "lint {p1}", "make ship")}},
			[]learn.ModificationType{learn.AddFragment}, []string{`"lint tests"`, `"ship":["test","strategy-`}},
		{"strategy whose parameter nothing fills",
			Knowledge{Strategies: []learn.ProvenStrategy{strategyOf("pytest {p1}", "lint {p2}")}}, nil, nil},
		{"strategy that is there", Knowledge{Strategies: []learn.ProvenStrategy{strategyOf("pytest {p1}", "make ship")}}, nil, nil},
		{"strategy about something else", Knowledge{Strategies: []learn.ProvenStrategy{strategyOf("go vet", "go test")}}, nil, nil},
		{"rejected before", Knowledge{Failures: []Failure{{Report: report(busy, nil), StepID: "fetch"}},
			Rejected: func(learn.PlanModificationProposal) bool { return true }}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.k.Template = ".ocode/plans/release.json"
			got := Propose(plan(), tt.k)
			if !reflect.DeepEqual(types(got), tt.want) {
				t.Fatalf("proposed %v, want %v", types(got), tt.want)
			}
			refined, log, err := Refine(plan(), got)
			if err != nil {
				t.Fatal(err)
			}
			for i, a := range log {
				if !a.Changed || !strings.HasPrefix(got[i].Diff, "--- a/.ocode/plans/release.json\n") || got[i].ContentHash == "" {
					t.Errorf("%s\n%+v", a.Line, got[i])
				}
			}
			doc, _ := json.Marshal(refined)
			for _, s := range tt.see {
				if !strings.Contains(string(doc), s) {
					t.Errorf("refined plan lacks %s:\n%s", s, doc)
				}
			}
			again, log, err := Refine(refined, got)
			if err != nil || !reflect.DeepEqual(again, refined) {
				t.Errorf("applying twice changed the plan: %v, %+v", err, log)
			}
			if more := Propose(refined, tt.k); len(more) > 0 {
				t.Errorf("proposed again for the refined plan: %v\n%s", types(more), more[0].Diff)
			}
		})
	}
}

func TestRefineFollowsMovedStepsAndRefusesChangedOnes(t *testing.T) {
	k := Knowledge{Failures: []Failure{{Report: report(module, nil, offer("changed_parameter", learn.IntentTest, "pytest -q tests")), StepID: "test"}}}
	proposals := Propose(plan(), k)[:1]
	moved := plan()
	moved.Tasks[0], moved.Tasks[1] = moved.Tasks[1], moved.Tasks[0]
	refined, log, err := Refine(moved, proposals)
	if err != nil || !log[0].Changed || command(refined.Tasks[0]) != "pytest -q tests" {
		t.Errorf("moved: %+v, %v", log, err)
	}
	changed := plan()
	changed.Tasks[1] = shell("test", "go test ./...")
	if got, log, _ := Refine(changed, proposals); log[0].Changed || !reflect.DeepEqual(got, changed) {
		t.Errorf("changed: %+v", log)
	}
	gone := learn.TaskGraph{Tasks: plan().Tasks[:1]}
	if _, log, _ := Refine(gone, proposals); log[0].Changed || !strings.Contains(log[0].Line, `no task "test"`) {
		t.Errorf("gone: %+v", log)
	}
}

func TestRefineKeepsPlansValid(t *testing.T) {
	for _, bad := range []string{
		`[{"op":"add","path":"/dependencies/fetch","value":["ship"]}]`, // a circle
		`[{"op":"add","path":"/tasks/-","value":{"id":"test","tool_name":"bash"}}]`,
		`[{"op":"remove","path":"/tasks/0"}]`,
		`[{"op":"add","path":"/tasks/0/priority","value":"urgent"}]`,
		`[{"op":"add","path":"/tasks/9/retry","value":{"max_attempts":2}}]`,
		`[{"op":"replace","path":"/tasks","value":7}]`,
		`{`, `[1]`, `[{"op":"fly","path":"/tasks"}]`,
	} {
		got, log, err := Refine(plan(), []learn.PlanModificationProposal{{Modifications: json.RawMessage(bad)}})
		if err != nil || log[0].Changed || log[0].Line == "" || !reflect.DeepEqual(got, plan()) {
			t.Errorf("%s: %v, %+v", bad, err, log)
		}
	}
	invalid := plan()
	invalid.Tasks[1].ID = "fetch"
	if _, _, err := Refine(invalid, nil); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("an invalid plan was taken: %v", err)
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		change func(*learn.TaskGraph)
		want   string
	}{
		{func(g *learn.TaskGraph) { g.Tasks[0].ID = "" }, "no id"},
		{func(g *learn.TaskGraph) { g.Tasks[0].ToolName = "" }, "no tool_name"},
		{func(g *learn.TaskGraph) { g.Tasks[0].ToolName = "fly" }, "does not exist here"},
		{func(g *learn.TaskGraph) { g.Tasks[0].Arguments = json.RawMessage(`[]`) }, "no JSON object"},
		{func(g *learn.TaskGraph) { g.Tasks[0].Fallback = []string{"fetch"} }, "no other task"},
		{func(g *learn.TaskGraph) { g.Tasks[0].Retry = &learn.Retry{} }, "attempt"},
		{func(g *learn.TaskGraph) { g.Dependencies["nobody"] = nil }, "nobody"},
		{func(g *learn.TaskGraph) { g.Dependencies["test"] = []string{"nobody"} }, "nobody"},
		{func(g *learn.TaskGraph) { g.Dependencies["fetch"] = []string{"ship"} }, "circle"},
		{func(g *learn.TaskGraph) { g.Dependencies["fetch"] = []string{"fetch"} }, "circle"},
	}
	has := func(name string) bool { return name == "bash" }
	if err := Validate(plan(), has); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		g := plan()
		tt.change(&g)
		if err := Validate(g, has); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error %v, want one that says %q", err, tt.want)
		}
	}
}

func TestCycleAgreesWithSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "n")
		g := learn.TaskGraph{Dependencies: map[string][]string{}}
		for i := range n {
			g.Tasks = append(g.Tasks, shell(fmt.Sprint(i), "x"))
			for _, d := range rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 3).Draw(t, "deps") {
				g.Dependencies[fmt.Sprint(i)] = append(g.Dependencies[fmt.Sprint(i)], fmt.Sprint(d))
			}
		}
		reaches := map[[2]string]bool{} // transitive closure
		for range n + 1 {
			for a, ds := range g.Dependencies {
				for _, d := range ds {
					reaches[[2]string{a, d}] = true
					for i := range n {
						if reaches[[2]string{d, fmt.Sprint(i)}] {
							reaches[[2]string{a, fmt.Sprint(i)}] = true
						}
					}
				}
			}
		}
		cyclic := false
		for i := range n {
			cyclic = cyclic || reaches[[2]string{fmt.Sprint(i), fmt.Sprint(i)}]
		}
		if got := findCycle(g) != nil; got != cyclic {
			t.Fatalf("cycle %v, want %v, in %v", got, cyclic, g.Dependencies)
		}
	})
}

func TestLower(t *testing.T) {
	g := plan()
	g.Tasks[1].Preconditions = []learn.Precondition{{Kind: "module_importable", Argument: "pytest"},
		{Kind: "file_exists", Argument: "$(rm x)"}, {Kind: "moon_full", Argument: "x"}}
	g.Tasks[1].Retry = &learn.Retry{MaxAttempts: 2}
	g.Tasks[2].Fallback = []string{"manual"}
	g.Tasks = append(g.Tasks, shell("manual", "make by-hand"))
	out, notes := Lower(g)
	if err := Validate(out, nil); err != nil {
		t.Fatal(err)
	}
	doc, _ := json.Marshal(out)
	for _, no := range []string{"precondition", "retry", "fallback", "rm x", "by-hand"} {
		if strings.Contains(string(doc), no) {
			t.Errorf("the plain plan has %q: %s", no, doc)
		}
	}
	if len(out.Tasks) != 4 || !strings.Contains(command(out.Tasks[1]), "find_spec(\"pytest\")") || len(out.Dependencies["test"]) != 2 {
		t.Errorf("plain plan %s", doc)
	}
	if len(notes) != 4 {
		t.Errorf("notes %q", notes)
	}
}

func FuzzRefine(f *testing.F) {
	f.Add([]byte(`[{"op":"test","path":"/tasks/0/id","value":"ship"},{"op":"add","path":"/tasks/0/priority","value":"high"}]`))
	f.Add([]byte(`[{"op":"move","path":"/tasks/-","from":"/tasks"}]`))
	f.Fuzz(func(t *testing.T, patch []byte) {
		got, _, err := Refine(plan(), []learn.PlanModificationProposal{{Modifications: patch}})
		if err != nil {
			t.Fatal(err)
		}
		if err := Validate(got, nil); err != nil {
			t.Fatalf("refined into an invalid plan: %v", err)
		}
	})
}
