package intake

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

// session is one recorded session while its file is read: what it emits waits
// for what stands behind it in the file.
type session struct {
	id      string
	task    string
	project string
	agent   string
	prompt  string
	calls   []*learn.ActionOutcome
	started time.Time
	ended   time.Time
}

// emit sends the task's start and the calls.
func (s *session) emit(ctx context.Context, out *emitter, file string) error {
	start := s.record(learn.TaskStart, s.started)
	start.Prompt = s.prompt
	if err := out.task(ctx, start, file, 0); err != nil {
		return err
	}
	for _, a := range s.calls {
		a.ProjectID, a.SessionID, a.TaskID, a.AgentID = s.project, s.id, s.task, s.agent
		if err := out.action(ctx, a, file, 0); err != nil {
			return err
		}
	}
	return nil
}

// finish is the task's last record. kind is "" when nobody judged it.
func (s *session) finish(outcome learn.Outcome, kind learn.VerificationKind) *learn.TaskRecord {
	t := s.record(learn.TaskFinish, s.ended)
	t.Outcome, t.OutcomeKind = outcome, kind
	return t
}

// pause is the last record of a session that may go on: read again later, it
// ends anew, so when it ended is part of what this record says.
func (s *session) pause() *learn.TaskRecord {
	t := s.finish(learn.OutcomeUnknown, "")
	t.ID = learn.UUIDv8("ended", TaskRecordID(t), t.Timestamp.Format(time.RFC3339Nano))
	return t
}

func (s *session) record(phase learn.Phase, at time.Time) *learn.TaskRecord {
	return &learn.TaskRecord{
		TaskID: s.task, ProjectID: s.project, SessionID: s.id, AgentID: s.agent, Timestamp: at, Phase: phase,
	}
}

// pace gives calls without a recorded time one second each from base on, so
// that their order shows. A zero base leaves the times to the Door.
func (s *session) pace(base time.Time) {
	if base.IsZero() {
		return
	}
	base = base.UTC()
	s.started = base
	for i, a := range s.calls {
		a.Timestamp = base.Add(time.Duration(i+1) * time.Second)
	}
	s.ended = base.Add(time.Duration(len(s.calls)+1) * time.Second)
}

// fingerprint tells two runs of the same task apart: eight hex digits from
// what was called and answered.
func (s *session) fingerprint() string {
	parts := make([]string, 0, 2*len(s.calls)+1)
	parts = append(parts, s.prompt)
	for _, a := range s.calls {
		parts = append(parts, string(a.ToolParameters), a.ToolOutput.Stdout+a.ToolOutput.Content)
	}
	return learn.UUIDv8(parts...)[:8]
}

// command is the parameters of a shell call.
func command(line string) json.RawMessage {
	return append(append([]byte(`{"command":`), quote(line)...), '}')
}

// swebench matches instance ids of the SWE-bench family: owner__repo-number.
var swebench = lazyregexp.New(`^([\w.-]+?)__([\w.-]+)-\d+$`)

// projectOfInstance is owner/repo of a SWE-bench instance, else fallback.
func projectOfInstance(id, fallback string) string {
	if m := swebench.FindStringSubmatch(id); m != nil {
		return m[1] + "/" + m[2]
	}
	return fallback
}

// between is the text of s between the first open and the last close after it.
func between(s, open, end string) (string, bool) {
	_, rest, ok := strings.Cut(s, open)
	if !ok {
		return "", false
	}
	if i := strings.LastIndex(rest, end); i >= 0 {
		rest = rest[:i]
	}
	return rest, true
}
