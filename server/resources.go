package server

import (
	"context"
	"encoding/json"
	"fmt"

	"lathe/learn/monitor"
	"lathe/learn/trial"
	"lathe/mcp"
)

// absent is mcp.ErrNotFound in words of its own.
type absent string

func (a absent) Error() string        { return string(a) }
func (a absent) Is(target error) bool { return target == mcp.ErrNotFound }

// noSuch says that something is not there, or not for this project.
func noSuch(format string, a ...any) error { return absent(fmt.Sprintf(format, a...)) }

// Resource reads a lathe:// resource as far as the scope may see it.
func (b backend) Resource(ctx context.Context, s mcp.Scope, kind, id string) (json.RawMessage, error) {
	var v any
	switch kind {
	case "kpi":
		project := s.ProjectID
		if id != "" {
			if err := claim(s, id); err != nil {
				return nil, absent(err.Error())
			}
			project = id
		}
		k := b.d.kpis(monitor.Filter{ProjectID: project})
		k.Effects.Objects = []trial.Effect{} // of all projects: none of an agent's business
		v = k
	case "tool":
		for _, m := range b.d.forge.active() {
			if m.Name == id {
				// What was recorded stays in the project that it came from.
				m.Examples, m.Provenance.Evidence = nil, nil
				v = m
			}
		}
	case "proposal":
		status, err := b.ReviewStatus(ctx, s, id)
		if err != nil {
			return nil, err
		}
		v = status.Items[0]
	case "report": // by its own id while it is remembered, or by the event's
		kept, ok, err := b.d.findReport(ctx, id)
		if err != nil {
			return nil, err
		}
		if ok && (s.Import || kept.ProjectID == s.ProjectID) {
			v = kept
			break
		}
		report, err := b.plain(ctx, s, mcp.Failure{EventID: id})
		if err != nil {
			return nil, err
		}
		v = report
	case "graph":
		return b.d.graphFor(ctx, id, s.ProjectID)
	case "strategy":
		return b.d.strategyResource(ctx, s, id)
	default:
		return nil, noSuch("there are no lathe://%.40s resources", kind)
	}
	if v == nil {
		return nil, noSuch("there is no %s %.80q", kind, id)
	}
	return json.Marshal(v)
}
