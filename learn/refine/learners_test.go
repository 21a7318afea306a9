package refine

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"lathe/learn"
)

// observe feeds one call, and returns it as a step of its task.
func observe(t *testing.T, apply func(*learn.Observation), session, command, signature, output string, verifications ...learn.Verification) learn.Step {
	t.Helper()
	status := learn.StatusSuccess
	o := learn.Observation{Verifications: verifications, Action: learn.Action{Intent: learn.IntentTest, Skeleton: command, Command: command}}
	if signature != "" {
		status = learn.StatusFailure
		o.Signatures = []learn.ErrorSignature{{ID: signature, PatternID: "p/" + signature, Name: "name of " + signature}}
	}
	ev := shell("", command)
	o.Record.Action = &learn.ActionOutcome{ID: learn.UUIDv8(session, command, signature, output), SessionID: session, ProjectID: "p", ToolName: "bash",
		ToolParameters: ev.Arguments, Status: status, ToolOutput: learn.ToolOutput{Stdout: output}, Timestamp: time.Unix(1, 0),
		ResourceMetrics: learn.ResourceMetrics{DurationMS: 100}}
	apply(&o)
	var ids []string
	for _, s := range o.Signatures {
		ids = append(ids, s.ID)
	}
	return learn.Step{EventID: o.Record.Action.ID, Tool: "bash", Intent: o.Action.Intent, Skeleton: command, Command: command, Status: status, Signatures: ids}
}

func applyTo(t *testing.T, l learn.Learner) func(*learn.Observation) {
	return func(o *learn.Observation) {
		t.Helper()
		if err := l.Apply(o, func(learn.LedgerEntry) { t.Error("nothing is concluded here") }); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTrackerMeasuresSteps(t *testing.T) {
	tr := NewTracker()
	apply := applyTo(t, tr)
	bad := learn.Verification{Kind: learn.VerifyTest, Failed: 1}
	for i := range 4 {
		s := observe(t, apply, fmt.Sprint("s", i), "pytest | tail", "", "3 passed", learn.Verification{OK: true})
		apply(&learn.Observation{Finished: &learn.Task{TaskID: fmt.Sprint(i), ProjectID: "p", Outcome: learn.OutcomeSuccess, Steps: []learn.Step{s, s}}})
	}
	s := observe(t, apply, "s9", "pytest | tail", "", "1 failed", bad)
	task := learn.Task{TaskID: "9", ProjectID: "p", Outcome: learn.OutcomeSuccess, Steps: []learn.Step{s}}
	apply(&learn.Observation{Finished: &task})
	task.Outcome = learn.OutcomeFailure // a person said so later
	apply(&learn.Observation{Finished: &task})
	observe(t, apply, "s9", "pytest | tail", "x", "boom")
	call := Call{ProjectID: "p", ToolName: "bash", Command: "pytest | tail", Skeleton: "pytest | tail"}
	check := func(tr *Tracker) {
		t.Helper()
		f, ok := tr.Facts(call)
		if !ok || f.Level != LevelCommand || f.Runs != 6 || f.Failures != 2 || f.Masked != 1 || f.Sessions != 5 || f.Tasks != 5 || f.GoodTasks != 4 ||
			f.MeanMS != 100 || f.Pattern != `\b[1-9][0-9]* passed\b` || len(f.Failed) != 2 || f.Failed[1].SignatureID != "x" {
			t.Errorf("%+v", f)
		}
		other := call
		other.Command = "pytest x | tail"
		if f, ok := tr.Facts(other); !ok || f.Level != LevelForm || f.Runs != 6 {
			t.Errorf("by form: %+v", f)
		}
		if other.ProjectID = "q"; !tr.HasTool("p", "bash") || tr.HasTool("q", "bash") {
			t.Error("tools are mixed up between projects")
		}
		if _, ok := tr.Facts(other); ok {
			t.Error("another project's calls are told")
		}
	}
	check(tr)
	raw, err := tr.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	again := NewTracker()
	if err := again.Restore(raw); err != nil {
		t.Fatal(err)
	}
	check(again)
	if err := again.Restore([]byte(`{"version": 99}`)); err == nil {
		t.Error("a snapshot of another version was taken")
	}
}

func TestNegativesTellWhatFailed(t *testing.T) {
	n := NewNegatives()
	apply := applyTo(t, n)
	for i := range 6 {
		id := fmt.Sprint(i)
		steps := []learn.Step{observe(t, apply, id, "make schema", "", ""), observe(t, apply, id, "load data", "locked", "")}
		outcome := learn.OutcomeFailure
		if i == 5 {
			outcome = learn.OutcomeSuccess // one got by
		}
		if i >= 3 { // a failure that was got past is no reason
			steps = append(steps, observe(t, apply, id, "load data", "", ""))
		}
		apply(&learn.Observation{Finished: &learn.Task{TaskID: id, SessionID: id, ProjectID: "p", Prompt: "load the ledger entries", Outcome: outcome, Steps: steps}})
	}
	check := func(n *Negatives) {
		t.Helper()
		got := n.Recall(NegativeQuery{ProjectID: "p", Steps: []FailedStep{{ToolName: "bash", Skeleton: "make schema"}, {ToolName: "bash", Skeleton: "load data"}}})
		if len(got) != 1 || got[0].FailedTasks != 3 || got[0].GoodTasks != 1 || got[0].Cause != "name of locked" || got[0].Fits != 1 || len(got[0].Evidence) != 2 {
			t.Errorf("%+v", got)
		}
		for _, q := range []NegativeQuery{{ProjectID: "q"}, {ProjectID: "p", Steps: []FailedStep{{ToolName: "bash", Skeleton: "make schema"}}}, {ProjectID: "p", Prompt: "paint the house"}} {
			if got := n.Recall(q); len(got) != 0 {
				t.Errorf("%+v: %+v", q, got)
			}
		}
		if got := n.Recall(NegativeQuery{ProjectID: "p", Prompt: "please load entries"}); len(got) != 1 {
			t.Errorf("by prompt: %+v", got)
		}
	}
	check(n)
	raw, err := n.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	again := NewNegatives()
	if err := again.Restore(raw); err != nil {
		t.Fatal(err)
	}
	check(again)
	if second, err := again.Snapshot(); err != nil || !reflect.DeepEqual(raw, second) {
		t.Errorf("a snapshot restored differs: %v", err)
	}
}
