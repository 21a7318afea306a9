package llm_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"lathe/learn/llm"
)

const testKey = llm.Key("test-key-0123456789abcdef")

// provider is a local server that speaks one provider's wire format: it
// refuses what the real API refuses (path, headers, required fields, roles)
// and answers with what say returns.
type provider struct {
	*httptest.Server
	t    *testing.T
	wire wire
	say  func(asked) reply

	mu    sync.Mutex
	asked []asked
}

// asked is a request in either format.
type asked struct {
	System, User string
	Messages     int
	Schema       json.RawMessage
	MaxTokens    int
	NewLimit     int // max_completion_tokens
	Temperature  *float64
	Seed         *int64
}

type reply struct {
	status int // 0 is 200
	header map[string]string
	text   string
	cut    bool
	raw    string // the whole body, instead
}

// wire is one provider's format.
type wire struct {
	name   string
	path   string
	model  func(llm.Config) (llm.Model, error)
	read   func(t *testing.T, h http.Header, body []byte) (asked, string)
	answer func(text string, cut, schema bool) any
}

func openaiWire() wire {
	return wire{
		name: "openai", path: "/v1/chat/completions",
		model: func(c llm.Config) (llm.Model, error) { c.BaseURL += "/v1"; return llm.NewOpenAI(c) },
		read: func(t *testing.T, h http.Header, body []byte) (asked, string) {
			var q struct {
				Model    string
				Messages []struct{ Role, Content string }
				Stream   *bool
				Max      int      `json:"max_tokens"`
				NewMax   int      `json:"max_completion_tokens"`
				Temp     *float64 `json:"temperature"`
				Seed     *int64
				Format   *struct {
					Type   string
					Schema struct {
						Name   string
						Schema json.RawMessage
					} `json:"json_schema"`
				} `json:"response_format"`
			}
			if err := strict(body, &q); err != nil {
				return asked{}, err.Error()
			}
			if h.Get("Authorization") != "Bearer "+string(testKey) {
				return asked{}, "401"
			}
			if q.Stream == nil || *q.Stream {
				return asked{}, "this server streams unless told not to"
			}
			a := asked{MaxTokens: q.Max, NewLimit: q.NewMax, Temperature: q.Temp, Seed: q.Seed, Messages: len(q.Messages)}
			for _, m := range q.Messages {
				switch m.Role {
				case "system":
					a.System = m.Content
					a.Messages--
				case "user":
					a.User = m.Content
				}
			}
			if q.Format != nil {
				if q.Format.Type != "json_schema" || q.Format.Schema.Name == "" {
					return asked{}, "bad response_format"
				}
				a.Schema = q.Format.Schema.Schema
			}
			return a, ""
		},
		answer: func(text string, cut, _ bool) any {
			stop := "stop"
			if cut {
				stop = "length"
			}
			return map[string]any{"id": "chatcmpl-1", "object": "chat.completion", "model": "tiny-2026",
				"choices": []any{map[string]any{"index": 0, "finish_reason": stop, "message": map[string]any{"role": "assistant", "content": text, "refusal": nil}}},
				"usage":   map[string]any{"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}}
		},
	}
}

func anthropicWire() wire {
	return wire{
		name: "anthropic", path: "/v1/messages",
		model: func(c llm.Config) (llm.Model, error) { return llm.NewAnthropic(c) },
		read: func(t *testing.T, h http.Header, body []byte) (asked, string) {
			var q struct {
				Model    string
				Max      *int `json:"max_tokens"`
				System   string
				Messages []struct{ Role, Content string }
				Temp     *float64 `json:"temperature"`
				Tools    []struct {
					Name, Description string
					Schema            json.RawMessage `json:"input_schema"`
				}
				Choice *struct{ Type, Name string } `json:"tool_choice"`
			}
			if err := strict(body, &q); err != nil {
				return asked{}, err.Error()
			}
			if h.Get("X-Api-Key") != string(testKey) {
				return asked{}, "401"
			}
			if h.Get("Anthropic-Version") != "2023-06-01" || q.Max == nil {
				return asked{}, "anthropic-version and max_tokens are required"
			}
			a := asked{System: q.System, MaxTokens: *q.Max, Temperature: q.Temp, Messages: len(q.Messages)}
			for i, m := range q.Messages {
				if want := []string{"user", "assistant"}[i%2]; m.Role != want {
					return asked{}, "roles must alternate"
				}
				if m.Role == "user" {
					a.User = m.Content
				}
			}
			if len(q.Tools) == 1 && q.Choice != nil && q.Choice.Type == "tool" && q.Choice.Name == q.Tools[0].Name {
				a.Schema = q.Tools[0].Schema
			}
			return a, ""
		},
		answer: func(text string, cut, schema bool) any {
			stop, content := "end_turn", map[string]any{"type": "text", "text": text}
			if schema && json.Valid([]byte(text)) {
				stop, content = "tool_use", map[string]any{"type": "tool_use", "id": "toolu_1", "name": "answer", "input": json.RawMessage(text)}
			}
			if cut {
				stop = "max_tokens"
			}
			return map[string]any{"id": "msg_1", "type": "message", "role": "assistant", "model": "tiny-2026", "content": []any{content},
				"stop_reason": stop, "stop_sequence": nil, "usage": map[string]any{"input_tokens": 11, "output_tokens": 7}}
		},
	}
}

// strict decodes and refuses unknown fields, as the real APIs do.
func strict(body []byte, into any) error {
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func serve(t *testing.T, w wire, say func(asked) reply) *provider {
	t.Helper()
	p := &provider{t: t, wire: w, say: say}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPost || r.URL.Path != p.wire.path || r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, `{"error":{"message":"no such endpoint"}}`, http.StatusNotFound)
		return
	}
	a, wrong := p.wire.read(p.t, r.Header, body)
	if wrong == "401" {
		http.Error(w, `{"error":{"message":"invalid key `+r.Header.Get("Authorization")+r.Header.Get("X-Api-Key")+`"}}`, http.StatusUnauthorized)
		return
	}
	if wrong != "" {
		http.Error(w, `{"error":{"message":"`+strings.ReplaceAll(wrong, `"`, "'")+`"}}`, http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	p.asked = append(p.asked, a)
	p.mu.Unlock()
	p.write(w, a)
}

func (p *provider) write(w http.ResponseWriter, a asked) {
	said := p.say(a)
	for k, v := range said.header {
		w.Header().Set(k, v)
	}
	if said.status != 0 {
		w.WriteHeader(said.status)
	}
	if said.raw != "" || said.status != 0 {
		io.WriteString(w, said.raw)
		return
	}
	if err := json.NewEncoder(w).Encode(p.wire.answer(said.text, said.cut, a.Schema != nil)); err != nil {
		p.t.Error(err)
	}
}

func (p *provider) requests() []asked {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]asked(nil), p.asked...)
}

// client makes the provider's client; change alters its configuration.
func (p *provider) client(change func(*llm.Config)) llm.Model {
	p.t.Helper()
	c := llm.Config{BaseURL: p.URL, Key: testKey, Model: "tiny", HTTP: p.Client()}
	if change != nil {
		change(&c)
	}
	m, err := p.wire.model(c)
	if err != nil {
		p.t.Fatal(err)
	}
	return m
}

func wires() []wire { return []wire{openaiWire(), anthropicWire()} }
