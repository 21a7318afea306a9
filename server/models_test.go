package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/llm/llmtest"
	"lathe/mcp"
)

// conforming is a backend that puts the calling client's model to the test
// that all models pass.
type conforming struct {
	mcp.Backend // nothing else of it is called
	t           *testing.T
	ran         chan struct{}
}

func (c conforming) Diagnose(ctx context.Context, _ mcp.Scope, _ mcp.Failure) (learn.FailureAnalysisReport, error) {
	defer close(c.ran)
	s, ok := mcp.SamplerOf(ctx)
	if !ok {
		return learn.FailureAnalysisReport{}, errors.New("the client has no model")
	}
	llmtest.Conform(inCall{c.t, ctx}, clientModel{s}, llmtest.Features{})
	return learn.FailureAnalysisReport{}, nil
}

// inCall is a test whose context is that of a client's call.
type inCall struct {
	*testing.T
	ctx context.Context
}

func (c inCall) Context() context.Context { return c.ctx }

// answering is a client's model that answers what llmtest says.
type answering struct{}

func (answering) CreateMessage(_ context.Context, r mcpgo.CreateMessageRequest) (*mcpgo.CreateMessageResult, error) {
	last, ok := r.Messages[len(r.Messages)-1].Content.(mcpgo.TextContent)
	text, cut, known := llmtest.Answer(last.Text)
	if !ok || !known {
		return nil, errors.New("unexpected")
	}
	stop := "endTurn"
	if cut {
		stop = "maxTokens"
	}
	return &mcpgo.CreateMessageResult{SamplingMessage: mcpgo.SamplingMessage{Role: mcpgo.RoleAssistant, Content: mcpgo.NewTextContent(text)},
		Model: "m", StopReason: stop}, nil
}

// TestClientModelConforms: a connected client's model promises what every
// other does.
func TestClientModelConforms(t *testing.T) {
	ran := make(chan struct{})
	s := mcp.New(mcp.Options{Backend: conforming{t: t, ran: ran}, Version: "test"})
	web := httptest.NewServer(s)
	defer web.Close()
	defer func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	tr, err := transport.NewStreamableHTTP(web.URL+"/mcp", transport.WithContinuousListening(), transport.WithHTTPBasicClient(web.Client()),
		transport.WithHTTPLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	cl := client.NewClient(tr, client.WithSamplingHandler(answering{}), client.WithProtocolVersion(mcpgo.ProtocolVersion20251125))
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := cl.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	var hello mcpgo.InitializeRequest
	hello.Params.ProtocolVersion = mcpgo.ProtocolVersion20251125
	hello.Params.ClientInfo = mcpgo.Implementation{Name: "test", Version: "1"}
	if _, err := cl.Initialize(ctx, hello); err != nil {
		t.Fatal(err)
	}
	var call mcpgo.CallToolRequest
	call.Params.Name, call.Params.Arguments = "diagnose_failure", map[string]any{"event_id": "e"}
	if res, err := cl.CallTool(ctx, call); err != nil || res.IsError {
		t.Fatalf("%v, %+v", err, res)
	}
	<-ran
}

// TestVouched: only what this project ran is vouched for, and never what
// deletes or leaves the machine.
func TestVouched(t *testing.T) {
	c := newCommands()
	run := func(project, command string, status learn.Status) {
		t.Helper()
		o := &learn.Observation{Record: learn.Record{Action: &learn.ActionOutcome{ProjectID: project, Status: status}}, Action: action.ParseCommand(command)}
		if err := c.Apply(o, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, command := range []string{"python3 -m pytest -q tests/a", "python3 -m pytest -x tests/b", "pip install requests", "rm -rf build", "git push origin main",
		"curl -O localfile", "make test && rm -rf /", "npm run build", "cat /etc/hosts"} {
		run("p", command, learn.StatusSuccess)
	}
	run("p", "pip install broken", learn.StatusFailure)
	run("q", "pip install secretpkg", learn.StatusSuccess)
	check := func() {
		t.Helper()
		for command, want := range map[string]bool{
			"python3 -m pytest -q tests/a":       true,
			"python3 -m pytest -x -q tests/b":    true,
			"pip install requests":               true,
			"npm run build":                      true,
			"pip install evil":                   false,
			"pip install broken":                 false,
			"pip install secretpkg":              false,
			"pip install --index-url=x requests": false,
			"python3 -m http.server":             false,
			"python3 -m pytest -q; rm -rf /":     false,
			"python3 -m pytest $(id)":            false,
			"python3 -m pytest -q\nrm -rf build": false,
			"rm -rf build":                       false,
			"rm -rf /":                           false,
			"git push origin main":               false,
			"curl -O localfile":                  false,
			"make test":                          false,
			"npm run ../x":                       false,
			"":                                   false,
		} {
			if got := c.vouched("p", command); got != want {
				t.Errorf("%q: %v, want %v", command, got, want)
			}
		}
	}
	check()
	raw, err := c.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	c = newCommands()
	if err := c.Restore(raw); err != nil {
		t.Fatal(err)
	}
	check()
}

func TestPatternNotes(t *testing.T) {
	n := newPatternNotes()
	say := func(kind learn.EntryKind, body any) {
		t.Helper()
		e, err := learn.NewEntry(kind, "x", "", time.Unix(1, 0), body, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.apply(e); err != nil {
			t.Fatal(err)
		}
	}
	same := func(from, into string, same, undone bool) {
		say(learn.EntryAlias, learn.PatternAlias{From: "mined/" + from, Into: "mined/" + into, Same: same, Undone: undone})
	}
	of := func(id string) learn.ErrorSignature {
		in := []learn.ErrorSignature{{ID: "python/x", PatternID: "python/x"}, {ID: "mined/" + id, PatternID: "mined/" + id, Name: "unnamed failure"}}
		out := n.forward(in)
		if in[1].PatternID != "mined/"+id || out[0].ID != "python/x" || out[1].ID != out[1].PatternID {
			t.Errorf("%s: %+v of %+v", id, out, in)
		}
		return out[1]
	}
	same("c", "b", true, false)
	same("b", "a", true, false)
	same("d", "a", false, false)
	same("a", "c", true, false) // a circle
	say(learn.EntryName, learn.PatternName{PatternID: "mined/a", Name: "disk quota exceeded"})
	for id, want := range map[string]string{"c": "mined/a", "b": "mined/a", "a": "mined/a", "d": "mined/d"} {
		if got := of(id).PatternID; got != want {
			t.Errorf("%s goes to %s, want %s", id, got, want)
		}
	}
	if got := of("c").Name; got != `failure "disk quota exceeded"` {
		t.Errorf("named %q", got)
	}
	same("b", "a", true, true)
	if got := of("c").PatternID; got != "mined/b" {
		t.Errorf("after undoing: %s", got)
	}
	if got := former(n.forward([]learn.ErrorSignature{{ID: "mined/c", PatternID: "mined/c"}}), []learn.ErrorSignature{{ID: "mined/c", PatternID: "mined/c"}}); len(got) != 2 || got[0].ID != "mined/b" || got[1].ID != "mined/c" {
		t.Errorf("former %+v", got)
	}
	if err := n.apply(learn.LedgerEntry{Kind: learn.EntryAlias, Body: []byte("{")}); err == nil {
		t.Error("a damaged entry was taken")
	}
}
