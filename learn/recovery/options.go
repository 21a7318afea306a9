package recovery

import "time"

// Options bounds what the Miner keeps and says when a remedy is good enough.
// The zero value means the defaults that stand beside the fields.
type Options struct {
	// HalfLife is the event time after which an observation counts half
	// (90 days). Negative: nothing decays.
	HalfLife time.Duration
	// MinSupport is the number of distinct sessions in which a remedy must
	// have worked before it is offered (2).
	MinSupport int
	// MinPosterior is the least mean of Beta(successes+1, failures+1) (0.6).
	MinPosterior float64
	// MinConfidence is the least calibrated probability of an offer that it is
	// what will resolve the failure (0.65, chosen so that on
	// replay at least 0.70 of the first suggestions were right).
	MinConfidence float64
	// MaxSessions is the number of sessions followed at a time (1024).
	MaxSessions int
	// MaxSpan is the number of actions within which a failure must be
	// resolved (40).
	MaxSpan int
	// MaxBuckets bounds the learned memory; the least recently confirmed go
	// first (30000).
	MaxBuckets int
	// MaxContexts bounds what resolutions, and a project's habits, are counted
	// by; the least recently touched go first (100000).
	MaxContexts int
	// MaxForms is the number of remedies kept in a bucket (24).
	MaxForms int
	// FeedbackWeight is how many sessions a person's word counts for (5).
	FeedbackWeight float64
	// Trusted is Query.Trusted for what the Miner asks itself about each failure,
	// to learn what its confidence is worth. Nil trusts nothing.
	Trusted func(project, kind, value string) bool
}

// asOf is what the Miner trusts when it asks itself for a project.
func (o *Options) asOf(project string) func(kind, value string) bool {
	if o.Trusted == nil {
		return nil
	}
	return func(kind, value string) bool { return o.Trusted(project, kind, value) }
}

func (o Options) withDefaults() Options {
	if o.HalfLife == 0 {
		o.HalfLife = 90 * 24 * time.Hour
	}
	setInt(&o.MinSupport, 2)
	setFloat(&o.MinPosterior, 0.6)
	setFloat(&o.MinConfidence, 0.65)
	setInt(&o.MaxSessions, 1024)
	setInt(&o.MaxSpan, 40)
	setInt(&o.MaxBuckets, 30000)
	setInt(&o.MaxContexts, 100000)
	setInt(&o.MaxForms, 24)
	setFloat(&o.FeedbackWeight, 5)
	return o
}

func setInt(v *int, to int) {
	if *v <= 0 {
		*v = to
	}
}

func setFloat(v *float64, to float64) {
	if *v <= 0 {
		*v = to
	}
}

// Stats counts what the Miner saw and what it dropped to stay in bounds.
type Stats struct {
	Failures        int64 `json:"failures"` // opened
	Resolved        int64 `json:"resolved"`
	Returned        int64 `json:"returned"`  // the same signature came back
	Abandoned       int64 `json:"abandoned"` // out of the window, or the task ended
	DroppedSessions int64 `json:"dropped_sessions"`
	DroppedBuckets  int64 `json:"dropped_buckets"`
	DroppedForms    int64 `json:"dropped_forms"`
	DroppedContexts int64 `json:"dropped_contexts"`
}
