package lsp

import (
	"bytes"
	"context"
	"regexp"
	"strings"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
)

// dispatch runs what a message asks for. Only executing a command leaves the
// reading goroutine, since a decision waits for the disk.
func (c *connection) dispatch(ctx context.Context, req *jsonrpc2.Request) (any, error) {
	if err := c.admit(req); err != nil {
		return nil, err
	}
	if !req.IsCall() {
		return nil, c.notified(req)
	}
	switch req.Method() {
	case protocol.MethodInitialize:
		return answer(req, c.initialize)
	case protocol.MethodShutdown:
		return nil, c.shutdown()
	case protocol.MethodTextDocumentHover:
		return answer(req, c.hover)
	case protocol.MethodTextDocumentCodeAction:
		return answer(req, c.codeActions)
	case protocol.MethodTextDocumentCodeLens:
		return answer(req, c.codeLenses)
	case protocol.MethodTextDocumentCompletion:
		return answer(req, c.complete)
	case protocol.MethodCodeActionResolve:
		// Neovim resolves every action that has no edit; there is nothing to add.
		return jsonrpc2.RawMessage(bytes.Clone(req.Params())), nil
	case protocol.MethodTextDocumentDiagnostic:
		return answer(req, c.pullDiagnostics)
	case protocol.MethodWorkspaceExecuteCommand:
		return c.executeCommand(ctx, req)
	default:
		return nil, jsonrpc2.Errorf(jsonrpc2.MethodNotFound, "lathe has no method %s", short(req.Method()))
	}
}

// notified handles a notification. Unknown ones are none of our business.
func (c *connection) notified(req *jsonrpc2.Request) error {
	switch req.Method() {
	case protocol.MethodTextDocumentDidOpen:
		return c.didOpen(req)
	case protocol.MethodTextDocumentDidChange:
		err := inform(req, c.didChange)
		if err != nil {
			c.loseDocuments() // an edit is missing: what is kept may be wrong
		}
		return err
	case protocol.MethodTextDocumentDidClose:
		return inform(req, c.didClose)
	case protocol.MethodWorkspaceDidChangeWorkspaceFolders:
		return inform(req, c.didChangeFolders)
	case protocol.MethodWorkspaceDidChangeConfiguration:
		return inform(req, c.didChangeConfiguration)
	case protocol.MethodInitialized:
		c.initialized()
	case methodDiagnostics:
		return inform(req, c.seenDiagnostics)
	case protocol.MethodExit:
		c.cancel()
	}
	return nil
}

// admit enforces the life cycle: initialize, work, shutdown, exit.
func (c *connection) admit(req *jsonrpc2.Request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := req.Method() == protocol.MethodInitialize
	switch {
	case c.phase == phaseNew && !first && req.Method() != protocol.MethodExit:
		return jsonrpc2.Errorf(jsonrpc2.ServerNotInitialized, "lathe: %s before initialize", short(req.Method()))
	case c.phase == phaseReady && first:
		return jsonrpc2.Errorf(jsonrpc2.InvalidRequest, "lathe: initialize was sent already")
	case c.phase == phaseShutdown && req.IsCall():
		return jsonrpc2.Errorf(jsonrpc2.InvalidRequest, "lathe: %s after shutdown; only exit may follow", short(req.Method()))
	}
	return nil
}

func (c *connection) shutdown() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = phaseShutdown
	return nil
}

// escapedRoot finds URIs whose first slash is escaped, as some editors write
// them. In a document's text its quotes would be escaped.
var escapedRoot = regexp.MustCompile(`("(?:uri|rootUri)"\s*:\s*"file://)%2[Ff]`)

// mend unescapes that slash: the protocol library takes what follows for a
// host, in lower case, and the path is lost.
func mend(params []byte) []byte {
	if !bytes.Contains(params, []byte("file://%2")) {
		return params
	}
	return escapedRoot.ReplaceAll(params, []byte("$1/"))
}

// decode reads parameters. They own their memory: Unmarshal copies.
func decode[P any](req *jsonrpc2.Request) (*P, error) {
	var p P
	if err := protocol.Unmarshal(mend(req.Params()), &p); err != nil {
		return nil, unreadable(req, err)
	}
	return &p, nil
}

func unreadable(req *jsonrpc2.Request, err error) error {
	return jsonrpc2.Errorf(jsonrpc2.InvalidParams, "lathe: the parameters of %s are not readable: %s", short(req.Method()), cut(err.Error(), 200))
}

func answer[P, R any](req *jsonrpc2.Request, do func(*P) (R, error)) (any, error) {
	p, err := decode[P](req)
	if err != nil {
		return nil, err
	}
	return do(p)
}

func inform[P any](req *jsonrpc2.Request, do func(*P) error) error {
	p, err := decode[P](req)
	if err != nil {
		return err
	}
	return do(p)
}

// cut shortens text to at most n bytes, at a character's end, and says so.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
