package intake

import (
	"context"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"time"

	"lathe/learn"
)

// claudeCode reads Claude Code's transcripts: JSON lines in which an assistant
// message calls a tool and a later user message brings the result, paired by
// id. A sub-agent's transcript lies beside its session's and carries its id:
// it is a task of its own in the same session.
type claudeCode struct{}

func (p *claudeCode) wants(name string) bool { return hasExt(name, ".jsonl", ".jsonl.gz") }

func (p *claudeCode) finish(context.Context, *emitter) error { return nil }

// claudeLine is one line of a transcript, as far as it matters here.
type claudeLine struct {
	Type      string    `json:"type"`
	SessionID string    `json:"sessionId"`
	AgentID   string    `json:"agentId"`
	Sidechain bool      `json:"isSidechain"`
	Meta      bool      `json:"isMeta"`
	Timestamp time.Time `json:"timestamp"`
	CWD       string    `json:"cwd"`
	Message   struct {
		ID      string          `json:"id"`
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
		Usage   claudeUsage     `json:"usage"`
	} `json:"message"`
	ToolUseResult json.RawMessage `json:"toolUseResult"`
}

type claudeUsage struct {
	Input       int64 `json:"input_tokens"`
	CacheWrites int64 `json:"cache_creation_input_tokens"`
	CacheReads  int64 `json:"cache_read_input_tokens"`
	Output      int64 `json:"output_tokens"`
}

func (p *claudeCode) entry(ctx context.Context, e *entry, out *emitter) error {
	return readLines(ctx, e, out, p.begin(e, out))
}

func (p *claudeCode) begin(e *entry, out *emitter) transcript {
	return &claudeTranscript{e: e, out: out, tasks: map[string]*claudeTask{}, open: map[string]*openCall{}}
}

// claudeTranscript is the state of reading one transcript.
type claudeTranscript struct {
	e     *entry
	out   *emitter
	tasks map[string]*claudeTask // by session and agent
	order []*claudeTask
	open  map[string]*openCall // by tool use id
	usage string               // the message whose tokens were counted last
}

// claudeTask is one session, or one sub-agent of it.
type claudeTask struct {
	session
	begun bool
}

// openCall is a call that waits for its result.
type openCall struct {
	task   *claudeTask
	action *learn.ActionOutcome
	line   int
}

// maxOpen bounds the calls that wait for results: beyond, the oldest results
// were never recorded.
const maxOpen = 10_000

func (t *claudeTranscript) line(ctx context.Context, number int, line []byte) error {
	l := &claudeLine{}
	if err := json.Unmarshal(line, l); err != nil {
		t.out.malformed(t.e.name, number, jsonProblem(err, t.e.limits.MaxDocument))
		return nil
	}
	if l.Type != "user" && l.Type != "assistant" {
		return nil
	}
	task := t.task(l)
	if !l.Timestamp.IsZero() {
		if task.started.IsZero() {
			task.started = l.Timestamp.UTC()
		}
		task.ended = l.Timestamp.UTC()
	}
	if l.Type == "assistant" {
		return t.assistant(ctx, number, l, task)
	}
	return t.user(ctx, number, l, task)
}

func (t *claudeTranscript) task(l *claudeLine) *claudeTask {
	id := orElse(l.SessionID, t.e.base())
	taskID, agent := id, "claude-code"
	if l.Sidechain && l.AgentID != "" {
		taskID, agent = id+"/"+l.AgentID, "claude-code/"+l.AgentID
	}
	if task, ok := t.tasks[taskID]; ok {
		return task
	}
	task := &claudeTask{session: session{id: id, task: taskID, agent: agent, project: orElse(l.CWD, t.e.dir())}}
	t.tasks[taskID] = task
	t.order = append(t.order, task)
	return task
}

// start emits the task's start once, when its prompt is known or a call comes
// without one.
func (t *claudeTranscript) start(ctx context.Context, task *claudeTask, prompt string, number int) error {
	if task.begun {
		return nil
	}
	task.begun = true
	start := task.record(learn.TaskStart, task.started)
	start.Prompt = prompt
	return t.out.task(ctx, start, t.e.name, number)
}

func (t *claudeTranscript) assistant(ctx context.Context, number int, l *claudeLine, task *claudeTask) error {
	var calls []contentBlock
	if len(l.Message.Content) > 0 && l.Message.Content[0] == '[' {
		err := list(l.Message.Content, func(b contentBlock) {
			if b.Type == "tool_use" {
				calls = append(calls, b)
			}
		})
		if err != nil {
			t.out.malformed(t.e.name, number, jsonProblem(err, t.e.limits.MaxDocument))
			return nil
		}
	}
	for _, b := range calls {
		if err := t.start(ctx, task, "", number); err != nil {
			return err
		}
		a := &learn.ActionOutcome{
			CallID: b.ID, Timestamp: l.Timestamp.UTC(), ActionType: learn.ToolCall, ToolName: b.Name, ToolParameters: b.Input,
			Status: learn.StatusInterrupted, ContextSnapshot: learn.ContextSnapshot{CWD: l.CWD},
		}
		// The lines of one message repeat its usage: its first call carries it.
		if u := l.Message.Usage; l.Message.ID == "" || l.Message.ID != t.usage {
			t.usage = l.Message.ID
			a.ResourceMetrics.TokenCountIn = u.Input + u.CacheWrites + u.CacheReads
			a.ResourceMetrics.TokenCountOut = u.Output
		}
		if len(t.open) >= maxOpen {
			if err := t.abandon(ctx, task); err != nil {
				return err
			}
			clear(t.open)
		}
		t.open[b.ID] = &openCall{task, a, number}
	}
	return nil
}

func (t *claudeTranscript) user(ctx context.Context, number int, l *claudeLine, task *claudeTask) error {
	var results []contentBlock
	if len(l.Message.Content) > 0 && l.Message.Content[0] == '[' {
		err := list(l.Message.Content, func(b contentBlock) {
			if b.Type == "tool_result" {
				results = append(results, b)
			}
		})
		if err != nil {
			t.out.malformed(t.e.name, number, jsonProblem(err, t.e.limits.MaxDocument))
			return nil
		}
	}
	if len(results) == 0 {
		text := messageText(l.Message.Content)
		if l.Meta || text == "" || isCommandEcho(text) {
			return nil
		}
		// A person speaks: what still runs was interrupted.
		if err := t.abandon(ctx, task); err != nil {
			return err
		}
		return t.start(ctx, task, text, number)
	}
	for _, b := range results {
		call, ok := t.open[b.ToolUseID]
		if !ok {
			continue // the call stands in another file: a resumed session
		}
		delete(t.open, b.ToolUseID)
		claudeResult(call.action, textOf(b.Content, 3), b.IsError, l.ToolUseResult)
		if m := &call.action.ResourceMetrics; m.DurationMS == 0 && !l.Timestamp.IsZero() && !call.action.Timestamp.IsZero() {
			m.DurationMS = max(0, float64(l.Timestamp.Sub(call.action.Timestamp).Milliseconds()))
		}
		if err := t.emit(ctx, call); err != nil {
			return err
		}
	}
	return nil
}

// isCommandEcho tells what Claude Code notes of local commands from what a
// person asked.
func isCommandEcho(text string) bool {
	return strings.HasPrefix(text, "<command-") || strings.HasPrefix(text, "<local-command-") || strings.HasPrefix(text, "Caveat: ")
}

func (t *claudeTranscript) emit(ctx context.Context, c *openCall) error {
	a := c.action
	a.SessionID, a.TaskID, a.AgentID, a.ProjectID = c.task.id, c.task.task, c.task.agent, c.task.project
	if a.CallID != "" {
		a.ID = learn.EventID(a.SessionID, a.CallID)
	} else {
		a.ID = learn.PositionID("claude-code/"+path.Base(t.e.path), a.SessionID, c.line)
	}
	return t.out.action(ctx, a, t.e.name, c.line)
}

// abandon emits the task's calls that have no result, in their order.
func (t *claudeTranscript) abandon(ctx context.Context, task *claudeTask) error {
	var left []*openCall
	for _, id := range sortedKeys(t.open) {
		if c := t.open[id]; c.task == task {
			left = append(left, c)
			delete(t.open, id)
		}
	}
	slices.SortStableFunc(left, func(a, b *openCall) int { return a.line - b.line })
	for _, c := range left {
		if err := t.emit(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// close ends every task. Calls that wait for a result at the end of the
// transcript are left out: the session may be running, and the next import is
// to find them with their results.
func (t *claudeTranscript) close(ctx context.Context) error {
	for _, task := range t.order {
		if !task.begun {
			continue // only summaries and notes
		}
		if err := t.out.task(ctx, task.pause(), t.e.name, 0); err != nil {
			return err
		}
	}
	return nil
}
