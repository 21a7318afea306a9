package lsp

import (
	"encoding/json"
	"strings"

	"go.lsp.dev/protocol"
)

// The commands that code actions carry, each with one argument: a target.
const (
	commandEvidence = "lathe.evidence"
	commandApprove  = "lathe.approve"
	commandReject   = "lathe.reject"
	commandClarify  = "lathe.clarify"
	commandUnlock   = "lathe.unlock"
	// Their argument is a fixTarget.
	commandFix    = "lathe.fix"       // show what fixed it, to copy; or note that the edit was taken
	commandWorked = "lathe.fixWorked" // a person's word on it
	commandFailed = "lathe.fixDidNotWork"
	// Its argument is a factTarget.
	commandHistory = "lathe.history"
	// These have no argument.
	commandMute   = "lathe.mute" // no messages about new proposals
	commandUnmute = "lathe.unmute"
)

func commandNames() []string {
	return []string{commandEvidence, commandApprove, commandReject, commandClarify, commandUnlock,
		commandFix, commandWorked, commandFailed, commandHistory, commandMute, commandUnmute}
}

// maxActed is how many proposals of one place get actions.
const maxActed = 10

// target is a command's argument: what the person saw when they chose it.
type target struct {
	ProposalID  string `json:"proposal_id"`
	ContentHash string `json:"content_hash"`
	// Reason is a rejection's reason, or the question that is asked back; an
	// editor's own code may fill it in.
	Reason string `json:"reason,omitempty"`
}

func reference(p *Proposal) protocol.LSPAny {
	b, err := json.Marshal(target{ProposalID: p.ID, ContentHash: p.ContentHash})
	if err != nil {
		panic(err) // strings only
	}
	return b
}

// codeActions offers what can be done with the proposals on the lines asked about.
func (c *connection) codeActions(p *protocol.CodeActionParams) ([]protocol.CommandOrCodeAction, error) {
	out := []protocol.CommandOrCodeAction{}
	if !wanted(p.Context.Only) {
		return out, nil
	}
	fixes := c.fixesFor(p)
	c.mu.Lock()
	d := c.docs.get(string(p.TextDocument.URI))
	if d == nil {
		c.mu.Unlock()
		return out, nil
	}
	var made []offer
	for _, f := range fixes {
		if a := c.fixActions(d, f); len(a) > 0 {
			out = append(out, a...)
			made = append(made, offer{subject: f.RemedyID, path: d.paths[0]})
		}
	}
	proposed, more := c.proposalActions(d, p.Range)
	path := d.paths[0]
	c.mu.Unlock()
	c.noteOffers(path, append(made, more...))
	return append(out, proposed...), nil
}

// proposalActions are what can be done with the proposals of a range. mu is
// held.
func (c *connection) proposalActions(d *document, r protocol.Range) (out []protocol.CommandOrCodeAction, made []offer) {
	acted := 0
	for _, pl := range c.placements(d) {
		if pl.proposal == nil || !touches(pl.place, r) {
			continue
		}
		if acted++; acted > maxActed {
			break
		}
		for _, cmd := range c.commands(pl.proposal) {
			if cmd.Command == commandUnlock && acted > 1 {
				continue // once unlocks for all
			}
			out = append(out, c.action(cmd, pl))
		}
		made = append(made, offer{pl.proposal.ID, pl.proposal.ContentHash, d.paths[0]})
	}
	return out, made
}

// commands are what can be done with a proposal on this connection. mu is held.
func (c *connection) commands(p *Proposal) []protocol.Command {
	name := "“" + oneLine(p.Title, 60) + "”"
	arguments := []protocol.LSPAny{reference(p)}
	command := func(title, id string) protocol.Command {
		return protocol.Command{Title: "Lathe: " + title, Command: id, Arguments: arguments}
	}
	cmds := []protocol.Command{command("show evidence for "+name, commandEvidence)}
	switch {
	case c.signer != nil:
		cmds = append(cmds, command("approve "+name, commandApprove), command("reject "+name, commandReject))
	case c.server.o.ReviewURL != nil:
		cmds = append(cmds, command("Unlock this editor to approve or reject…", commandUnlock))
	}
	return append(cmds, command("request clarification of "+name, commandClarify))
}

// action wraps a command as the editor can take it.
func (c *connection) action(cmd protocol.Command, pl placement) protocol.CommandOrCodeAction {
	if !c.can.actionLiterals {
		return &cmd
	}
	kind := protocol.CodeActionKindQuickFix
	a := &protocol.CodeAction{Title: cmd.Title, Kind: &kind, Command: cmd, Diagnostics: c.diagnosticsOf(pl)}
	if pl.proposal.Generated && c.can.llmTag {
		a.Tags = []protocol.CodeActionTag{protocol.CodeActionTagLLMGenerated}
	}
	return a
}

// diagnosticsOf are what the editor shows of a placement.
func (c *connection) diagnosticsOf(pl placement) []protocol.Diagnostic {
	n, ok := noticeOf(pl)
	if !ok {
		return nil
	}
	return c.diagnostics([]notice{n})
}

// wanted reports whether quick fixes are among the kinds asked for.
func wanted(only []protocol.CodeActionKind) bool {
	if len(only) == 0 {
		return true
	}
	for _, k := range only {
		if k == "" || k == protocol.CodeActionKindQuickFix || strings.HasPrefix(string(protocol.CodeActionKindQuickFix), string(k)+".") {
			return true
		}
	}
	return false
}

// touches reports whether two ranges have a line in common: people put the
// cursor on a line, not on a character.
func touches(a, b protocol.Range) bool {
	return a.Start.Line <= b.End.Line && b.Start.Line <= a.End.Line
}
