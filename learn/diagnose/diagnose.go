package diagnose

import (
	"context"
	"slices"

	"lathe/learn"
)

// RemedyQuery asks for remedies.
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

// CodeSource knows the code of a project's workspace on this machine: the one
// that the folder lies in, when it is known where the call was made. It bounds
// its own time.
type CodeSource interface {
	CodeContext(ctx context.Context, projectID, folder string, q learn.CodeQuery) learn.CodeContext
}

// Request is one failure to explain.
type Request struct {
	Event      *learn.ActionOutcome // the failing call; required, and without secrets
	Action     learn.Action
	Signatures []learn.ErrorSignature // first cause first
	History    []learn.Step           // of the task, oldest first; the failing call may be in it
	// Trusted says whether this project names a captured value itself; see
	// recovery.Query. Nil trusts nothing.
	Trusted func(kind, value string) bool
	// Deep asks for what costs time: the code graph.
	Deep bool

	code   *learn.CodeContext
	traced *trace
}

// Options are what a Diagnoser asks. Remedies and Patterns are required; of
// what is nil the reports say nothing, or that it is not there.
type Options struct {
	Remedies RemedySource
	Patterns PatternSource
	Code     CodeSource
}

// Diagnoser explains failures, and learns from how they are resolved how much
// its explanations are worth: it is a learn.Learner, to be placed before
// whatever learns the remedies, so that it asks what was known when the
// failure came. It is safe for concurrent use when its sources are.
type Diagnoser struct {
	o Options
	e experience
}

var _ learn.Learner = (*Diagnoser)(nil)

// New returns a Diagnoser without experience.
func New(o Options) *Diagnoser {
	d := &Diagnoser{o: o}
	d.e.clear()
	return d
}

// Bounds of a report, in items.
const (
	maxEvidence = 24
	maxEntities = 20
	maxHints    = 4
)

// Diagnose explains the failure of r.Event. The context bounds what a deep
// request asks.
func (d *Diagnoser) Diagnose(ctx context.Context, r Request) learn.FailureAnalysisReport {
	if r.Deep {
		code := d.codeContext(ctx, &r)
		r.code = &code
	}
	report, claims := d.explain(&r)
	report.Code = r.code
	if len(r.Signatures) > 0 {
		report.History = d.e.history(r.Signatures[0].ID, r.Event.ProjectID)
	}
	d.weigh(&report, claims)
	report.Evidence = evidence(&report)
	return report
}

func (d *Diagnoser) codeContext(ctx context.Context, r *Request) learn.CodeContext {
	if d.o.Code == nil {
		return learn.CodeContext{State: learn.CodeAbsent, Why: "no code graph is kept of this project's workspace"}
	}
	q := learn.CodeQuery{Entities: entities(r)}
	for i := range r.Signatures {
		if s := &r.Signatures[i]; s.File != "" {
			q.Places = append(q.Places, learn.CodePlace{File: s.File, Line: s.Line})
		}
	}
	return d.o.Code.CodeContext(ctx, r.Event.ProjectID, r.Event.ContextSnapshot.CWD, q)
}

// explain is what rules and remedies say, with the claims that can turn out
// right or wrong.
func (d *Diagnoser) explain(r *Request) (learn.FailureAnalysisReport, []claim) {
	report := learn.FailureAnalysisReport{
		ReportID: reportID(r.Event), TaskID: r.Event.TaskID, ProjectID: r.Event.ProjectID,
		FailedEventID: r.Event.ID, Timestamp: r.Event.Timestamp, Signatures: r.Signatures,
		Method: learn.MethodRules, RelevantEntities: entities(r),
	}
	var pattern *learn.ErrorPattern
	if len(r.Signatures) > 0 {
		if p, ok := d.o.Patterns.Pattern(r.Signatures[0].PatternID); ok {
			pattern = &p
			told := p
			told.Hints = nil // with their captures open; report.Hints has them as far as they are filled
			report.ErrorPattern = &told
			report.Hints = hints(r, pattern)
		}
		report.Remedies = d.o.Remedies.Offer(RemedyQuery{
			ProjectID: r.Event.ProjectID, SessionID: r.Event.SessionID, Language: r.Signatures[0].Language,
			Signatures: r.Signatures, Action: r.Action, Trusted: r.Trusted,
		})
	}
	if report.Remedies == nil {
		report.Remedies = []learn.RemedyOffer{} // an empty list in JSON, not null
	}
	c := findCulprit(r)
	report.CulpritAction, report.CulpritReason = c.eventID, c.reason
	place(&report, r, c)
	report.RootCause = rootCause(r, pattern, c)
	report.ProposedRemediationStrategy = proposal(&report)
	claims := []claim{culpritClaim(r, c, ruleScore(r, pattern, c))}
	if len(report.Remedies) > 0 {
		claims = append(claims, remedyClaim(&report.Remedies[0]))
	}
	return report, claims
}

// weigh sets the report's confidence: that of its first remedy when it has
// one, else that of its culprit, each as often as such claims turned out right.
// Where neither cause nor culprit is known it claims nothing.
func (d *Diagnoser) weigh(report *learn.FailureAnalysisReport, claims []claim) {
	report.MethodConfidence = map[learn.Method]float64{}
	for _, c := range claims {
		p := round(d.e.calibrated(c.Method, c.Score))
		report.MethodConfidence[c.Method] = p
		report.Method, report.ConfidenceScore = c.Method, p // a remedy's claim comes last
	}
	switch {
	case len(report.Remedies) > 0:
		report.ConfidenceOf = learn.ClaimRemedy
	case unknown(report):
		report.ConfidenceOf, report.ConfidenceScore = learn.ClaimNothing, 0
	default:
		report.ConfidenceOf = learn.ClaimCulprit
	}
}

// unknown reports whether there is nothing that speaks for a cause: no remedy
// that was seen to work, no written pattern that names a cause, no earlier
// action that touched what the error names. That the failing call failed is
// then all that is known.
func unknown(report *learn.FailureAnalysisReport) bool {
	return len(report.Remedies) == 0 && !explains(report.ErrorPattern) && report.CulpritStep == report.FailedStep
}

// explains reports whether a pattern was written for a cause: one that was
// mined, or that only tells that something failed, was not.
func explains(p *learn.ErrorPattern) bool { return p != nil && p.Regexp != "" && !p.Generic }

// place says which step of the task the culprit was.
func place(report *learn.FailureAnalysisReport, r *Request, c culprit) {
	steps := before(r)
	all := len(r.History)
	if i := slices.IndexFunc(r.History, func(s learn.Step) bool { return s.EventID == r.Event.ID && s.EventID != "" }); i >= 0 {
		all = i
	}
	report.FailedStep, report.CulpritStep = all+1, all+1
	if !c.earlier() {
		report.CulpritCall = callWords(r.Action.Tool, r.Action.Command, r.Action.Target)
		return
	}
	st := &steps[c.step]
	report.CulpritStep = all - len(steps) + c.step + 1
	report.CulpritCall = callWords(st.Tool, st.Command, st.Target)
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
