package diagnose

import (
	"math"
	"slices"

	"lathe/learn"
)

// RemedyQuery asks for remedies. Its fields are those of recovery.Query, so
// that one converts to the other.
type RemedyQuery struct {
	ProjectID  string
	SessionID  string
	Language   string
	Signatures []learn.ErrorSignature
	Action     learn.Action
	Trusted    func(kind, value string) bool
	Max        int
}

// RemedySource knows what fixed failures before. Nothing is a good answer.
type RemedySource interface {
	Offer(RemedyQuery) []learn.RemedyOffer
}

// RemedyFunc makes a function a RemedySource.
type RemedyFunc func(RemedyQuery) []learn.RemedyOffer

// Offer implements RemedySource.
func (f RemedyFunc) Offer(q RemedyQuery) []learn.RemedyOffer { return f(q) }

// PatternSource knows the error patterns by id.
type PatternSource interface {
	Pattern(id string) (learn.ErrorPattern, bool)
}

// Request is one failure to explain.
type Request struct {
	Event      *learn.ActionOutcome // the failing call; required
	Action     learn.Action
	Signatures []learn.ErrorSignature // first cause first
	History    []learn.Step           // of the task, oldest first; the failing call may be in it
	// Trusted says whether this project names a captured value itself; see
	// recovery.Query. Nil trusts nothing.
	Trusted func(kind, value string) bool
}

// Diagnoser explains failures. It keeps no state and is safe for concurrent
// use when its sources are.
type Diagnoser struct {
	remedies RemedySource
	patterns PatternSource
}

// New returns a Diagnoser that asks the given sources.
func New(r RemedySource, p PatternSource) *Diagnoser { return &Diagnoser{remedies: r, patterns: p} }

// Bounds of a report, in items.
const (
	maxEvidence = 24
	maxEntities = 20
	maxHints    = 4
)

// Diagnose explains the failure of r.Event.
func (d *Diagnoser) Diagnose(r Request) learn.FailureAnalysisReport {
	report := learn.FailureAnalysisReport{
		ReportID: reportID(r.Event), TaskID: r.Event.TaskID, ProjectID: r.Event.ProjectID,
		FailedEventID: r.Event.ID, Timestamp: r.Event.Timestamp, Signatures: r.Signatures,
		Method: learn.MethodRules, RelevantEntities: entities(&r),
	}
	var pattern *learn.ErrorPattern
	if len(r.Signatures) > 0 {
		if p, ok := d.patterns.Pattern(r.Signatures[0].PatternID); ok {
			pattern = &p
			report.ErrorPattern = pattern
			report.Hints = hints(&r, pattern)
		}
		report.Remedies = d.remedies.Offer(RemedyQuery{
			ProjectID: r.Event.ProjectID, SessionID: r.Event.SessionID, Language: r.Signatures[0].Language,
			Signatures: r.Signatures, Action: r.Action, Trusted: r.Trusted,
		})
	}
	if len(report.Remedies) > 0 {
		report.Method = learn.MethodRecovery
	} else {
		report.Remedies = []learn.RemedyOffer{} // an empty list in JSON, not null
	}
	c := findCulprit(&r)
	report.CulpritAction, report.CulpritReason = c.eventID, c.reason
	report.RootCause = rootCause(&r, pattern, c)
	report.ProposedRemediationStrategy = proposal(&report)
	report.ConfidenceScore = confidence(&report, pattern, c)
	report.Evidence = evidence(&report)
	return report
}

// reportID is the same for the same failure: its event id, or else what was
// called and what came out.
func reportID(ev *learn.ActionOutcome) string {
	if ev.ID != "" {
		return learn.UUIDv8("report", ev.ID)
	}
	details := ""
	if ev.ErrorDetails != nil {
		details = ev.ErrorDetails.Code + "\x00" + ev.ErrorDetails.Message
	}
	return learn.UUIDv8("report", ev.ProjectID, ev.SessionID, ev.TaskID, ev.ToolName,
		string(ev.ToolParameters), ev.ToolOutput.Text(), details)
}

// confidence is how sure the report is of its root cause and remedy:
//
//	(1 - (1-p)(1 - 0.6 r)) * k
//
// p is 0.5 for a library pattern, 0.3 for a mined one, 0.1 for none; r is the
// confidence of the first remedy, 0 without one: that a remedy worked says
// most, but not all, about the cause. k is 0.85 when an earlier action is
// blamed, since that is inferred and not seen, else 1.
func confidence(report *learn.FailureAnalysisReport, pattern *learn.ErrorPattern, c culprit) float64 {
	p := 0.1
	switch {
	case pattern != nil && pattern.Regexp != "":
		p = 0.5
	case len(report.Signatures) > 0:
		p = 0.3
	}
	rest := 1 - p
	if len(report.Remedies) > 0 {
		rest *= 1 - 0.6*report.Remedies[0].Confidence
	}
	score := 1 - rest
	if c.earlier {
		score *= 0.85
	}
	return math.Round(score*1000) / 1000
}

func evidence(report *learn.FailureAnalysisReport) []string {
	var out []string
	add := func(id string) {
		if id != "" && len(out) < maxEvidence && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	add(report.FailedEventID)
	add(report.CulpritAction)
	for _, r := range report.Remedies {
		for _, id := range r.Evidence {
			add(id)
		}
	}
	return out
}

// entities lists what the errors and the call name, the errors first.
func entities(r *Request) []learn.Entity {
	var out []learn.Entity
	add := func(es []learn.Entity) {
		for _, e := range es {
			if len(out) < maxEntities && !slices.Contains(out, e) {
				out = append(out, e)
			}
		}
	}
	for i := range r.Signatures {
		add(r.Signatures[i].Entities)
		if f := r.Signatures[i].File; f != "" {
			add([]learn.Entity{{Kind: "file", Name: f}})
		}
	}
	add(r.Action.Entities)
	return out
}
