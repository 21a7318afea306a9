package llm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"lathe/learn/llm"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func hello() llm.Request {
	return llm.Request{Messages: []llm.Message{{Role: llm.User, Text: "say hello"}}}
}

// TestRetries: what may pass is asked again, no sooner than the provider says.
func TestRetries(t *testing.T) {
	later := func(status int, after string) reply {
		r := reply{status: status, raw: `{"error":{"message":"busy"}}`}
		if after != "" {
			r.header = map[string]string{"Retry-After": after}
		}
		return r
	}
	ok := reply{text: "hello"}
	for _, c := range []struct {
		name    string
		replies []reply
		waits   []time.Duration
		status  int // of the error; 0 is success
		after   time.Duration
	}{
		{"rate limit", []reply{later(429, "2"), ok}, []time.Duration{2 * time.Second}, 0, 0},
		{"as a date", []reply{later(503, now.Add(5*time.Second).Format(http.TimeFormat)), ok}, []time.Duration{5 * time.Second}, 0, 0},
		{"date gone by", []reply{later(503, now.Add(-time.Hour).Format(http.TimeFormat)), ok}, []time.Duration{375 * time.Millisecond}, 0, 0},
		{"overloaded", []reply{later(529, ""), later(500, ""), ok}, []time.Duration{375 * time.Millisecond, 750 * time.Millisecond}, 0, 0},
		{"nonsense", []reply{later(429, "soon"), later(429, "-4"), ok}, []time.Duration{375 * time.Millisecond, 750 * time.Millisecond}, 0, 0},
		{"too long a wait", []reply{later(429, "3600")}, nil, 429, time.Hour},
		{"never well", []reply{later(502, ""), later(502, ""), later(502, ""), later(502, "")},
			[]time.Duration{375 * time.Millisecond, 750 * time.Millisecond, 1500 * time.Millisecond}, 502, 0},
		{"not passing", []reply{later(400, "1")}, nil, 400, time.Second},
		{"redirect", []reply{{status: 307, header: map[string]string{"Location": "/elsewhere"}}}, nil, 307, 0},
	} {
		for _, w := range wires() {
			n := 0
			p := serve(t, w, func(asked) reply { n++; return c.replies[min(n, len(c.replies))-1] })
			var waits []time.Duration
			m := p.client(func(k *llm.Config) {
				k.Now, k.Rand = func() time.Time { return now }, func() float64 { return 0.5 }
				k.Sleep = func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }
			})
			r, err := m.Complete(t.Context(), hello())
			if !slices.Equal(waits, c.waits) || n != len(c.replies) {
				t.Errorf("%s, %s: %d requests with waits %v, want %d with %v", c.name, w.name, n, waits, len(c.replies), c.waits)
			}
			var api *llm.APIError
			switch {
			case c.status == 0 && (err != nil || r.Text != "hello"):
				t.Errorf("%s, %s: %+v, %v", c.name, w.name, r, err)
			case c.status != 0 && (!errors.As(err, &api) || api.Status != c.status || api.RetryAfter != c.after):
				t.Errorf("%s, %s: %v, want status %d", c.name, w.name, err, c.status)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, w := range wires() {
		for name, c := range map[string]struct {
			raw  string
			want error
		}{
			"junk":     {"<html>", llm.ErrBadAnswer},
			"empty":    {"{}", llm.ErrBadAnswer},
			"too long": {`{"model":"` + strings.Repeat("x", 2000) + `"}`, llm.ErrTooLarge},
		} {
			p := serve(t, w, func(asked) reply { return reply{raw: c.raw} })
			_, err := p.client(func(k *llm.Config) { k.MaxBody = 1000 }).Complete(t.Context(), hello())
			if !errors.Is(err, c.want) || len(p.requests()) != 1 {
				t.Errorf("%s, %s: %v after %d requests, want %v after one", w.name, name, err, len(p.requests()), c.want)
			}
		}
	}
}

// TestTimeout: a server that does not answer ends the attempt, not the caller.
func TestTimeout(t *testing.T) {
	for _, w := range wires() {
		released := make(chan struct{})
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-released }))
		m, err := w.model(llm.Config{BaseURL: s.URL, Model: "tiny", Timeout: 10 * time.Millisecond, Attempts: 2, HTTP: s.Client(),
			Sleep: func(context.Context, time.Duration) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Complete(t.Context(), hello()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", w.name, err)
		}
		close(released)
		s.Close()
	}
}

// TestKeyStaysSecret: not in errors that echo it, not in printed values.
func TestKeyStaysSecret(t *testing.T) {
	const secret = "sk-another-secret-9876543210"
	for _, w := range wires() {
		p := serve(t, w, conformanceAnswer)
		_, err := p.client(func(c *llm.Config) { c.Key = secret }).Complete(t.Context(), hello())
		if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "check the key") {
			t.Errorf("%s: %v", w.name, err)
		}
	}
	raw, err := json.Marshal(map[string]any{"key": llm.Key(secret)})
	if said := fmt.Sprintf("%v %+v %#v %s %v", llm.Key(secret), struct{ K llm.Key }{secret}, llm.Key(secret), raw, err); strings.Contains(said, "another") {
		t.Errorf("printed: %s", said)
	}
}

func TestBaseURLs(t *testing.T) {
	for _, c := range []struct {
		url string
		key llm.Key
		ok  bool
	}{
		{"https://api.example.org/v1", "k", true},
		{"http://localhost:11434/v1", "k", true},
		{"http://127.0.0.1:8000/v1", "k", true},
		{"http://[::1]:8000/v1/", "k", true},
		{"http://models.example.org/v1", "", false},
		{"https://models.example.org/v1", "", true},
		{"http://models.example.org/v1", "k", false},
		{"http://localhost.example.org/v1", "k", false},
		{"https://user:pass@api.example.org", "k", false},
		{"https://api.example.org/v1?key=x", "k", false},
		{"file:///etc/passwd", "", false},
		{"api.example.org", "", false},
		{"", "", false},
		{"https://%zz", "", false},
	} {
		for _, w := range wires() {
			_, err := w.model(llm.Config{BaseURL: c.url, Key: c.key, Model: "tiny"})
			// openaiWire appends /v1 to the URL, which mends some of them.
			if w.name == "anthropic" && (err == nil) != c.ok {
				t.Errorf("%s: %v", c.url, err)
			}
			if err != nil && strings.Contains(err.Error(), "pass@") {
				t.Errorf("%s: the error tells the password: %v", c.url, err)
			}
		}
	}
	if _, err := llm.NewOpenAI(llm.Config{BaseURL: "https://api.example.org"}); err == nil {
		t.Error("a client without a model")
	}
}

// TestNoResponseFormat: a server without it gets the schema in words, and the
// client remembers.
func TestNoResponseFormat(t *testing.T) {
	p := serve(t, openaiWire(), func(a asked) reply {
		if a.Schema != nil {
			return reply{status: 400, raw: `{"error":{"message":"response_format is not supported"}}`}
		}
		if !strings.Contains(a.System, `"colour"`) {
			return reply{text: "what schema?"}
		}
		return reply{text: `{"colour":"green"}`}
	})
	m := p.client(nil)
	for range 2 {
		r, err := m.Complete(t.Context(), conformanceRequests()["schema"])
		if err != nil || r.Text != `{"colour":"green"}` {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if n := len(p.requests()); n != 3 {
		t.Errorf("%d requests, want 3: the refused one is not repeated", n)
	}
}

// TestOtherForms: what a server refuses is said in its way from then on.
func TestOtherForms(t *testing.T) {
	p := serve(t, openaiWire(), func(a asked) reply {
		switch {
		case a.MaxTokens != 0:
			return reply{status: 400, raw: `{"error":{"message":"Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}}`}
		case a.Temperature != nil:
			return reply{status: 400, raw: `{"error":{"message":"'temperature' does not support 0 with this model."}}`}
		case a.NewLimit != 50:
			return reply{status: 400, raw: `{"error":{"message":"how many?"}}`}
		}
		return reply{text: `{"colour":"green"}`}
	})
	m := p.client(nil)
	for range 2 {
		if r, err := m.Complete(t.Context(), conformanceRequests()["schema"]); err != nil || r.Text != `{"colour":"green"}` {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if n := len(p.requests()); n != 4 {
		t.Errorf("%d requests, want 4: each refusal is met once", n)
	}
}

// TestCutConnection: an answer that breaks off is asked for again.
func TestCutConnection(t *testing.T) {
	for _, w := range wires() {
		n := 0
		s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			if n++; n == 1 {
				rw.Header().Set("Content-Length", "1000")
				_, _ = rw.Write([]byte(`{"choices":[{"mess`))
				panic(http.ErrAbortHandler)
			}
			_ = json.NewEncoder(rw).Encode(w.answer("hello", false, false))
		}))
		m, err := w.model(llm.Config{BaseURL: s.URL, Model: "tiny", HTTP: s.Client(), Sleep: func(context.Context, time.Duration) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		if r, err := m.Complete(t.Context(), hello()); err != nil || r.Text != "hello" || n != 2 {
			t.Errorf("%s: %+v, %v after %d requests", w.name, r, err, n)
		}
		s.Close()
	}
}

// TestProbe tells address, key and model's name apart.
func TestProbe(t *testing.T) {
	for _, w := range wires() {
		status, body := 200, `{"data":[{"id":"tiny"}]}`
		var got string
		s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			got = r.Method + " " + r.URL.Path
			rw.WriteHeader(status)
			_, _ = rw.Write([]byte(body))
		}))
		m, err := w.model(llm.Config{BaseURL: s.URL, Model: "tiny", HTTP: s.Client()})
		if err != nil {
			t.Fatal(err)
		}
		p := m.(interface{ Probe(context.Context) error })
		if err := p.Probe(t.Context()); err != nil || got != "GET /v1/models" {
			t.Errorf("%s: %v, asked %s", w.name, err, got)
		}
		body = `{"data":[{"id":"other"}]}`
		if err := p.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "other") {
			t.Errorf("%s: a name that is not there: %v", w.name, err)
		}
		status, body = 401, `{"error":{"message":"no"}}`
		if err := p.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "key") {
			t.Errorf("%s: a wrong key: %v", w.name, err)
		}
		s.Close()
		if err := p.Probe(t.Context()); err == nil {
			t.Errorf("%s: nothing listens", w.name)
		}
	}
}
