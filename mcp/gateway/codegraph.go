package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"lathe/learn"
)

// CodeGraphConfig names an MCP server that keeps a code graph, by its program
// or by its URL, and its tools. A tool takes symbol, and the third one hops
// and limit too; it answers in structured content, or in JSON as text, with
// the fields of learn.CodeEntity, learn.CodeCall and learn.CodeNeighbourhood,
// as a list or under entities, calls and edges.
type CodeGraphConfig struct {
	Server        ServerConfig // Command "" when URL is set
	URL           string       // Streamable HTTP
	Dir           string       // the program's working directory
	Env           []string     // the program's environment
	Definition    string       // names of tools; "" is definition, callers, neighbourhood
	Callers       string
	Neighbourhood string
	Timeout       time.Duration // of one question, the start included; 0 is 3 s
	Stderr        io.Writer     // the program's standard error; nil drops it
}

const (
	// codePause is how long a code graph that failed is left alone.
	codePause = 30 * time.Second
	// maxCodeAnswer bounds an answer, in bytes.
	maxCodeAnswer = 4 << 20
)

// errResting says that a code graph failed a moment ago.
var errResting = errors.New("it failed a moment ago and is left alone for now")

// CodeGraph is a learn.CodeGraph that an MCP server keeps. It starts the
// server with the first question, and again after it ended, but not more often
// than every half minute; until then, and whenever the server is slow or wrong,
// its questions fail at once or at their timeout. Close it in the end.
type CodeGraph struct {
	c   CodeGraphConfig
	now func() time.Time

	turn    chan struct{} // holds one: whoever took it may use what follows
	session codeSession
	resting time.Time // no start before
	closed  bool
	ending  sync.WaitGroup // sessions on their way out
}

var _ learn.CodeGraph = (*CodeGraph)(nil)

// codeSession is a connection to the server.
type codeSession interface {
	greet(ctx context.Context) error
	// ask calls a tool and returns its answer, a JSON document.
	ask(ctx context.Context, tool string, arguments map[string]any) ([]byte, error)
	gone() bool
	close()
}

// NewCodeGraph makes the client; it starts nothing yet.
func NewCodeGraph(c CodeGraphConfig, now func() time.Time) (*CodeGraph, error) {
	if (c.Server.Command == "") == (c.URL == "") {
		return nil, errors.New("code graph: give the server's command or its url, one of them")
	}
	for tool, name := range map[*string]string{&c.Definition: "definition", &c.Callers: "callers", &c.Neighbourhood: "neighbourhood"} {
		if *tool == "" {
			*tool = name
		}
	}
	if c.Timeout <= 0 {
		c.Timeout = 3 * time.Second
	}
	if c.Stderr == nil {
		c.Stderr = io.Discard
	}
	return &CodeGraph{c: c, now: now, turn: make(chan struct{}, 1)}, nil
}

// Close ends the server and returns when it has ended.
func (g *CodeGraph) Close() {
	g.turn <- struct{}{}
	g.closed = true
	g.drop()
	<-g.turn
	g.ending.Wait()
}

// drop ends the session, if there is one. A program that does not want to end
// keeps nobody waiting but Close.
func (g *CodeGraph) drop() {
	if s := g.session; s != nil {
		g.session = nil
		g.ending.Go(s.close)
	}
}

// Definition implements learn.CodeGraph.
func (g *CodeGraph) Definition(ctx context.Context, symbol string) ([]learn.CodeEntity, error) {
	var out []learn.CodeEntity
	err := g.question(ctx, g.c.Definition, map[string]any{"symbol": symbol}, func(raw []byte) (err error) {
		out, err = readEntities(raw)
		return err
	})
	return out, err
}

// Callers implements learn.CodeGraph.
func (g *CodeGraph) Callers(ctx context.Context, symbol string) ([]learn.CodeCall, error) {
	var out []learn.CodeCall
	err := g.question(ctx, g.c.Callers, map[string]any{"symbol": symbol}, func(raw []byte) (err error) {
		out, err = readCalls(raw)
		return err
	})
	return out, err
}

// Neighbourhood implements learn.CodeGraph.
func (g *CodeGraph) Neighbourhood(ctx context.Context, symbol string, hops, limit int) (learn.CodeNeighbourhood, error) {
	var out learn.CodeNeighbourhood
	err := g.question(ctx, g.c.Neighbourhood, map[string]any{"symbol": symbol, "hops": hops, "limit": limit}, func(raw []byte) (err error) {
		out, err = readNeighbourhood(raw, limit)
		return err
	})
	return out, err
}

func (g *CodeGraph) question(ctx context.Context, tool string, arguments map[string]any, read func([]byte) error) error {
	ctx, cancel := context.WithTimeout(ctx, g.c.Timeout)
	defer cancel()
	s, err := g.connected(ctx)
	if err == nil {
		var raw []byte
		if raw, err = s.ask(ctx, tool, arguments); err == nil {
			err = read(raw)
		}
	}
	if err != nil {
		return fmt.Errorf("code graph: %s: %w", tool, err)
	}
	return nil
}

// connected is the session, started when there is none.
func (g *CodeGraph) connected(ctx context.Context) (codeSession, error) {
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if g.session != nil && g.session.gone() {
		g.drop()
	}
	switch {
	case g.closed:
		return nil, errors.New("it is closed")
	case g.session != nil:
		return g.session, nil
	case g.now().Before(g.resting):
		return nil, errResting
	}
	g.resting = g.now().Add(codePause)
	var err error
	if g.c.URL != "" {
		g.session, err = dialCode(g.c.URL)
	} else {
		g.session, err = startCode(g.c)
	}
	if err == nil {
		err = g.session.greet(ctx)
	}
	if err != nil {
		g.drop()
		return nil, err
	}
	return g.session, nil
}

// programSession is a server on stdio.
type programSession struct{ p *process }

func startCode(c CodeGraphConfig) (codeSession, error) {
	c.Server.Name = "code graph"
	p, err := start(c.Server, c.Dir, c.Env, c.Stderr, func(message, *exchange) {})
	if err != nil {
		return nil, err
	}
	return programSession{p}, nil
}

func (s programSession) greet(ctx context.Context) error {
	_, err := ask(ctx, s.p.conn, "initialize", map[string]any{"protocolVersion": protocolVersion,
		"capabilities": struct{}{}, "clientInfo": map[string]string{"name": "lathe", "version": "1"}})
	if err != nil {
		return fmt.Errorf("initialize: %w", err)
	}
	s.p.conn.tell("notifications/initialized", nil)
	return nil
}

func (s programSession) ask(ctx context.Context, tool string, arguments map[string]any) ([]byte, error) {
	raw, err := ask(ctx, s.p.conn, "tools/call", map[string]any{"name": tool, "arguments": arguments})
	if err != nil {
		return nil, err
	}
	if len(raw) > maxCodeAnswer {
		return nil, fmt.Errorf("the answer has %d bytes; at most %d are taken", len(raw), maxCodeAnswer)
	}
	return codeAnswer(raw)
}

func (s programSession) gone() bool {
	select {
	case <-s.p.conn.gone:
		return true
	default:
		return false
	}
}

func (s programSession) close() { s.p.stop() }

// httpSession is a server behind a URL.
type httpSession struct {
	c    *client.Client
	http *http.Client
}

func dialCode(url string) (codeSession, error) {
	h := &http.Client{Transport: bounded{http.DefaultTransport.(*http.Transport).Clone()}}
	tr, err := transport.NewStreamableHTTP(url, transport.WithHTTPBasicClient(h))
	if err != nil {
		return nil, err
	}
	return &httpSession{client.NewClient(tr), h}, nil
}

func (s *httpSession) greet(ctx context.Context) error {
	var req mcp.InitializeRequest
	req.Params.ProtocolVersion = protocolVersion
	req.Params.ClientInfo = mcp.Implementation{Name: "lathe", Version: "1"}
	// The connection lives longer than the question that opened it.
	if err := s.c.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	if _, err := s.c.Initialize(ctx, req); err != nil {
		return fmt.Errorf("initialize: %w", err)
	}
	return nil
}

func (s *httpSession) ask(ctx context.Context, tool string, arguments map[string]any) ([]byte, error) {
	var req mcp.CallToolRequest
	req.Params.Name, req.Params.Arguments = tool, arguments
	res, err := s.c.CallTool(ctx, req)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(res)
	if err != nil {
		return nil, err
	}
	return codeAnswer(raw)
}

// gone: each question makes its own request, so that nothing is ever gone.
func (s *httpSession) gone() bool { return false }

func (s *httpSession) close() {
	_ = s.c.Close() // the server is told; it need not listen
	s.http.CloseIdleConnections()
}

// bounded ends each response after maxCodeAnswer bytes.
type bounded struct{ *http.Transport }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.Transport.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, maxCodeAnswer), res.Body}
	}
	return res, err
}

// codeAnswer is what a tool's result says: its structured content, or else the
// first text that is JSON.
func codeAnswer(raw []byte) ([]byte, error) {
	var res struct {
		Content []struct {
			Type string `json:"type"`
			Text string `json:"text"`
		} `json:"content"`
		Structured json.RawMessage `json:"structuredContent"`
		IsError    bool            `json:"isError"`
	}
	if err := json.Unmarshal(raw, &res); err != nil {
		return nil, fmt.Errorf("the answer is no tool result: %w", err)
	}
	if res.IsError {
		text := "no reason given"
		if len(res.Content) > 0 {
			text = plain(res.Content[0].Text, 200)
		}
		return nil, fmt.Errorf("the server says: %q", text)
	}
	if s := bytes.TrimSpace(res.Structured); len(s) > 0 && !bytes.Equal(s, []byte("null")) {
		return s, nil
	}
	for _, c := range res.Content {
		if c.Type == "text" && json.Valid([]byte(c.Text)) {
			return []byte(c.Text), nil
		}
	}
	return nil, errors.New("the answer has neither structured content nor JSON as text")
}
