package monitor

import (
	"fmt"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/store"

	"lathe/learn"
)

// Bounds of what is kept.
const (
	retainDays   = 90   // days with cells of their own, counted back from the newest seen
	maxCells     = 20e3 // calls' cells; new tools and projects beyond are "(other)"
	maxDayCells  = 10e3
	sketchBins   = 512
	accuracy     = 0.01 // relative error of quantiles
	heavyKeys    = 64   // per day and project
	answerKeys   = 512  // while adding up
	other        = "(other)"
	older        = int32(-1 << 30) // the day of what is beyond retention
	secondsADay  = 24 * 60 * 60
	maxNameBytes = 200
)

// callKey is where a call is counted.
type callKey struct {
	Day           int32 // days since 1970-01-01 UTC
	Project, Tool string
}

// calls adds up calls.
type calls struct {
	Calls, Failures, Timeouts, Interrupted int64
	TokensIn, TokensOut                    int64
	ContextBytes                           int64
	DurationMS                             float64
	CostUSD                                float64
	Sketch                                 *ddsketch.DDSketch
}

func newSketch() (*ddsketch.DDSketch, error) {
	s, err := ddsketch.LogCollapsingLowestDenseDDSketch(accuracy, sketchBins)
	if err != nil {
		return nil, fmt.Errorf("monitor: make a sketch: %w", err)
	}
	return s, nil
}

func (c *calls) add(ev *learn.ActionOutcome) error {
	c.Calls++
	switch ev.Status {
	case learn.StatusFailure:
		c.Failures++
	case learn.StatusTimeout:
		c.Timeouts++
	case learn.StatusInterrupted:
		c.Interrupted++
	}
	c.TokensIn += max(0, ev.ResourceMetrics.TokenCountIn)
	c.TokensOut += max(0, ev.ResourceMetrics.TokenCountOut)
	if usd := ev.ResourceMetrics.CostUSD; usd > 0 {
		c.CostUSD += min(usd, 1e6)
	}
	out := ev.ToolOutput
	c.ContextBytes += int64(len(ev.ToolParameters) + len(out.Stdout) + len(out.Stderr) + len(out.Content))
	ms := duration(ev)
	if ms <= 0 {
		return nil // not measured
	}
	c.DurationMS += ms
	if c.Sketch == nil {
		s, err := newSketch()
		if err != nil {
			return err
		}
		c.Sketch = s
	}
	return c.Sketch.Add(ms)
}

// duration is a call's time in milliseconds, at most ten days; 0 is not
// measured. NaN compares false and is not measured either.
func duration(ev *learn.ActionOutcome) float64 {
	for _, ms := range []float64{ev.ResourceMetrics.DurationMS, ev.ResourceMetrics.APICallLatencyMS} {
		if ms > 0 {
			return min(ms, 10*secondsADay*1000)
		}
	}
	return 0
}

func (c *calls) merge(o *calls) error {
	c.Calls += o.Calls
	c.Failures += o.Failures
	c.Timeouts += o.Timeouts
	c.Interrupted += o.Interrupted
	c.TokensIn += o.TokensIn
	c.TokensOut += o.TokensOut
	c.ContextBytes += o.ContextBytes
	c.DurationMS += o.DurationMS
	c.CostUSD += o.CostUSD
	if o.Sketch == nil {
		return nil
	}
	if c.Sketch == nil {
		c.Sketch = o.Sketch.Copy()
		return nil
	}
	if err := c.Sketch.MergeWith(o.Sketch); err != nil {
		return fmt.Errorf("monitor: merge sketches: %w", err)
	}
	return nil
}

func decodeSketch(raw []byte) (*ddsketch.DDSketch, error) {
	s, err := ddsketch.DecodeDDSketch(raw, func() store.Store { return store.NewCollapsingLowestDenseStore(sketchBins) }, nil)
	if err != nil {
		return nil, fmt.Errorf("monitor: restore a sketch: %w", err)
	}
	return s, nil
}

// dayKey is where tasks and signatures are counted.
type dayKey struct {
	Day     int32
	Project string
}

// day adds up tasks and signatures.
type day struct {
	Success, Failure, Unknown int64
	ByCount, ByTime           *heavy
}

func newDay() *day { return &day{ByCount: newHeavy(heavyKeys), ByTime: newHeavy(heavyKeys)} }

func (d *day) count(o learn.Outcome, by int64) {
	switch o {
	case learn.OutcomeSuccess:
		d.Success += by
	case learn.OutcomeFailure:
		d.Failure += by
	default:
		d.Unknown += by
	}
}

func (d *day) merge(o *day) {
	d.Success += o.Success
	d.Failure += o.Failure
	d.Unknown += o.Unknown
	d.ByCount.merge(o.ByCount)
	d.ByTime.merge(o.ByTime)
}
