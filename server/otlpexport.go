package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	tracecollector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	resource "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// TelemetryConfig says where Lathe's own calls are sent.
type TelemetryConfig struct {
	Endpoint string // of an OTLP/HTTP receiver, such as http://127.0.0.1:4318; "" sends nothing
	TokenEnv string // name of the environment variable that holds its bearer token
}

var errEndpoint = errors.New("it is the address of an OTLP/HTTP receiver: https, or http on this machine, without a name or password")

func telemetrySettings() []setting {
	return []setting{
		{"telemetry.endpoint", true, func(c *Config) string { return c.Telemetry.Endpoint }, func(c *Config, v string) error {
			u, err := url.Parse(v)
			if v != "" && (err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname()))) {
				return errEndpoint
			}
			c.Telemetry.Endpoint = v
			return nil
		}},
		{"telemetry.token_env", true, func(c *Config) string { return c.Telemetry.TokenEnv }, func(c *Config, v string) error {
			c.Telemetry.TokenEnv = v
			return nil
		}},
	}
}

// The bounds of the exporter.
const (
	maxExported   = 2048 // spans that wait; more are dropped and counted
	exportBatch   = 256
	exportPause   = 5 * time.Second
	exportTimeout = 10 * time.Second
	exportTries   = 4
)

// exporter sends spans to an OTLP receiver, from one goroutine (run), behind
// the back of the calls that they are about. It never makes them wait: what does
// not fit into its queue is dropped. A nil exporter takes nothing.
type exporter struct {
	url, token    string
	client        *http.Client
	logger        *slog.Logger
	queue         chan *trace.Span
	sent, dropped atomic.Int64
	failing       bool // the last batch was lost; run alone knows
}

// newExporter makes the exporter of a configuration; nil when nothing is to be
// sent.
func newExporter(c TelemetryConfig, logger *slog.Logger) *exporter {
	if c.Endpoint == "" {
		return nil
	}
	e := &exporter{url: strings.TrimSuffix(c.Endpoint, "/"), logger: logger, queue: make(chan *trace.Span, maxExported)}
	if !strings.HasSuffix(e.url, "/v1/traces") {
		e.url += "/v1/traces"
	}
	if c.TokenEnv != "" {
		e.token = os.Getenv(c.TokenEnv)
	}
	e.client = &http.Client{Timeout: exportTimeout,
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConns: 1, IdleConnTimeout: time.Minute,
			DialContext: (&net.Dialer{Timeout: exportTimeout}).DialContext, ForceAttemptHTTP2: true},
		// A token must not follow a redirection to somebody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return e
}

// offer takes a span, or drops it; it never waits.
func (e *exporter) offer(s *trace.Span) {
	if e == nil {
		return
	}
	select {
	case e.queue <- s:
	default:
		e.dropped.Add(1)
	}
}

// run sends until ctx ends, and then what waits, once.
func (e *exporter) run(ctx context.Context) error {
	if e == nil {
		return nil
	}
	defer e.client.CloseIdleConnections()
	tick := time.NewTicker(exportPause)
	defer tick.Stop()
	var batch []*trace.Span
	for {
		flush := false
		select {
		case s := <-e.queue:
			batch = append(batch, s)
			flush = len(batch) >= exportBatch
		case <-tick.C:
			flush = true
		case <-ctx.Done():
			e.last(batch)
			return nil
		}
		if flush && len(batch) > 0 {
			e.send(ctx, batch)
			batch = nil
		}
	}
}

// last sends what is left, within two seconds.
func (e *exporter) last(batch []*trace.Span) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for {
		select {
		case s := <-e.queue:
			batch = append(batch, s)
			continue
		default:
		}
		break
	}
	if len(batch) > 0 {
		e.send(ctx, batch)
	}
}

// send delivers a batch, or gives it up after some tries.
func (e *exporter) send(ctx context.Context, batch []*trace.Span) {
	body, err := exportBody(batch)
	for try := 1; err == nil; try++ {
		var again time.Duration
		if again, err = e.post(ctx, body); err == nil {
			e.sent.Add(int64(len(batch)))
			e.failing = false
			return
		}
		if again == 0 || try == exportTries {
			break
		}
		select {
		case <-time.After(again << (try - 1)):
			err = nil
		case <-ctx.Done():
		}
	}
	e.dropped.Add(int64(len(batch)))
	if !e.failing { // once, not for every batch of an outage
		e.logger.Warn("Lathe's own telemetry is not taken; what comes until it is again is dropped", "endpoint", e.url, "err", err)
	}
	e.failing = true
}

// post makes one try. again is how long to wait before another; 0 when that
// would be in vain.
func (e *exporter) post(ctx context.Context, body []byte) (again time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "gzip")
	if e.token != "" {
		req.Header.Set("Authorization", "Bearer "+e.token)
	}
	res, err := e.client.Do(req)
	if err != nil {
		return time.Second, err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
	switch res.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		return 0, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return time.Second, fmt.Errorf("it answered %s", res.Status)
	}
	return 0, fmt.Errorf("it answered %s", res.Status)
}

func exportBody(batch []*trace.Span) ([]byte, error) {
	raw, err := proto.Marshal(&tracecollector.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{
		Resource:   &resource.Resource{Attributes: []*common.KeyValue{attr("service.name", "lathe"), attr("service.version", Version)}},
		ScopeSpans: []*trace.ScopeSpans{{Scope: &common.InstrumentationScope{Name: "lathe", Version: Version}, Spans: batch}}}}})
	if err != nil {
		return nil, fmt.Errorf("encode spans: %w", err)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(raw); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}

func attr(key, value string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: strings.ToValidUTF8(value, "?")}}}
}
