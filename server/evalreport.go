package server

import "lathe/learn/recovery"

// EvalReport is what `lathe eval` prints.
type EvalReport struct {
	Events    int                 `json:"events"`
	Sessions  int                 `json:"sessions"`
	Projects  int                 `json:"projects"`
	Learned   int                 `json:"sessions_learned_from"`
	Split     string              `json:"split"`
	Threshold recovery.Threshold  `json:"threshold"`
	Measures  recovery.Measures   `json:"measures"`
	Intervals map[string]Interval `json:"intervals"` // 95 %, sessions resampled
	// OracleHere and OracleAnywhere are the shares of the specific cases whose
	// remedy had worked before, in the project and in any: no memory can do
	// better.
	OracleHere     recovery.Share               `json:"oracle_here"`
	OracleAnywhere recovery.Share               `json:"oracle_anywhere"`
	Baselines      map[string]recovery.Measures `json:"baselines"`
	// BySaved are the measures of the same offers in the order of the calls that
	// they save in expectation.
	BySaved     recovery.Measures `json:"by_calls_saved"`
	Curve       []recovery.Point  `json:"curve"`
	Reliability []recovery.Bin    `json:"reliability"`
	// CalibrationError is the mean distance of what was said from what was
	// right.
	CalibrationError float64          `json:"calibration_error"`
	ByIntent         []recovery.Group `json:"by_intent"`
	ByProject        []recovery.Group `json:"by_project"`
	ByPattern        []recovery.Group `json:"by_pattern"`
	BySignature      []recovery.Group `json:"by_signature"`
	Cases            []recovery.Case  `json:"cases"`
}

// Interval is the middle 95 % of a measure over resampled sessions.
type Interval = recovery.Rate

func measured(cases []recovery.Case, t recovery.Threshold, samples int) EvalReport {
	if samples <= 0 {
		samples = 1000
	}
	r := EvalReport{Threshold: t, Measures: recovery.Measure(cases, t), Baselines: map[string]recovery.Measures{}, Intervals: map[string]Interval{}, Cases: cases}
	if cases == nil {
		r.Cases = []recovery.Case{}
	}
	names := []string{"hit_at_1", "hit_at_3", "mean_reciprocal_rank", "coverage", "coverage_specific", "precision", "words_precision"}
	rates := recovery.Intervals(cases, t, samples, 1,
		func(m recovery.Measures) recovery.Share { return m.Hit1 }, func(m recovery.Measures) recovery.Share { return m.Hit3 },
		func(m recovery.Measures) recovery.Share { return m.MRR }, func(m recovery.Measures) recovery.Share { return m.Coverage },
		func(m recovery.Measures) recovery.Share { return m.Reached }, func(m recovery.Measures) recovery.Share { return m.Precision },
		func(m recovery.Measures) recovery.Share { return m.WordsPrecision })
	for i, name := range names {
		r.Intervals[name] = rates[i]
	}
	r.BySaved = recovery.Measure(recovery.BySaved(cases), t)
	r.OracleHere, r.OracleAnywhere = recovery.Oracle(cases)
	for _, b := range recovery.Baselines() {
		r.Baselines[b] = recovery.Measure(recovery.With(cases, b), t)
	}
	r.Curve = recovery.Curve(cases, t.Support)
	r.Reliability, r.CalibrationError = recovery.Reliability(cases)
	r.ByIntent = recovery.BreakDown(cases, t, func(c *recovery.Case) string { return string(c.Intent) })
	r.ByProject = recovery.BreakDown(cases, t, func(c *recovery.Case) string { return c.Project })
	r.BySignature = recovery.BreakDown(cases, t, func(c *recovery.Case) string { return c.Signature })
	r.ByPattern = recovery.BreakDown(cases, t, func(c *recovery.Case) string { return c.Pattern })
	return r
}
