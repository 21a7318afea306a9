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
	return readLines(ctx, e, out, p.begin(e, out))
}

func (p *events) begin(e *entry, out *emitter) transcript {
	t := &eventLines{e: e, out: out, project: e.dir(), position: map[string]int{}}
	name := strings.TrimSuffix(e.base(), ".jsonl")
	if t.project == "." || t.project == "/" || t.project == ".." {
		t.project = name
	}
	t.session = t.project + "/" + name
	return t
}

// eventLines is the state of reading one file.
type eventLines struct {
	e                *entry
	out              *emitter
	project, session string
	position         map[string]int // by session
}

func (t *eventLines) line(ctx context.Context, number int, line []byte) error {
	rec, err := eventLine(line)
	if err != nil {
		t.out.malformed(t.e.name, number, err.Error())
		return nil
	}
	if r := rec.Task; r != nil {
		r.ProjectID = orElse(r.ProjectID, t.project)
		r.SessionID = orElse(r.SessionID, t.session)
		return t.out.task(ctx, r, t.e.name, number)
	}
	a := rec.Action
	a.ProjectID = orElse(a.ProjectID, t.project)
	a.SessionID = orElse(a.SessionID, t.session)
	t.position[a.SessionID]++
	switch {
	case a.CallID != "":
		a.ID = learn.EventID(a.SessionID, a.CallID)
	case !learn.ValidID(a.ID):
		a.ID = learn.PositionID("events/"+t.session, a.SessionID, t.position[a.SessionID])
	}
	return t.out.action(ctx, a, t.e.name, number)
}

func (t *eventLines) close(context.Context) error { return nil }

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
