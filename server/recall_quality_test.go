package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"

	"lathe/fixtures"
	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/recall"
	"lathe/mcp"
)

// running is a daemon on an empty data directory, until the test ends.
func running(tb testing.TB) *Daemon {
	tb.Helper()
	cfg := Config{DataDir: tb.TempDir(), HTTP: "off"}
	d, err := Open(tb.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done, ready := make(chan error, 1), make(chan struct{})
	go func() { done <- d.Run(ctx, func() { close(ready) }) }()
	<-ready
	tb.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			tb.Error(err)
		}
		if err := d.Close(); err != nil {
			tb.Error(err)
		}
	})
	return d
}

// heldTask is a task that was not learned from.
type heldTask struct {
	project, prompt string
	good            bool
	steps           []recall.Step
}

// heldOut gives the daemon the earlier half of the shipped recordings and
// returns the tasks of the later half.
func heldOut(t *testing.T, d *Daemon) []heldTask {
	t.Helper()
	all := fixtures.Sessions()
	var out []heldTask
	for i, s := range all {
		recs, err := fixtures.Read(s)
		if err != nil {
			t.Fatal(err)
		}
		if i < len(all)/2 {
			if _, err := d.accept(t.Context(), recs); err != nil {
				t.Fatal(err)
			}
			continue
		}
		tasks := map[string]*heldTask{}
		for _, task := range s.Tasks {
			tasks[task.TaskID] = &heldTask{project: s.ProjectID, good: task.Outcome == learn.OutcomeSuccess}
		}
		for _, r := range recs {
			if r.Task != nil && r.Task.Phase == learn.TaskStart && tasks[r.Task.TaskID] != nil {
				tasks[r.Task.TaskID].prompt = r.Task.Prompt
			}
			if r.Action != nil && tasks[r.Action.TaskID] != nil {
				a := action.Parse(r.Action)
				held := tasks[r.Action.TaskID]
				held.steps = append(held.steps, recall.StepDone(r.Action.ToolName, a.Skeleton, a.Intent))
			}
		}
		for _, task := range s.Tasks {
			out = append(out, *tasks[task.TaskID])
		}
	}
	if err := d.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestHeavyRecallHeldOut asks, before each task of the later sessions begins,
// what to do, and looks whether the task then did one of the first three things.
// It compares with the order of popularity and with chance, over the same
// strategies: those of the project, and those of all projects.
func TestHeavyRecallHeldOut(t *testing.T) {
	d := running(t)
	tasks := heldOut(t, d)
	all := d.learners.mine.Strategies()
	rng := rand.New(rand.NewPCG(1, 2))
	var asked, answered, followed, popular, possible, failed, failedFollowed int
	byChance := 0.0
	for _, task := range tasks {
		res, err := backend{d}.Recall(t.Context(), mcp.Scope{ProjectID: task.project, SessionID: "new"}, mcp.RecallQuery{Prompt: task.prompt, Limit: 3, MaxTokens: maxTokens})
		if err != nil {
			t.Fatal(err)
		}
		var given []string
		for _, s := range res.Strategies {
			given = append(given, s.StrategyID)
		}
		var visible []learn.ProvenStrategy
		for _, s := range all {
			if s.ProjectID == "" || s.ProjectID == task.project {
				visible = append(visible, s)
			}
		}
		did := func(list []learn.ProvenStrategy) bool {
			return slices.ContainsFunc(list, func(s learn.ProvenStrategy) bool { return task.did(s) })
		}
		chosen := pick(visible, given)
		if !task.good {
			failed++
			failedFollowed += boolOrder(did(chosen))
			continue
		}
		asked++
		if len(given) == 0 { // that nothing fits says nothing about the order
			continue
		}
		answered++
		followed += boolOrder(did(chosen))
		possible += boolOrder(did(visible))
		slices.SortStableFunc(visible, func(a, b learn.ProvenStrategy) int { return b.Support - a.Support })
		popular += boolOrder(did(visible[:min(3, len(visible))]))
		const draws = 200
		for range draws {
			rng.Shuffle(len(visible), func(i, j int) { visible[i], visible[j] = visible[j], visible[i] })
			byChance += float64(boolOrder(did(visible[:min(3, len(visible))]))) / draws
		}
	}
	share := func(n float64) float64 { return 100 * n / float64(asked) }
	t.Logf("%d strategies; %d tasks that succeeded later, answered %d; one of the first three was followed: recall %.0f %%, most popular %.0f %%, by chance %.0f %%, any of those visible %.0f %%; of %d tasks that failed %d followed one",
		len(all), asked, answered, share(float64(followed)), share(float64(popular)), share(byChance), share(float64(possible)), failed, failedFollowed)
	if asked < 50 || answered == 0 {
		t.Errorf("%d tasks were asked about and %d answered: the test measures nothing", asked, answered)
	}
	if float64(followed) < byChance-0.5 {
		t.Errorf("recall's order is worse than chance: %d of %d followed, by chance %.1f", followed, asked, byChance)
	}
}

// did reports whether a task has a strategy's steps in order.
func (h *heldTask) did(s learn.ProvenStrategy) bool {
	var steps []recall.Step
	for _, st := range s.TemplatePlanFragment.Tasks {
		steps = append(steps, recall.StepOf(st.ToolName, st.Arguments))
	}
	return len(steps) > 0 && recall.Progress(steps, h.steps) == len(steps)
}

func pick(all []learn.ProvenStrategy, ids []string) []learn.ProvenStrategy {
	var out []learn.ProvenStrategy
	for _, id := range ids {
		for _, s := range all {
			if s.StrategyID == id {
				out = append(out, s)
			}
		}
	}
	return out
}

// TestHeavyStrategyResource: the calls that a strategy names as its evidence are
// there, for its own project; of a common one, another project's are counted
// and not shown.
func TestHeavyStrategyResource(t *testing.T) {
	d := running(t)
	for _, s := range fixtures.Sessions() {
		recs, err := fixtures.Read(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.accept(t.Context(), recs); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := d.learners.mine.Strategies()
	if len(all) == 0 {
		t.Fatal("nothing was learned from the recordings")
	}
	for _, s := range all {
		project := s.ProjectID
		if project == "" {
			project = fixtures.Sessions()[0].ProjectID
		}
		raw, err := backend{d}.Resource(t.Context(), mcp.Scope{ProjectID: project}, "strategy", s.StrategyID)
		if err != nil {
			t.Fatal(err)
		}
		var got strategyDetail
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		if got.EvidenceGone != 0 || len(got.Calls)+got.EvidenceElsewhere != len(s.Evidence) || s.ProjectID != "" && got.EvidenceElsewhere != 0 {
			t.Errorf("%s: of %d events %d are shown, %d belong elsewhere, %d are gone", s.Name, len(s.Evidence), len(got.Calls), got.EvidenceElsewhere, got.EvidenceGone)
		}
		if _, err := (backend{d}).Resource(t.Context(), mcp.Scope{ProjectID: "stranger"}, "strategy", s.StrategyID); (err == nil) != (s.ProjectID == "") {
			t.Errorf("%s, of project %q, for another project: %v", s.Name, s.ProjectID, err)
		}
	}
}
