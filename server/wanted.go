package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"lathe/learn"
	"lathe/mcp"
	"lathe/server/review"
	"lathe/toolforge"
)

// WantedCall asks what should be a tool.
type WantedCall struct {
	// All lists what is not worth a tool too, and what one does already.
	All bool `json:"all,omitempty"`
}

// RequestCall asks for a tool on behalf of a person.
type RequestCall struct {
	mcp.ToolRequest
	ProjectID string `json:"project_id"`
}

// serveWanted serves opportunities and requests.
func (d *Daemon) serveWanted(mux *http.ServeMux) {
	answer(d, mux, "GET /v1/opportunities", func(context.Context, nothing) ([]learn.ToolOpportunity, error) {
		return d.opportunities(false), nil
	})
	answer(d, mux, "POST /v1/opportunities", func(_ context.Context, c WantedCall) ([]learn.ToolOpportunity, error) {
		return d.opportunities(c.All), nil
	})
}

// opportunities asks the finder, after telling it what people decided and
// which failures nothing fixes.
func (d *Daemon) opportunities(all bool) []learn.ToolOpportunity {
	f := d.learners.finder
	f.SetJudgements(judgements(d.queue.List()))
	if all {
		return f.All()
	}
	return f.Opportunities()
}

// judgements are the decisions on tools that came of opportunities.
func judgements(items []review.Item) []toolforge.Judgement {
	var out []toolforge.Judgement
	for _, it := range items {
		if it.Tool == nil || it.Tool.Tool.Manifest.Provenance.OpportunityID == "" {
			continue
		}
		for _, dec := range it.Decisions {
			if dec.Verdict == learn.VerdictRequestClarification {
				continue
			}
			out = append(out, toolforge.Judgement{OpportunityID: it.Tool.Tool.Manifest.Provenance.OpportunityID,
				Approved: dec.Verdict == learn.VerdictApprove, Reason: dec.Reason, At: dec.Timestamp})
		}
	}
	return out
}

// opportunity finds one of all.
func (d *Daemon) opportunity(id string) (learn.ToolOpportunity, error) {
	return NamedOpportunity(d.opportunities(true), id)
}

// NamedOpportunity finds an opportunity by its id or its name, or by the
// beginning of either that no other has: of an id at least four characters.
func NamedOpportunity(all []learn.ToolOpportunity, id string) (learn.ToolOpportunity, error) {
	var found []learn.ToolOpportunity
	for _, o := range all {
		if id != "" && (o.OpportunityID == id || o.Name == id) {
			return o, nil
		}
		if id != "" && strings.HasPrefix(o.Name, id) || len(id) >= minPrefix && strings.HasPrefix(o.OpportunityID, strings.ToLower(id)) {
			found = append(found, o)
		}
	}
	switch len(found) {
	case 0:
		return learn.ToolOpportunity{}, fmt.Errorf("there is no opportunity %.80q: see `lathe tool opportunities --all`", id)
	case 1:
		return found[0], nil
	}
	return learn.ToolOpportunity{}, fmt.Errorf("%.80q begins %d opportunities, such as %s and %s: give more of it", id, len(found), found[0].Name, found[1].Name)
}

// request makes a tool that a person or an agent asked for: from commands, or
// by the model when there is one and no command, or none that tells enough.
func (d *Daemon) request(ctx context.Context, c RequestCall, language string, progress func(learn.Check)) (Forged, error) {
	c, err := d.cleanRequest(c)
	if err != nil {
		return Forged{}, err
	}
	bare := strings.TrimSpace(c.Command) == ""
	if bare && !d.writes() {
		return Forged{}, errors.New("command is missing: give one command line that does it once, and more as examples; without a language model a tool is made from commands")
	}
	o, err := d.asked(ctx, c)
	if err != nil {
		return Forged{}, err
	}
	if bare {
		return d.written(ctx, o, language, nil, "", progress)
	}
	out, err := d.forge.make(ctx, o, language, progress)
	if errors.Is(err, toolforge.ErrNotForgeable) && d.writes() {
		return d.written(ctx, o, language, nil, "", progress)
	}
	return out, err
}

// asked notes a request, in the ledger first of all: no record holds it.
func (d *Daemon) asked(ctx context.Context, c RequestCall) (learn.ToolOpportunity, error) {
	o := d.learners.finder.Request(c.ProjectID, c.Name, c.Description, strings.TrimSpace(c.Command), d.now())
	for _, line := range c.Examples {
		o.Examples = append(o.Examples, learn.ToolExample{Command: line})
	}
	e, err := learn.NewEntry(learn.EntryOpportunity, o.OpportunityID, o.ProjectID, o.Timestamp, o, o.Evidence)
	if err != nil {
		return o, err
	}
	release, err := d.enter()
	if err != nil {
		return o, err
	}
	defer release()
	return o, ledgerLog{d.log}.WriteLedger(ctx, []learn.LedgerEntry{e})
}

// proposed puts a finished tool before the reviewer. The proposal that it takes
// the place of is withdrawn once it passed, and lends it its evidence: nobody
// has to decide on both.
func (d *Daemon) proposed(ctx context.Context, c ForgeCall, progress func(learn.Check)) (Forged, error) {
	evidence, project := c.Tool.Spec.Evidence, ""
	var old review.Item
	if c.Replaces != "" {
		var err error
		if old, err = d.queue.Get(c.Replaces); err != nil {
			return Forged{}, err
		}
		evidence, project = old.Evidence, old.Project
	}
	out, err := d.forge.propose(ctx, project, *c.Tool, evidence, progress)
	if err != nil {
		return out, err
	}
	return out, d.replace(ctx, old, out.ReviewID)
}
