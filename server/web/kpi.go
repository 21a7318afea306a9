package web

import (
	"encoding/json"
	"fmt"
	"net/http"

	"lathe/learn"
)

// The KPIs as learn/monitor writes them in JSON, as far as the page shows them.
type rate struct {
	Successes int64   `json:"successes"`
	Total     int64   `json:"total"`
	Rate      float64 `json:"rate"`
	Interval  struct {
		Low  float64 `json:"low"`
		High float64 `json:"high"`
	} `json:"interval"`
}

type group struct {
	Name     string  `json:"name"`
	Calls    int64   `json:"calls"`
	Failures int64   `json:"failures"`
	Timeouts int64   `json:"timeouts"`
	Success  rate    `json:"success_rate"`
	TotalMS  float64 `json:"total_ms"`
	P50MS    float64 `json:"p50_ms"`
	P90MS    float64 `json:"p90_ms"`
	Measured int64   `json:"measured"`
}

type signature struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Weight float64 `json:"weight"`
}

type kpis struct {
	Tasks struct {
		Success int64 `json:"success"`
		Failure int64 `json:"failure"`
		Unknown int64 `json:"unknown"`
		Rate    rate  `json:"success_rate"`
	} `json:"tasks"`
	Calls   group       `json:"calls"`
	ByTool  []group     `json:"by_tool"`
	ByDay   []group     `json:"by_day"`
	ByCount []signature `json:"signatures_by_count"`
	ByTime  []signature `json:"signatures_by_time_lost"`
	Advice  struct {
		Reports int64 `json:"reports"`
		Advised int64 `json:"reports_with_remedies"`
		Offered int64 `json:"offered"`
	} `json:"remedies"`
	Tools     map[string]int `json:"tools_by_state"`
	Proposals []struct {
		Kind          string `json:"kind"`
		Proposed      int    `json:"proposed"`
		Approved      int    `json:"approved"`
		Rejected      int    `json:"rejected"`
		Clarification int    `json:"request_clarification"`
		Rate          rate   `json:"acceptance_rate"`
	} `json:"proposals"`
	Effects effects `json:"effects"`
	Refused int64   `json:"decisions_refused"`
}

// effects is what learn/trial measured of advice, as far as the page shows it.
type effects struct {
	Note  string   `json:"note"`
	Kinds []effect `json:"kinds"`
}

type effect struct {
	AdviceKind string    `json:"advice_kind"`
	Treatment  effectArm `json:"treatment"`
	Control    effectArm `json:"control"`
	Note       string    `json:"note"` // that there is not enough yet
	Difference *struct {
		Low   float64 `json:"low"`
		High  float64 `json:"high"`
		Level float64 `json:"level"`
	} `json:"difference"`
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
}

type effectArm struct {
	Successes  int64   `json:"successes"`
	Failures   int64   `json:"failures"`
	Rate       float64 `json:"success_rate"`
	Observable int64   `json:"observable"`
	Taken      int64   `json:"taken"`
	TakenShare float64 `json:"taken_share"`
}

// N is the number of the arm's tasks.
func (a effectArm) N() int64 { return a.Successes + a.Failures }

// Points is a difference of rates, as percentage points.
func (e effect) Points() string {
	if e.Difference == nil {
		return ""
	}
	return fmt.Sprintf("%+.0f to %+.0f points", 100*e.Difference.Low, 100*e.Difference.High)
}

// taken adds up how often advice was followed that it could be seen of.
func (e effects) taken() (taken, of int64) {
	for _, k := range e.Kinds {
		taken, of = taken+k.Treatment.Taken, of+k.Treatment.Observable
	}
	return taken, of
}

// maxRows bounds the tables of the KPI page.
const maxRows = 50

// Group is how people decided on one group of proposals.
type Group struct {
	learn.ProposalGroup
	Accepted, Judged int
	Low, High        float64 // 95 % interval of the share that is accepted
	Stopped          bool    // no more of them are made
	ChangeID         string  // of the stop
}

// Share is the share of the judged that was accepted.
func (g Group) Share() float64 { return float64(g.Accepted) / float64(max(g.Judged, 1)) }

// Tool is a generated tool with its health.
type Tool struct {
	Name, Version, ReviewID string
	State                   learn.State
	Calls, Failures         int64
	Rate, Low, High         float64
	P50MS, P90MS            float64
	Last                    string // what it was told last, when it failed; may be ""
}

func (h *Handler) kpi(w http.ResponseWriter, r *http.Request, s *session) { h.showKPI(w, r, s, "") }

func (h *Handler) showKPI(w http.ResponseWriter, r *http.Request, s *session, said string) {
	k, err := readKPIs(h.o.KPIs())
	if err != nil {
		h.o.Logger.Error("review page: KPIs", "error", err)
		h.fail(w, s, http.StatusInternalServerError, "The figures could not be read; the daemon's log says why.")
		return
	}
	taken, served := k.Effects.taken()
	data := map[string]any{
		"K": k, "Taken": taken, "Served": served, "Days": plotDays(k.ByDay), "Lost": plotBars(k.ByTime, learn.Duration), "Said": said, "Form": s.form(),
		"Often":  plotBars(k.ByCount, func(v float64) string { return fmt.Sprintf("%.0f", v) }),
		"ByTool": k.ByTool[:min(len(k.ByTool), maxRows)], "MoreTools": max(0, len(k.ByTool)-maxRows), "Forest": plotEffects(k.Effects.Kinds),
	}
	if h.o.Digest != nil {
		data["Digest"] = h.o.Digest(r.Context())
	}
	if h.o.Groups != nil {
		data["Groups"] = h.o.Groups()
	}
	if h.o.Mutes != nil {
		data["Mutes"] = h.o.Mutes()
	}
	if h.o.Tools != nil {
		data["Made"] = h.o.Tools()
	}
	h.render(w, s, http.StatusOK, "kpi", "Figures", data)
}

func readKPIs(v any) (kpis, error) {
	var k kpis
	raw, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(raw, &k)
	}
	if err != nil {
		return k, fmt.Errorf("web: KPIs: %w", err)
	}
	return k, nil
}
