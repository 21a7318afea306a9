package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/learn/trial"
	"lathe/mcp"
)

// strategyDetail is lathe://strategy/{id}: the strategy with the calls that it
// was learned from, as far as the reader may see them, and what trials say.
type strategyDetail struct {
	learn.ProvenStrategy
	// Calls are the evidence, looked up. What belongs to another project is
	// only counted, and so is what is not in the log any more.
	Calls             []evidenceCall `json:"calls"`
	EvidenceElsewhere int            `json:"evidence_elsewhere"`
	EvidenceGone      int            `json:"evidence_gone"`
	// Measured is what trials say, when they said anything.
	Measured *trial.Effect `json:"measured,omitempty"`
}

// evidenceCall is one event of the evidence.
type evidenceCall struct {
	EventID   string       `json:"event_id"`
	Timestamp time.Time    `json:"timestamp"`
	SessionID string       `json:"session_id"`
	TaskID    string       `json:"task_id,omitempty"`
	ToolName  string       `json:"tool_name"`
	Call      string       `json:"call"` // cut, safe to show
	Status    learn.Status `json:"status"`
}

// maxEvidenceCalls bounds the calls that are looked up.
const maxEvidenceCalls = 50

// object reads what the ledger last told of an object.
func (d *Daemon) object(ctx context.Context, kind learn.EntryKind, id string, into any) (bool, error) {
	d.searchable(ctx)
	e, ok, err := d.index.Object(ctx, kind, id)
	if err != nil || !ok {
		return false, err
	}
	if err := json.Unmarshal(e.Body, into); err != nil {
		return false, fmt.Errorf("%s %s: %w", kind, id, err)
	}
	return true, nil
}

func (d *Daemon) strategyResource(ctx context.Context, s mcp.Scope, id string) (json.RawMessage, error) {
	out := strategyDetail{Calls: []evidenceCall{}}
	ok, err := d.object(ctx, learn.EntryStrategy, id, &out.ProvenStrategy)
	if err != nil {
		return nil, err
	}
	if !ok || out.ProjectID != "" && out.ProjectID != s.ProjectID && !s.Import {
		return nil, noSuch("there is no strategy %.80q in this project; recall names those that fit", id)
	}
	kept := []string{}
	for _, event := range head(out.Evidence, maxEvidenceCalls) {
		rec, err := d.log.Record(ctx, event)
		switch {
		case errors.Is(err, eventlog.ErrNotFound) || err == nil && rec.Action == nil:
			out.EvidenceGone++
		case err != nil:
			return nil, err
		case rec.Action.ProjectID != s.ProjectID && !s.Import:
			out.EvidenceElsewhere++
		default:
			kept = append(kept, event)
			out.Calls = append(out.Calls, callOfEvidence(rec.Action))
		}
	}
	out.Evidence = kept
	if e, ok := d.learners.trial.EffectOf(learn.AdviceStrategy, id); ok {
		out.Measured = &e
	}
	return json.Marshal(out)
}

func callOfEvidence(ev *learn.ActionOutcome) evidenceCall {
	call := ev.Command()
	if call == "" {
		call = string(ev.ToolParameters)
	}
	return evidenceCall{EventID: ev.ID, Timestamp: ev.Timestamp, SessionID: ev.SessionID, TaskID: ev.TaskID, ToolName: ev.ToolName,
		Call: learn.Shown(call, 200), Status: ev.Status}
}
