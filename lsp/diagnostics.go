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
	proposals, known := c.server.o.Proposals.Watch(), c.server.o.watchExperience()
	first := true
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-c.wake:
		case <-proposals:
			c.becomeStale()
		case <-known:
			c.becomeStale()
			known = nil // until the next snapshot
		}
		if !pause(c.ctx, c.server.o.Debounce) {
			return
		}
		if c.isStale() {
			// Before reading, so that no change is missed.
			proposals, known = c.server.o.Proposals.Watch(), c.server.o.watchExperience()
			if first {
				c.progressing("looking at what was learned here", c.takeSnapshot)
			} else {
				c.takeSnapshot()
			}
			first = false
			c.tellNews()
		}
		c.publishDirty()
	}
}

func (c *connection) becomeStale() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stale = true
}

func (o *Options) watchExperience() <-chan struct{} {
	if o.Experience == nil {
		return nil
	}
	return o.Experience.Watch()
}

// tellNews tells of proposals that came since the editor was started.
func (c *connection) tellNews() {
	c.mu.Lock()
	news := c.mutes.notice(c.snap, c.server.o.Now())
	c.mu.Unlock()
	if news != "" {
		c.tell(news)
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
	snap := take(c.ctx, c.server.o.Proposals, c.server.o.Experience, roots, generation)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snap, c.refresh = snap, true
	clear(c.answers)
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
	d := c.nextDirty()
	c.checkPlan(d)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refresh {
		c.askAgain(c.can.pull, protocol.MethodWorkspaceDiagnosticRefresh)
		c.askAgain(c.can.lensRefresh, protocol.MethodWorkspaceCodeLensRefresh)
	}
	c.refresh = false
	if d == nil {
		return false
	}
	if c.docs.byPath[d.paths[0]] != d {
		return true // closed meanwhile
	}
	if err := c.send(d, c.notices(d)); err != nil {
		c.log.Debug("lsp: diagnostics not sent", "why", err)
	}
	return true
}

// nextDirty takes a document that is to be shown anew; nil when there is none,
// or the editor asks for itself.
func (c *connection) nextDirty() *document {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.can.push {
		clear(c.dirty)
	}
	for d := range c.dirty {
		delete(c.dirty, d)
		return d
	}
	return nil
}

// askAgain has the editor ask anew for what it pulls, when it can.
func (c *connection) askAgain(can bool, method string) {
	if !can {
		return
	}
	c.background(method, func(ctx context.Context) {
		_, err := c.rpc.Call(ctx, method, nil, nil)
		c.logCall(method, err)
	})
}

// send publishes a document's diagnostics when the editor does not show exactly
// these already. mu is held: the order of sending is that of the states.
func (c *connection) send(d *document, notices []notice) error {
	if slices.Equal(notices, d.published) {
		return nil
	}
	d.published = notices
	p := &protocol.PublishDiagnosticsParams{URI: uri.URI(d.uri), Diagnostics: c.diagnostics(notices)}
	if c.can.pushVersion {
		p.Version = protocol.NewOptional(d.version)
	}
	return c.rpc.Notify(c.ctx, protocol.MethodTextDocumentPublishDiagnostics, p)
}

// placements are what is known of a document and where it is. mu is held.
func (c *connection) placements(d *document) []placement {
	if d.placedFor == 0 || d.placedFor != c.snap.generation {
		d.placed = d.place(c.snap.at(d.paths), c.snap.known(d.paths), c.can.encoding)
		d.placedFor = c.snap.generation
	}
	return d.placed
}

// pullDiagnostics answers textDocument/diagnostic.
func (c *connection) pullDiagnostics(p *protocol.DocumentDiagnosticParams) (protocol.DocumentDiagnosticReport, error) {
	c.mu.Lock()
	d := c.docs.get(string(p.TextDocument.URI))
	c.mu.Unlock()
	c.checkPlan(d)
	c.mu.Lock()
	defer c.mu.Unlock()
	found := []protocol.Diagnostic{}
	var edits uint64
	if d != nil {
		found, edits = c.diagnostics(c.notices(d)), d.edits
	}
	result := fmt.Sprintf("%d.%d.%d", c.snap.generation, c.revision, edits)
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
