package server

import (
	"context"
	"errors"
	"fmt"

	"lathe/learn"
	"lathe/learn/llm"
	"lathe/server/review"
	"lathe/toolforge"
)

// toolWriter is the configured model as a writer of tools.
type toolWriter struct{ m *models }

// WriteTool implements toolforge.Writer.
func (w toolWriter) WriteTool(ctx context.Context, ask learn.ToolAsk) (learn.ToolDraft, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	return llm.WriteTool(ctx, w.m.desk, llm.Asked{Model: w.m.provider, Source: learn.HypothesisProvider, Name: w.m.provider.Name()}, ask)
}

// writeTime bounds the time that one draft may take: a local model writes a
// few thousand tokens.
const writeTime = 10 * modelTime

// writes reports whether there is a model that can write tools.
func (d *Daemon) writes() bool { return d.models.provider != nil }

// written lets the model write a tool for an opportunity and puts what passed
// into the queue. language is python when empty, or shell. former and question begin with a tool that is there.
func (d *Daemon) written(ctx context.Context, o learn.ToolOpportunity, language string, former *learn.ToolDraft, question string, progress func(learn.Check)) (Forged, error) {
	spec := learn.ToolSpecification{Name: toolforge.ToolName(o.Name), Description: o.Description, Examples: o.Examples, Evidence: o.Evidence}
	if spec.Description == "" && len(o.Skeletons) > 0 {
		spec.Description = "The same as: " + o.Skeletons[0]
	}
	author := toolforge.Author{Writer: toolWriter{d.models}, Language: language, Validate: func(ctx context.Context, tool learn.ProposedTool) (learn.ValidationResult, error) {
		f, err := d.forge.check(ctx, tool, progress)
		return f.Validation, err
	}}
	w, err := author.Write(ctx, spec, former, question)
	out := Forged{Tool: w.Tool, Validation: w.Validation, Rounds: w.Rounds}
	if err != nil || w.Unchanged || !w.Validation.Passed {
		return out, err
	}
	w.Tool.Manifest.Provenance.OpportunityID = o.OpportunityID
	if o.Kind == "request" {
		w.Tool.Manifest.Provenance.Author = authorAgent
	}
	tool, err := toolforge.Seal(w.Tool)
	if err != nil {
		return out, err
	}
	// Validated once more on the way into the queue: from what is known, as
	// long as nothing changed.
	proposed, err := d.forge.propose(ctx, o.ProjectID, tool, o.Evidence, nil)
	proposed.Rounds = w.Rounds
	return proposed, err
}

// revise gives a reviewer's question back to the model that may write tools. A
// draft that passes takes the place of the proposal.
func (d *Daemon) revise(ctx context.Context, it *review.Item, question string) error {
	if it.Tool == nil || !d.writes() || it.State != learn.StateInReview {
		return nil
	}
	former := it.Tool.Tool
	draft := toolforge.DraftOf(former)
	o := learn.ToolOpportunity{OpportunityID: former.Manifest.Provenance.OpportunityID, Name: former.Manifest.Name, Description: former.Manifest.Description,
		ProjectID: it.Project, Examples: former.Spec.Examples, Evidence: it.Evidence}
	out, err := d.written(ctx, o, former.Manifest.Language, &draft, question, nil)
	switch {
	case errors.Is(err, llm.ErrDropped) || errors.Is(err, toolforge.ErrUnwritten):
		d.logger.Info("a question led to no other draft", "proposal", it.ID, "why", err)
		return nil
	case err != nil:
		return fmt.Errorf("revise %s: %w", it.Title, err)
	}
	return d.replace(ctx, *it, out.ReviewID)
}

// replace withdraws a proposal that another one takes the place of.
func (d *Daemon) replace(ctx context.Context, old review.Item, by string) error {
	if by == "" || by == old.ID || old.State != learn.StateInReview {
		return nil
	}
	change := learn.StateChange{ObjectID: old.ID, From: old.State, To: learn.StateRejected, ReplacedBy: by,
		Reason: "changed: " + by + " takes its place", Timestamp: d.now()}
	if err := d.writeLedger(ctx, learn.EntryState, old.ID, old.Project, change, nil); err != nil {
		return err
	}
	return d.ledgerSettled(ctx)
}
