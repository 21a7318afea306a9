package lsp

import (
	"context"
	"errors"
	"time"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
)

// callTime is how long the editor may take to answer a call of ours.
const callTime = 20 * time.Second

// showEvidence opens the page with a proposal's evidence, or says in short
// what it is.
func (c *connection) showEvidence(p *Proposal) {
	c.show(p.EvidenceURL, oneLine(p.Title, 80)+": "+oneLine(p.Summary, 300))
}

// showUnlock opens the page where the reviewer unlocks this connection.
func (c *connection) showUnlock(p *Proposal) {
	if c.server.o.ReviewURL == nil {
		c.say(protocol.MessageTypeWarning, "This daemon has no review page (it was switched off): decide with `lathe review`.")
		return
	}
	c.show(c.server.o.ReviewURL(c.id, p.ID), "Unlock this editor on the review page, then take the action again")
}

// showClarify opens the page where the question is written.
func (c *connection) showClarify(p *Proposal) {
	text := "Write your question about “" + oneLine(p.Title, 80) + "” on the review page"
	switch {
	case webLink(p.EvidenceURL) != "":
		c.show(p.EvidenceURL, text)
	case c.server.o.ReviewURL != nil:
		c.show(c.server.o.ReviewURL(c.id, p.ID), text)
	default:
		c.say(protocol.MessageTypeInfo, "Ask with `lathe review clarify "+cut(p.ID, 60)+"`.")
	}
}

// show opens link in the browser where the editor can do that; else, or when
// it fails, the person is told text and the address.
func (c *connection) show(link, text string) {
	link = webLink(link)
	if link == "" {
		c.say(protocol.MessageTypeInfo, text+".")
		return
	}
	c.mu.Lock()
	can := c.can.showDocument
	c.mu.Unlock()
	if !can {
		c.say(protocol.MessageTypeInfo, text+": "+link)
		return
	}
	c.background("window/showDocument", func(ctx context.Context) {
		var result protocol.ShowDocumentResult
		_, err := c.rpc.Call(ctx, protocol.MethodWindowShowDocument,
			&protocol.ShowDocumentParams{URI: uri.URI(link), External: new(true), TakeFocus: new(true)}, &result)
		c.logCall("window/showDocument", err)
		if err != nil || !result.Success {
			c.say(protocol.MessageTypeInfo, text+": "+link)
		}
	})
}

// tell shows a message that nobody asked for.
func (c *connection) tell(text string) { c.say(protocol.MessageTypeInfo, text) }

// say shows a message in the editor.
func (c *connection) say(kind protocol.MessageType, text string) {
	err := c.rpc.Notify(c.ctx, protocol.MethodWindowShowMessage, &protocol.ShowMessageParams{Type: kind, Message: "Lathe: " + text})
	c.logCall("window/showMessage", err)
}

func (c *connection) logCall(method string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		c.log.Debug("lsp: the editor did not take a call", "method", method, "why", err)
	}
}
