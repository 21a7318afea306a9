package intake

import (
	"context"
	"encoding/json"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

// sweAgent reads SWE-agent's trajectories: one JSON document a session, each
// step an action at the agent's shell with its observation. Its exit codes are
// not recorded; a step counts as failed when its observation says so.
type sweAgent struct{}

func (p *sweAgent) wants(name string) bool { return hasExt(name, ".traj", ".traj.gz", ".traj.json") }

func (p *sweAgent) finish(context.Context, *emitter) error { return nil }

type sweStep struct {
	Action        string          `json:"action"`
	Observation   string          `json:"observation"`
	ExecutionTime float64         `json:"execution_time"` // seconds
	State         json.RawMessage `json:"state"`          // an object, or one within a string
}

type sweState struct {
	OpenFile   string `json:"open_file"`
	WorkingDir string `json:"working_dir"`
}

func (p *sweAgent) entry(ctx context.Context, e *entry, out *emitter) error {
	s := &session{agent: "swe-agent"}
	file := ""
	history := newChat() // older demonstrations hold nothing else
	dec := json.NewDecoder(newLimited(e.r, e.limits.MaxDocument))
	err := members(dec, func(name string) (bool, error) {
		switch name {
		case "trajectory":
			return true, elements(dec, func(int) error {
				var step sweStep
				if err := dec.Decode(&step); err != nil {
					return err
				}
				if strings.TrimSpace(step.Action) != "" {
					a := step.call()
					file = asSWETool(a, step.Action, file)
					s.calls = append(s.calls, a)
				}
				return nil
			})
		case "history":
			return true, elements(dec, func(int) error {
				var m chatMessage
				if err := dec.Decode(&m); err != nil {
					return err
				}
				history.add(&m)
				return nil
			})
		}
		return false, nil
	})
	if err != nil {
		out.malformed(e.name, 0, jsonProblem(err, e.limits.MaxDocument))
		return nil
	}
	s.prompt = history.prompt
	if len(s.calls) == 0 {
		s.calls = history.calls
	}
	return p.session(ctx, s, e, out)
}

// session completes and emits what one document held. The same problem is
// solved again and again under one name, so a run's fingerprint is part of the
// session's id.
func (p *sweAgent) session(ctx context.Context, s *session, e *entry, out *emitter) error {
	if len(s.calls) == 0 {
		out.malformed(e.name, 0, "the trajectory holds no action: check the format")
		return nil
	}
	name := strings.TrimSuffix(e.base(), ".traj")
	s.id = name + "." + s.fingerprint()
	s.task = s.id
	s.project = projectOfInstance(name, "swe-agent")
	for i, a := range s.calls {
		a.CallID = ""
		a.ID = learn.PositionID("swe-agent", s.id, i)
	}
	s.pace(e.modified)
	if err := s.emit(ctx, out, e.name); err != nil {
		return err
	}
	return out.task(ctx, s.finish(learn.OutcomeUnknown, ""), e.name, 0)
}

func (step *sweStep) call() *learn.ActionOutcome {
	a := &learn.ActionOutcome{
		ActionType: learn.ToolCall, ToolName: "bash",
		ToolParameters: command(strings.TrimSpace(step.Action)),
		ToolOutput:     learn.ToolOutput{Stdout: step.Observation},
		Status:         learn.StatusSuccess,
	}
	a.ResourceMetrics.DurationMS = step.ExecutionTime * 1000
	raw := step.State
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text)
	}
	var state sweState
	if json.Unmarshal(raw, &state) == nil { // else it is a shell's noise
		a.ContextSnapshot.CWD = state.WorkingDir
		if state.OpenFile != "" && state.OpenFile != "n/a" {
			a.ContextSnapshot.ActiveFiles = []string{state.OpenFile}
		}
	}
	a.Status = observedStatus(step.Observation)
	return a
}

var (
	shellFailed  = lazyregexp.New(`^(?:/bin/)?(?:bash|sh): .{1,200}: (?:command not found|No such file or directory|Permission denied|syntax error)`)
	raisedAtLast = lazyregexp.New(`(?:^|\n)(?:[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit))(?:: [^\n]*)?$`)
)

// observedStatus judges an observation without an exit code, and claims a
// failure only where the text is plain.
func observedStatus(text string) learn.Status {
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, "EXECUTION TIMED OUT"), strings.Contains(text, "COMMAND TIMED OUT"):
		return learn.StatusTimeout
	case shellFailed.MatchString(text),
		strings.HasPrefix(text, "Your proposed edit has introduced new syntax error"),
		strings.Contains(text, "Traceback (most recent call last):") && raisedAtLast.MatchString(tail(text, 2000)):
		return learn.StatusFailure
	}
	return learn.StatusSuccess
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
