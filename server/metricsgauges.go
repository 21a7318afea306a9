package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/toolforge/sandbox"
)

// gauges are the daemon's state now: how far it is behind, what waits, what
// there is.
func (d *Daemon) gauges() (out []prometheus.Collector) {
	gauge := func(name, help string, value func() float64) {
		out = append(out, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "lathe", Name: name, Help: help}, value))
	}
	total := func(name, help string, value func() float64) {
		out = append(out, prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "lathe", Name: name, Help: help}, value))
	}
	gauge("eventlog_head", "Last message of the event log.", func() float64 { return float64(d.log.Head(eventlog.Events)) })
	gauge("ledger_head", "Last message of the ledger.", func() float64 { return float64(d.log.Head(eventlog.Ledger)) })
	gauge("pipeline_applied", "Last message that the learners saw.", func() float64 { return float64(d.runner.Applied()) })
	gauge("index_applied", "Last message that can be searched for.", func() float64 { return float64(d.indexed.at()) })
	gauge("ledger_applied", "Last message of the ledger that was projected.", func() float64 { return float64(d.ledger.at()) })
	gauge("pipeline_failures", "Records on which a learner failed.", func() float64 { return float64(d.runner.Failures()) })
	for name, depth := range map[string]func() int{"hooks": func() int { return len(d.hooked.waiting) }, "assignments": func() int { return len(d.assignments.waiting) }} {
		out = append(out, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "lathe", Name: "queue_depth", Help: "Entries that wait to be written.",
			ConstLabels: prometheus.Labels{"queue": name}}, func() float64 { return float64(depth()) }))
	}
	total("records_lost_total", "Entries that were answered and then could not be written.", func() float64 {
		return float64(d.hooked.lost.Load() + d.assignments.lost.Load())
	})
	if e := d.exporter; e != nil {
		total("telemetry_sent_total", "Spans of Lathe's own calls that were delivered.", func() float64 { return float64(e.sent.Load()) })
		total("telemetry_dropped_total", "Spans of Lathe's own calls that were not.", func() float64 { return float64(e.dropped.Load()) })
		gauge("telemetry_waiting", "Spans of Lathe's own calls that wait.", func() float64 { return float64(len(e.queue)) })
	}
	gauge("requests_open", "Requests and connections that are open.", func() float64 { return float64(d.busy.connections()) })
	gauge("tools_active", "Generated tools that sessions can call.", func() float64 { return float64(len(d.forge.active())) })
	gauge("reviews_open", "Proposals that wait for a person.", func() float64 { return float64(len(d.queue.List(learn.StateInReview))) })
	gauge("tools_waiting", "Interpreters that wait for the next call of a tool.", func() float64 { return float64(d.forge.waiting()) })
	gauge("sandbox_resident_bytes", "Memory of the sandboxes that wait for calls.", func() float64 { return float64(d.forge.poolStats().ResidentBytes) })
	return out
}

// poolStats are the numbers of the sandboxes that are kept for the next call.
func (f *forge) poolStats() sandbox.PoolStats {
	if f.pool == nil {
		return sandbox.PoolStats{}
	}
	return f.pool.Stats()
}

// connections is how many requests and connections are open.
func (a *activity) connections() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.open
}
