package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"

	"lathe/learn"
)

// decideTime is how long making a decision durable may take.
const decideTime = 30 * time.Second

// maxReason is the most bytes of a reason or question.
const maxReason = 4000

// executeCommand runs a command beside the reading goroutine.
func (c *connection) executeCommand(ctx context.Context, req *jsonrpc2.Request) (any, error) {
	p, err := decode[protocol.ExecuteCommandParams](req)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	t, proposal, err := c.target(p)
	signer := c.signer
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	switch p.Command {
	case commandEvidence:
		c.showEvidence(proposal)
		return nil, nil
	case commandUnlock:
		c.showUnlock(proposal)
		return nil, nil
	case commandApprove:
		if signer == nil {
			c.showUnlock(proposal)
			return nil, failed("%s: not approved: %v", oneLine(proposal.Title, 80), ErrLocked)
		}
		return c.decide(ctx, proposal, t, learn.VerdictApprove, signer)
	case commandReject:
		return c.decide(ctx, proposal, t, learn.VerdictReject, signer)
	case commandClarify:
		if t.Reason == "" {
			c.showClarify(proposal)
			return nil, nil
		}
		return c.decide(ctx, proposal, t, learn.VerdictRequestClarification, signer)
	default:
		return nil, jsonrpc2.Errorf(jsonrpc2.InvalidParams, "lathe has no command %s", short(p.Command))
	}
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
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	default:
		return nil, failed("%s: too many commands are under way; wait a moment and try again", oneLine(p.Title, 80))
	}
	jsonrpc2.Async(request)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), decideTime)
	defer cancel()
	err := c.server.o.Proposals.Decide(ctx, p.ID, t.ContentHash, v, t.Reason, s)
	if errors.Is(err, ErrLocked) {
		c.showUnlock(p)
	}
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
