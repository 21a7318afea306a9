package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"lathe/learn"
)

// events reads Lathe's own form: JSON lines, each an ActionOutcome, or a
// TaskRecord, which its phase tells, or either as the log stores it, under
// "action" or "task". A line without project or session gets them from the
// file's path: .../project/session.jsonl. Unknown fields are refused, because
// a misspelt one would be lost without a word.
type events struct{}

func (p *events) wants(name string) bool {
	return hasExt(name, ".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
}

func (p *events) entry(ctx context.Context, e *entry, out *emitter) error {
	project, session := e.dir(), strings.TrimSuffix(e.base(), ".jsonl")
	if project == "." || project == "/" || project == ".." {
		project = session
	}
	session = project + "/" + session
	position := map[string]int{} // by session
	return lines(ctx, e, out, func(number int, line []byte) error {
		rec, err := eventLine(line)
		if err != nil {
			out.malformed(e.name, number, err.Error())
			return nil
		}
		if t := rec.Task; t != nil {
			t.ProjectID = orElse(t.ProjectID, project)
			t.SessionID = orElse(t.SessionID, session)
			return out.task(ctx, t, e.name, number)
		}
		a := rec.Action
		a.ProjectID = orElse(a.ProjectID, project)
		a.SessionID = orElse(a.SessionID, session)
		position[a.SessionID]++
		switch {
		case a.CallID != "":
			a.ID = learn.EventID(a.SessionID, a.CallID)
		case !learn.ValidID(a.ID):
			a.ID = learn.PositionID("events/"+session, a.SessionID, position[a.SessionID])
		}
		return out.action(ctx, a, e.name, number)
	})
}

func (p *events) finish(context.Context, *emitter) error { return nil }

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

// eventLine decodes one line.
func eventLine(line []byte) (learn.Record, error) {
	var shape struct {
		Phase  json.RawMessage `json:"phase"`
		Action json.RawMessage `json:"action"`
		Task   json.RawMessage `json:"task"`
	}
	if err := json.Unmarshal(line, &shape); err != nil {
		return learn.Record{}, fmt.Errorf("not a JSON object (%w): each line is one event", err)
	}
	var rec learn.Record
	var target any
	switch {
	case shape.Action != nil || shape.Task != nil:
		target = &rec
	case shape.Phase != nil:
		rec.Task = &learn.TaskRecord{}
		target = rec.Task
	default:
		rec.Action = &learn.ActionOutcome{}
		target = rec.Action
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(target); err != nil {
		return rec, fmt.Errorf("not an event (%w): use the fields of ActionOutcome or TaskRecord", err)
	}
	if (rec.Action == nil) == (rec.Task == nil) {
		return rec, fmt.Errorf("holds no event, or two: each line is one event")
	}
	return rec, nil
}
