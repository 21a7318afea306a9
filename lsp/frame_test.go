package lsp

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
)

func frame(body string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body) }

const good = `{"jsonrpc":"2.0","method":"good"}`

// readAll reads methods, "lost" for a message that was lost, and the last error.
func readAll(input io.Reader) (got []string, last error) {
	f := newFrames(input)
	for {
		msg, err := f.next()
		var lost *lostError
		switch {
		case errors.As(err, &lost):
			got = append(got, "lost")
		case err != nil:
			return got, err
		default:
			if r, ok := msg.(jsonrpc2.RequestMessage); ok {
				got = append(got, r.Method())
			} else {
				got = append(got, "response")
			}
		}
	}
}

func TestFrames(t *testing.T) {
	for _, c := range []struct {
		name, input, want string
		last              error
	}{
		{"nothing", "", "", io.EOF},
		{"two", frame(good) + frame(good), "good good", io.EOF},
		{"other headers, other case", "X: y\r\ncontent-LENGTH :  33 \r\nContent-Type: z\r\n\r\n" + good, "good", io.EOF},
		{"bare line feeds", "Content-Length: 33\n\n" + good, "good", io.EOF},
		{"junk before", "hello\nworld: x\n\n" + frame(good), "good", io.EOF},
		{"a long line before", strings.Repeat("j", 100_000) + "\r\n" + frame(good), "good", io.EOF},
		{"negative length, then good", "Content-Length: -5\r\n\r\n" + frame(good), "good", io.EOF},
		{"zero length, then good", "Content-Length: 0\r\n\r\n" + frame(good), "good", io.EOF},
		{"malformed JSON", frame(`{"jsonrpc":`) + frame(good), "lost good", io.EOF},
		{"a batch", frame(`[`+good+`]`) + frame(good), "lost good", io.EOF},
		{"JSON-RPC 1.0", frame(`{"method":"x"}`) + frame(good), "lost good", io.EOF},
		{"nested too deep", frame(strings.Repeat("[", 1<<20)) + frame(good), "lost good", io.EOF},
		{"brackets in a string", frame(`{"jsonrpc":"2.0","method":"deep","params":["` + strings.Repeat(`[\"`, 300) + `"]}`), "deep", io.EOF},
		{"a response", frame(`{"jsonrpc":"2.0","id":1,"result":null}`), "response", io.EOF},
		{"oversized", frame(strings.Repeat("x", maxMessage+1)) + frame(good), "lost good", io.EOF},
		{"ends in the body", frame(good)[:40], "", io.ErrUnexpectedEOF},
		{"ends in the header", "Content-Len", "", io.ErrUnexpectedEOF},
		{"only junk", strings.Repeat("junk\n", 1<<19), "", errJunk},
		{"a length of 2^61", "Content-Length: 2305843009213693952\r\n\r\n", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, last := readAll(strings.NewReader(c.input))
			if strings.Join(got, " ") != c.want {
				t.Errorf("read %q, want %q", got, c.want)
			}
			if c.last != nil && !errors.Is(last, c.last) {
				t.Errorf("ended with %v, want %v", last, c.last)
			}
		})
	}
}

// TestHeaderCosts: a header alone makes no memory.
func TestHeaderCosts(t *testing.T) {
	f := newFrames(strings.NewReader(fmt.Sprintf("Content-Length: %d\r\n\r\nx", maxMessage)))
	if _, err := f.next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if f.body.Cap() > 1<<20 {
		t.Errorf("a header made a buffer of %d bytes", f.body.Cap())
	}
}

// FuzzFrames: any bytes end in errors, never in a panic, and a good message
// between two blank lines at the end is found, unless the junk claimed it.
func FuzzFrames(f *testing.F) {
	f.Add([]byte(frame(good)))
	f.Add([]byte("Content-Length: 5\r\n\r\n{}"))
	f.Add([]byte("\r\n\r\n:\xff\x00"))
	f.Fuzz(func(t *testing.T, input []byte) {
		if _, err := readAll(strings.NewReader(string(input))); err == nil {
			t.Fatal("no end")
		}
		if !strings.Contains(strings.ToLower(string(input)), headerName) && len(input) < maxJunk/2 {
			got, _ := readAll(strings.NewReader(string(input) + "\n\n" + frame(good)))
			if len(got) == 0 || got[len(got)-1] != "good" {
				t.Fatalf("after junk: %q", got)
			}
		}
	})
}

// FuzzMessage: what comes out of a frame goes through every decoder that a
// message of an editor can reach.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{"general":{"positionEncodings":["utf-8"]}},"rootUri":null,"processId":1}}`))
	f.Add([]byte(`{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":{"uri":"file:///a","version":2},"contentChanges":[{"range":{"start":{"line":0,"character":0},"end":{"line":0,"character":1}},"text":"x"},{"text":"y"}]}}`))
	f.Add([]byte(`{"jsonrpc":"2.0","id":"x","method":"workspace/executeCommand","params":{"command":"lathe.reject","arguments":[{"proposal_id":"p","content_hash":"h"}]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		msg, err := decodeMessage(body)
		if err != nil {
			return
		}
		call, ok := msg.(jsonrpc2.RequestMessage)
		if !ok {
			return
		}
		for _, v := range []any{
			&protocol.InitializeParams{}, &protocol.DidOpenTextDocumentParams{}, &protocol.DidChangeTextDocumentParams{},
			&protocol.DidCloseTextDocumentParams{}, &protocol.DidChangeWorkspaceFoldersParams{}, &protocol.HoverParams{},
			&protocol.CodeActionParams{}, &protocol.DocumentDiagnosticParams{}, &protocol.ExecuteCommandParams{},
		} {
			err := protocol.Unmarshal(call.Params(), v)
			if p, ok := v.(*protocol.DidChangeTextDocumentParams); ok && err == nil {
				d := document{lines: []string{"a\n", ""}, size: 2}
				for _, ch := range p.ContentChanges {
					if ch, ok := ch.(*protocol.TextDocumentContentChangePartial); ok {
						d.change(ch.Range, ch.Text, utf16Units)
					}
				}
			}
		}
	})
}
