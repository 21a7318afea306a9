package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config says how to reach a provider. Zero fields take the defaults.
type Config struct {
	BaseURL string // like "https://api.openai.com/v1"; required
	Key     Key    // none for a local server
	Model   string // required

	Timeout  time.Duration // of one attempt; 0 is 60 s
	Attempts int           // in all; 0 is 4
	MaxWait  time.Duration // between two attempts; 0 is 30 s. A longer Retry-After ends the call.
	MaxBody  int64         // bytes of an answer; 0 is 4 MiB

	// Before is called before each attempt is sent; an error ends the call
	// with it. Nil allows all.
	Before func(context.Context) error

	HTTP  *http.Client                               // nil is one with Timeout; never follows redirects
	Sleep func(context.Context, time.Duration) error // nil waits by the clock
	Now   func() time.Time                           // nil is time.Now
	Rand  func() float64                             // jitter in [0,1); nil is math/rand
}

// APIError is a provider's refusal.
type APIError struct {
	Model      string
	Status     int           // HTTP status
	Message    string        // the provider's words, cut to 500 bytes, without the key
	RetryAfter time.Duration // 0 when the provider did not say
}

func (e *APIError) Error() string {
	what := fmt.Sprintf("llm: %s answered %d %s: %s", e.Model, e.Status, http.StatusText(e.Status), e.Message)
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return what + " (check the key)"
	case http.StatusNotFound:
		return what + " (check the base URL and the model's name)"
	}
	return what
}

// transport posts JSON and retries what may pass.
type transport struct {
	c    Config
	name string
	base string
	url  string
	head http.Header
}

const backoff = 500 * time.Millisecond

func newTransport(c Config, name, path string, head http.Header) (*transport, error) {
	if c.Model == "" {
		return nil, fmt.Errorf("%w: no model named; set the model", ErrRequest)
	}
	if err := CheckURL(c.BaseURL); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	client := *c.HTTP
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.HTTP = &client
	head.Set("Content-Type", "application/json")
	head.Set("Accept", "application/json")
	base := strings.TrimRight(c.BaseURL, "/")
	return &transport{c: c, name: name + "/" + c.Model, base: base, url: base + path, head: head}, nil
}

func (c Config) withDefaults() Config {
	if c.Timeout <= 0 {
		c.Timeout = time.Minute
	}
	if c.Attempts <= 0 {
		c.Attempts = 4
	}
	if c.MaxWait <= 0 {
		c.MaxWait = 30 * time.Second
	}
	if c.MaxBody <= 0 {
		c.MaxBody = 4 << 20
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{}
	}
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	if c.Before == nil {
		c.Before = func(context.Context) error { return nil }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	return c
}

// CheckURL refuses a base URL that would send a key, or what a project's tools
// printed, where others can read it.
func CheckURL(base string) error {
	u, err := url.Parse(base)
	if err != nil {
		return fmt.Errorf("%w: the base URL cannot be read; want one like https://host/v1", ErrRequest)
	}
	local := u.Hostname() == "localhost"
	if ip := net.ParseIP(u.Hostname()); ip != nil {
		local = ip.IsLoopback()
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%w: the base URL is not like https://host/v1", ErrRequest)
	case u.User != nil:
		return fmt.Errorf("%w: the base URL holds a user or password; give the key by itself", ErrRequest)
	case u.Scheme == "http" && !local:
		return fmt.Errorf("%w: questions would go unencrypted to %s; use https beyond this machine", ErrRequest, u.Host)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// post sends body as JSON and returns the answer to it, of status 200.
func (t *transport) post(ctx context.Context, body any) ([]byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	for try := 1; ; try++ {
		if err := t.c.Before(ctx); err != nil {
			return nil, err
		}
		answer, err := t.once(ctx, http.MethodPost, t.url, raw)
		if err == nil || ctx.Err() != nil || try == t.c.Attempts || !passing(err) {
			return answer, err
		}
		wait := t.wait(try, err)
		if wait > t.c.MaxWait {
			return nil, err // asked to wait longer than the caller would
		}
		if err := t.c.Sleep(ctx, wait); err != nil {
			return nil, fmt.Errorf("llm: %s: waiting for another attempt: %w", t.name, err)
		}
	}
}

// wait is exponential with full jitter in its upper half, and never shorter
// than what the provider asked for.
func (t *transport) wait(try int, err error) time.Duration {
	d := min(backoff<<min(try-1, 10), t.c.MaxWait)
	d = d/2 + time.Duration(t.c.Rand()*float64(d/2))
	var api *APIError
	if errors.As(err, &api) && api.RetryAfter > d {
		return api.RetryAfter
	}
	return d
}

// passing reports whether the same request may succeed later.
func passing(err error) bool {
	var api *APIError
	if errors.As(err, &api) {
		return api.Status == http.StatusTooManyRequests || api.Status == http.StatusRequestTimeout || api.Status >= 500
	}
	return !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrRequest)
}

func (t *transport) once(ctx context.Context, method, url string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, t.c.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	req.Header = t.head.Clone()
	resp, err := t.c.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("llm: %s: %w", t.name, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, t.c.MaxBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("llm: %s: read the answer: %w", t.name, err)
	case resp.StatusCode != http.StatusOK:
		return nil, t.refusal(resp, answer)
	case int64(len(answer)) > t.c.MaxBody:
		return nil, fmt.Errorf("%w: %s sent more than %d bytes", ErrTooLarge, t.name, t.c.MaxBody)
	}
	return answer, nil
}

// refusal reads the error bodies of both providers, {"error": {"message"}},
// and plain text.
func (t *transport) refusal(resp *http.Response, body []byte) *APIError {
	var said struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	message := string(body)
	if json.Unmarshal(body, &said) == nil && said.Error.Message != "" {
		message = said.Error.Message
	}
	if t.c.Key != "" {
		message = strings.ReplaceAll(message, string(t.c.Key), "[key]")
	}
	return &APIError{
		Model: t.name, Status: resp.StatusCode, Message: clean(message, 500),
		RetryAfter: retryAfter(resp.Header.Get("Retry-After"), t.c.Now()),
	}
}

// retryAfter reads both forms of RFC 9110 (2022), section 10.2.3; 0 when it
// says nothing that can be read.
func retryAfter(v string, now time.Time) time.Duration {
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		if s > 0 && s < 1e6 {
			return time.Duration(s * float64(time.Second))
		}
		if s >= 1e6 {
			return 1e6 * time.Second
		}
		return 0
	}
	if at, err := http.ParseTime(v); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}
