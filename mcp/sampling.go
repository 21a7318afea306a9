package mcp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// ErrAnswerPending: the client has to answer a question first, and will call
// again with the answer. The handler gives up; what it returns is not sent.
var ErrAnswerPending = errors.New("mcp: the client has to answer first")

// errNoAnswer: the client was asked and did not answer in a way that counts.
var errNoAnswer = errors.New("mcp: the client's model gave no answer")

const (
	// sampleTime bounds the wait for an older client's model. A person may
	// have to allow the question.
	sampleTime = 45 * time.Second
	// maxSample bounds a client's answer, in bytes.
	maxSample = 16 << 10
	// maxState bounds what a client sends back as state, in bytes.
	maxState = (maxRounds + 1) * 2 * maxSample
	// maxRounds bounds the questions of one call.
	maxRounds = 4
	// sampleKey names the question in a multi-round-trip result.
	sampleKey = "lathe-model"
)

// SampleRequest is a question to the model of a connected client.
type SampleRequest struct {
	System    string
	Messages  []SampleMessage
	MaxTokens int
}

// SampleMessage is one turn; Role is user or assistant.
type SampleMessage struct {
	Role string
	Text string
}

// SampleAnswer is what the client's model said. Rounds counts the questions
// that led to it, Asked the time that the client took, as far as that is known.
type SampleAnswer struct {
	Text   string
	Model  string
	Stop   string
	Asked  time.Duration
	Rounds int
}

// Sampler asks the model of the client whose call is being served: by a
// request to it in the older revisions of the protocol, by a multi-round-trip
// result in that of 2026-07-28. There the call is made again with the answer,
// and Sample gives it when asked the same question.
type Sampler struct {
	server *server.MCPServer
	modern bool
	state  sampleState
	answer *mcp.CreateMessageResult // to the pending question of state
	asked  int
	next   *SampleRequest // to be asked by the result
}

// sampleState goes to a client and comes back with its answer. It holds
// nothing that the client may not know, and proves nothing: these are the
// client's own answers, and what is made of them is checked like the first.
type sampleState struct {
	Past    []samplePast `json:"past,omitempty"`
	Pending string       `json:"pending"` // hash of the question
	At      int64        `json:"at"`      // Unix milliseconds
}

type samplePast struct {
	Question string `json:"q"`
	Text     string `json:"t"`
	Model    string `json:"m,omitempty"`
	Stop     string `json:"s,omitempty"`
	None     bool   `json:"n,omitempty"` // no answer that counts
}

type samplerKey struct{}

// SamplerOf returns the Sampler of the call that ctx belongs to, if its client
// has a model.
func SamplerOf(ctx context.Context) (*Sampler, bool) {
	s, ok := ctx.Value(samplerKey{}).(*Sampler)
	return s, ok
}

// withSampler gives a tool's handler the client's model, when it declares one.
func (s *Server) withSampler(t server.ServerTool) server.ServerTool {
	next := t.Handler
	t.Handler = func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		sampler := s.sampler(ctx, req)
		if sampler == nil {
			return next(ctx, req)
		}
		res, err := next(context.WithValue(ctx, samplerKey{}, sampler), req)
		if sampler.next != nil {
			return sampler.required(), nil
		}
		return res, err
	}
	return t
}

// sampler is nil when the client declares no model. In the revision of
// 2026-07-28 each request says that for itself.
func (s *Server) sampler(ctx context.Context, req mcp.CallToolRequest) *Sampler {
	if info := server.RequestProtocolInfoFromContext(ctx); info != nil && info.Modern {
		if info.ClientCapabilities == nil || info.ClientCapabilities.Sampling == nil {
			return nil
		}
		sm := &Sampler{server: s.mcp, modern: true}
		sm.resume(req)
		return sm
	}
	session, ok := server.ClientSessionFromContext(ctx).(server.SessionWithClientInfo)
	if !ok || session.GetClientCapabilities().Sampling == nil {
		return nil
	}
	return &Sampler{server: s.mcp}
}

// resume takes up what the client sends back. State that cannot be read is as
// good as none: the question is asked anew.
func (s *Sampler) resume(req mcp.CallToolRequest) {
	state := req.Params.RequestState
	if state == "" || len(state) > maxState {
		return
	}
	var st sampleState
	if json.Unmarshal([]byte(state), &st) != nil || len(st.Past) > maxRounds {
		return
	}
	s.state = st
	s.answer = server.SamplingResponse(req.Params.InputResponses, sampleKey)
}

// Asks reports whether Sample would put a new question to the client.
func (s *Sampler) Asks(r SampleRequest) bool {
	if !s.modern {
		return true
	}
	return s.asked >= len(s.state.Past) && s.state.Pending == "" && len(s.state.Past) < maxRounds
}

// First is the Hash of the first question that the client was asked in this
// call's earlier rounds; "" when it was asked none.
func (s *Sampler) First() string {
	if len(s.state.Past) > 0 {
		return s.state.Past[0].Question
	}
	return s.state.Pending
}

// Sample asks the client's model. ErrAnswerPending means that the answer comes
// with another call.
func (s *Sampler) Sample(ctx context.Context, r SampleRequest) (SampleAnswer, error) {
	if !s.modern {
		return s.request(ctx, r)
	}
	hash := r.Hash()
	s.asked++
	switch {
	case s.asked <= len(s.state.Past):
		return s.state.Past[s.asked-1].answer(hash)
	case len(s.state.Past) >= maxRounds:
		return SampleAnswer{}, fmt.Errorf("%w: it was asked %d times", errNoAnswer, maxRounds)
	case s.state.Pending == "":
		s.next = &r
		return SampleAnswer{}, ErrAnswerPending
	}
	return s.take(hash)
}

// take gives the client's answer to the pending question. Whatever it is worth
// becomes part of the past, so that the next call comes to the same point.
func (s *Sampler) take(hash string) (SampleAnswer, error) {
	past := samplePast{Question: s.state.Pending}
	s.state.Pending = ""
	out, err := answerOf(s.answer)
	if err != nil {
		past.None = true
	} else {
		past.Text, past.Model, past.Stop = out.Text, out.Model, out.Stop
	}
	s.state.Past = append(s.state.Past, past)
	if err != nil && past.Question == hash {
		return SampleAnswer{}, err // it says more than the past does
	}
	if out, err = past.answer(hash); err != nil {
		return SampleAnswer{}, err
	}
	if took := time.Since(time.UnixMilli(s.state.At)); took > 0 && took < time.Hour {
		out.Asked = took // by the client's word: nothing rests on it
	}
	return out, nil
}

// answer gives what was said to a question, if it was that one.
func (p samplePast) answer(hash string) (SampleAnswer, error) {
	switch {
	case p.Question != hash:
		return SampleAnswer{}, fmt.Errorf("%w: the question has changed since it was asked", errNoAnswer)
	case p.None:
		return SampleAnswer{}, errNoAnswer
	}
	return SampleAnswer{Text: p.Text, Model: p.Model, Stop: p.Stop, Rounds: 1}, nil
}

// request asks an older client at once. What it answers wrongly, or refuses,
// is an error of this question alone: the library's own way over both eras
// would fail the whole call when a person says no.
func (s *Sampler) request(ctx context.Context, r SampleRequest) (SampleAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, sampleTime)
	defer cancel()
	began := time.Now()
	res, err := s.server.RequestSampling(ctx, mcp.CreateMessageRequest{
		Request: mcp.Request{Method: string(mcp.MethodSamplingCreateMessage)}, CreateMessageParams: r.params()})
	if err != nil {
		return SampleAnswer{}, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	out, err := answerOf(res)
	out.Asked, out.Rounds = time.Since(began), 1
	return out, err
}

// required is the result that asks the client.
func (s *Sampler) required() *mcp.CallToolResult {
	s.state.Pending, s.state.At = s.next.Hash(), time.Now().UnixMilli()
	return server.NewInputRequestBuilder(string(encode(s.state))).Sample(sampleKey, s.next.params()).ToolResult()
}

func (r SampleRequest) params() mcp.CreateMessageParams {
	p := mcp.CreateMessageParams{SystemPrompt: r.System, MaxTokens: r.MaxTokens, IncludeContext: "none"}
	for _, m := range r.Messages {
		p.Messages = append(p.Messages, mcp.SamplingMessage{Role: mcp.Role(m.Role), Content: mcp.NewTextContent(m.Text)})
	}
	return p
}

// Hash identifies a question: SHA-256 in hex.
func (r SampleRequest) Hash() string {
	sum := sha256.Sum256(encode(r))
	return hex.EncodeToString(sum[:])
}

// answerOf takes the text out of a client's answer: one text, or several.
func answerOf(res *mcp.CreateMessageResult) (SampleAnswer, error) {
	if res == nil {
		return SampleAnswer{}, errNoAnswer
	}
	out := SampleAnswer{Model: res.Model, Stop: res.StopReason}
	for _, part := range parts(res.Content) {
		out.Text += part
	}
	switch {
	case out.Text == "":
		return SampleAnswer{}, fmt.Errorf("%w: there is no text in it", errNoAnswer)
	case len(out.Text) > maxSample || len(out.Model) > 200 || len(out.Stop) > 200:
		return SampleAnswer{}, fmt.Errorf("%w: it is longer than %d bytes", errNoAnswer, maxSample)
	}
	return out, nil
}

// parts are the texts of an answer's content, typed or as decoded JSON.
func parts(content any) []string {
	raw, err := json.Marshal(content)
	if err != nil {
		return nil
	}
	type block struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	var one block
	var many []block
	if json.Unmarshal(raw, &one) == nil && one.Type != "" {
		many = []block{one}
	} else if json.Unmarshal(raw, &many) != nil {
		return nil
	}
	var out []string
	for _, b := range many {
		if b.Type == "text" {
			out = append(out, b.Text)
		}
	}
	return out
}
