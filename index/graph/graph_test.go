package graph_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"lathe/index/graph"
	"lathe/learn"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var _ learn.Learner = (*graph.Graph)(nil)

func id(n int) string { return learn.UUIDv8("event", fmt.Sprint(n)) }

func call(n int, status learn.Status) *learn.Observation {
	ev := &learn.ActionOutcome{
		ID: id(n), ProjectID: "p", SessionID: "s", TaskID: "t", AgentID: "ocode", ToolName: "bash", Status: status,
		Timestamp:       start.Add(time.Duration(n) * time.Second),
		ContextSnapshot: learn.ContextSnapshot{Environment: map[string]string{"os": "linux", "python": "3.11"}},
	}
	o := &learn.Observation{Record: learn.Record{Action: ev}, Action: learn.Action{
		Tool: "bash", Intent: learn.IntentTest, Skeleton: "pytest <path>", Writes: []string{"a.py"},
		Entities: []learn.Entity{{Kind: "file", Name: "a.py"}, {Kind: "host", Name: "example.org"}},
	}}
	if status.Failed() {
		o.Signatures = []learn.ErrorSignature{{
			ID: "sig", PatternID: "python/module-not-found", Name: "module not found", Salient: "secret words",
			Template: "secret template", Entities: []learn.Entity{{Kind: "module", Name: "yaml"}}, File: "a.py",
		}}
	}
	return o
}

func entry(t testing.TB, kind learn.EntryKind, object, project string, body any) learn.LedgerEntry {
	t.Helper()
	e, err := learn.NewEntry(kind, object, project, start.Add(time.Hour), body, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// ledger is one entry of every kind that the graph reads.
func ledger(t testing.TB) []learn.LedgerEntry {
	worked := true
	return []learn.LedgerEntry{
		entry(t, learn.EntryTask, "t", "p", learn.Task{TaskID: "t", ProjectID: "p", AgentID: "ocode", ProblemType: "bugfix",
			Outcome: learn.OutcomeSuccess, Finished: start.Add(time.Minute)}),
		entry(t, learn.EntryReport, "r", "p", learn.FailureAnalysisReport{FailedEventID: id(2), CulpritAction: id(1), ConfidenceScore: 0.7,
			Signatures: []learn.ErrorSignature{{ID: "sig", Name: "module not found"}}}),
		entry(t, learn.EntryRemedy, "m", "p", learn.Remedy{RemedyID: "m", ProjectID: "p", PatternID: "python/module-not-found",
			SignatureID: "sig", Description: "install the module", Support: 3, Successes: 2.5, Failures: 0.5, Posterior: 0.7,
			Actions: []learn.RemedyAction{{ToolName: "bash"}}, Evidence: []string{id(2), id(3)}}),
		entry(t, learn.EntryStrategy, "st", "p", learn.ProvenStrategy{StrategyID: "st", ProjectID: "p", Name: "reproduce first",
			RelatedProblemTypes: []string{"bugfix"}, SuccessRate: 0.9, Evidence: []string{id(3)},
			TemplatePlanFragment: learn.TaskGraph{Tasks: []learn.PlanTask{
				{ID: "one", ToolName: "bash", Preconditions: []learn.Precondition{{Kind: "file_exists", Argument: "a.py"}}},
				{ID: "two", ToolName: "edit"}}, Dependencies: map[string][]string{"two": {"one"}}}}),
		entry(t, learn.EntryProposal, "pr", "p", learn.PlanModificationProposal{ProposalID: "pr", ProjectID: "p", Type: learn.AddRetry,
			TargetPlanTemplate: "release", TargetStep: "upload", SourceStrategyID: "st", ConfidenceScore: 0.6}),
		entry(t, learn.EntryTool, "tool", "p", learn.ProposedTool{Manifest: learn.ToolManifest{Name: "count_lines", Version: "1.0.0",
			Provenance: learn.Provenance{Evidence: []string{id(4)}}}}),
		entry(t, learn.EntryState, "tool", "p", learn.StateChange{ObjectID: "x", ToolName: "count_lines", To: learn.StateActive}),
		entry(t, learn.EntryTrial, "trial", "p", learn.TrialRecord{Phase: learn.TrialResult, ObjectID: "m", TaskID: "t", ProjectID: "p",
			Taken: true, Worked: &worked, EventID: id(2)}),
	}
}

func filled(t testing.TB, o graph.Options) *graph.Graph {
	t.Helper()
	g := graph.New(o)
	g.Observe(call(1, learn.StatusSuccess))
	g.Observe(call(2, learn.StatusFailure))
	g.Observe(call(3, learn.StatusSuccess))
	g.Observe(&learn.Observation{Finished: &learn.Task{TaskID: "t", ProjectID: "p", ProblemType: "bugfix", Outcome: learn.OutcomeSuccess,
		Finished: start.Add(time.Minute), Steps: []learn.Step{{EventID: id(1), Tool: "bash"}, {EventID: id(2), Tool: "bash"}}}})
	for _, e := range ledger(t) {
		if err := g.ApplyLedger(e); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// TestEveryEdge checks each edge of the package's documentation, by weight.
func TestEveryEdge(t *testing.T) {
	s := filled(t, graph.Options{}).All("")
	have := map[string]float64{}
	for _, e := range s.Edges {
		have[e.From+" "+string(e.Kind)+" "+e.To] = e.Weight
	}
	attempt := graph.ID(graph.ExecutionAttempt, "p", id(2))
	evidence := graph.ID(graph.ExecutionAttempt, "p", id(3))
	env := graph.ID(graph.Environment, "p", "os=linux python=3.11")
	file, module := graph.ID(graph.CodeEntity, "p", "file/a.py"), graph.ID(graph.CodeEntity, "p", "module/yaml")
	for edge, weight := range map[string]float64{
		"Agent:ocode PERFORMS Task:p:t":                                                 3,
		"Agent:ocode INITIATES " + attempt:                                              1,
		"Agent:ocode USES Tool:bash":                                                    3,
		"Task:p:t REQUIRES Tool:bash":                                                   3,
		"Task:p:t IS_INSTANCE_OF ProblemType:bugfix":                                    1,
		"Task:p:t MODIFIES " + file:                                                     3,
		"Task:p:t REFERENCES " + file:                                                   3,
		"Task:p:t SUCCEEDED_WITH RecoveryStrategy:p:m":                                  1,
		attempt + " PART_OF Task:p:t":                                                   1,
		attempt + " USES Tool:bash":                                                     1,
		attempt + " OCCURRED_IN " + env:                                                 1,
		attempt + " RESULTED_IN Error:sig":                                              1,
		attempt + " REFERENCES " + file:                                                 1,
		graph.ID(graph.ExecutionAttempt, "p", id(1)) + " GENERATED Error:sig":           0.7,
		"Tool:bash OCCURRED_IN " + env:                                                  3,
		"Tool:bash FAILED_WITH Error:sig":                                               1,
		"Tool:count_lines LEARNED_FROM " + graph.ID(graph.ExecutionAttempt, "p", id(4)): 1,
		"Error:sig IS_INSTANCE_OF ErrorPattern:python/module-not-found":                 1,
		"Error:sig REFERENCES " + module:                                                1,
		"Error:sig SUCCEEDED_WITH RecoveryStrategy:p:m":                                 2.5,
		"Error:sig FAILED_WITH RecoveryStrategy:p:m":                                    0.5,
		"ErrorPattern:python/module-not-found MITIGATED_BY RecoveryStrategy:p:m":        0.7,
		"ErrorPattern:python/module-not-found CAUSES_FAILURE " + file:                   1,
		"RecoveryStrategy:p:m APPLIES_TO Error:sig":                                     0.7,
		"RecoveryStrategy:p:m USES Tool:bash":                                           1,
		"RecoveryStrategy:p:m LEARNED_FROM " + evidence:                                 1,
		"ProvenStrategy:p:st SOLVES_EFFICIENTLY ProblemType:bugfix":                     0.9,
		"ProvenStrategy:p:st COMPOSED_OF PlanFragment:p:st":                             1,
		"ProvenStrategy:p:st LEARNED_FROM " + evidence:                                  1,
		"ProvenStrategy:p:st GENERATED PlanFragment:p:pr":                               1,
		"ProblemType:bugfix SUCCEEDED_WITH Tool:bash":                                   1,
		"PlanFragment:p:st COMPOSED_OF PlanStep:p:st#one":                               1,
		"PlanFragment:p:st COMPOSED_OF PlanStep:p:st#two":                               2,
		"PlanFragment:p:pr MODIFIES PlanFragment:p:release":                             0.6,
		"PlanFragment:p:pr MODIFIES PlanStep:p:release#upload":                          0.6,
		"PlanStep:p:st#one USES Tool:bash":                                              1,
		"PlanStep:p:st#two REQUIRES PlanStep:p:st#one":                                  1,
		"Precondition:p:file_exists a.py REQUIRED_FOR PlanStep:p:st#one":                1,
	} {
		if got, ok := have[edge]; !ok || got != weight {
			t.Errorf("%s: weight %v (there: %v), want %v", edge, got, ok, weight)
		}
	}
	if n, _ := filled(t, graph.Options{}).Node("Tool:count_lines", ""); n.Properties.Get("state") != "active" {
		t.Errorf("tool's state: %v", n.Properties)
	}
}

func TestNoOutputTextAndNoSuccessNodes(t *testing.T) {
	g := graph.New(graph.Options{})
	for n := range 50 {
		g.Observe(call(n, learn.StatusSuccess))
	}
	g.Observe(call(99, learn.StatusFailure))
	if n := g.Stats().Nodes[graph.ExecutionAttempt]; n != 1 {
		t.Errorf("%d attempts for one failure", n)
	}
	raw, err := g.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"secret", "example.org"} {
		if bytes.Contains(raw, []byte(word)) {
			t.Errorf("the graph holds %q", word)
		}
	}
}

func TestLedgerTwiceChangesNothing(t *testing.T) {
	g := filled(t, graph.Options{})
	want := export(t, g)
	for range 2 {
		for _, e := range ledger(t) {
			if err := g.ApplyLedger(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := export(t, g); got != want {
		t.Errorf("changed:\n%s\nbefore:\n%s", got, want)
	}
}

func TestChangedRemedyLosesOldEdges(t *testing.T) {
	g := filled(t, graph.Options{})
	err := g.ApplyLedger(entry(t, learn.EntryRemedy, "m", "p", learn.Remedy{RemedyID: "m", ProjectID: "p", PatternID: "python/module-not-found",
		SignatureID: "sig", Posterior: 0.9, Actions: []learn.RemedyAction{{ToolName: "edit"}}, Evidence: []string{id(7)}}))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range g.Neighbours("RecoveryStrategy:p:m", graph.Query{Direction: graph.Out, Kinds: []graph.EdgeKind{graph.Uses, graph.LearnedFrom}}) {
		got = append(got, n.Node.ID)
	}
	if want := []string{graph.ID(graph.ExecutionAttempt, "p", id(7)), "Tool:edit"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestIDsKeepProjectsApart(t *testing.T) {
	if a, b := graph.ID(graph.Task, "a", "b:c"), graph.ID(graph.Task, "a:b", "c"); a == b {
		t.Errorf("two projects share %s", a)
	}
}

// TestDocumentedEdges keeps doc.go and the kinds in step.
func TestDocumentedEdges(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range graph.EdgeKinds()[:20] {
		if !bytes.Contains(doc, []byte(k)) {
			t.Errorf("doc.go does not say which way %s goes", k)
		}
	}
	if len(graph.NodeKinds()) != 14 || len(graph.EdgeKinds()) != 26 {
		t.Errorf("%d node kinds, %d edge kinds; the design has 14 and 26", len(graph.NodeKinds()), len(graph.EdgeKinds()))
	}
}

// An error is called by its kind, not by the pattern of it that came first.
func TestKindName(t *testing.T) {
	g := filled(t, graph.Options{KindName: func(id string) string { return "kind of " + id }})
	errs := g.Find(graph.Filter{Kind: graph.Error, Limit: 10})
	if len(errs) == 0 {
		t.Fatal("no errors")
	}
	for _, n := range errs {
		if want := "kind of " + strings.TrimPrefix(n.ID, graph.ID(graph.Error, "", "")); n.Label != want {
			t.Errorf("%s is called %q, want %q", n.ID, n.Label, want)
		}
	}
}
