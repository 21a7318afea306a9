package lsp

import (
	"encoding/json"
	"fmt"
	"slices"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
)

// readOpen reads the parameters of a didOpen. The URI stays as the editor spells
// it, which the protocol library does not leave it: there are editors that know
// their documents by nothing else.
func readOpen(params []byte) (*protocol.DidOpenTextDocumentParams, error) {
	var p protocol.DidOpenTextDocumentParams
	var spelled struct {
		TextDocument struct {
			URI string `json:"uri"`
		} `json:"textDocument"`
	}
	err := protocol.Unmarshal(mend(params), &p)
	if err == nil {
		err = json.Unmarshal(params, &spelled)
	}
	p.TextDocument.URI = uri.URI(spelled.TextDocument.URI)
	return &p, err
}

func (c *connection) didOpen(req *jsonrpc2.Request) error {
	p, err := readOpen(req.Params())
	if err != nil {
		return unreadable(req, err)
	}
	t := &p.TextDocument
	c.mu.Lock()
	defer c.mu.Unlock()
	d, err := c.docs.open(string(t.URI), t.Text, t.Version)
	if err != nil {
		return err
	}
	d.faults, d.checked = nil, 0
	c.adoptRoot(d)
	c.dirty[d] = true
	c.nudge()
	return nil
}

// adoptRoot takes the folder that holds an open file's .ocode as workspace
// when the editor named none, as for a single file. mu is held.
func (c *connection) adoptRoot(d *document) {
	folder := workspaceOf(d.paths[0])
	if c.rooted || folder == d.paths[0] || len(c.roots) >= maxRoots {
		return
	}
	if !slices.ContainsFunc(c.roots, func(r root) bool { return r.path == folder }) {
		c.roots = append(c.roots, newRoot(folder))
		c.stale = true
	}
}

func (c *connection) didChange(p *protocol.DidChangeTextDocumentParams) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.docs.get(string(p.TextDocument.URI))
	if d == nil {
		return nil // not a file, or one over the limit
	}
	if v := p.TextDocument.Version; v < d.version {
		c.log.Debug("lsp: version goes backwards", "uri", cut(d.uri, 200), "from", d.version, "to", v)
	}
	if err := c.docs.apply(d, p, c.can.encoding); err != nil {
		return err
	}
	c.dirty[d] = true
	c.nudge()
	return nil
}

func (c *connection) didClose(p *protocol.DidCloseTextDocumentParams) error {
	c.mu.Lock()
	d := c.docs.close(string(p.TextDocument.URI))
	if d == nil {
		c.mu.Unlock()
		return nil
	}
	delete(c.dirty, d)
	err := c.send(d, nil)
	c.mu.Unlock()
	c.dismissed(d.paths[0])
	return err
}

// apply makes the edits of a change, in their order.
func (ds *documents) apply(d *document, p *protocol.DidChangeTextDocumentParams, enc encoding) error {
	d.version = p.TextDocument.Version
	for _, change := range p.ContentChanges {
		switch ch := change.(type) {
		case *protocol.TextDocumentContentChangePartial:
			ds.edit(d, func() { d.change(ch.Range, ch.Text, enc) })
		case *protocol.TextDocumentContentChangeWholeDocument:
			ds.edit(d, func() { d.setText(ch.Text) })
		default:
			return fmt.Errorf("an edit of the unknown kind %T", change)
		}
	}
	return nil
}
