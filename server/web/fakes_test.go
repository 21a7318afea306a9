package web

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"lathe/learn"
)

// memLog searches the events of a world.
type memLog struct{ events []learn.Record }

func (l memLog) Search(_ context.Context, q LogQuery) ([]LogHit, int, error) {
	var all []LogHit
	for _, r := range l.events {
		a := r.Action
		if a == nil || q.Text != "" && !strings.Contains(a.Command()+a.ToolOutput.Stdout, q.Text) || q.Status != "" && string(a.Status) != q.Status ||
			q.Session != "" && a.SessionID != q.Session || q.Tool != "" && a.ToolName != q.Tool || a.Timestamp.Before(q.Since) {
			continue
		}
		all = append(all, LogHit{ID: a.ID, Project: a.ProjectID, Session: a.SessionID, Task: a.TaskID, Tool: a.ToolName, Status: string(a.Status),
			Summary: a.Command(), Time: a.Timestamp})
	}
	from, to := min(q.From, len(all)), min(q.From+q.Limit, len(all))
	return all[from:to], len(all), nil
}

// memGraph is a star: one tool, what used it, what it leads to.
type memGraph struct{ labels string }

func (g memGraph) Around(_ context.Context, id string) (Node, []Edge, error) {
	if id == "nowhere" {
		return Node{}, nil, errors.New("the graph has no such node")
	}
	n := Node{ID: id, Kind: "Tool", Label: "bash", Attributes: map[string]string{"calls": "3021"}}
	var edges []Edge
	for i := range 6 {
		edges = append(edges, Edge{Kind: "USES", Incoming: true, Other: Node{ID: fmt.Sprint("task:", i), Kind: "Task", Label: fmt.Sprint("Make the release script work again, part ", i)}})
	}
	for _, p := range []string{"No module named pytest", "No such file or directory", "Connection refused"} {
		edges = append(edges, Edge{Kind: "FAILED_WITH", Other: Node{ID: "pattern:" + p, Kind: "ErrorPattern", Label: p}})
	}
	if g.labels != "" {
		n.Label, n.Attributes = g.labels, map[string]string{g.labels: g.labels}
		edges = []Edge{{Kind: g.labels, Other: Node{ID: `x"><script>` + g.labels, Kind: g.labels, Label: g.labels}}}
	}
	return n, edges, nil
}

func (g memGraph) Find(_ context.Context, text, _ string, _ int) []Node {
	if text == "nothing" {
		return nil
	}
	return []Node{{ID: "tool:bash", Kind: "Tool", Label: "bash" + g.labels}, {ID: "pattern:1", Kind: "ErrorPattern", Label: "No module named pytest"}}
}

func (memGraph) Kinds() []string { return []string{"ErrorPattern", "Task", "Tool"} }

// memExperience holds one task, remedies and what was said of them.
type memExperience struct {
	now    time.Time
	events []learn.Record
	text   string // instead of what a remedy says
	mu     sync.Mutex
	said   []Feedback
	undone []string
	stop   bool // add_retry is proposed no more
}

func (x *memExperience) words(s string) string {
	if x.text != "" {
		return x.text
	}
	return s
}

func (x *memExperience) Task(_ context.Context, id string) (learn.Task, error) {
	if id != "s" && x.text == "" {
		return learn.Task{}, fmt.Errorf("there is no task %q", id)
	}
	t := learn.Task{TaskID: id, ProjectID: x.words("widgets-3fa2c1d0"), Prompt: x.words("Make the tests of the shop pass."), Outcome: learn.OutcomeFailure,
		OutcomeReason: x.words("The last test run failed."), Started: x.now.Add(-time.Hour), Finished: x.now,
		Verifications: []learn.Verification{{Kind: learn.VerifyTest, Tool: x.words("pytest"), Passed: 3, Failed: 1}}}
	for _, r := range x.events {
		t.Steps = append(t.Steps, learn.Step{EventID: r.Action.ID, Tool: x.words("bash"), Command: x.words(r.Action.Command()), Status: r.Action.Status})
	}
	return t, nil
}

func (x *memExperience) Fixes(context.Context) []learn.Remedy {
	var evidence []string
	for _, r := range x.events {
		evidence = append(evidence, r.Action.ID)
	}
	return []learn.Remedy{
		{RemedyID: "11111111-1111-8111-8111-00000000000a", PatternID: x.words("python/module-not-found"), ProjectID: x.words("widgets-3fa2c1d0"),
			Description: x.words("Use `python3 run_tests.py` instead of `python3 -m pytest`."), Support: 11, Posterior: 0.84, Evidence: evidence},
		{RemedyID: "11111111-1111-8111-8111-00000000000b", PatternID: "node/enoent", Description: x.words("First run `mkdir -p {dir}`, then repeat the call."), Support: 2, Posterior: 0.71},
	}
}

func (x *memExperience) Report(context.Context, string) (learn.FailureAnalysisReport, error) {
	return learn.FailureAnalysisReport{RootCause: x.words("Python module \"shop\" was not found: the tests run outside of the project's environment."),
		Remedies: []learn.RemedyOffer{{RemedyID: "11111111-1111-8111-8111-00000000000a", Description: x.words("Use `python3 run_tests.py` instead of `python3 -m pytest`."), Confidence: 0.93, Support: 11}}}, nil
}

func (x *memExperience) Say(_ context.Context, f Feedback) (string, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.said = append(x.said, f)
	return "noted", nil
}

func (x *memExperience) Undo(_ context.Context, id string) (string, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.undone, x.stop = append(x.undone, id), false
	return "add retry is proposed again", nil
}

func (x *memExperience) groups() []Group {
	x.mu.Lock()
	defer x.mu.Unlock()
	return []Group{
		{ProposalGroup: learn.ProposalGroup{By: "kind", Value: "add_precondition"}, Accepted: 7, Judged: 9, Low: 0.45, High: 0.94},
		{ProposalGroup: learn.ProposalGroup{By: "kind", Value: "add_retry"}, Judged: 6, High: 0.39, Stopped: x.stop, ChangeID: "stop-1"},
		{ProposalGroup: learn.ProposalGroup{By: "source", Value: x.words("recovery")}, Accepted: 7, Judged: 15, Low: 0.25, High: 0.7},
	}
}

func (x *memExperience) mutes() []learn.Mute {
	return []learn.Mute{{MuteID: "mute-1", SignatureID: x.words("python/module-not-found"), ProjectID: x.words("widgets-3fa2c1d0"), Until: x.now.Add(3 * time.Hour)}}
}

func (x *memExperience) tools() []Tool {
	return []Tool{{Name: x.words("count_words"), Version: "0.1.0", State: learn.StateActive, Calls: 47, Failures: 2, Rate: 0.96, Low: 0.86, High: 0.99, P50MS: 61, P90MS: 110},
		{Name: x.words("cut_last_sort"), Version: "0.3.0", State: learn.StateQuarantined}}
}

func (x *memExperience) digest(context.Context) []string {
	return []string{"1204 calls in 31 sessions, 12 % more than the week before.", x.words("Most time went into: Python module not found (31 times, 54 min)."),
		"Advice was followed 31 of 70 times."}
}

// signal is what tells pages of a change.
type signal struct {
	mu sync.Mutex
	c  chan struct{}
}

func newSignal() *signal { return &signal{c: make(chan struct{})} }

func (s *signal) watch() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.c
}

func (s *signal) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.c)
	s.c = make(chan struct{})
}
