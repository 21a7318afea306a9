package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"

	"lathe/learn"
)

// curious is a backend whose diagnosis is what the client's model answers to
// the given questions, one after the other.
type curious struct {
	*testBackend
	questions []string
}

func (c curious) Diagnose(ctx context.Context, _ Scope, _ Failure) (learn.FailureAnalysisReport, error) {
	s, ok := SamplerOf(ctx)
	if !ok {
		return learn.FailureAnalysisReport{RootCause: "no model"}, nil
	}
	var said []string
	for _, q := range c.questions {
		a, err := s.Sample(ctx, SampleRequest{System: "be brief", MaxTokens: 10, Messages: []SampleMessage{{"user", q}}})
		if errors.Is(err, ErrAnswerPending) {
			return learn.FailureAnalysisReport{}, err
		}
		if err != nil {
			said = append(said, "error: "+err.Error())
			continue
		}
		said = append(said, a.Text+" by "+a.Model)
	}
	return learn.FailureAnalysisReport{RootCause: strings.Join(said, "; ")}, nil
}

// parrot is a client's model that repeats the question.
type parrot struct{ say func(string) (any, error) }

func (e parrot) CreateMessage(_ context.Context, r mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
	content, err := e.say(mcp.GetTextFromContent(r.Messages[0].Content))
	if err != nil {
		return nil, err
	}
	return &mcp.CreateMessageResult{SamplingMessage: mcp.SamplingMessage{Role: mcp.RoleAssistant, Content: content}, Model: "m", StopReason: "endTurn"}, nil
}

func rootCause(t *testing.T, res *mcp.CallToolResult) string {
	t.Helper()
	raw, err := json.Marshal(res.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	var r learn.FailureAnalysisReport
	if err := json.Unmarshal(raw, &r); err != nil || res.IsError {
		t.Fatalf("%v: %s %+v", err, raw, res.Content)
	}
	return r.RootCause
}

// TestSampling: several questions within one call, over every way and in both
// eras; a client without a model is not asked.
func TestSampling(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			d := newDaemon(t, curious{&testBackend{}, []string{"one", "two", "three"}})
			if err := d.start(t.Context()); err != nil {
				t.Fatal(err)
			}
			s := newSessionWith(t, way.connect(t, d), way.version, client.WithSamplingHandler(parrot{func(q string) (any, error) {
				return mcp.NewTextContent("answer to " + q), nil
			}}))
			got := rootCause(t, s.mustCall("diagnose_failure", map[string]any{"event_id": "e"}))
			if want := "answer to one by m; answer to two by m; answer to three by m"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			plain := newSession(t, way.connect(t, d), way.version)
			if got := rootCause(t, plain.mustCall("diagnose_failure", map[string]any{"event_id": "e"})); got != "no model" {
				t.Errorf("a client without a model: %q", got)
			}
		})
	}
}

// TestSamplingGoesWrong: what an older client answers wrongly fails its
// question, not its call.
func TestSamplingGoesWrong(t *testing.T) {
	for name, say := range map[string]func(string) (any, error){
		"refused":  func(string) (any, error) { return nil, errors.New("the user says no") },
		"image":    func(string) (any, error) { return mcp.NewImageContent("AAAA", "image/png"), nil },
		"too long": func(string) (any, error) { return mcp.NewTextContent(strings.Repeat("x", maxSample+1)), nil },
		"empty":    func(string) (any, error) { return mcp.NewTextContent(""), nil },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDaemon(t, curious{&testBackend{}, []string{"one"}})
			s := newSessionWith(t, overBridge(t, d), mcp.ProtocolVersion20251125, client.WithSamplingHandler(parrot{say}))
			if got := rootCause(t, s.mustCall("diagnose_failure", map[string]any{"event_id": "e"})); !strings.Contains(got, "gave no answer") {
				t.Errorf("got %q", got)
			}
		})
	}
}

const samplingMeta = `{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"sampling":{}}}`

// TestStateIsNotTrusted: what a client sends back as state is as good as what
// it is checked for.
func TestStateIsNotTrusted(t *testing.T) {
	d := newDaemon(t, curious{&testBackend{}, []string{"one", "two"}})
	w := newWire(t, d, BridgeOptions{Ensure: d.start})
	n := 0
	call := func(state string, answers string) reply {
		t.Helper()
		n++
		quoted, _ := json.Marshal(state) // strings always can be
		w.send(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"diagnose_failure","arguments":{"event_id":"e"},"requestState":%s,"inputResponses":%s,"_meta":%s}}`,
			n, quoted, answers, samplingMeta)
		return w.receive()
	}
	type asked struct {
		ResultType    string
		RequestState  string
		InputRequests map[string]struct {
			Method string
			Params struct {
				Messages []struct{ Content struct{ Text string } }
			}
		}
		StructuredContent learn.FailureAnalysisReport
	}
	read := func(r reply) (a asked) {
		t.Helper()
		if r.Error != nil || json.Unmarshal(r.Result, &a) != nil {
			t.Fatalf("%+v %s", r.Error, r.Result)
		}
		return a
	}
	first := read(call("", "{}"))
	if q := first.InputRequests[sampleKey]; first.ResultType != "input_required" || q.Method != "sampling/createMessage" || q.Params.Messages[0].Content.Text != "one" {
		t.Fatalf("got %+v", first)
	}
	const good = `{"lathe-model":{"role":"assistant","content":{"type":"text","text":"yes"},"model":"m"}}`
	second := read(call(first.RequestState, good))
	if q := second.InputRequests[sampleKey]; q.Params.Messages[0].Content.Text != "two" {
		t.Fatalf("got %+v", second)
	}
	if got := read(call(second.RequestState, good)).StructuredContent.RootCause; got != "yes by m; yes by m" {
		t.Errorf("at the end: %q", got)
	}
	forged := func(change func(*sampleState)) string {
		var st sampleState
		if err := json.Unmarshal([]byte(second.RequestState), &st); err != nil {
			t.Fatal(err)
		}
		change(&st)
		return string(encode(st))
	}
	for name, c := range map[string]struct{ state, answers, want string }{
		"no answer":           {first.RequestState, `{}`, "error: mcp: the client's model gave no answer"},
		"answer to another":   {first.RequestState, `{"other":{"role":"assistant","content":{"type":"text","text":"yes"}}}`, "gave no answer"},
		"no text":             {first.RequestState, `{"lathe-model":{"role":"assistant","content":[1,2]}}`, "gave no answer"},
		"null":                {first.RequestState, `{"lathe-model":null}`, "gave no answer"},
		"another question":    {forged(func(s *sampleState) { s.Past[0].Question = "x" }), good, "question has changed"},
		"another pending one": {forged(func(s *sampleState) { s.Pending = "x" }), good, "question has changed"},
		"a time to come":      {forged(func(s *sampleState) { s.At = 1 << 62 }), good, "yes by m; yes by m"},
	} {
		a := read(call(c.state, c.answers))
		// A question that fails is followed by the next, which is asked.
		if a.ResultType == "input_required" {
			a = read(call(a.RequestState, good))
		}
		if got := a.StructuredContent.RootCause; !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for _, state := range []string{"{", `"x"`, "null", `{"past":[{},{},{},{},{}]}`, strings.Repeat("x", maxState+1), "\x00"} {
		if a := read(call(state, good)); a.ResultType != "input_required" {
			t.Errorf("state %.20q was taken: %+v", state, a)
		}
	}
}

// TestSamplingThroughRestart: a daemon that is started again between question
// and answer takes the answer as well, for it holds nothing of it.
func TestSamplingThroughRestart(t *testing.T) {
	d := newDaemon(t, curious{&testBackend{}, []string{"one"}})
	var asked []string
	s := newSessionWith(t, overBridge(t, d), mcp.ProtocolVersion20260728, client.WithSamplingHandler(parrot{func(q string) (any, error) {
		asked = append(asked, q)
		d.kill()
		return mcp.NewTextContent("later"), nil
	}}))
	if got := rootCause(t, s.mustCall("diagnose_failure", map[string]any{"event_id": "e"})); got != "later by m" || !slices.Equal(asked, []string{"one"}) {
		t.Errorf("got %q after %v", got, asked)
	}
}

func FuzzAnswerOf(f *testing.F) {
	for _, s := range []string{`{"type":"text","text":"x"}`, `[{"type":"text","text":"a"},{"type":"text","text":"b"}]`, `null`, `"x"`, `[[]]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var content any
		if json.Unmarshal(raw, &content) != nil {
			return
		}
		a, err := answerOf(&mcp.CreateMessageResult{SamplingMessage: mcp.SamplingMessage{Content: content}})
		if err == nil && (a.Text == "" || len(a.Text) > maxSample) {
			t.Errorf("%d bytes of text", len(a.Text))
		}
		if err != nil && fmt.Sprint(a) != fmt.Sprint(SampleAnswer{}) {
			t.Error("an error with an answer")
		}
	})
}
