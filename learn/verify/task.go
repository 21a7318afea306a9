package verify

import (
	"container/list"
	"time"

	"lathe/learn"
)

// Bounds of one task's text.
const (
	maxPrompt        = 8 << 10
	maxCommandBytes  = 192 << 10 // of all commands of a task; later ones are cut to shortCommand
	shortCommand     = 128
	maxVerifications = 64 // the latest are kept
	maxWrites        = 256
)

// task is what the Tracker knows of one task. Exported fields are what a
// snapshot keeps.
type task struct {
	Key         string
	Project     string
	Session     string
	Agent       string
	Prompt      string
	ProblemType string
	Begin, End  time.Time
	Steps       []learn.Step
	Head        int // oldest step, once Steps is a full ring
	Dropped     int
	CmdBytes    int
	Checks      []check
	Order       int                 // of the last action, counted from 1
	Files       map[string]edit     // last edit of each file that still counts
	OtherEdit   edit                // last edit of what no file is known of
	Created     map[string]bool     // files that the task itself made
	Scripts     map[string][]string // what scripts that the task made would change
	Runs        map[string]edit     // last run of each script that the task made; Clean when it went well
	Baseline    map[string]bool     // tests that failed before the task changed anything
	BaselineBad map[string]int      // failures and errors then, by scope
	LastRun     int                 // order of the last action that may have written a report
	Rated       string              // basis whose rate this task's verdict counts for
	RatedRight  bool
	Verdicts    []verdict
	Ended       string // why, when no record said so
	Emitted     bool

	inOrder, inProject, inDone *list.Element
}

// edit is when something was changed, and by which event.
type edit struct {
	Order int
	ID    string
	Clean bool // it took the task's changes back
}

// verdict is somebody's word on the task.
type verdict struct {
	Kind     learn.VerificationKind
	Outcome  learn.Outcome
	RecordID string
}

func newTask(key, project, session, agent string, at time.Time) *task {
	return &task{Key: key, Project: project, Session: session, Agent: agent, Begin: at, End: at}
}

// start takes what a start or finish record says about the task.
func (tk *task) start(r *learn.TaskRecord) {
	if r.Prompt != "" {
		tk.Prompt = cut(r.Prompt, maxPrompt)
	}
	if r.ProblemType != "" {
		tk.ProblemType = cut(r.ProblemType, 64)
	}
	if tk.Agent == "" {
		tk.Agent = r.AgentID
	}
	if r.Timestamp.Before(tk.Begin) || tk.Begin.IsZero() {
		tk.Begin = r.Timestamp
	}
}

// judge takes the outcome that a record gives. Without a kind it is what an
// agent says of itself, the weakest. A later word of a kind replaces the
// former.
func (tk *task) judge(r *learn.TaskRecord) {
	if r.Outcome != learn.OutcomeSuccess && r.Outcome != learn.OutcomeFailure {
		return
	}
	v := verdict{Kind: r.OutcomeKind, Outcome: r.Outcome, RecordID: r.ID}
	switch v.Kind {
	case learn.VerifyUserFeedback, learn.VerifyBenchmark:
	default:
		v.Kind = learn.VerifySelfReported
	}
	for i := range tk.Verdicts {
		if tk.Verdicts[i].Kind == v.Kind {
			tk.Verdicts[i] = v
			return
		}
	}
	tk.Verdicts = append(tk.Verdicts, v)
}

// observe follows edits and verifications. An action that does both, like
// "sed -i ... && pytest", edits first.
func (tk *task) observe(o *learn.Observation) {
	ev := o.Record.Action
	tk.Order++
	tk.edits(ev, &o.Action)
	var invs []invocation
	if len(o.Verifications) > 0 || !harmless(&o.Action, "") {
		code, known := exitCode(ev)
		invs = invocations(o.Action.Command, code, known, "")
	}
	now := edit{Order: tk.Order, ID: ev.ID}
	tk.scriptRun(invs, now)
	tk.scriptMade(ev, &o.Action)
	tk.ownRuns(invs, ev.Status == learn.StatusFailure, now)
	for _, v := range o.Verifications {
		if v.EventID == "" {
			v.EventID = ev.ID
		}
		c := tk.newCheck(v, invs)
		c.Aside = len(tk.Files) > 0 && tk.pristine()
		if o.Action.Intent.ReadOnly() {
			c.Order = tk.LastRun // a report is as old as the run that wrote it
		}
		tk.noteBaseline(c)
		tk.Checks = append(tk.Checks, c)
	}
	if !o.Action.Intent.ReadOnly() && o.Action.Intent != learn.IntentEdit {
		tk.LastRun = tk.Order
	}
	if over := len(tk.Checks) - maxVerifications; over > 0 {
		tk.Checks = append(tk.Checks[:0:0], tk.Checks[over:]...)
	}
}

func makeStep(o *learn.Observation) learn.Step {
	ev, act := o.Record.Action, &o.Action
	s := learn.Step{
		EventID: ev.ID, Timestamp: ev.Timestamp, Tool: ev.ToolName, Intent: act.Intent,
		Skeleton: cut(act.Skeleton, learn.MaxStepCommand), Command: cut(act.Command, learn.MaxStepCommand),
		Target: cut(act.Target, 512), Status: ev.Status, DurationMS: ev.ResourceMetrics.DurationMS,
		Tokens: ev.ResourceMetrics.TokenCountIn + ev.ResourceMetrics.TokenCountOut,
	}
	for i, sig := range o.Signatures {
		if i == 8 {
			break
		}
		s.Signatures = append(s.Signatures, sig.ID)
	}
	return s
}

// addStep appends a step; at the bound it replaces the oldest.
func (tk *task) addStep(s learn.Step, bound int) (dropped bool) {
	if tk.CmdBytes > maxCommandBytes {
		s.Command = cut(s.Command, shortCommand)
		s.Skeleton = cut(s.Skeleton, shortCommand)
	}
	tk.CmdBytes += len(s.Command) + len(s.Skeleton)
	if len(tk.Steps) < bound {
		tk.Steps = append(tk.Steps, s)
		return false
	}
	tk.CmdBytes -= len(tk.Steps[tk.Head].Command) + len(tk.Steps[tk.Head].Skeleton)
	tk.Steps[tk.Head] = s
	tk.Head = (tk.Head + 1) % len(tk.Steps)
	tk.Dropped++
	return true
}

// steps returns a copy in order.
func (tk *task) steps() []learn.Step {
	out := make([]learn.Step, 0, len(tk.Steps))
	out = append(out, tk.Steps[tk.Head:]...)
	return append(out, tk.Steps[:tk.Head]...)
}

// conclude makes the finished task and names the records that decided.
func (tk *task) conclude(r *rates, least float64) (learn.Task, []string) {
	d := decide(tk, r, least)
	t := learn.Task{
		TaskID: tk.Key, ProjectID: tk.Project, SessionID: tk.Session, AgentID: tk.Agent,
		Prompt: tk.Prompt, ProblemType: tk.ProblemType, Started: tk.Begin, Finished: tk.End,
		Steps: tk.steps(), Outcome: d.outcome, OutcomeReason: d.reason,
		OutcomeBasis: string(d.basis), OutcomeLeaning: d.leaning, OutcomeConfidence: d.confidence, OutcomeEvidence: d.evidence,
	}
	if t.ProblemType == "" && tk.Prompt != "" {
		t.ProblemType = ProblemType(tk.Prompt)
	}
	for _, c := range tk.Checks {
		t.Verifications = append(t.Verifications, c.Verification)
	}
	for _, v := range tk.Verdicts {
		t.Verifications = append(t.Verifications, learn.Verification{
			Kind: v.Kind, Tool: string(v.Kind), OK: v.Outcome == learn.OutcomeSuccess, EventID: v.RecordID,
		})
	}
	return t, d.evidence
}
