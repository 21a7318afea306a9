package lsp

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
)

// publish is the publisher: it follows changes of proposals and documents,
// collects them for a moment, and tells the editor what is to be seen now.
func (c *connection) publish() {
	watch := c.server.o.Proposals.Watch()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-c.wake:
		case <-watch:
			c.mu.Lock()
			c.stale = true
			c.mu.Unlock()
		}
		if !pause(c.ctx, c.server.o.Debounce) {
			return
		}
		if c.isStale() {
			watch = c.server.o.Proposals.Watch() // before reading, so that no change is missed
			c.takeSnapshot()
		}
		c.publishDirty()
	}
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func (c *connection) isStale() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stale && c.phase == phaseReady
}

// takeSnapshot reads the proposals while the editor goes on being answered
// from the snapshot before.
func (c *connection) takeSnapshot() {
	c.mu.Lock()
	c.stale = false
	roots, generation := append([]root(nil), c.roots...), c.snap.generation+1
	c.mu.Unlock()
	snap := take(c.ctx, c.server.o.Proposals, roots, generation)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snap, c.refresh = snap, true
	c.allDirty()
}

// publishDirty tells the editor of every document that is to be shown anew.
// Between two documents others get their turn.
func (c *connection) publishDirty() {
	for c.publishOne() {
	}
}

// publishOne reports whether there may be more.
func (c *connection) publishOne() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.can.pull && c.refresh {
		c.background("workspace/diagnostic/refresh", func(ctx context.Context) {
			_, err := c.rpc.Call(ctx, protocol.MethodWorkspaceDiagnosticRefresh, nil, nil)
			c.logCall("workspace/diagnostic/refresh", err)
		})
	}
	c.refresh = false
	if !c.can.push {
		clear(c.dirty)
	}
	for d := range c.dirty {
		delete(c.dirty, d)
		if err := c.send(d, c.placements(d)); err != nil {
			c.log.Debug("lsp: diagnostics not sent", "why", err)
		}
		return true
	}
	return false
}

// send publishes a document's proposals when the editor does not show exactly
// these already. mu is held: the order of sending is that of the states.
func (c *connection) send(d *document, placed []placement) error {
	if slices.EqualFunc(placed, d.published, placement.same) {
		return nil
	}
	d.published = placed
	p := &protocol.PublishDiagnosticsParams{URI: uri.URI(d.uri), Diagnostics: c.diagnostics(placed)}
	if c.can.pushVersion {
		p.Version = protocol.NewOptional(d.version)
	}
	return c.rpc.Notify(c.ctx, protocol.MethodTextDocumentPublishDiagnostics, p)
}

// placements are a document's proposals and where they are. mu is held.
func (c *connection) placements(d *document) []placement {
	if d.placedFor == 0 || d.placedFor != c.snap.generation {
		d.placed = d.place(c.snap.at(d.paths), c.can.encoding)
		d.placedFor = c.snap.generation
	}
	return d.placed
}

// diagnostics are placed proposals as the editor shows them.
func (c *connection) diagnostics(placed []placement) []protocol.Diagnostic {
	out := make([]protocol.Diagnostic, len(placed))
	for i, p := range placed {
		out[i] = c.diagnostic(p)
	}
	return out
}

func (c *connection) diagnostic(p placement) protocol.Diagnostic {
	d := protocol.Diagnostic{
		Range:    p.place,
		Severity: protocol.DiagnosticSeverityInformation,
		Source:   protocol.NewOptional("lathe"),
		Message:  protocol.String(oneLine(p.proposal.Title+": "+p.proposal.Summary, 300)),
		Data:     reference(p.proposal),
	}
	if k := oneLine(p.proposal.Kind, 40); k != "" {
		d.Code = protocol.String(k)
	}
	if link := webLink(p.proposal.EvidenceURL); c.can.codeDescription && link != "" && d.Code != nil {
		d.CodeDescription = protocol.CodeDescription{Href: uri.URI(link)}
	}
	return d
}

// pullDiagnostics answers textDocument/diagnostic.
func (c *connection) pullDiagnostics(p *protocol.DocumentDiagnosticParams) (protocol.DocumentDiagnosticReport, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := []protocol.Diagnostic{}
	var version int32
	if d := c.docs.get(string(p.TextDocument.URI)); d != nil {
		found, version = c.diagnostics(c.placements(d)), d.version
	}
	result := fmt.Sprintf("%d.%d", c.snap.generation, version)
	if p.PreviousResultID != nil && *p.PreviousResultID == result {
		return &protocol.RelatedUnchangedDocumentDiagnosticReport{UnchangedDocumentDiagnosticReport: protocol.UnchangedDocumentDiagnosticReport{
			Kind: "unchanged", ResultID: result}}, nil
	}
	return &protocol.RelatedFullDocumentDiagnosticReport{FullDocumentDiagnosticReport: protocol.FullDocumentDiagnosticReport{
		Kind: "full", ResultID: &result, Items: found}}, nil
}

// oneLine makes text fit for a message: no control characters, at most n bytes.
func oneLine(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' ' // line breaks, terminal codes, and what turns text around
		}
		return r
	}, cut(s, 4*n))
	return cut(strings.TrimSuffix(strings.Join(strings.Fields(s), " "), ":"), n)
}

// webLink is u when it is an http or https address, else "".
func webLink(u string) string {
	parsed, err := url.Parse(u)
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return ""
	}
	return u
}
