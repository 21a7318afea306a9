package monitor

import (
	"sort"
	"time"

	"lathe/learn"
)

// Filter selects what KPIs counts. Zero fields select all. Since is rounded
// down to its UTC day; days beyond retention are left out when it is set.
type Filter struct {
	ProjectID string    `json:"project_id,omitempty"`
	Tool      string    `json:"tool_name,omitempty"`
	Since     time.Time `json:"since,omitzero"`
}

// KPIs is the answer, ready for JSON. The parts that are about calls follow
// the whole Filter; tasks and signatures follow project and time, objects and
// proposals the project, remedies nothing.
type KPIs struct {
	Filter               Filter         `json:"filter"`
	Tasks                Tasks          `json:"tasks"`
	Calls                Group          `json:"calls"`
	ByTool               []Group        `json:"by_tool"`
	ByProject            []Group        `json:"by_project"`
	ByDay                []Group        `json:"by_day"`
	SignaturesByCount    []SignatureKPI `json:"signatures_by_count"`
	SignaturesByTimeLost []SignatureKPI `json:"signatures_by_time_lost"`
	Remedies             Remedies       `json:"remedies"`
	Strategies           map[string]int `json:"strategies_by_state"`
	Tools                map[string]int `json:"tools_by_state"`
	Proposals            []Acceptance   `json:"proposals"`
	Refused              int64          `json:"decisions_refused"`
	Dropped              Dropped        `json:"dropped"`
}

// Tasks are finished tasks. SuccessRate leaves unknown outcomes out.
type Tasks struct {
	Success     int64 `json:"success"`
	Failure     int64 `json:"failure"`
	Unknown     int64 `json:"unknown"`
	SuccessRate Rate  `json:"success_rate"`
}

// Group is the calls of one tool, project or day (YYYY-MM-DD, or "older").
// SuccessRate leaves interrupted calls out. Times are milliseconds; quantiles
// are within 1 %, over the calls whose duration was measured.
type Group struct {
	Name        string  `json:"name"`
	Calls       int64   `json:"calls"`
	Failures    int64   `json:"failures"`
	Timeouts    int64   `json:"timeouts"`
	Interrupted int64   `json:"interrupted"`
	SuccessRate Rate    `json:"success_rate"`
	Measured    int64   `json:"measured"`
	TotalMS     float64 `json:"total_ms"`
	P50MS       float64 `json:"p50_ms"`
	P90MS       float64 `json:"p90_ms"`
	P99MS       float64 `json:"p99_ms"`
	MaxMS       float64 `json:"max_ms"`
	TokensIn    int64   `json:"tokens_in"`
	TokensOut   int64   `json:"tokens_out"`
	CostUSD     float64 `json:"cost_usd,omitempty"` // as reported; 0 when nobody did
	// ContextBytes is what the calls put into agents' contexts: parameters and
	// output, as far as they were recorded.
	ContextBytes int64  `json:"context_bytes"`
	LastUsed     string `json:"last_used,omitempty"` // of a tool: a day, or "older"
}

// SignatureKPI is one kind of error. Weight is a count or milliseconds; it is
// too high by at most Error.
type SignatureKPI struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Weight float64 `json:"weight"`
	Error  float64 `json:"error"`
}

// Remedies says how much advice there was. What became of it, package trial
// knows.
type Remedies struct {
	Reports int64 `json:"reports"`
	Advised int64 `json:"reports_with_remedies"`
	Offered int64 `json:"offered"`
}

// Acceptance is how proposals of one kind were decided.
type Acceptance struct {
	Kind          string `json:"kind"`
	Proposed      int    `json:"proposed"`
	Approved      int    `json:"approved"`
	Rejected      int    `json:"rejected"`
	Clarification int    `json:"request_clarification"`
	Rate          Rate   `json:"acceptance_rate"`
}

// topSignatures is how many signatures KPIs lists.
const topSignatures = 20

// KPIs answers from what is kept; its cost depends on the number of cells, not
// on the length of the log.
func (m *Monitor) KPIs(f Filter) KPIs {
	m.mu.RLock()
	defer m.mu.RUnlock()
	k := KPIs{Filter: f, Dropped: m.dropped, Refused: m.ledger.Refused}
	m.callKPIs(&k)
	m.dayKPIs(&k)
	m.objectKPIs(&k)
	l := m.ledger
	k.Remedies = Remedies{l.Reports, l.Advised, l.Offered}
	return k
}

func (f Filter) takes(day int32, project string) bool {
	if f.ProjectID != "" && f.ProjectID != project {
		return false
	}
	return f.Since.IsZero() || int64(day) >= f.Since.Unix()/secondsADay
}

func (m *Monitor) callKPIs(k *KPIs) {
	all := &calls{}
	tools, projects, days := make(map[string]*calls), make(map[string]*calls), make(map[string]*calls)
	last := make(map[string]int32)
	for key, c := range m.calls {
		if !k.Filter.takes(key.Day, key.Project) || k.Filter.Tool != "" && k.Filter.Tool != key.Tool {
			continue
		}
		sum(all, c)
		into(tools, key.Tool, c)
		if day, seen := last[key.Tool]; !seen || key.Day > day {
			last[key.Tool] = key.Day
		}
		into(projects, key.Project, c)
		into(days, dayName(key.Day), c)
	}
	k.Calls = group("all", all)
	k.ByTool, k.ByProject, k.ByDay = groups(tools), groups(projects), groups(days)
	for i := range k.ByTool {
		k.ByTool[i].LastUsed = dayName(last[k.ByTool[i].Name])
	}
	sort.SliceStable(k.ByDay, func(i, j int) bool { return k.ByDay[i].Name < k.ByDay[j].Name })
}

func into(m map[string]*calls, key string, c *calls) {
	if m[key] == nil {
		m[key] = &calls{}
	}
	sum(m[key], c)
}

// sum adds c; sketches of one Monitor always merge.
func sum(to, c *calls) { _ = to.merge(c) }

// groups lists the sums, the most calls first.
func groups(m map[string]*calls) []Group {
	out := make([]Group, 0, len(m))
	for name, c := range m {
		out = append(out, group(name, c))
	}
	sort.Slice(out, func(i, j int) bool {
		return out[i].Calls > out[j].Calls || out[i].Calls == out[j].Calls && out[i].Name < out[j].Name
	})
	return out
}

func group(name string, c *calls) Group {
	judged := c.Calls - c.Interrupted
	g := Group{
		Name: name, Calls: c.Calls, Failures: c.Failures, Timeouts: c.Timeouts, Interrupted: c.Interrupted,
		SuccessRate: newRate(judged-c.Failures-c.Timeouts, judged),
		TotalMS:     c.DurationMS, TokensIn: c.TokensIn, TokensOut: c.TokensOut, CostUSD: c.CostUSD,
		ContextBytes: c.ContextBytes,
	}
	if c.Sketch == nil || c.Sketch.IsEmpty() {
		return g
	}
	g.Measured = int64(c.Sketch.GetCount())
	if q, err := c.Sketch.GetValuesAtQuantiles([]float64{0.5, 0.9, 0.99, 1}); err == nil {
		g.P50MS, g.P90MS, g.P99MS, g.MaxMS = q[0], q[1], q[2], q[3]
	}
	return g
}

func dayName(d int32) string {
	if d == older {
		return "older"
	}
	return time.Unix(int64(d)*secondsADay, 0).UTC().Format(time.DateOnly)
}

func (m *Monitor) dayKPIs(k *KPIs) {
	all := &day{ByCount: newHeavy(answerKeys), ByTime: newHeavy(answerKeys)}
	for _, key := range sortedDays(m.days) {
		if k.Filter.takes(key.Day, key.Project) {
			all.merge(m.days[key])
		}
	}
	k.Tasks = Tasks{all.Success, all.Failure, all.Unknown, newRate(all.Success, all.Success+all.Failure)}
	k.SignaturesByCount, k.SignaturesByTimeLost = top(all.ByCount), top(all.ByTime)
}

// sortedDays makes merging, which may drop keys, independent of map order.
func sortedDays(m map[dayKey]*day) []dayKey {
	keys := make([]dayKey, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		return keys[i].Day < keys[j].Day || keys[i].Day == keys[j].Day && keys[i].Project < keys[j].Project
	})
	return keys
}

func top(h *heavy) []SignatureKPI {
	keys := h.sorted()
	out := make([]SignatureKPI, 0, topSignatures)
	for _, k := range keys[:min(topSignatures, len(keys))] {
		it := h.Items[k]
		out = append(out, SignatureKPI{k, it.Label, it.Weight, it.Error})
	}
	return out
}

func (m *Monitor) objectKPIs(k *KPIs) {
	k.Strategies, k.Tools = make(map[string]int), make(map[string]int)
	kinds := make(map[string]*Acceptance)
	for _, o := range m.objects {
		if k.Filter.ProjectID != "" && o.Project != "" && o.Project != k.Filter.ProjectID {
			continue
		}
		switch o.Class {
		case "strategy":
			k.Strategies[string(o.State)]++
		case "tool":
			k.Tools[string(o.State)]++
		case "proposal":
			a := kinds[o.Kind]
			if a == nil {
				a = &Acceptance{Kind: o.Kind}
				kinds[o.Kind] = a
			}
			a.count(o.Verdict)
		}
	}
	for _, a := range kinds {
		a.Rate = newRate(int64(a.Approved), int64(a.Approved+a.Rejected))
		k.Proposals = append(k.Proposals, *a)
	}
	sort.Slice(k.Proposals, func(i, j int) bool { return k.Proposals[i].Kind < k.Proposals[j].Kind })
}

func (a *Acceptance) count(v learn.Verdict) {
	a.Proposed++
	switch v {
	case learn.VerdictApprove:
		a.Approved++
	case learn.VerdictReject:
		a.Rejected++
	case learn.VerdictRequestClarification:
		a.Clarification++
	}
}
