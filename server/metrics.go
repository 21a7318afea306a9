package server

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"lathe/index/eventlog"
	"lathe/server/intake"
)

// metrics are Prometheus counters of the daemon's own work.
type metrics struct {
	registry                       *prometheus.Registry
	accepted, duplicates, rejected prometheus.Counter
	otlpItems                      *prometheus.CounterVec // by signal and what became of them
}

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "lathe", Name: name, Help: help})
	}
	m := &metrics{registry: prometheus.NewRegistry(),
		accepted:   counter("records_accepted_total", "Records stored durably."),
		duplicates: counter("records_duplicate_total", "Records that were stored before."),
		rejected:   counter("records_rejected_total", "Records refused at the door."),
		otlpItems: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "lathe", Name: "otlp_items_total",
			Help: "Spans and log records received, by what became of them."}, []string{"signal", "result"}),
	}
	m.registry.MustRegister(m.accepted, m.duplicates, m.rejected, m.otlpItems)
	return m
}

// telemetry counts one export request.
func (m *metrics) telemetry(kind intake.Signal, stored int, out *intake.OTLPResult) {
	m.otlpItems.WithLabelValues(string(kind), "taken").Add(float64(stored))
	m.otlpItems.WithLabelValues(string(kind), "refused").Add(float64(len(out.Refused)))
	m.otlpItems.WithLabelValues(string(kind), "ignored").Add(float64(out.Ignored))
}

func (d *Daemon) metricsHandler() http.Handler {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "lathe", Name: name, Help: help}, value)
	}
	for _, c := range []prometheus.Collector{
		gauge("eventlog_head", "Last message of the event log.", func() float64 { return float64(d.log.Head(eventlog.Events)) }),
		gauge("ledger_head", "Last message of the ledger.", func() float64 { return float64(d.log.Head(eventlog.Ledger)) }),
		gauge("pipeline_applied", "Last message that the learners saw.", func() float64 { return float64(d.runner.Applied()) }),
		gauge("pipeline_failures", "Records on which a learner failed.", func() float64 { return float64(d.runner.Failures()) }),
		gauge("tools_waiting", "Interpreters that wait for the next call of a tool.", func() float64 { return float64(d.forge.waiting()) }),
		gauge("tools_active", "Generated tools that sessions can call.", func() float64 { return float64(len(d.forge.active())) }),
	} {
		_ = d.metrics.registry.Register(c) // the second listener's handler registers the same
	}
	return promhttp.HandlerFor(d.metrics.registry, promhttp.HandlerOpts{})
}
