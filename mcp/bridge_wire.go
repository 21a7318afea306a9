package mcp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
)

// inputLine is one line of the client, or the end of its input.
type inputLine struct {
	text    []byte
	tooLong bool
	end     error // io.EOF, or what went wrong; then nothing else is set
}

// readLines sends the lines of r until it ends or ctx does.
func readLines(ctx context.Context, r io.Reader, lines chan<- inputLine) {
	br := bufio.NewReaderSize(r, 64<<10)
	for {
		line := nextLine(br, maxLine)
		select {
		case lines <- line:
		case <-ctx.Done():
			return
		}
		if line.end != nil {
			return
		}
	}
}

// nextLine reads the next line that is not blank, at most limit bytes long. A
// longer one is skipped to its end and reported without its text. The last
// line needs no line break.
func nextLine(br *bufio.Reader, limit int) inputLine {
	for {
		var text []byte
		tooLong := false
		for {
			part, err := br.ReadSlice('\n')
			if !tooLong && len(text)+len(part) > limit+2 {
				tooLong, text = true, nil
			}
			if !tooLong {
				text = append(text, part...)
			}
			if err == nil || !errors.Is(err, bufio.ErrBufferFull) {
				text = bytes.TrimSpace(text)
				if tooLong || len(text) > 0 {
					return inputLine{text: text, tooLong: tooLong}
				}
				if err != nil {
					return inputLine{end: err}
				}
				break
			}
		}
	}
}

// message is one JSON-RPC message of the client.
type message struct {
	raw    []byte
	id     json.RawMessage // nil for notifications
	method string          // "" for responses
	params json.RawMessage
	// version is the protocol version that the message itself names, as the
	// 2026-07-28 revision requires; "" in the legacy era.
	version string
	batch   *gathered // that the message came in; nil when it came by itself
	open    *openCall // a request that the daemon was asked; nil before
}

// envelope is what can be on the top level of a JSON-RPC message.
type envelope struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// parseMessage reads one message. The error comes with its JSON-RPC code, and
// with the message's id where that could be read.
func parseMessage(line []byte) (m message, code int, err error) {
	if !json.Valid(line) {
		return message{}, mcp.PARSE_ERROR, errors.New("the line is not a JSON text")
	}
	var e envelope
	if err := json.Unmarshal(line, &e); err != nil {
		return message{}, mcp.INVALID_REQUEST, fmt.Errorf("not a JSON-RPC message: %w", err)
	}
	m = message{raw: line, method: e.Method, params: e.Params}
	if e.ID != nil {
		if c := e.ID[0]; c != '"' && c != '-' && (c < '0' || c > '9') {
			return message{}, mcp.INVALID_REQUEST, errors.New("an id must be a string or a number")
		}
		m.id = e.ID
	}
	if e.Method == "" && (e.ID == nil || (e.Result == nil && e.Error == nil)) {
		return m, mcp.INVALID_REQUEST, errors.New("neither a request nor a response: there is no method")
	}
	m.version = modernVersion(e.Params)
	return m, 0, nil
}

// modernVersion returns the protocol version in params._meta when it is of the
// stateless era, else "".
func modernVersion(params json.RawMessage) string {
	var p struct {
		Meta struct {
			Version string `json:"io.modelcontextprotocol/protocolVersion"`
		} `json:"_meta"`
	}
	if json.Unmarshal(params, &p) != nil || !mcp.IsModernProtocol(p.Meta.Version) {
		return ""
	}
	return p.Meta.Version
}

// withMethod returns m, a notification, under another name.
func (m message) withMethod(method string) message {
	m.method = method
	m.raw = encode(struct {
		JSONRPC string          `json:"jsonrpc"`
		Method  string          `json:"method"`
		Params  json.RawMessage `json:"params,omitempty"`
	}{"2.0", method, m.params})
	return m
}

// cancelled returns the id that a notifications/cancelled names.
func (m message) cancelled() json.RawMessage {
	var p struct {
		RequestID json.RawMessage `json:"requestId"`
	}
	if json.Unmarshal(m.params, &p) != nil {
		return nil
	}
	return p.RequestID
}

// toolName returns the tool that a tools/call names, "" for other messages.
func (m message) toolName() string {
	if m.method != string(mcp.MethodToolsCall) {
		return ""
	}
	name, _ := mcp.ExtractHeaderName(mcp.MethodToolsCall, m.params)
	return name
}

// repeatable reports whether m may be sent again when the daemon may already
// have acted on it. Lathe's own tools only read, or count the same thing once.
func (m message) repeatable() bool {
	name := m.toolName()
	return name == "" || isOwn(name) && name != "run_tool"
}

// wantsTools reports whether a subscriptions/listen asks for changes of the
// tool list.
func (m message) wantsTools() bool {
	var p mcp.SubscriptionsListenParams
	return json.Unmarshal(m.params, &p) == nil && p.Notifications.ToolsListChanged
}

// lineWriter writes messages to the client, one a line.
type lineWriter struct {
	mu   sync.Mutex
	w    io.Writer
	fail context.CancelCauseFunc // called when the client cannot be written to
}

// write sends one JSON text, which may be laid out over several lines.
func (l *lineWriter) write(text []byte) {
	var buf bytes.Buffer
	buf.Grow(len(text) + 1)
	if err := json.Compact(&buf, text); err != nil {
		return // callers checked it
	}
	buf.WriteByte('\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.w.Write(buf.Bytes()); err != nil {
		l.fail(fmt.Errorf("bridge: writing to the client: %w", err))
	}
}

func (l *lineWriter) error(id json.RawMessage, code int, text string) {
	l.write(errorFrame(id, code, text))
}

func errorFrame(id json.RawMessage, code int, text string) []byte {
	if id == nil {
		id = json.RawMessage("null")
	}
	return encode(map[string]any{"jsonrpc": "2.0", "id": id, "error": map[string]any{"code": code, "message": text}})
}

func (l *lineWriter) result(id json.RawMessage, result string) {
	l.write(encode(map[string]any{"jsonrpc": "2.0", "id": id, "result": json.RawMessage(result)}))
}

// encode marshals values of this package's own making, which always can be.
func encode(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("mcp: encoding a message: " + err.Error())
	}
	return raw
}

var errTooLarge = fmt.Errorf("the daemon's message is larger than %d bytes", maxAnswer)

// readEvent returns the data of the next server-sent event that has some
// (WHATWG HTML, 9.2.6). Comments and other fields are passed over.
func readEvent(br *bufio.Reader) ([]byte, error) {
	var data []byte
	some := false
	for {
		line, err := readField(br, maxAnswer-len(data))
		if err != nil {
			return nil, err
		}
		switch {
		case line == "" && some:
			return data, nil
		case strings.HasPrefix(line, "data:"):
			if some {
				data = append(data, '\n')
			}
			some = true
			data = append(data, strings.TrimPrefix(line[len("data:"):], " ")...)
		}
	}
}

// readField reads one line of an event stream, without its end.
func readField(br *bufio.Reader, limit int) (string, error) {
	var line []byte
	for {
		part, err := br.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > limit {
			return "", errTooLarge
		}
		if err == nil {
			return strings.TrimRight(string(line), "\r\n"), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
	}
}
