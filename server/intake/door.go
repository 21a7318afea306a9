package intake

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"lathe/learn"
)

// Redactor takes the secrets out of a record, in place. It must be safe for
// concurrent use.
type Redactor interface {
	Record(*learn.Record) (found int)
}

// Rejection says which record of a batch was refused, and why.
type Rejection struct {
	Index  int    `json:"index"`
	Reason string `json:"reason"`
}

// Door admits records. It is safe for concurrent use.
type Door struct {
	redactor Redactor
	limits   Limits
}

// NewDoor makes a Door that redacts with r.
func NewDoor(r Redactor, l Limits) *Door { return &Door{redactor: r, limits: l.withDefaults()} }

// Admit validates, completes, redacts and caps recs. It returns the admitted
// records, for each its index in recs, and why the others were refused. The
// records of recs are not changed.
func (d *Door) Admit(recs []learn.Record) (admitted []learn.Record, origin []int, rejected []Rejection) {
	admitted = make([]learn.Record, 0, len(recs))
	origin = make([]int, 0, len(recs))
	for i, rec := range recs {
		clean, err := d.admit(rec)
		if err != nil {
			rejected = append(rejected, Rejection{Index: i, Reason: err.Error()})
			continue
		}
		admitted = append(admitted, clean)
		origin = append(origin, i)
	}
	return admitted, origin, rejected
}

func (d *Door) admit(rec learn.Record) (learn.Record, error) {
	switch {
	case rec.Action != nil && rec.Task != nil:
		return rec, fmt.Errorf("the record holds an action and a task: send two records")
	case rec.Action != nil:
		a := *rec.Action
		rec.Action = &a
		if err := d.action(&a); err != nil {
			return rec, err
		}
	case rec.Task != nil:
		t := *rec.Task
		rec.Task = &t
		if err := d.task(&t); err != nil {
			return rec, err
		}
	default:
		return rec, fmt.Errorf("the record is empty: set action or task")
	}
	// Redacting comes before the cut, or the cut could leave half a secret
	// that no rule knows; the coarse cut before it bounds the work, and what
	// it leaves at its edges the final cut removes.
	const coarse = 4
	d.cap(&rec, coarse)
	d.redactor.Record(&rec)
	d.cap(&rec, 1)
	return rec, nil
}

func (d *Door) action(a *learn.ActionOutcome) error {
	if err := d.ids(map[string]string{
		"call_id": a.CallID, "plan_id": a.PlanID, "step_id": a.StepID, "project_id": a.ProjectID,
		"session_id": a.SessionID, "task_id": a.TaskID, "agent_id": a.AgentID,
	}, "project_id", "session_id"); err != nil {
		return err
	}
	if err := d.parameters(a); err != nil {
		return err
	}
	if err := d.words(a); err != nil {
		return err
	}
	complete(a)
	// Before the identity: who gives neither a call id nor a time and reports
	// the same twice has called twice.
	var err error
	if a.Timestamp, err = d.timestamp(a.Timestamp); err != nil {
		return err
	}
	if a.ID == "" || a.CallID != "" || !learn.ValidID(a.ID) {
		a.ID = actionID(a)
	}
	return nil
}

// words checks the fields with a fixed vocabulary and the tool's name.
func (d *Door) words(a *learn.ActionOutcome) error {
	if a.Source == "" {
		a.Source = learn.SourceReport
	}
	if a.ActionType == "" {
		a.ActionType = learn.ToolCall
	}
	switch a.Source {
	case learn.SourceGateway, learn.SourceReport, learn.SourceLSP, learn.SourceHook, learn.SourceOTLP, learn.SourceImport:
	default:
		return unknownWord("source", string(a.Source), "mcp_gateway, mcp_report, lsp, hook, otlp, import")
	}
	switch a.ActionType {
	case learn.ToolCall, learn.PlanStepExecution, learn.LLMInference:
	default:
		return unknownWord("action_type", string(a.ActionType), "tool_call, plan_step_execution, llm_inference")
	}
	switch a.Status {
	case "", learn.StatusSuccess, learn.StatusFailure, learn.StatusTimeout, learn.StatusInterrupted:
	default:
		return unknownWord("status", string(a.Status), "success, failure, timeout, interrupted")
	}
	a.ToolName = repair(a.ToolName)
	switch {
	case a.ToolName == "":
		return fmt.Errorf("tool_name is missing: name the tool that was called")
	case len(a.ToolName) > d.limits.MaxName:
		return fmt.Errorf("tool_name %q... has %d bytes, at most %d: send the tool's name only, and what it was called with in tool_parameters",
			cutAt(a.ToolName, 32), len(a.ToolName), d.limits.MaxName)
	case strings.ContainsFunc(a.ToolName, unicode.IsControl):
		return fmt.Errorf("tool_name %q holds control characters: send the tool's name only", a.ToolName)
	}
	return nil
}

func unknownWord(field, got, known string) error {
	return fmt.Errorf("%s %q is unknown: use one of %s", field, cutAt(got, 64), known)
}

func (d *Door) parameters(a *learn.ActionOutcome) error {
	if len(a.ToolParameters) == 0 {
		return nil
	}
	if depth := jsonDepth(a.ToolParameters); depth > d.limits.MaxDepth {
		return fmt.Errorf("tool_parameters nest %d levels deep, at most %d: flatten them or leave the deep part out", depth, d.limits.MaxDepth)
	}
	if !json.Valid(a.ToolParameters) {
		return fmt.Errorf("tool_parameters are not valid JSON: send one JSON value, usually an object")
	}
	return nil
}

// complete fills what follows from the rest, and drops measures that are none.
func complete(a *learn.ActionOutcome) {
	if a.Status == "" {
		a.Status = learn.StatusSuccess
		if a.ErrorDetails != nil || a.ToolOutput.ExitCode != nil && *a.ToolOutput.ExitCode != 0 {
			a.Status = learn.StatusFailure
		}
	}
	m := &a.ResourceMetrics
	for _, f := range []*float64{&m.CPUUsagePercent, &m.MemoryUsageMB, &m.APICallLatencyMS, &m.DurationMS, &m.CostUSD} {
		if !(*f > 0) || math.IsInf(*f, 1) {
			*f = 0
		}
	}
	m.TokenCountIn, m.TokenCountOut = max(0, m.TokenCountIn), max(0, m.TokenCountOut)
	// The redactor works in place; what the caller holds stays as it is.
	c := &a.ContextSnapshot
	c.ActiveFiles, c.CodeEntities = slices.Clone(c.ActiveFiles), slices.Clone(c.CodeEntities)
	c.Environment = maps.Clone(c.Environment)
	if a.ErrorDetails != nil {
		e := *a.ErrorDetails
		a.ErrorDetails = &e
	}
}

// actionID is the identity of a call: from its call id, else from all that is
// known of it, its time too, so that the same report sent twice is one event.
func actionID(a *learn.ActionOutcome) string {
	if a.CallID != "" {
		return learn.EventID(a.SessionID, a.CallID)
	}
	content := *a
	content.ID = ""
	doc, err := json.Marshal(content)
	if err != nil { // a number that JSON has no form for; complete left none
		doc = []byte(err.Error())
	}
	return learn.UUIDv8("content", a.ProjectID, a.SessionID, string(doc))
}

func (d *Door) task(t *learn.TaskRecord) error {
	required := []string{"task_id", "project_id"}
	if t.RemedyID != "" {
		if t.Phase != learn.TaskFeedback || t.TaskID != "" {
			return fmt.Errorf("remedy_id belongs to feedback on a remedy, which names no task: send two records")
		}
		required = required[1:]
	}
	if err := d.ids(map[string]string{
		"task_id": t.TaskID, "project_id": t.ProjectID, "session_id": t.SessionID, "agent_id": t.AgentID, "remedy_id": t.RemedyID,
	}, required...); err != nil {
		return err
	}
	switch t.Phase {
	case learn.TaskStart, learn.TaskFinish, learn.TaskFeedback:
	default:
		return unknownWord("phase", string(t.Phase), "start, finish, feedback")
	}
	switch t.Outcome {
	case "", learn.OutcomeSuccess, learn.OutcomeFailure, learn.OutcomeUnknown:
	default:
		return unknownWord("outcome", string(t.Outcome), "success, failure, unknown")
	}
	switch t.OutcomeKind {
	case "", learn.VerifyBenchmark, learn.VerifyUserFeedback, learn.VerifySelfReported:
	default:
		return unknownWord("outcome_kind", string(t.OutcomeKind), "benchmark, user_feedback, self_reported")
	}
	if t.Phase == learn.TaskFinish && t.Outcome == "" {
		t.Outcome = learn.OutcomeUnknown
	}
	if !learn.ValidID(t.ID) {
		t.ID = TaskRecordID(t)
	}
	var err error
	t.Timestamp, err = d.timestamp(t.Timestamp)
	return err
}

// TaskRecordID is the identity of what a task record says: said twice, it is
// one record, whenever it was said.
func TaskRecordID(t *learn.TaskRecord) string {
	return learn.UUIDv8("task", t.ProjectID, t.SessionID, t.TaskID, string(t.Phase), t.Prompt,
		string(t.Outcome), string(t.OutcomeKind), t.Feedback+t.RemedyID)
}

// timestamp turns ts to UTC. A missing one becomes now.
func (d *Door) timestamp(ts time.Time) (time.Time, error) {
	now := d.limits.Now().UTC()
	switch {
	case ts.IsZero():
		return now, nil
	case ts.Year() < 1970 || ts.After(now.Add(24*time.Hour)):
		return ts, fmt.Errorf("timestamp %s is before 1970 or in the future: send the time of the call as RFC 3339, or leave it out", ts.UTC().Format(time.RFC3339))
	}
	return ts.UTC(), nil
}

// ids checks identifiers; those listed as required must be there.
func (d *Door) ids(ids map[string]string, required ...string) error {
	for _, name := range required {
		if ids[name] == "" {
			return fmt.Errorf("%s is missing: say which %s the record belongs to", name, strings.TrimSuffix(name, "_id"))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ids)) {
		id := ids[name]
		if len(id) > d.limits.MaxID {
			return fmt.Errorf("%s has %d bytes, at most %d: send a shorter identifier", name, len(id), d.limits.MaxID)
		}
		if id != repair(id) || strings.ContainsFunc(id, unicode.IsControl) {
			return fmt.Errorf("%s %q is not plain UTF-8 text: send an identifier without control characters", name, id)
		}
	}
	return nil
}
