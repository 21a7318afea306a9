package intake

import (
	"context"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"time"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

// codex reads Codex's rollouts: JSON lines of a time, a type and a payload, of
// which a response item calls a tool and a later one brings its output, paired
// by call_id. Beside them events tell what the output does not: an exit code,
// a refused patch, a failed MCP call. The rollouts of early versions are the
// items alone, without envelope and times. One rollout is one session; that of
// a sub-agent is a task of the session that it belongs to.
type codex struct{}

func (p *codex) wants(name string) bool {
	return strings.HasPrefix(path.Base(strings.ReplaceAll(name, `\`, "/")), "rollout-") && hasExt(name, ".jsonl", ".jsonl.gz", ".jsonl.zst")
}

func (p *codex) finish(context.Context, *emitter) error { return nil }

func (p *codex) entry(ctx context.Context, e *entry, out *emitter) error {
	return readLines(ctx, e, out, p.begin(e, out))
}

func (p *codex) begin(e *entry, out *emitter) transcript {
	id := codexName(e.base())
	return &codexRollout{e: e, out: out, open: map[string]*codexCall{}, cwd: "",
		session: session{id: id, task: id, agent: "codex", project: "codex"}}
}

// codexID is the session's id at the end of a rollout's file name.
var codexID = lazyregexp.New(`[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func codexName(base string) string {
	base = strings.TrimSuffix(base, ".jsonl")
	return orElse(codexID.FindString(base), base)
}

// codexLine is one line of a rollout. Kind is set in the first line of early
// versions' states, which say nothing.
type codexLine struct {
	Timestamp string          `json:"timestamp"`
	Type      string          `json:"type"`
	Kind      string          `json:"record_type"`
	Payload   json.RawMessage `json:"payload"`
}

// codexItem is a payload of any type, as far as it matters here.
type codexItem struct {
	Type string `json:"type"`

	// Of a session's beginning, and of a turn's.
	ID        string `json:"id"`
	SessionID string `json:"session_id"`
	Parent    string `json:"parent_thread_id"`
	CWD       string `json:"cwd"`

	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`

	// Of a call and its output.
	CallID    string          `json:"call_id"`
	Name      string          `json:"name"`
	Namespace string          `json:"namespace"`
	Arguments json.RawMessage `json:"arguments"`
	Input     json.RawMessage `json:"input"`
	Action    json.RawMessage `json:"action"`
	Output    json.RawMessage `json:"output"`

	// Of an event.
	Message  json.RawMessage `json:"message"`
	Info     *codexTokens    `json:"info"`
	ExitCode *int            `json:"exit_code"`
	Success  *bool           `json:"success"`
	Stderr   string          `json:"stderr"`
	Duration json.RawMessage `json:"duration"`
	Result   json.RawMessage `json:"result"`
}

type codexTokens struct {
	Last struct {
		Input  int64 `json:"input_tokens"`
		Output int64 `json:"output_tokens"`
	} `json:"last_token_usage"`
}

// codexRollout is the state of reading one rollout.
type codexRollout struct {
	session
	e       *entry
	out     *emitter
	known   bool // the session's own beginning was read
	begun   bool
	cwd     string
	at      time.Time // of the line that is read
	open    map[string]*codexCall
	counted *codexCall // the first call since tokens were counted
}

// codexCall is a call that waits for its output, with what events said of it.
type codexCall struct {
	action *learn.ActionOutcome
	line   int
	notes  []codexItem
}

func (t *codexRollout) line(ctx context.Context, number int, line []byte) error {
	var l codexLine
	err := json.Unmarshal(line, &l)
	payload := l.Payload
	bare := err == nil && payload == nil
	if bare {
		payload = line
	}
	var item codexItem
	if err == nil {
		err = json.Unmarshal(payload, &item)
	}
	if err != nil {
		t.out.malformed(t.e.name, number, jsonProblem(err, t.e.limits.MaxDocument))
		return nil
	}
	t.clock(l.Timestamp)
	switch {
	case l.Kind != "":
		return nil
	case bare && item.Type == "" && item.ID != "", l.Type == "session_meta":
		t.meta(&item)
	case l.Type == "turn_context":
		t.cwd = orElse(item.CWD, t.cwd)
	case bare, l.Type == "response_item":
		return t.item(ctx, number, &item)
	case l.Type == "event_msg":
		return t.event(ctx, number, &item)
	}
	return nil
}

// clock sets the time of the line; lines without one are a second apart.
func (t *codexRollout) clock(text string) {
	at := hookTime(text)
	if at.IsZero() && !t.at.IsZero() {
		at = t.at.Add(time.Second)
	}
	if at.IsZero() {
		return
	}
	if t.started.IsZero() {
		t.started = at
	}
	t.at, t.ended = at, at
}

// meta takes the session's own beginning; those after it were copied from the
// session that this one goes on from.
func (t *codexRollout) meta(m *codexItem) {
	if t.known {
		return
	}
	t.known = true
	t.id = orElse(m.SessionID, orElse(m.Parent, orElse(m.ID, t.id)))
	if t.task = orElse(m.ID, t.id); t.task != t.id {
		t.task, t.agent = t.id+"/"+t.task, "codex/"+t.task
	}
	t.cwd = m.CWD
	t.project = orElse(m.CWD, t.project)
}

func (t *codexRollout) item(ctx context.Context, number int, m *codexItem) error {
	switch m.Type {
	case "message":
		if m.Role != "user" {
			return nil
		}
		return t.spoken(ctx, number, messageText(m.Content))
	case "function_call":
		name := m.Name
		if m.Namespace != "" {
			name = strings.TrimSuffix(m.Namespace, "__") + "__" + name
		}
		return t.call(ctx, number, m, name, arguments(m.Arguments))
	case "custom_tool_call":
		return t.call(ctx, number, m, m.Name, customInput(m.Input))
	case "local_shell_call":
		return t.call(ctx, number, m, "local_shell", m.Action)
	case "function_call_output", "custom_tool_call_output", "local_shell_call_output":
		return t.result(ctx, m)
	}
	return nil
}

// customInput is a custom tool's input, which is text in a form of its own, as
// parameters.
func customInput(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 || raw[0] == '{' {
		return raw
	}
	return append(append([]byte(`{"input":`), raw...), '}')
}

// Places that tell the working directory in what Codex says to the model.
var codexCWD = lazyregexp.New(`(?m)<cwd>([^<\n]{1,1000})</cwd>|^Current working directory: (.{1,1000})$`)

// spoken takes a message in the user's role: what a person asked, or what Codex
// itself puts there, of which the working directory matters.
func (t *codexRollout) spoken(ctx context.Context, number int, text string) error {
	text = strings.TrimSpace(text)
	if text == "" || strings.HasPrefix(text, "<") || strings.HasPrefix(text, "# AGENTS.md instructions") {
		if m := codexCWD.FindStringSubmatch(cutAt(text, 16<<10)); m != nil && t.cwd == "" {
			t.cwd = m[1] + m[2]
			t.project = t.cwd
		}
		return nil
	}
	return t.start(ctx, text, number)
}

// start emits the task's start once, when its prompt is known or a call comes
// without one.
func (t *codexRollout) start(ctx context.Context, prompt string, number int) error {
	if t.begun {
		return nil
	}
	t.begun = true
	start := t.record(learn.TaskStart, t.started)
	start.Prompt = prompt
	return t.out.task(ctx, start, t.e.name, number)
}

func (t *codexRollout) call(ctx context.Context, number int, m *codexItem, name string, params json.RawMessage) error {
	if err := t.start(ctx, "", number); err != nil {
		return err
	}
	if len(t.open) >= maxOpen {
		if err := t.abandon(ctx); err != nil {
			return err
		}
	}
	c := &codexCall{line: number, action: &learn.ActionOutcome{
		CallID: m.CallID, Timestamp: t.at, ActionType: learn.ToolCall, ToolName: name, ToolParameters: params,
		Status: learn.StatusInterrupted, ContextSnapshot: learn.ContextSnapshot{CWD: t.cwd},
	}}
	if m.CallID == "" { // an output could not be told to be its own
		return t.emit(ctx, c)
	}
	t.open[m.CallID] = c
	if t.counted == nil {
		t.counted = c
	}
	return nil
}

func (t *codexRollout) result(ctx context.Context, m *codexItem) error {
	c, ok := t.open[m.CallID]
	if !ok {
		return nil // the call stands in another file, or was given up
	}
	delete(t.open, m.CallID)
	a := c.action
	codexResult(a, m.Output)
	for i := range c.notes {
		c.notes[i].complete(a)
	}
	if d := &a.ResourceMetrics.DurationMS; *d == 0 && !a.Timestamp.IsZero() {
		*d = max(0, float64(t.at.Sub(a.Timestamp).Milliseconds()))
	}
	return t.emit(ctx, c)
}

func (t *codexRollout) emit(ctx context.Context, c *codexCall) error {
	a := c.action
	a.SessionID, a.TaskID, a.AgentID, a.ProjectID = t.id, t.task, t.agent, t.project
	if a.CallID != "" {
		a.ID = learn.EventID(a.SessionID, a.CallID)
	} else {
		a.ID = learn.PositionID("codex/"+t.e.base(), a.SessionID, c.line)
	}
	if t.counted == c {
		t.counted = nil
	}
	return t.out.action(ctx, a, t.e.name, c.line)
}

// abandon emits the calls that have no result, in their order.
func (t *codexRollout) abandon(ctx context.Context) error {
	var left []*codexCall
	for _, c := range t.open {
		left = append(left, c)
	}
	clear(t.open)
	slices.SortFunc(left, func(a, b *codexCall) int { return a.line - b.line })
	for _, c := range left {
		if err := t.emit(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// close ends the session. Calls that wait for a result are left out: the
// session may be running, and the next import is to find them with theirs.
func (t *codexRollout) close(ctx context.Context) error {
	if !t.begun {
		return nil // opened and left
	}
	return t.out.task(ctx, t.pause(), t.e.name, 0)
}
