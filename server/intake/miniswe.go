package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"lathe/learn"
)

// miniSWE reads mini-swe-agent's trajectories (one JSON document a session)
// and the SWE-bench reports beside them. Both come in any order: a session
// whose report has not come yet waits for it with its last record only.
type miniSWE struct {
	reports map[string]bool // instance -> resolved
	waiting map[string][]*learn.TaskRecord
	file    string
}

func newMiniSWE() *miniSWE {
	return &miniSWE{reports: map[string]bool{}, waiting: map[string][]*learn.TaskRecord{}}
}

func (p *miniSWE) wants(name string) bool { return hasExt(name, ".json", ".json.gz") }

// miniMessage is one message of a trajectory. Extra is what the agent noted of
// the model's response, or, in later versions, of the command's result.
type miniMessage struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
	Extra   struct {
		Response struct {
			ID      string `json:"id"`
			Created int64  `json:"created"` // seconds
			Usage   struct {
				PromptTokens     int64 `json:"prompt_tokens"`
				CompletionTokens int64 `json:"completion_tokens"`
			} `json:"usage"`
		} `json:"response"`
		Timestamp  float64 `json:"timestamp"` // seconds
		ReturnCode *int    `json:"returncode"`
		RawOutput  *string `json:"raw_output"`
	} `json:"extra"`
}

type miniInfo struct {
	ExitStatus string `json:"exit_status"`
	Config     struct {
		Environment struct {
			CWD     string            `json:"cwd"`
			Env     map[string]string `json:"env"`
			Timeout float64           `json:"timeout"` // seconds
		} `json:"environment"`
	} `json:"config"`
}

func (p *miniSWE) entry(ctx context.Context, e *entry, out *emitter) error {
	doc := newLimited(e.r, e.limits.MaxDocument)
	var traj miniTrajectory
	var resolved *bool
	dec := json.NewDecoder(doc)
	err := members(dec, func(name string) (bool, error) {
		switch name {
		case "info":
			return true, dec.Decode(&traj.info)
		case "instance_id":
			return true, dec.Decode(&traj.instance)
		case "messages":
			traj.found = true
			return true, elements(dec, func(int) error {
				var m miniMessage
				err := dec.Decode(&m)
				traj.add(m)
				return err
			})
		case "resolved":
			return true, dec.Decode(&resolved)
		}
		// The evaluation harness nests a report under its instance.
		if swebench.MatchString(name) {
			var nested struct {
				Resolved *bool `json:"resolved"`
			}
			err := dec.Decode(&nested)
			if nested.Resolved != nil {
				p.reports[name] = *nested.Resolved
			}
			return true, err
		}
		return false, nil
	})
	switch {
	case err != nil:
		out.malformed(e.name, 0, jsonProblem(err, e.limits.MaxDocument))
		return nil
	case traj.found:
		return p.session(ctx, &traj, e, out)
	case resolved != nil:
		p.reports[e.base()] = *resolved
		return p.settle(ctx, out, e.base())
	}
	return nil
}

func (p *miniSWE) session(ctx context.Context, traj *miniTrajectory, e *entry, out *emitter) error {
	p.file = e.name
	s := traj.session(strings.TrimSuffix(e.base(), ".traj"))
	if len(s.calls) == 0 {
		out.malformed(e.name, 0, "the trajectory holds no command: check the format")
		return nil
	}
	if s.started.IsZero() {
		s.pace(e.modified)
	}
	if err := s.emit(ctx, out, e.name); err != nil {
		return err
	}
	p.waiting[s.id] = append(p.waiting[s.id], s.finish(learn.OutcomeUnknown, ""))
	return p.settle(ctx, out, s.id)
}

// settle emits the last records of an instance once its report is there.
func (p *miniSWE) settle(ctx context.Context, out *emitter, instance string) error {
	resolved, ok := p.reports[instance]
	if !ok {
		return nil
	}
	for _, t := range p.waiting[instance] {
		t.Outcome, t.OutcomeKind = learn.OutcomeFailure, learn.VerifyBenchmark
		if resolved {
			t.Outcome = learn.OutcomeSuccess
		}
		if err := out.task(ctx, t, p.file, 0); err != nil {
			return err
		}
	}
	delete(p.waiting, instance)
	return nil
}

// finish emits what no report came for.
func (p *miniSWE) finish(ctx context.Context, out *emitter) error {
	for _, instance := range sortedKeys(p.waiting) {
		if err := p.settle(ctx, out, instance); err != nil {
			return err
		}
		for _, t := range p.waiting[instance] {
			if err := out.task(ctx, t, p.file, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// miniTrajectory collects one trajectory.
type miniTrajectory struct {
	found    bool
	instance string
	info     miniInfo
	prompt   string
	run      string // the model's id of its first response: tells runs apart
	calls    []*learn.ActionOutcome
	open     *learn.ActionOutcome // waits for its result
	asked    bool                 // the model has spoken
}

func (t *miniTrajectory) add(m miniMessage) {
	text := messageText(m.Content)
	switch m.Role {
	case "assistant":
		t.assistant(m, text)
	case "user", "tool":
		switch {
		case !t.asked:
			t.prompt = taskOf(text)
		case t.open != nil:
			t.result(m, text)
		}
	}
}

func (t *miniTrajectory) assistant(m miniMessage, text string) {
	t.asked = true
	r := m.Extra.Response
	if t.run == "" {
		t.run = r.ID
	}
	a := &learn.ActionOutcome{ActionType: learn.ToolCall, ToolName: "bash", Status: learn.StatusInterrupted}
	switch {
	case r.Created > 0:
		a.Timestamp = time.Unix(r.Created, 0).UTC()
	case m.Extra.Timestamp > 0:
		a.Timestamp = time.UnixMilli(int64(m.Extra.Timestamp * 1000)).UTC()
	}
	a.ResourceMetrics.TokenCountIn, a.ResourceMetrics.TokenCountOut = r.Usage.PromptTokens, r.Usage.CompletionTokens
	if blocks := bashBlocks(text); len(blocks) == 1 {
		a.ToolParameters = command(blocks[0])
	} else {
		// Nothing ran: the agent's answer had no or several blocks. It costs a
		// turn and is worth learning from, but it is not a shell call.
		a.ActionType, a.ToolName, a.Status = learn.LLMInference, "model_response", learn.StatusFailure
		a.ErrorDetails = &learn.ErrorDetails{
			Code: "format_error", Message: fmt.Sprintf("expected one bash block in the answer, found %d", len(blocks)),
		}
	}
	t.calls = append(t.calls, a)
	t.open = a
}

// result completes the open call with what the agent was shown.
func (t *miniTrajectory) result(m miniMessage, text string) {
	a := t.open
	t.open = nil
	if a.ActionType == learn.LLMInference {
		a.ToolOutput.Content = text
		return
	}
	readObservation(a, text)
	if m.Extra.ReturnCode != nil {
		code := *m.Extra.ReturnCode
		a.ToolOutput.ExitCode = &code
		a.Status = statusOf(code)
	}
	if m.Extra.RawOutput != nil {
		a.ToolOutput.Stdout = *m.Extra.RawOutput
	}
}

// session completes the calls with what the whole document says.
func (t *miniTrajectory) session(fallback string) *session {
	if t.instance == "" {
		t.instance = fallback
	}
	s := &session{
		id: t.instance, project: projectOfInstance(t.instance, "mini-swe-agent"), agent: "mini-swe-agent",
		prompt: t.prompt, calls: t.calls,
	}
	run := t.run
	if run == "" {
		run = s.fingerprint()
	}
	// One instance is run many times, by other models and versions: each run
	// is a task of its own.
	s.task = t.instance + "." + learn.UUIDv8("run", run)[:8]
	env := t.info.Config.Environment
	for i, a := range t.calls {
		a.ID = learn.PositionID("mini-swe-agent", s.task, i)
		a.ContextSnapshot.CWD = env.CWD
		a.ContextSnapshot.Environment = env.Env
		if a.Status == learn.StatusTimeout && env.Timeout > 0 {
			a.ResourceMetrics.DurationMS = env.Timeout * 1000
			a.ErrorDetails.Message = fmt.Sprintf("timed out after %g s", env.Timeout)
		}
		if a.Timestamp.IsZero() {
			continue
		}
		if s.started.IsZero() {
			s.started = a.Timestamp
		}
		s.ended = a.Timestamp
	}
	return s
}
