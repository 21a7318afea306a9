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

// file is a plan as a text that Lathe wrote.
func file(t interface {
	Helper()
	Fatal(...any)
}, g learn.TaskGraph) *File {
	t.Helper()
	f, err := FromPlan(g)
	if err != nil {
		t.Fatal(err)
	}
	return f
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

// sure is an offer with counts.
func sure(kind string, intent learn.Intent, command string) learn.RemedyOffer {
	o := offer(kind, intent, command)
	o.Support, o.Successes = 20, 20
	return o
}

var (
	module = learn.ErrorPattern{ID: "python/module-not-found", Name: "Python module not found"}
	npm    = learn.ErrorPattern{ID: "javascript/module-not-found", Name: "JavaScript module not found"}
	nofile = learn.ErrorPattern{ID: "filesystem/no-such-file", Name: "no such file"}
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
		{"transient: retry and nothing else",
			Knowledge{Failures: []Failure{{Report: report(busy, nil), StepID: "fetch", FailedRun: FailedRun{Runs: 3, Sessions: 3}}}},
			[]learn.ModificationType{learn.AddRetry}, []string{`"patterns":["http/503"]`}},
		{"missing module: precondition and installation",
			Knowledge{Failures: []Failure{{Report: report(module, map[string]string{"module": "yaml"},
				offer("inserted_actions", learn.IntentInstall, "pip install yaml")), StepID: "test", Command: "pytest tests"}}},
			[]learn.ModificationType{learn.AddFragment, learn.AddPrecondition},
			[]string{`"module_importable"`, `"pip install yaml"`}},
		{"another runner: fallback",
			Knowledge{Failures: []Failure{{Report: report(module, nil, offer("changed_command", learn.IntentTest, "python run.py")), StepID: "test"}}},
			[]learn.ModificationType{learn.AddFallback}, []string{`"python run.py"`, `"fallback":["test-fallback-`}},
		{"other arguments",
			Knowledge{Failures: []Failure{{Report: report(module, nil, offer("changed_parameter", learn.IntentTest, "pytest -q tests")), StepID: "test", Level: LevelCommand, Command: "pytest tests"}}},
			[]learn.ModificationType{learn.AdjustParameters}, []string{`"pytest -q tests"`}},
		{"an open parameter enters no plan",
			Knowledge{Failures: []Failure{{Report: report(module, nil, offer("inserted_actions", learn.IntentInstall, "pip install {module}")), StepID: "test"}}},
			nil, nil},
		{"a hostile capture makes no precondition",
			Knowledge{Failures: []Failure{{Report: report(module, map[string]string{"module": "x; rm -rf ~"}), StepID: "test"}}},
			nil, nil},
		{"a JavaScript module is no Python one",
			Knowledge{Failures: []Failure{{Report: report(npm, map[string]string{"module": "pad-table"}), StepID: "test"}}},
			[]learn.ModificationType{learn.AddPrecondition}, []string{`"file_exists","argument":"node_modules/pad-table"`}},
		{"a file that the step names",
			Knowledge{Failures: []Failure{{Report: report(nofile, map[string]string{"path": "tests"}), StepID: "test"}}},
			[]learn.ModificationType{learn.AddPrecondition}, []string{`"file_exists","argument":"tests"`}},
		{"a file that something within looks for",
			Knowledge{Failures: []Failure{{Report: report(nofile, map[string]string{"path": "color.h"}), StepID: "test"}}}, nil, nil},
		{"a failure that is rare is not worth a step",
			Knowledge{Steps: map[string]StepFacts{"test": {Runs: 40, Failures: 2}}, Failures: []Failure{{FailedRun: FailedRun{Runs: 2, Sessions: 2},
				Report: report(module, nil, offer("inserted_actions", learn.IntentInstall, "pip install yaml")), StepID: "test"}}}, nil, nil},
		{"another program that always worked, for one that never does",
			Knowledge{Steps: map[string]StepFacts{"test": {Runs: 12, Failures: 12}}, Failures: []Failure{{FailedRun: FailedRun{Runs: 12, Sessions: 9},
				Report: report(module, nil, sure("changed_command", learn.IntentTest, "python run.py")), StepID: "test"}}},
			[]learn.ModificationType{learn.ReplaceFragment}, []string{`"python run.py"`}},
		{"the same, when the step fails for other reasons",
			Knowledge{Steps: map[string]StepFacts{"test": {Runs: 12, Failures: 12}}, Failures: []Failure{{FailedRun: FailedRun{Runs: 2, Sessions: 2},
				Report: report(module, nil, sure("changed_command", learn.IntentTest, "python run.py")), StepID: "test"}}},
			[]learn.ModificationType{learn.AddFallback}, nil},
		{"a pipe hides the exit code",
			Knowledge{Steps: map[string]StepFacts{"test": {Runs: 30, Failures: 9, Masked: 9, Pattern: `\b[1-9][0-9]* passed\b`}}},
			[]learn.ModificationType{learn.SetExpectedOutput}, []string{` passed\\b"`}},
		{"an exit code that was passed over",
			Knowledge{Steps: map[string]StepFacts{"test": {Runs: 30, Failures: 9, Masked: 9, Ignored: 9, Pattern: "x"}}},
			[]learn.ModificationType{learn.SetExpectedOutput}, []string{`"exit_code":0`}},
		{"failures that show themselves", Knowledge{Steps: map[string]StepFacts{"test": {Runs: 30, Failures: 9, Pattern: "x"}}}, nil, nil},
		{"too little confidence", Knowledge{MinConfidence: 0.9, Failures: []Failure{{Report: report(busy, nil), StepID: "fetch", FailedRun: FailedRun{Runs: 3, Sessions: 3}}}}, nil, nil},
		{"no such step", Knowledge{Failures: []Failure{{Report: report(busy, nil), StepID: "other"}}}, nil, nil},
		{"strategy: the step that was always missing",
			Knowledge{Strategies: []learn.ProvenStrategy{strategyOf("pytest {p1}", "lint {p1}", "make ship")}},
			[]learn.ModificationType{learn.AddFragment}, []string{`"lint tests"`, `"ship":["test","strategy-`}},
		{"strategy whose parameter nothing fills",
			Knowledge{Strategies: []learn.ProvenStrategy{strategyOf("pytest {p1}", "lint {p2}")}}, nil, nil},
		{"strategy that is there", Knowledge{Strategies: []learn.ProvenStrategy{strategyOf("pytest {p1}", "make ship")}}, nil, nil},
		{"strategy about something else", Knowledge{Strategies: []learn.ProvenStrategy{strategyOf("go vet", "go test")}}, nil, nil},
		{"rejected before", Knowledge{Failures: []Failure{{Report: report(busy, nil), StepID: "fetch", FailedRun: FailedRun{Runs: 3, Sessions: 3}}},
			Withheld: func(learn.PlanModificationProposal) bool { return true }}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.k.Template = ".ocode/plans/release.json"
			got := Propose(file(t, plan()), tt.k)
			if !reflect.DeepEqual(types(got), tt.want) {
				t.Fatalf("proposed %v, want %v", types(got), tt.want)
			}
			refined, log := Refine(file(t, plan()), got, nil)
			for i, a := range log {
				if !a.Changed || !strings.HasPrefix(got[i].Diff, "--- a/.ocode/plans/release.json\n") || got[i].ContentHash == "" || got[i].Support == 0 {
					t.Errorf("%s\n%+v", a.Line, got[i])
				}
			}
			doc, err := json.Marshal(refined.Plan)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range tt.see {
				if !strings.Contains(string(doc), s) {
					t.Errorf("refined plan lacks %s:\n%s", s, doc)
				}
			}
			again, log := Refine(refined, got, nil)
			if string(again.text) != string(refined.text) {
				t.Errorf("applying twice changed the plan: %+v", log)
			}
			if more := Propose(refined, tt.k); len(more) > 0 {
				t.Errorf("proposed again for the refined plan: %v\n%s", types(more), more[0].Diff)
			}
		})
	}
}

func TestRefineFollowsMovedStepsAndRefusesChangedOnes(t *testing.T) {
	k := Knowledge{Failures: []Failure{{Report: report(module, nil, offer("changed_parameter", learn.IntentTest, "pytest -q tests")), StepID: "test"}}}
	proposals := Propose(file(t, plan()), k)[:1]
	moved := plan()
	moved.Tasks[0], moved.Tasks[1] = moved.Tasks[1], moved.Tasks[0]
	refined, log := Refine(file(t, moved), proposals, nil)
	if !log[0].Changed || command(refined.Plan.Tasks[0]) != "pytest -q tests" {
		t.Errorf("moved: %+v", log)
	}
	changed := plan()
	changed.Tasks[1] = shell("test", "go test ./...")
	if got, log := Refine(file(t, changed), proposals, nil); log[0].Changed || !reflect.DeepEqual(got.Plan, file(t, changed).Plan) {
		t.Errorf("changed: %+v", log)
	}
	gone := learn.TaskGraph{Tasks: plan().Tasks[:1]}
	if _, log := Refine(file(t, gone), proposals, nil); log[0].Changed || !strings.Contains(log[0].Line, `no task "test"`) {
		t.Errorf("gone: %+v", log)
	}
}

func TestRefineKeepsPlansValid(t *testing.T) {
	for _, bad := range []string{
		`[{"op":"add","path":"/dependencies/fetch","value":["ship"]}]`, // a circle
		`[{"op":"add","path":"/tasks/-","value":{"id":"test","tool_name":"bash"}}]`,
		`[{"op":"remove","path":"/tasks/0"}]`,
		`[{"op":"test","path":"/tasks/0/id","value":"fetch"},{"op":"remove","path":"/tasks/0"}]`, // others wait for it
		`[{"op":"add","path":"/tasks/0/priority","value":"urgent"}]`,
		`[{"op":"add","path":"/tasks/0/arguments","value":{}}]`, // not tested before
		`[{"op":"replace","path":"/name","value":"x"}]`,
		`[{"op":"replace","path":"","value":{"tasks":[]}}]`,
		`[{"op":"add","path":"/tasks/9/retry","value":{"max_attempts":2}}]`,
		`[{"op":"replace","path":"/tasks","value":7}]`,
		`[{"op":"add","path":"/tasks/0/priority"}]`, `[{"op":"add","path":"x","value":1}]`,
		`{`, `[1]`, `[{"op":"fly","path":"/tasks"}]`,
	} {
		got, log := Refine(file(t, plan()), []learn.PlanModificationProposal{{Modifications: json.RawMessage(bad)}}, nil)
		if log[0].Changed || log[0].Line == "" || string(got.text) != string(file(t, plan()).text) {
			t.Errorf("%s: %+v", bad, log)
		}
	}
	invalid := plan()
	invalid.Tasks[1].ID = "fetch"
	if _, err := FromPlan(invalid); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("an invalid plan was taken: %v", err)
	}
}

func TestToolsThatAreNotThereEnterNoPlan(t *testing.T) {
	k := Knowledge{Failures: []Failure{{StepID: "test", Report: report(module, nil, learn.RemedyOffer{Kind: "inserted_actions", Confidence: 0.9, Support: 4,
		Actions: []learn.RemedyAction{{ToolName: "terminal", Intent: learn.IntentRun, Command: "make tools"}}})}}}
	with := Propose(file(t, plan()), k)
	k.HasTool = func(name string) bool { return name == "bash" }
	without := Propose(file(t, plan()), k)
	if len(with) != len(without)+1 {
		t.Errorf("proposed %v, and %v where there is no terminal", types(with), types(without))
	}
	_, log := Refine(file(t, plan()), with, k.HasTool)
	for i, a := range log {
		if a.Changed == (with[i].Type == learn.AddFragment) {
			t.Errorf("%+v", a)
		}
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
	in := file(t, g)
	raw := strings.Replace(string(in.text), `"name": "release",`, `"name": "release", "owner": "team",`, 1)
	raw = strings.Replace(raw, `"id": "test",`, `"id": "test", "note": "nightly",`, 1)
	in, err := Parse("p", []byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	out, notes, err := Lower(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, no := range []string{"precondition", "retry", "fallback", "rm x", "by-hand"} {
		if strings.Contains(string(out.text), no) {
			t.Errorf("the plain plan has %q: %s", no, out.text)
		}
	}
	for _, yes := range []string{`"owner": "team"`, `"note": "nightly"`} {
		if !strings.Contains(string(out.text), yes) {
			t.Errorf("the plain plan lacks %s: %s", yes, out.text)
		}
	}
	if len(out.Plan.Tasks) != 4 || !strings.Contains(command(out.Plan.Tasks[1]), "find_spec(\"pytest\")") || len(out.Plan.Dependencies["test"]) != 2 {
		t.Errorf("plain plan %s", out.text)
	}
	if len(notes) != 4 {
		t.Errorf("notes %q", notes)
	}
}

// TestCheckRunsNothing: find_spec("a.b") imports a, and a name may be one that
// a tool printed.
func TestCheckRunsNothing(t *testing.T) {
	for argument, want := range map[string]string{"setup.py": `find_spec("setup")`, "yaml": `find_spec("yaml")`, ".hidden": ""} {
		line := checkFor(learn.Precondition{Kind: "module_importable", Argument: argument})
		if want == "" && line != "" || !strings.Contains(line, want) {
			t.Errorf("%s: %s", argument, line)
		}
	}
}

func FuzzRefine(f *testing.F) {
	f.Add([]byte(`[{"op":"test","path":"/tasks/0/id","value":"ship"},{"op":"add","path":"/tasks/0/priority","value":"high"}]`))
	f.Add([]byte(`[{"op":"test","path":"/tasks/0/id","value":"ship"},{"op":"remove","path":"/tasks/0"}]`))
	f.Add([]byte(`[{"op":"move","path":"/tasks/-","from":"/tasks"}]`))
	f.Fuzz(func(t *testing.T, patch []byte) {
		got, log := Refine(file(t, plan()), []learn.PlanModificationProposal{{Modifications: patch}}, nil)
		if err := Validate(got.Plan, nil); err != nil {
			t.Fatalf("refined into an invalid plan: %v", err)
		}
		if log[0].Changed {
			if again, more := Refine(got, []learn.PlanModificationProposal{{Modifications: patch}}, nil); more[0].Changed && string(again.text) == string(got.text) {
				t.Fatalf("said to be changed, and is not: %+v", more)
			}
		}
	})
}
