package refine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"pgregory.net/rapid"

	"lathe/learn"
)

// drawPlan is a valid plan with fields that Lathe does not know.
func drawPlan(t *rapid.T) learn.TaskGraph {
	commands := []string{"pytest tests", "go vet ./...", "go test ./...", "make ship", "curl -f host/data", "pip install x", "python run.py", "echo é"}
	g := learn.TaskGraph{Name: rapid.SampledFrom([]string{"", "release", "Plan ~/1"}).Draw(t, "name"), Dependencies: map[string][]string{}}
	n := rapid.IntRange(1, 6).Draw(t, "tasks")
	ids := rapid.Permutation([]string{"a", "b/c", "d~e", "test", "é", "0"}).Draw(t, "ids")
	for i := range n {
		task := shell(ids[i], rapid.SampledFrom(commands).Draw(t, "command"))
		task.Priority = rapid.SampledFrom([]string{"", "high", "normal", "background"}).Draw(t, "priority")
		if rapid.Bool().Draw(t, "retries") {
			task.Retry = &learn.Retry{MaxAttempts: 2, Patterns: rapid.SampledFrom([][]string{nil, {"net/timeout"}}).Draw(t, "patterns")}
		}
		if rapid.Bool().Draw(t, "expects") {
			task.ExpectedOutput = &learn.ExpectedOutput{Pattern: rapid.SampledFrom([]string{"", "done"}).Draw(t, "pattern")}
		}
		if rapid.Bool().Draw(t, "checks") {
			task.Preconditions = []learn.Precondition{{Kind: "file_exists", Argument: "go.mod"}}
		}
		for j := range i {
			if rapid.IntRange(0, 3).Draw(t, "needs") == 0 {
				g.Dependencies[ids[i]] = append(g.Dependencies[ids[i]], ids[j])
			}
		}
		if i > 0 && rapid.IntRange(0, 4).Draw(t, "fallback") == 0 {
			task.Fallback = []string{ids[i-1]}
		}
		g.Tasks = append(g.Tasks, task)
	}
	return g
}

// drawText writes a plan in one of the ways that people and tools do, with
// fields of the planner's own, and sometimes without dependencies.
func drawText(t *rapid.T, g learn.TaskGraph) []byte {
	raw, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	tree := decodeText(raw).(map[string]any)
	if len(g.Dependencies) == 0 && rapid.Bool().Draw(t, "bare") {
		delete(tree, "dependencies")
	}
	if rapid.Bool().Draw(t, "own fields") {
		tree["x_owner"] = map[string]any{"ID": "<team> & co", "n": json.Number("1.50")}
		for _, task := range tree["tasks"].([]any) {
			task.(map[string]any)["ID"] = "another" // not id
			task.(map[string]any)["x_weights"] = []any{json.Number("1e3"), "q\u2028"}
		}
	}
	e := splicer{style: style{
		newline:     rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "newline"),
		unit:        rapid.SampledFrom([]string{"  ", "    ", "\t"}).Draw(t, "unit"),
		colon:       rapid.SampledFrom([]string{": ", ":"}).Draw(t, "colon"),
		comma:       rapid.SampledFrom([]string{", ", ","}).Draw(t, "comma"),
		compact:     rapid.IntRange(0, 5).Draw(t, "compact") == 0,
		flatArrays:  rapid.Bool().Draw(t, "flat arrays"),
		flatObjects: rapid.Bool().Draw(t, "flat objects"),
		padded:      rapid.Bool().Draw(t, "padded"),
	}}
	text := e.render(tree, "", false)
	return []byte(rapid.SampledFrom([]string{"", "\xef\xbb\xbf"}).Draw(t, "mark") + text + rapid.SampledFrom([]string{"", e.style.newline}).Draw(t, "end"))
}

// drawKnowledge is reports, remedies, rates and strategies about a plan.
func drawKnowledge(t *rapid.T, g learn.TaskGraph) Knowledge {
	k := Knowledge{ProjectID: "p", Workspace: "/w", Template: ".ocode/plans/release.json", Steps: map[string]StepFacts{}, Intent: intentByWord}
	commands := []string{"pip install yaml", "python run.py", "make tools", "pytest -q tests", "rm -rf build", "touch {path}"}
	for _, task := range g.Tasks {
		runs := rapid.IntRange(0, 60).Draw(t, "runs")
		bad := rapid.IntRange(0, runs).Draw(t, "bad")
		f := StepFacts{Runs: runs, Failures: bad, Masked: rapid.IntRange(0, bad).Draw(t, "masked"), Sessions: min(runs, 9), Tasks: runs,
			GoodTasks: rapid.IntRange(0, runs).Draw(t, "good"), MeanMS: rapid.Float64Range(1, 9000).Draw(t, "ms"), Evidence: []string{"e"}}
		if rapid.Bool().Draw(t, "printed") {
			f.Pattern = expectations[rapid.IntRange(0, len(expectations)-1).Draw(t, "expectation")]
		}
		k.Steps[task.ID] = f
		for range rapid.IntRange(0, 2).Draw(t, "failures") {
			o := sure(rapid.SampledFrom([]string{"inserted_actions", "changed_command", "changed_parameter"}).Draw(t, "kind"),
				learn.IntentRun, rapid.SampledFrom(commands).Draw(t, "remedy"))
			r := report(rapid.SampledFrom([]learn.ErrorPattern{module, npm, nofile, busy}).Draw(t, "pattern"),
				map[string]string{"module": "yaml", "path": "tests"}, o)
			level := rapid.SampledFrom([]Level{LevelStep, LevelCommand, LevelForm}).Draw(t, "level")
			n := rapid.IntRange(1, max(1, bad)).Draw(t, "so often")
			k.Failures = append(k.Failures, Failure{Report: r, StepID: task.ID, Level: level, Command: command(task), FailedRun: FailedRun{Runs: n, Sessions: n}})
		}
	}
	for _, steps := range [][]string{{"pytest {p1}", "lint {p1}", "make ship"}, {"go vet {d}", "go test {d}"}, {"go test ./...", "make ship"}, {"python run.py"}} {
		if rapid.Bool().Draw(t, "strategy") {
			s := strategyOf(steps...)
			s.StrategyID, s.SuccessRate, s.Support = strings.Join(steps, ";"), 0.95, 40
			s.SuccessInterval.Low = rapid.Float64Range(0, 1).Draw(t, "strategy's rate")
			k.Strategies = append(k.Strategies, s)
		}
	}
	return k
}

// intentByWord stands for the parser of commands, which is another package's.
func intentByWord(_ string, arguments json.RawMessage) learn.Intent {
	switch text := string(arguments); {
	case strings.Contains(text, "test"), strings.Contains(text, "run.py"):
		return learn.IntentTest
	case strings.Contains(text, "vet"), strings.Contains(text, "lint"):
		return learn.IntentLint
	}
	return learn.IntentRun
}

// What must hold of every proposal, whatever the plan, its form and what is
// known: the same by the text and by the structure, valid, once, and nothing
// else touched.
func TestProposalsHold(t *testing.T) {
	kinds := map[learn.ModificationType]int{}
	rapid.Check(t, func(t *rapid.T) {
		g := drawPlan(t)
		text := drawText(t, g)
		f, err := Parse("release.json", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		k := drawKnowledge(t, f.Plan)
		all := Propose(f, k)
		for _, p := range all {
			kinds[p.Type]++
			holds(t, f, k, p)
		}
		together(t, f, k, all)
	})
	for _, want := range []learn.ModificationType{learn.AddPrecondition, learn.AddRetry, learn.AddFallback, learn.AdjustParameters,
		learn.SetExpectedOutput, learn.ReplaceFragment, learn.AddFragment, learn.AdjustPriority} {
		if kinds[want] == 0 {
			t.Errorf("no %s was proposed: the test says nothing of it", want)
		}
	}
}

func holds(t *rapid.T, f *File, k Knowledge, p learn.PlanModificationProposal) {
	after, changed, err := f.Patched(p.Modifications)
	if err != nil || !changed {
		t.Fatalf("%s does not apply: %v, %v", p.Type, changed, err)
	}
	// By the structure, with another program's RFC 6902.
	patch, err := jsonpatch.DecodePatch(p.Modifications)
	if err != nil {
		t.Fatal(err)
	}
	doc := bytes.TrimPrefix(f.text, []byte("\xef\xbb\xbf"))
	want, err := patch.Apply(doc)
	if err != nil {
		t.Fatalf("%s is no patch for the document: %v\n%s\n%s", p.Type, err, p.Modifications, doc)
	}
	if got := decodeNode(after.text, after.root); !equal(got, decodeText(want)) {
		t.Fatalf("%s: the text says\n%s\nthe structure\n%s", p.Type, after.text, want)
	}
	if err := Validate(after.Plan, func(name string) bool { return name == "bash" }); err != nil {
		t.Fatalf("%s: %v", p.Type, err)
	}
	if again, changed, err := after.Patched(p.Modifications); err != nil || changed || !bytes.Equal(again.text, after.text) {
		t.Fatalf("%s twice: changed %v, %v\n%s\n%s", p.Type, changed, err, p.Modifications, after.text)
	}
	for _, more := range Propose(after, k) {
		if more.ProposalID == p.ProposalID {
			t.Fatalf("%s is proposed again for the plan that has it:\n%s", p.Type, more.Diff)
		}
	}
	if p.Rationale == "" || strings.ContainsAny(p.Rationale, "\n\r") || p.ConfidenceScore < 0 || p.ConfidenceScore > 1 || p.Support < 1 ||
		!slices.Contains([]string{"low", "medium", "high"}, p.Risk) || p.BaseHash != f.Hash() || len(p.Evidence) == 0 && p.SourceStrategyID == "" {
		t.Fatalf("%+v", p)
	}
	touchesLittle(t, f, after, p)
}

// together applies all proposals in turn: each leaves the plan valid, and
// applying all again changes nothing of what was applied.
func together(t *rapid.T, f *File, _ Knowledge, all []learn.PlanModificationProposal) {
	refined, log := Refine(f, all, func(name string) bool { return name == "bash" })
	if err := Validate(refined.Plan, nil); err != nil {
		t.Fatalf("all together: %v", err)
	}
	if len(log) > 0 && !log[0].Changed {
		t.Fatalf("the first does not apply: %+v", log[0])
	}
}

// touchesLittle: every line that goes comes back with something added or one
// value changed, unless the change takes a step out; line ends and mark stay.
func touchesLittle(t *rapid.T, f, after *File, p learn.PlanModificationProposal) {
	if bytes.HasPrefix(f.text, []byte("\xef\xbb\xbf")) != bytes.HasPrefix(after.text, []byte("\xef\xbb\xbf")) ||
		bytes.HasSuffix(f.text, []byte("\n")) != bytes.HasSuffix(after.text, []byte("\n")) {
		t.Fatalf("%s changed how the file begins or ends", p.Type)
	}
	crlf := bytes.Count(f.text, []byte("\r\n"))
	if n := bytes.Count(f.text, []byte("\n")); n > 0 && (crlf == n) != (bytes.Count(after.text, []byte("\r\n")) == bytes.Count(after.text, []byte("\n"))) {
		t.Fatalf("%s changed the line ends", p.Type)
	}
	if bytes.Contains(p.Modifications, []byte(`"remove"`)) {
		return
	}
	var gone, come []string
	for _, line := range strings.Split(p.Diff, "\n")[2:] {
		if rest, ok := strings.CutPrefix(line, "-"); ok {
			gone = append(gone, rest)
		} else if rest, ok := strings.CutPrefix(line, "+"); ok {
			come = append(come, rest)
		}
	}
	values := strings.Count(string(p.Modifications), `"op":"replace"`)
	for _, line := range gone {
		bare := strings.TrimRight(line, "\r{}[], ")
		if !slices.ContainsFunc(come, func(c string) bool { return strings.HasPrefix(c, bare) }) {
			values--
		}
	}
	if values < 0 && !f.oneLine() {
		t.Fatalf("%s touches more than it changes:\n%s", p.Type, p.Diff)
	}
}

func (f *File) oneLine() bool { return bytes.Count(f.text, []byte("\n")) <= 1 }

// A person's decision holds however the plan is edited beside it, and until
// there is new evidence.
func TestRejectedStaysRejected(t *testing.T) {
	k := Knowledge{Template: ".ocode/plans/release.json", Failures: []Failure{{Report: report(busy, nil), StepID: "fetch", FailedRun: FailedRun{Runs: 6, Sessions: 6}}}}
	first := Propose(file(t, plan()), k)[0]
	k.Withheld = func(p learn.PlanModificationProposal) bool {
		return p.ProposalID == first.ProposalID && !NewEvidence(first, p)
	}
	edited := plan()
	edited.Tasks = slices.Insert(edited.Tasks, 0, shell("clean", "make clean"))
	edited.Tasks[1].Retry = &learn.Retry{MaxAttempts: 5, Patterns: []string{"net/timeout"}}
	for _, tt := range []struct {
		sessions int
		confidence,
		want float64
	}{{6, 0.7, 0}, {6, 0.99, 0}, {8, 0.7, 0}, {9, 0.7, 1}, {30, 0.4, 1}} {
		k.Failures[0].Sessions, k.Failures[0].Report.ConfidenceScore = tt.sessions, tt.confidence
		for _, g := range []learn.TaskGraph{plan(), edited} {
			if got := Propose(file(t, g), k); float64(len(got)) != tt.want {
				t.Errorf("%d sessions: proposed %d times, want %v", tt.sessions, len(got), tt.want)
			}
		}
	}
	for _, tt := range []struct {
		then, now int
		want      bool
	}{{0, 2, false}, {0, 3, true}, {4, 7, true}, {10, 14, false}, {10, 15, true}, {10, 9, false}} {
		if got := NewEvidence(learn.PlanModificationProposal{Support: tt.then}, learn.PlanModificationProposal{Support: tt.now}); got != tt.want {
			t.Errorf("from %d to %d: %v", tt.then, tt.now, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"tasks":[{"id":"a","tool_name":"b"}],"dependencies":{"a":[]}}`, "\xef\xbb\xbf{}", `{"tasks":[{"id":"a","tool_name":"b","retry":{"max_attempts":1e0}}]}`,
		`[[[[`, `{"a":1,"a":2}`, "{\"tasks\":\r\n[ ]}", `{"tasks":[{"id":"a","tool_name":"b","arguments":{"command":"x"},"fallback":["a"]}]}`} {
		f.Add([]byte(s))
	}
	k := Knowledge{Failures: []Failure{{Report: report(busy, nil), StepID: "a"}}}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse("f", text)
		if err != nil {
			if _, known := err.(Problems); !known {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		if !json.Valid(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))) {
			t.Fatalf("took what is not JSON: %q", text)
		}
		for _, m := range Propose(p, k) {
			if _, changed, err := p.Patched(m.Modifications); err != nil || !changed {
				t.Fatal(err)
			}
		}
		if _, _, err := Lower(p); err != nil {
			t.Fatal(err)
		}
	})
}

func TestProblemsHavePlaces(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "p:1:1: the text ends"},
		{"{\n  \"tasks\": [\n    {\"id\": \"é\" \"tool_name\": 1}]}", "p:3:16: a comma or a closing brace"},
		{`{"tasks": [],}`, "p:1:14: a comma stands before this brace"},
		{`{"tasks": [1,]}`, "p:1:14: a comma stands before this bracket"},
		{`{"tasks": [], "tasks": []}`, `p:1:15: "tasks" is there twice`},
		{"{\"tasks\": [], \"name\": \"a\nb\"}", "p:1:25: a line break"},
		{`{"tasks": [] } x`, "p:1:16: the plan ends before this"},
		{"{\"tasks\": [], \"n\": \"\xff\"}", "p:1:21: the text is not valid UTF-8"},
		{`{"tasks": [], "n": 01}`, "p:1:20: this is not a number"},
		{`{"tasks": [], "n": nul}`, "p:1:20: a value should be here"},
		{`{"tasks": [], "n": "\x"}`, "p:1:20: this string has an escape"},
		{`{}`, "p:1:1: the plan lacks tasks: add it"},
		{"{\"tasks\": [\n  {\"tool_name\": \"b\"}]}", "p:2:3: tasks.0 lacks id"},
		{`{"tasks": [{"id": "a", "tool_name": "b", "priority": "urgent"}]}`, `p:1:54: tasks.0.priority is "urgent": use high, normal, background`},
		{`{"tasks": [{"id": "a", "tool_name": "b", "retry": {"max_attempts": 0}}]}`, "p:1:68: tasks.0.retry.max_attempts is too small: use 1 or more"},
		{`{"tasks": [{"id": "a", "tool_name": "b", "retry": {"max_attempts": 2.0}}]}`, "p:1:1: a number is not written as a whole one"},
		{`{"tasks": [{"id": "", "tool_name": "b"}]}`, "p:1:19: tasks.0.id is empty"},
		{`{"tasks": [{"id": "a", "tool_name": "b", "arguments": "ls"}]}`, "p:1:55: tasks.0.arguments is a string and should be an object"},
		{`{"tasks": [{"id": "a", "tool_name": "b"}, {"id": "a", "tool_name": "b"}]}`, `p:1:50: task id "a" is there twice`},
		{`{"tasks": [{"id": "a/b", "tool_name": "b"}], "dependencies": {"a/b": ["c"]}}`, `p:1:71: task "a/b" depends on "c", which does not exist`},
		{`{"tasks": [{"id": "a", "tool_name": "b"}], "dependencies": {"a": ["a"]}}`, `p:1:66: tasks depend on each other in a circle, ["a"]`},
		{strings.Repeat("[", 100), "nested more than"},
		{strings.Repeat(" ", MaxText+1), "split it"},
		{`{"tasks": [` + strings.TrimSuffix(strings.Repeat("0,", maxNodes), ",") + `]}`, "split it"},
	} {
		_, err := Parse("p", []byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.60q: %v, want %q", tt.text, err, tt.want)
		}
	}
}

func TestSchemaIsOneAndTakesOtherFields(t *testing.T) {
	if _, err := compiledSchema(); err != nil {
		t.Fatal(err)
	}
	text := `{"tasks": [{"id": "a", "tool_name": "b", "ID": 7, "on_fail": {"x": [1]}, "retry": {"max_attempts": 2, "jitter": true}}], "version": 3}`
	f, err := Parse("p", []byte(text))
	if err != nil || f.Plan.Tasks[0].ID != "a" || f.Plan.Tasks[0].Retry.MaxAttempts != 2 {
		t.Errorf("%+v, %v", f, err)
	}
}

// Removing, inserting and rewriting, held against another program's answer.
func TestPatchesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawText(t, drawPlan(t))
		f, err := Parse("p", text)
		if err != nil {
			t.Fatal(err)
		}
		n := len(f.Plan.Tasks)
		i := rapid.IntRange(0, n-1).Draw(t, "task")
		at := fmt.Sprintf("/tasks/%d", i)
		fresh := shell("fresh", "echo new")
		ops := rapid.SampledFrom([][]op{
			{{Op: "add", Path: at, Value: fresh}},
			{{Op: "add", Path: "/tasks/-", Value: fresh}, {Op: "add", Path: "/tasks/0", Value: shell("second", "ls")}},
			{{Op: "test", Path: at + "/arguments", Value: decodeText(f.Plan.Tasks[i].Arguments)}, {Op: "replace", Path: at + "/arguments", Value: map[string]any{"argv": []string{"a", "b"}}}},
			{{Op: "test", Path: at + "/arguments/command", Value: command(f.Plan.Tasks[i])}, {Op: "remove", Path: at + "/arguments/command"}},
			{{Op: "test", Path: at + "/id", Value: f.Plan.Tasks[i].ID}, {Op: "remove", Path: at}},
			{{Op: "add", Path: at + "/x_new", Value: map[string]any{"deep": []any{map[string]any{"a": 1}, []any{}}, "e": map[string]any{}}}},
		}).Draw(t, "patch")
		raw, err := json.Marshal(ops)
		if err != nil {
			t.Fatal(err)
		}
		after, changed, err := f.Patched(raw)
		patch, perr := jsonpatch.DecodePatch(raw)
		if perr != nil {
			t.Fatal(perr)
		}
		want, werr := patch.Apply(bytes.TrimPrefix(f.text, []byte("\xef\xbb\xbf")))
		if werr != nil {
			t.Fatal(werr)
		}
		if err != nil {
			if _, invalid := Parse("p", want); invalid == nil {
				t.Fatalf("refused, and the result is a plan: %v\n%s", err, raw)
			}
			return
		}
		if !changed || !equal(decodeNode(after.text, after.root), decodeText(want)) {
			t.Fatalf("changed %v: the text says\n%s\nthe structure\n%s", changed, after.text, want)
		}
	})
}
