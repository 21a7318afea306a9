package lsp

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"go.lsp.dev/protocol"
)

// wire is a message as Bridge looks at it.
type wire struct {
	ID     json.RawMessage `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  json.RawMessage `json:"error,omitempty"`
}

func (w wire) bytes() []byte {
	return mustJSON(struct {
		Version string `json:"jsonrpc"`
		wire
	}{"2.0", w})
}

func readWire(raw []byte) (wire, bool) {
	var w wire
	if tooDeep(raw) || json.Unmarshal(raw, &w) != nil {
		return w, false
	}
	if string(w.ID) == "null" {
		w.ID = nil
	}
	return w, true
}

// raw is the body of the next message, the caller's own.
func (f *frames) raw() ([]byte, error) {
	length, err := f.header()
	if err != nil {
		return nil, err
	}
	if length > maxSkipped {
		return nil, fmt.Errorf("a message of %d bytes was announced", length)
	}
	if length > maxMessage {
		if _, err := io.CopyN(io.Discard, f.in, length); err != nil {
			return nil, unexpected(err)
		}
		return nil, &lostError{fmt.Errorf("a message of %d bytes is over the limit of %d", length, maxMessage)}
	}
	// No more memory than what really arrives.
	f.body.Reset()
	if _, err := io.CopyN(&f.body, f.in, length); err != nil {
		return nil, unexpected(err)
	}
	return append([]byte(nil), f.body.Bytes()...), nil
}

func writeFrame(w io.Writer, body []byte) error {
	frame := fmt.Appendf(make([]byte, 0, len(body)+32), "Content-Length: %d\r\n\r\n", len(body))
	_, err := w.Write(append(frame, body...))
	return err
}

// say sends a message to the editor.
func (b *bridge) say(w wire) error { return b.tell(w.bytes()) }

func (b *bridge) tell(raw []byte) error {
	if err := writeFrame(b.o.Out, raw); err != nil {
		return fmt.Errorf("lsp: write to the editor: %w", err)
	}
	return nil
}

// refuse answers a request of the editor with an error.
func (b *bridge) refuse(id json.RawMessage, why string) error {
	return b.say(wire{ID: id, Error: mustJSON(map[string]any{"code": protocol.LSPErrorCodesRequestFailed, "message": "Lathe: " + why})})
}

// pass sends a message to the daemon. That it is gone is seen when reading.
func (b *bridge) pass(raw []byte) error {
	if b.link != nil {
		if err := writeFrame(b.link.conn, raw); err != nil {
			b.o.Logger.Debug("not sent to the daemon", "why", err)
		}
	}
	return nil
}

// fromEditor handles a message of the editor; done means that it left.
func (b *bridge) fromEditor(ctx context.Context, raw []byte) (done bool, err error) {
	w, ok := readWire(raw)
	if !ok {
		return false, b.pass(raw) // the daemon says what is wrong with it
	}
	switch {
	case w.Method == "exit":
		return true, b.pass(raw)
	case w.Method == "shutdown":
		b.leaving = true
	case w.Method == "" && w.ID != nil:
		return false, b.answered(w)
	}
	b.memory.see(w)
	if w.Method == "" || w.ID == nil {
		if b.replay != "" {
			return false, nil // the daemon is told the result, when it is ready
		}
		return false, b.pass(raw)
	}
	if len(b.pending) >= maxPending {
		return false, b.refuse(w.ID, "too many requests wait for an answer")
	}
	if _, twice := b.pending[string(w.ID)]; !twice {
		b.order = append(b.order, string(w.ID))
	}
	b.pending[string(w.ID)] = w
	switch {
	case b.link == nil && b.leaving:
		b.forget(string(w.ID))
		return false, b.say(wire{ID: w.ID, Result: json.RawMessage("null")})
	case b.link == nil:
		return false, b.reconnect(ctx, true)
	case b.replay != "":
		return false, nil // sent when the daemon is ready
	}
	return false, b.pass(raw)
}

// answered passes the editor's answer on to the daemon that asked, if that is
// still there.
func (b *bridge) answered(w wire) error {
	var id string
	if json.Unmarshal(w.ID, &id) != nil || b.link == nil {
		return nil
	}
	own, ok := strings.CutPrefix(id, b.link.named)
	if !ok {
		return nil
	}
	w.ID = json.RawMessage(own)
	if w.Result == nil && w.Error == nil {
		w.Result = json.RawMessage("null")
	}
	return b.pass(w.bytes())
}

// fromDaemon handles a message of the daemon.
func (b *bridge) fromDaemon(raw []byte) error {
	w, ok := readWire(raw)
	switch {
	case !ok:
		return b.tell(raw)
	case w.Method == "" && w.ID != nil && b.replay != "" && string(w.ID) == b.replay:
		return b.resume(w)
	case w.Method == "":
		if m, known := b.pending[string(w.ID)]; known && m.Method == "initialize" {
			b.memory.ready(w.Result)
		}
		b.forget(string(w.ID))
		return b.tell(raw)
	case w.ID != nil: // ids of one daemon are not those of the next
		w.ID = mustJSON(b.link.named + string(w.ID))
		return b.say(w)
	}
	b.follow(w)
	return b.tell(raw)
}

// resume goes on with a daemon that answered our own initialize.
func (b *bridge) resume(w wire) error {
	b.replay = ""
	if w.Error != nil {
		b.o.Logger.Error("the new daemon did not take the editor's initialize", "answer", cut(string(w.Error), 300))
		return nil
	}
	b.memory.ready(w.Result)
	for _, m := range b.memory.recall() {
		if err := b.pass(m.bytes()); err != nil {
			return err
		}
	}
	return b.sendAgain()
}

// follow remembers what a notification leaves behind in the editor.
func (b *bridge) follow(w wire) {
	switch w.Method {
	case "$/progress":
		var p struct {
			Token json.RawMessage
			Value struct{ Kind string }
		}
		if json.Unmarshal(w.Params, &p) != nil {
			return
		}
		switch p.Value.Kind {
		case "begin":
			b.progress[string(p.Token)] = p.Token
		case "end":
			delete(b.progress, string(p.Token))
		}
	case "textDocument/publishDiagnostics":
		var p struct {
			URI         string
			Diagnostics []json.RawMessage
		}
		if json.Unmarshal(w.Params, &p) != nil {
			return
		}
		if delete(b.shown, p.URI); len(p.Diagnostics) > 0 {
			b.shown[p.URI] = true
		}
	}
}
