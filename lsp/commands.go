package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"

	"lathe/learn"
)

// decideTime is how long making a decision durable may take.
const decideTime = 30 * time.Second

// maxReason is the most bytes of a reason or question.
const maxReason = 4000

// executeCommand runs a command and records what became of it.
func (c *connection) executeCommand(ctx context.Context, req *jsonrpc2.Request) (any, error) {
	p, err := decode[protocol.ExecuteCommandParams](req)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(commandNames(), p.Command) {
		return nil, jsonrpc2.Errorf(jsonrpc2.InvalidParams, "lathe has no command %s", short(p.Command))
	}
	began := c.server.o.Now()
	var subject string
	var result any
	c.report(p.WorkDoneToken, strings.TrimPrefix(p.Command, "lathe."), func() { subject, result, err = c.command(ctx, p) })
	c.noteCommand(p.Command, subject, began, err)
	return result, err
}

// command runs a command; subject is the proposal or remedy that it is about.
func (c *connection) command(ctx context.Context, p *protocol.ExecuteCommandParams) (subject string, result any, err error) {
	switch p.Command {
	case commandMute, commandUnmute:
		c.mute(p.Command == commandMute)
		return "", nil, nil
	case commandHistory:
		if len(p.Arguments) != 1 {
			return "", nil, badArgument(p.Command, "{fact}", nil)
		}
		return "", nil, c.history(p.Arguments[0])
	case commandFix, commandWorked, commandFailed:
		return c.fixCommand(ctx, p)
	}
	return c.proposalCommand(ctx, p)
}

func (c *connection) mute(off bool) {
	c.mu.Lock()
	c.mutes.off = off
	c.mu.Unlock()
	if off {
		c.tell("no more messages about new proposals, until the editor is restarted or lathe.unmute.")
	}
}

// badArgument says what a command wants.
func badArgument(command, want string, err error) error {
	why := "it wants one"
	if err != nil {
		why = cut(err.Error(), 100)
	}
	return jsonrpc2.Errorf(jsonrpc2.InvalidParams, "lathe: the argument of %s is not %s: %s", short(command), want, why)
}

func (c *connection) fixCommand(ctx context.Context, p *protocol.ExecuteCommandParams) (subject string, result any, err error) {
	const want = "{remedy_id, path}"
	var t fixTarget
	if len(p.Arguments) != 1 {
		return "", nil, badArgument(p.Command, want, nil)
	}
	if err := json.Unmarshal(p.Arguments[0], &t); err != nil {
		return "", nil, badArgument(p.Command, want, err)
	}
	if t.RemedyID == "" || len(t.RemedyID) > 200 || c.server.o.Experience == nil {
		return "", nil, badArgument(p.Command, want, nil)
	}
	if p.Command == commandFix {
		result, err = c.useFix(t)
		return t.RemedyID, result, err
	}
	if c.server.o.Judge == nil {
		return t.RemedyID, nil, failed("this daemon takes no word on fixes")
	}
	leave, err := c.beside(ctx, "your word on this fix")
	if err != nil {
		return t.RemedyID, nil, err
	}
	defer leave()
	result, err = c.judgeFix(t, p.Command == commandWorked)
	return t.RemedyID, result, err
}

// proposalCommand runs a command about a proposal.
func (c *connection) proposalCommand(ctx context.Context, p *protocol.ExecuteCommandParams) (subject string, result any, err error) {
	c.mu.Lock()
	t, proposal, err := c.target(p)
	signer := c.signer
	c.mu.Unlock()
	if err != nil {
		c.refused(p.Command, t, err)
		return t.ProposalID, nil, err
	}
	switch {
	case p.Command == commandEvidence:
		c.showEvidence(proposal)
	case p.Command == commandUnlock:
		c.showUnlock(proposal)
	case p.Command == commandClarify && t.Reason == "":
		c.showClarify(proposal)
	case signer == nil:
		c.showUnlock(proposal)
		err = lockedError{failed("%s: not decided: %v", oneLine(proposal.Title, 80), ErrLocked)}
		c.refused(p.Command, t, err)
	default:
		result, err = c.decide(ctx, proposal, t, verdicts[p.Command], signer)
	}
	return t.ProposalID, result, err
}

// refused tells of a decision that goes no further. Beside the connection's
// path: it waits for a disk.
func (c *connection) refused(command string, t target, why error) {
	v, decides := verdicts[command]
	if !decides || t.ProposalID == "" || c.server.o.Refused == nil || command == commandClarify && t.Reason == "" {
		return
	}
	r := Refusal{ProposalID: cut(t.ProposalID, 200), ContentHash: cut(t.ContentHash, 200), Verdict: v, Editor: c.describe().Editor, Why: cut(why.Error(), 300)}
	c.background("refusal", func(ctx context.Context) { c.server.o.Refused(context.WithoutCancel(ctx), r) })
}

// verdicts are the commands that decide.
var verdicts = map[string]learn.Verdict{commandApprove: learn.VerdictApprove, commandReject: learn.VerdictReject,
	commandClarify: learn.VerdictRequestClarification}

// lockedError marks what a person was only asked to unlock for: it did not fail.
type lockedError struct{ error }

func (e lockedError) Unwrap() error { return e.error }

// taken is the body of the event about a command.
type taken struct {
	Command string `json:"action"`
	Subject string `json:"subject,omitempty"` // a proposal or a remedy
	Path    string `json:"path,omitempty"`
}

func (c *connection) noteCommand(command, subject string, began time.Time, err error) {
	c.mu.Lock()
	path := c.offers.take(subject)
	c.mu.Unlock()
	c.note(path, ToolCommand, taken{command, subject, path}, func(ev *learn.ActionOutcome) {
		ev.ResourceMetrics.DurationMS = float64(c.server.o.Now().Sub(began).Microseconds()) / 1000
		var locked lockedError
		switch {
		case errors.As(err, &locked):
			ev.Status, ev.ToolOutput.Content = learn.StatusInterrupted, "this editor is not unlocked; its unlock page was shown"
		case err != nil:
			ev.Status, ev.ErrorDetails = learn.StatusFailure, &learn.ErrorDetails{Message: cut(err.Error(), 500)}
		default:
			ev.ToolOutput.Content = "done"
		}
	})
}

// beside leaves the reading goroutine, for work that waits for a disk.
func (c *connection) beside(request context.Context, what string) (leave func(), err error) {
	select {
	case c.slots <- struct{}{}:
	default:
		return nil, failed("%s: too many commands are under way; wait a moment and try again", what)
	}
	jsonrpc2.Async(request)
	return func() { <-c.slots }, nil
}

// target reads a command's argument and finds the proposal that it is about,
// in the state that the person saw. mu is held.
func (c *connection) target(p *protocol.ExecuteCommandParams) (target, *Proposal, error) {
	var t target
	if len(p.Arguments) != 1 {
		return t, nil, jsonrpc2.Errorf(jsonrpc2.InvalidParams, "lathe: %s takes one argument, {proposal_id, content_hash}; it got %d", short(p.Command), len(p.Arguments))
	}
	if err := json.Unmarshal(p.Arguments[0], &t); err != nil {
		return t, nil, jsonrpc2.Errorf(jsonrpc2.InvalidParams, "lathe: the argument of %s is not {proposal_id, content_hash}: %s", short(p.Command), cut(err.Error(), 100))
	}
	if len(t.Reason) > maxReason {
		return t, nil, jsonrpc2.Errorf(jsonrpc2.InvalidParams, "lathe: the reason has %d bytes; the limit is %d", len(t.Reason), maxReason)
	}
	proposal := c.snap.byID[t.ProposalID]
	if proposal == nil {
		return t, nil, failed("proposal %.60q is not open any more: it was decided or withdrawn meanwhile. Ask for the code actions again.", t.ProposalID)
	}
	if proposal.ContentHash != t.ContentHash {
		return t, nil, failed("%s changed after this action was offered (you saw %.12q, now it is %.12q): look at it again, then decide.",
			oneLine(proposal.Title, 80), t.ContentHash, proposal.ContentHash)
	}
	return t, proposal, nil
}

// decided is a decision command's result.
type decided struct {
	ProposalID string        `json:"proposal_id"`
	Verdict    learn.Verdict `json:"verdict"`
}

// decide makes a decision. It leaves the reading goroutine first, and goes on
// when the editor leaves meanwhile.
func (c *connection) decide(request context.Context, p *Proposal, t target, v learn.Verdict, s Signer) (any, error) {
	leave, err := c.beside(request, oneLine(p.Title, 80))
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), decideTime)
	defer cancel()
	err = c.server.o.Proposals.Decide(ctx, p.ID, t.ContentHash, v, t.Reason, s)
	if err != nil {
		return nil, failed("%s: not decided: %s", oneLine(p.Title, 80), cut(err.Error(), 500))
	}
	c.mu.Lock()
	c.stale = true
	c.mu.Unlock()
	c.nudge()
	c.say(protocol.MessageTypeInfo, past(v)+" “"+oneLine(p.Title, 80)+"”.")
	return encode(decided{ProposalID: p.ID, Verdict: v})
}

func past(v learn.Verdict) string {
	switch v {
	case learn.VerdictApprove:
		return "Approved"
	case learn.VerdictReject:
		return "Rejected"
	default:
		return "Asked back about"
	}
}

func encode(v any) (jsonrpc2.RawMessage, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, failed("the result could not be encoded: %v", err)
	}
	return b, nil
}

// failed is the error of a request that was understood and not done. Editors
// show its message to the person.
func failed(format string, args ...any) error {
	return jsonrpc2.Errorf(jsonrpc2.Code(protocol.LSPErrorCodesRequestFailed), "Lathe: "+format, args...)
}
