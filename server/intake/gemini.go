package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"

	"lathe/learn"
)

// gemini reads Gemini CLI's chat recordings, in both their forms: a JSON
// document with messages, and JSON lines of which the first says whose session
// it is and each other is a message, a message said anew with more in it, or a
// change to what the first said. A message of the model holds its tool calls
// with their results. What was rewound did happen and is read like the rest.
type gemini struct{}

func (p *gemini) wants(name string) bool {
	return hasExt(name, ".json", ".jsonl", ".json.gz", ".jsonl.gz") && strings.Contains("/"+strings.ReplaceAll(name, `\`, "/"), "/chats/")
}

func (p *gemini) finish(context.Context, *emitter) error { return nil }

func (p *gemini) begin(e *entry, out *emitter) transcript { return newGeminiChat(e, out) }

func newGeminiChat(e *entry, out *emitter) *geminiChat {
	id := strings.TrimSuffix(e.base(), ".jsonl")
	return &geminiChat{e: e, out: out, seen: map[string]bool{}, session: session{id: id, task: id, agent: "gemini"}}
}

// geminiMeta is what a session says of itself.
type geminiMeta struct {
	SessionID   string    `json:"sessionId"`
	ProjectHash string    `json:"projectHash"`
	StartTime   time.Time `json:"startTime"`
	Kind        string    `json:"kind"`
	Directories []string  `json:"directories"`
}

// geminiMessage is one message.
type geminiMessage struct {
	ID        string          `json:"id"`
	Timestamp time.Time       `json:"timestamp"`
	Type      string          `json:"type"` // user, gemini, info, error, warning
	Content   json.RawMessage `json:"content"`
	Tokens    struct {
		Input  int64 `json:"input"`
		Output int64 `json:"output"`
	} `json:"tokens"`
	ToolCalls json.RawMessage `json:"toolCalls"` // of geminiCall
}

type geminiCall struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Args      json.RawMessage `json:"args"`
	Result    json.RawMessage `json:"result"`
	Display   json.RawMessage `json:"resultDisplay"`
	Error     json.RawMessage `json:"error"`
	Status    string          `json:"status"`
	Timestamp time.Time       `json:"timestamp"`
}

// entry reads either form: the first value of a document of lines is complete
// before its messages come.
func (p *gemini) entry(ctx context.Context, e *entry, out *emitter) error {
	t := newGeminiChat(e, out)
	if hasExt(e.path, ".jsonl") {
		return readLines(ctx, e, out, t)
	}
	doc := newLimited(e.r, e.limits.MaxDocument)
	dec := json.NewDecoder(doc)
	var stop error
	err := members(dec, func(name string) (bool, error) {
		if name == "messages" {
			return true, elements(dec, func(int) error {
				var m geminiMessage
				if err := dec.Decode(&m); err != nil {
					return err
				}
				stop = t.message(ctx, 0, &m)
				return stop
			})
		}
		var value json.RawMessage
		switch name {
		case "sessionId", "projectHash", "startTime", "kind", "directories":
			if err := dec.Decode(&value); err != nil {
				return true, err
			}
			return true, t.meta(fmt.Appendf(nil, `{%q:%s}`, name, value))
		}
		return false, nil
	})
	if stop != nil {
		return stop
	}
	if err != nil {
		out.malformed(e.name, 0, jsonProblem(err, e.limits.MaxDocument))
	}
	return t.close(ctx)
}

// geminiChat is the state of reading one recording.
type geminiChat struct {
	session
	e      *entry
	out    *emitter
	hash   string // of the project's folder
	folder string // which is that, when it is known
	prompt string
	asked  bool
	begun  bool
	calls  int
	seen   map[string]bool // by call id: those with their results

	counted string // the message whose tokens were counted last
}

func (t *geminiChat) line(ctx context.Context, number int, line []byte) error {
	var l struct {
		geminiMessage
		Set    json.RawMessage `json:"$set"`
		Rewind string          `json:"$rewindTo"`
	}
	err := json.Unmarshal(line, &l)
	if err == nil {
		switch {
		case l.Rewind != "":
		case l.Set != nil:
			err = t.meta(l.Set)
		case l.ID != "":
			return t.message(ctx, number, &l.geminiMessage)
		default:
			err = t.meta(line)
		}
	}
	if err != nil {
		t.out.malformed(t.e.name, number, jsonProblem(err, t.e.limits.MaxDocument))
	}
	return nil
}

// meta takes what a session says of itself, until its start was emitted.
func (t *geminiChat) meta(raw json.RawMessage) error {
	var m geminiMeta
	if err := json.Unmarshal(raw, &m); err != nil || t.begun {
		return err
	}
	if m.SessionID != "" {
		t.id, t.task = m.SessionID, m.SessionID
	}
	t.hash = orElse(m.ProjectHash, t.hash)
	if len(m.Directories) > 0 && t.folder == "" {
		t.folder = m.Directories[0]
	}
	if t.started.IsZero() && !m.StartTime.IsZero() {
		t.started = m.StartTime.UTC()
		t.ended = t.started
	}
	// A sub-agent's recording lies in a folder named by the session that it
	// works for.
	if parent := t.e.dir(); m.Kind == "subagent" && parent != "chats" && parent != "." {
		t.id, t.task, t.agent = parent, parent+"/"+t.task, "gemini/"+t.task
	}
	return nil
}

func (t *geminiChat) message(ctx context.Context, number int, m *geminiMessage) error {
	if at := m.Timestamp.UTC(); !at.IsZero() {
		if t.started.IsZero() {
			t.started = at
		}
		if at.After(t.ended) {
			t.ended = at
		}
	}
	if m.Type == "user" && !t.asked {
		t.prompt = strings.TrimSpace(geminiText(m.Content))
		t.asked = t.prompt != ""
	}
	if m.Type != "gemini" || len(m.ToolCalls) == 0 {
		return nil
	}
	var calls []geminiCall
	if err := list(m.ToolCalls, func(c geminiCall) { calls = append(calls, c) }); err != nil {
		t.out.malformed(t.e.name, number, jsonProblem(err, t.e.limits.MaxDocument))
		return nil
	}
	for i := range calls {
		if err := t.call(ctx, number, m, &calls[i]); err != nil {
			return err
		}
	}
	return nil
}

// call emits a call once it has ended; messages are said anew with more in
// them.
func (t *geminiChat) call(ctx context.Context, number int, m *geminiMessage, c *geminiCall) error {
	switch c.Status {
	case "success", "error", "cancelled":
	default:
		return nil // it still runs
	}
	key := orElse(c.ID, m.ID+"/"+c.Name+"/"+string(c.Args))
	if t.seen[key] || len(t.seen) >= maxElements {
		return nil
	}
	t.seen[key] = true
	if t.folder == "" {
		t.folder = folderOfHash(t.hash, c.Args)
	}
	if err := t.start(ctx); err != nil {
		return err
	}
	at := c.Timestamp
	if at.IsZero() {
		at = m.Timestamp
	}
	t.calls++
	a := &learn.ActionOutcome{
		CallID: c.ID, Timestamp: at.UTC(), ActionType: learn.ToolCall, ToolName: c.Name, ToolParameters: c.Args,
		ProjectID: t.project, SessionID: t.id, TaskID: t.task, AgentID: t.agent,
		ContextSnapshot: learn.ContextSnapshot{CWD: t.folder},
	}
	if a.CallID != "" {
		a.ID = learn.EventID(a.SessionID, a.CallID)
	} else {
		a.ID = learn.PositionID("gemini/"+t.e.base(), a.SessionID, t.calls)
	}
	if t.counted != m.ID || m.ID == "" { // the first call of a message carries its tokens
		t.counted = m.ID
		a.ResourceMetrics.TokenCountIn, a.ResourceMetrics.TokenCountOut = m.Tokens.Input, m.Tokens.Output
	}
	geminiRecorded(a, c)
	return t.out.action(ctx, a, t.e.name, number)
}

// geminiRecorded completes a call with its recorded result.
func geminiRecorded(a *learn.ActionOutcome, c *geminiCall) {
	a.Status = learn.StatusSuccess
	text := geminiText(c.Result)
	shellText(a, orElse(text, geminiText(c.Display)))
	why := firstLine(orElse(geminiText(c.Error), text))
	switch c.Status {
	case "error":
		failed(a, "", why)
	case "cancelled":
		a.Status = learn.StatusInterrupted
		a.ErrorDetails = &learn.ErrorDetails{Code: "stopped_by_user", Message: why}
	}
}

// start emits the task's start once: when the first call comes, which may tell
// the project's folder, or at the end.
func (t *geminiChat) start(ctx context.Context) error {
	if t.begun {
		return nil
	}
	t.begun = true
	t.folder = orElse(geminiRoot(t.e), t.folder)
	t.project = t.folder
	if t.project == "" {
		t.project = "gemini"
		if t.hash != "" {
			t.project += "-" + cutAt(repair(t.hash), 8)
		}
	}
	start := t.record(learn.TaskStart, t.started)
	start.Prompt = t.prompt
	return t.out.task(ctx, start, t.e.name, 0)
}

func (t *geminiChat) close(ctx context.Context) error {
	if !t.asked && !t.begun {
		return nil // opened and left
	}
	if err := t.start(ctx); err != nil {
		return err
	}
	return t.out.task(ctx, t.pause(), t.e.name, 0)
}

// geminiRoot is the project's folder as a file beside the recordings names it;
// older versions have none.
func geminiRoot(e *entry) string {
	if !e.disk {
		return ""
	}
	for dir := path.Dir(e.path); dir != path.Dir(dir); dir = path.Dir(dir) {
		if path.Base(dir) != "chats" {
			continue
		}
		raw, err := readSmall(path.Join(path.Dir(dir), ".project_root"), 4096)
		root := string(bytes.TrimSpace(raw))
		if err != nil || !path.IsAbs(root) {
			return ""
		}
		return path.Clean(root)
	}
	return ""
}

// folderOfHash finds the folder with a SHA-256 sum among those that lie above
// the paths in a call's arguments; "" when it is none of them.
func folderOfHash(hash string, args json.RawMessage) string {
	var values map[string]json.RawMessage
	if len(hash) != sha256.Size*2 || json.Unmarshal(args, &values) != nil {
		return ""
	}
	tried := 0
	for _, name := range sortedKeys(values) {
		var at string
		if json.Unmarshal(values[name], &at) != nil || !path.IsAbs(at) || len(at) > 4096 {
			continue
		}
		for at = path.Clean(at); at != "/" && tried < 200; at = path.Dir(at) {
			tried++
			if sum := sha256.Sum256([]byte(at)); hex.EncodeToString(sum[:]) == hash {
				return at
			}
		}
	}
	return ""
}
