package intake

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"lathe/learn"
)

// openAIChat reads chat messages with tool calls in OpenAI's form: a JSON array
// of runs (tau-bench: task_id, trial, reward, traj), one run with messages, a
// bare array of messages, or one of these a line.
type openAIChat struct{}

func (p *openAIChat) wants(name string) bool {
	return hasExt(name, ".json", ".jsonl", ".json.gz", ".jsonl.gz")
}

func (p *openAIChat) finish(context.Context, *emitter) error { return nil }

// chatRun is one run. Of the several names for the same thing, one is there.
type chatRun struct {
	TaskID         json.RawMessage `json:"task_id"`
	Trial          json.RawMessage `json:"trial"`
	SessionID      string          `json:"session_id"`
	ConversationID string          `json:"conversation_id"`
	Reward         *float64        `json:"reward"`
	Messages       json.RawMessage `json:"messages"`
	Traj           json.RawMessage `json:"traj"`
	Trajectory     json.RawMessage `json:"trajectory"`
	Role           string          `json:"role"` // set: it is a message
}

// chatMessage is one message.
type chatMessage struct {
	Role       string          `json:"role"`
	Name       string          `json:"name"`
	Content    json.RawMessage `json:"content"`
	ToolCallID string          `json:"tool_call_id"`
	ToolCalls  json.RawMessage `json:"tool_calls"` // of chatCall

	FunctionCall *chatFunction `json:"function_call"` // the older form
}

type chatCall struct {
	ID       string       `json:"id"`
	Function chatFunction `json:"function"`
}

type chatFunction struct {
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"` // JSON, usually within a string
}

func (p *openAIChat) entry(ctx context.Context, e *entry, out *emitter) error {
	if hasExt(e.path, ".jsonl") {
		index := 0
		return lines(ctx, e, out, func(number int, line []byte) error {
			index++
			return p.value(ctx, e, out, line, number, index)
		})
	}
	r := bufio.NewReader(e.r)
	first, err := firstByte(r)
	if err != nil {
		out.malformed(e.name, 0, jsonProblem(err, e.limits.MaxDocument))
		return nil
	}
	doc := newLimited(r, e.limits.MaxDocument)
	dec := json.NewDecoder(doc)
	if first != '[' {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			out.malformed(e.name, 0, jsonProblem(err, e.limits.MaxDocument))
			return nil
		}
		return p.value(ctx, e, out, raw, 0, 1)
	}
	return p.array(ctx, e, out, dec, doc)
}

// firstByte peeks at the first byte that is no white space.
func firstByte(r *bufio.Reader) (byte, error) {
	for {
		c, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		if !strings.ContainsRune(" \t\r\n\ufeff", rune(c)) {
			return c, r.UnreadByte()
		}
	}
}

// array reads runs one by one, or messages, whichever the array holds.
func (p *openAIChat) array(ctx context.Context, e *entry, out *emitter, dec *json.Decoder, doc *limited) error {
	c := newChat()
	var stop error
	err := elements(dec, func(i int) error {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		if role(raw) != "" {
			if err := c.raw(raw); err != nil {
				out.malformed(e.name, 0, fmt.Sprintf("message %d: %s", i, jsonProblem(err, e.limits.MaxDocument)))
			}
			return nil
		}
		doc.grant()
		stop = p.value(ctx, e, out, raw, 0, i)
		return stop
	})
	if stop != nil {
		return stop
	}
	if err != nil {
		out.malformed(e.name, 0, jsonProblem(err, e.limits.MaxDocument))
		return nil
	}
	return p.emit(ctx, e, out, c, &chatRun{}, 0, 0)
}

func role(raw json.RawMessage) string {
	var m struct {
		Role string `json:"role"`
	}
	if json.Unmarshal(raw, &m) != nil {
		return ""
	}
	return m.Role
}

// value reads one run.
func (p *openAIChat) value(ctx context.Context, e *entry, out *emitter, raw json.RawMessage, line, index int) error {
	var run chatRun
	c := newChat()
	var err error
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) {
		run.Messages = raw
	} else if err = json.Unmarshal(raw, &run); err == nil && run.Role != "" {
		err = errors.New("a message stands where a run should: put the messages of a run into one array")
	}
	if err == nil {
		err = c.messages(firstOf(run.Messages, run.Traj, run.Trajectory))
	}
	if err != nil {
		out.malformed(e.name, line, fmt.Sprintf("run %d: %s", index, jsonProblem(err, e.limits.MaxDocument)))
		return nil
	}
	return p.emit(ctx, e, out, c, &run, line, index)
}

func firstOf(raws ...json.RawMessage) json.RawMessage {
	for _, r := range raws {
		if len(r) > 0 && string(r) != "null" {
			return r
		}
	}
	return nil
}

func (p *openAIChat) emit(ctx context.Context, e *entry, out *emitter, c *chat, run *chatRun, line, index int) error {
	if len(c.calls) == 0 && (c.prompt == "" || run.Reward == nil) {
		return nil // nothing was done, and nobody judged that
	}
	s := &session{project: e.base(), agent: "openai-chat", prompt: c.prompt, calls: c.calls}
	s.id = firstText(run.SessionID, run.ConversationID)
	if s.id == "" {
		s.id = e.base() + "/" + strings.Trim(string(run.TaskID), `"`) + "/" + strings.Trim(string(run.Trial), `"`)
		if run.TaskID == nil {
			s.id = fmt.Sprintf("%s/%d", e.base(), index)
		}
		// The same task is run by many models into files of the same name.
		s.id += "." + s.fingerprint()
	}
	s.task = s.id
	s.pace(e.modified)
	c.identify(s, "openai-chat")
	if err := s.emit(ctx, out, e.name); err != nil {
		return err
	}
	outcome, kind := learn.OutcomeUnknown, learn.VerificationKind("")
	if run.Reward != nil {
		outcome, kind = learn.OutcomeFailure, learn.VerifyBenchmark
		if *run.Reward >= 1-1e-6 {
			outcome = learn.OutcomeSuccess
		}
	}
	end := s.finish(outcome, kind)
	if run.TaskID != nil && run.Trial != nil { // trials of one task are comparable with each other, not with other tasks
		end.ProblemType = "task " + strings.Trim(string(run.TaskID), `"`)
	}
	return out.task(ctx, end, e.name, line)
}

func firstText(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
