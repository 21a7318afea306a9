package server

import (
	"crypto/subtle"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"lathe/learn"
	"lathe/mcp"
	"lathe/server/intake"
)

// maxToolLabels bounds the tools that have series of their own; those seen
// later are counted as otherTool.
const (
	maxToolLabels = 200
	otherTool     = "(other)"
)

// metrics are Prometheus series of the daemon's own work since it started.
type metrics struct {
	// anyone may see what is in all; what names tools, of all projects, is in
	// named.
	all, named *prometheus.Registry
	once       sync.Once // the gauges need the daemon

	accepted, duplicates, rejected prometheus.Counter
	calls                          *prometheus.CounterVec   // recorded, by tool and status
	durations                      *prometheus.HistogramVec // of recorded calls, by kind
	tokens                         *prometheus.CounterVec   // by direction
	cost                           prometheus.Counter
	served                         *prometheus.CounterVec   // MCP calls, by tool and status
	servedTime                     *prometheus.HistogramVec // by kind of tool
	advice                         *prometheus.CounterVec   // by kind and door
	otlpItems                      *prometheus.CounterVec   // by signal and what became of them

	mu    sync.Mutex
	tools map[string]bool // that have a series
}

// maxCost is what one call is counted at most, in US dollars.
const maxCost = 1e6

// seconds are the bounds of histograms: from a look-up to a build.
var secondsBuckets = []float64{0.001, 0.005, 0.025, 0.1, 0.5, 2, 10, 60, 300}

func newMetrics() *metrics {
	m := &metrics{all: prometheus.NewRegistry(), named: prometheus.NewRegistry(), tools: map[string]bool{}}
	counter := func(r *prometheus.Registry, name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "lathe", Name: name, Help: help}, labels)
		r.MustRegister(c)
		return c
	}
	histogram := func(name, help, label string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "lathe", Name: name, Help: help, Buckets: secondsBuckets}, []string{label})
		m.all.MustRegister(h)
		return h
	}
	m.accepted = counter(m.all, "records_accepted_total", "Records stored durably.").WithLabelValues()
	m.duplicates = counter(m.all, "records_duplicate_total", "Records that were stored before.").WithLabelValues()
	m.rejected = counter(m.all, "records_rejected_total", "Records refused at the door.").WithLabelValues()
	m.calls = counter(m.named, "calls_total", "Recorded calls of tools and models, by tool and status.", "tool", "status")
	m.durations = histogram("call_duration_seconds", "How long recorded calls took, by what they are.", "action_type")
	m.tokens = counter(m.all, "tokens_total", "Tokens that recorded calls of models reported.", "direction")
	m.cost = counter(m.all, "cost_usd_total", "What recorded calls of models cost, in US dollars, as far as it was reported.").WithLabelValues()
	m.served = counter(m.named, "mcp_calls_total", "Calls of tools that the MCP server answered, by tool and status.", "tool", "status")
	m.servedTime = histogram("mcp_call_duration_seconds", "How long the MCP server took to answer calls of tools.", "status")
	m.advice = counter(m.all, "advice_offered_total", "Advice that was given, by its kind and the door it went through.", "kind", "door")
	m.otlpItems = counter(m.all, "otlp_items_total", "Spans and log records received, by what became of them.", "signal", "result")
	return m
}

// toolLabel is the tool's name while there are few.
func (m *metrics) toolLabel(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tools[name] {
		return name
	}
	if len(m.tools) >= maxToolLabels || len(name) > 200 {
		return otherTool
	}
	m.tools[name] = true
	return name
}

// stored counts a record that is new in the log.
func (m *metrics) stored(rec learn.Record) {
	a := rec.Action
	if a == nil {
		return
	}
	m.calls.WithLabelValues(m.toolLabel(a.ToolName), string(a.Status)).Inc()
	if ms := a.ResourceMetrics.DurationMS; ms > 0 {
		m.durations.WithLabelValues(string(a.ActionType)).Observe(ms / 1000)
	}
	m.tokens.WithLabelValues("in").Add(float64(a.ResourceMetrics.TokenCountIn))
	m.tokens.WithLabelValues("out").Add(float64(a.ResourceMetrics.TokenCountOut))
	m.cost.Add(min(a.ResourceMetrics.CostUSD, maxCost))
}

// answered counts a call that the MCP server answered: of a tool that there
// is, so that there are as many as persons approved.
func (m *metrics) answered(tool string, took time.Duration, failed bool) {
	status := learn.StatusSuccess
	if failed {
		status = learn.StatusFailure
	}
	m.served.WithLabelValues(tool, string(status)).Inc()
	m.servedTime.WithLabelValues(string(status)).Observe(took.Seconds())
}

// telemetry counts one export request.
func (m *metrics) telemetry(kind intake.Signal, stored int, out *intake.OTLPResult) {
	m.otlpItems.WithLabelValues(string(kind), "taken").Add(float64(stored))
	m.otlpItems.WithLabelValues(string(kind), "refused").Add(float64(len(out.Refused)))
	m.otlpItems.WithLabelValues(string(kind), "ignored").Add(float64(out.Ignored))
}

// metricsHandler serves the series. Those with the names of tools, which are of
// all projects, are for this user (by the socket, or by local, the machine's own
// token) and for tokens of all projects.
func (d *Daemon) metricsHandler(local string) http.Handler {
	d.metrics.once.Do(d.registerGauges)
	options := promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 30 * time.Second}
	few := promhttp.HandlerFor(d.metrics.all, options)
	full := promhttp.HandlerFor(prometheus.Gatherers{d.metrics.all, d.metrics.named}, options)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trusted, _ := r.Context().Value(trustedKey{}).(bool)
		scope, _ := r.Context().Value(tokenScopeKey{}).(mcp.Scope)
		_, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		own := local != "" && subtle.ConstantTimeCompare([]byte(secret), []byte(local)) == 1
		if trusted || scope.Import || own {
			full.ServeHTTP(w, r)
			return
		}
		few.ServeHTTP(w, r)
	})
}

// registerGauges adds what is read when somebody asks.
func (d *Daemon) registerGauges() {
	for _, c := range d.gauges() {
		d.metrics.all.MustRegister(c)
	}
	d.metrics.all.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "lathe", Name: "build_info", Help: "1, with the version of this program.",
			ConstLabels: prometheus.Labels{"version": Version, "go": runtime.Version()}}, func() float64 { return 1 }))
}
