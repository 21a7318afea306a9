package refine

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"lathe/learn"
)

// Bounds of a Tracker.
const (
	maxSessions  = 64     // distinct sessions kept exactly, of each form of call
	maxFailed    = 4      // signatures kept of each
	maxEvidence  = 6      // event ids kept of each
	maxForms     = 60_000 // forms of calls in all projects; the one met longest ago leaves
	maxTracked   = 4 << 10
	minGood      = 3 // good runs before an expectation is taken for one
	maxToolNames = 2_000
	maxJudged    = 20_000
)

// Tracker is the learner "plan_steps": for each call that a plan's step may
// make, how often it was made and how it ended. One goroutine calls Apply,
// Snapshot and Restore; the rest may be called from others.
type Tracker struct {
	mu      sync.RWMutex
	forms   map[string]*form
	tools   map[string]map[string]bool // project -> tools that succeeded there
	tasks   map[string]bool            // the latest judged ones -> whether they succeeded
	dropped int64
}

// form is what is kept of one form of call.
type form struct {
	Runs     int        `json:"runs"`
	Failures int        `json:"failures,omitempty"`
	Masked   int        `json:"masked,omitempty"`
	Ignored  int        `json:"ignored,omitempty"`
	Coded    bool       `json:"coded,omitempty"` // a run had an exit code
	Tasks    int        `json:"tasks,omitempty"`
	GoodT    int        `json:"good_tasks,omitempty"`
	Timed    int        `json:"timed,omitempty"`
	TotalMS  float64    `json:"total_ms,omitempty"`
	Met      sessions   `json:"met"`
	Good     uint32     `json:"good,omitempty"` // expectations that every good run met
	Bad      uint32     `json:"bad,omitempty"`  // those that any bad run met
	Evidence []string   `json:"evidence,omitempty"`
	Failed   []*badRuns `json:"failed,omitempty"`
	Last     time.Time  `json:"last"`
}

type badRuns struct {
	SignatureID string   `json:"signature_id"`
	EventID     string   `json:"event_id"`
	Runs        int      `json:"runs"`
	Met         sessions `json:"met"`
}

// sessions counts distinct ones: exactly while they are few, and after that
// one more whenever the session is another than the last.
type sessions struct {
	Seen []uint32 `json:"seen,omitempty"`
	More int      `json:"more,omitempty"`
	Last uint32   `json:"last,omitempty"`
}

func (s *sessions) add(id uint32) {
	if !slices.Contains(s.Seen, id) {
		if len(s.Seen) < maxSessions {
			s.Seen = append(s.Seen, id)
		} else if id != s.Last {
			s.More++
		}
	}
	s.Last = id
}

func (s *sessions) count() int { return len(s.Seen) + s.More }

// NewTracker returns a Tracker that has seen nothing.
func NewTracker() *Tracker {
	return &Tracker{forms: map[string]*form{}, tools: map[string]map[string]bool{}, tasks: map[string]bool{}}
}

// Name implements learn.Learner.
func (*Tracker) Name() string { return "plan_steps" }

// Call is a call as a step of a plan makes it. Skeleton is its form (see
// learn.Action); Plan and Step name it, when they are known.
type Call struct {
	ProjectID, ToolName, Command, Skeleton string
	Parameters                             json.RawMessage
	Plan, Step                             string
}

// keys are the forms that a call counts for, the surest first.
func (c Call) keys() []string {
	key := func(parts ...string) string { return learn.UUIDv8(parts...) }
	var out []string
	if c.Plan != "" && c.Step != "" {
		out = append(out, key(string(LevelStep), c.ProjectID, c.Plan, c.Step, c.ToolName, c.Skeleton))
	} else {
		out = append(out, "")
	}
	exact := c.Command
	if exact == "" {
		exact = "\x00" + string(compact(c.Parameters))
	}
	return append(out, key(string(LevelCommand), c.ProjectID, c.ToolName, exact), key(string(LevelForm), c.ProjectID, c.ToolName, c.Skeleton))
}

// compact writes parameters in one way, so that they compare.
func compact(raw json.RawMessage) []byte {
	if len(raw) > maxTracked {
		return raw
	}
	out, err := json.Marshal(decodeText(raw))
	if err != nil {
		return raw
	}
	return out
}

// Apply implements learn.Learner: it counts a call.
func (t *Tracker) Apply(o *learn.Observation, _ func(learn.LedgerEntry)) error {
	if o.Finished != nil {
		t.finish(o.Finished)
	}
	ev := o.Record.Action
	if ev == nil || ev.ToolName == "" || ev.Status == learn.StatusInterrupted || ev.ActionType == learn.LLMInference {
		return nil
	}
	masked := false
	for _, v := range o.Verifications {
		masked = masked || !v.OK
	}
	masked = masked && !ev.Status.Failed()
	bits := uint32(0)
	if len(o.Verifications) > 0 { // of others nothing is expected, and looking costs time
		bits = printed(ev.ToolOutput.Text())
	}
	call := Call{ProjectID: ev.ProjectID, ToolName: ev.ToolName, Command: o.Action.Command, Skeleton: o.Action.Skeleton,
		Parameters: ev.ToolParameters, Plan: ev.PlanID, Step: ev.StepID}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range call.keys() {
		if k != "" {
			t.form(k).see(o, hash32(ev.SessionID), bits, masked)
		}
	}
	if tools := t.tools[ev.ProjectID]; ev.Status == learn.StatusSuccess && len(tools) < maxToolNames {
		if tools == nil {
			tools = map[string]bool{}
			t.tools[ev.ProjectID] = tools
		}
		tools[ev.ToolName] = true
	}
	return nil
}

// finish counts a task for the forms of call that it had. One that is judged
// again changes what it counted as.
func (t *Tracker) finish(task *learn.Task) {
	if task.Outcome == learn.OutcomeUnknown || task.Outcome == "" {
		return
	}
	good := task.Outcome == learn.OutcomeSuccess
	key := learn.UUIDv8("task", task.ProjectID, task.TaskID)
	t.mu.Lock()
	defer t.mu.Unlock()
	was, again := t.tasks[key]
	if len(t.tasks) >= maxJudged && !again {
		clear(t.tasks) // a word on a task that comes later than so many others counts as a task more
	}
	t.tasks[key] = good
	seen := map[*form]bool{}
	for _, s := range task.Steps {
		for _, k := range (Call{ProjectID: task.ProjectID, ToolName: s.Tool, Command: s.Command, Skeleton: s.Skeleton}).keys() {
			f := t.forms[k]
			if f == nil || seen[f] {
				continue
			}
			seen[f] = true
			if !again {
				f.Tasks++
			}
			if good && (!again || !was) {
				f.GoodT = min(f.GoodT+1, f.Tasks)
			} else if !good && again && was {
				f.GoodT = max(f.GoodT-1, 0)
			}
		}
	}
}

// form finds or makes a form. When there are too many, the eighth of them that
// was met longest ago is dropped at once, so that dropping costs little.
func (t *Tracker) form(key string) *form {
	f := t.forms[key]
	if f != nil {
		return f
	}
	if len(t.forms) >= maxForms {
		var times []time.Time
		for _, f := range t.forms {
			times = append(times, f.Last)
		}
		slices.SortFunc(times, time.Time.Compare)
		limit := times[len(times)/8]
		for k, f := range t.forms {
			if !f.Last.After(limit) {
				delete(t.forms, k)
				t.dropped++
			}
		}
	}
	f = &form{Good: ^uint32(0)}
	t.forms[key] = f
	return f
}

func (f *form) see(o *learn.Observation, session, bits uint32, masked bool) {
	ev := o.Record.Action
	f.Runs++
	f.Met.add(session)
	code := ev.ToolOutput.ExitCode
	f.Coded = f.Coded || code != nil
	if ms := ev.ResourceMetrics.DurationMS; ms > 0 {
		f.Timed, f.TotalMS = f.Timed+1, f.TotalMS+ms
	}
	if ev.Timestamp.After(f.Last) {
		f.Last = ev.Timestamp
	}
	f.Evidence = append(f.Evidence[max(0, len(f.Evidence)-maxEvidence+1):], ev.ID)
	if !masked && !ev.Status.Failed() {
		f.Good &= bits
		return
	}
	f.Failures++
	f.Bad |= bits
	if masked {
		f.Masked++
		if code != nil && *code != 0 {
			f.Ignored++
		}
	}
	signature := ""
	if len(o.Signatures) > 0 {
		signature = o.Signatures[0].ID
	}
	i := slices.IndexFunc(f.Failed, func(b *badRuns) bool { return b.SignatureID == signature })
	if i < 0 && len(f.Failed) == maxFailed { // the rarest makes room
		i = slices.Index(f.Failed, slices.MinFunc(f.Failed, func(a, b *badRuns) int { return cmp.Compare(a.Runs, b.Runs) }))
		f.Failed[i] = &badRuns{SignatureID: signature}
	} else if i < 0 {
		i = len(f.Failed)
		f.Failed = append(f.Failed, &badRuns{SignatureID: signature})
	}
	b := f.Failed[i]
	b.EventID, b.Runs = ev.ID, b.Runs+1
	b.Met.add(session)
}

// Facts says what was measured of a call, at the surest level at which there
// is anything.
func (t *Tracker) Facts(c Call) (StepFacts, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	levels := []Level{LevelStep, LevelCommand, LevelForm}
	for i, k := range c.keys() {
		if f := t.forms[k]; f != nil {
			return f.facts(levels[i]), true
		}
	}
	return StepFacts{}, false
}

func (f *form) facts(level Level) StepFacts {
	out := StepFacts{Level: level, Runs: f.Runs, Failures: f.Failures, Masked: f.Masked, Ignored: f.Ignored, Codeless: !f.Coded,
		Tasks: f.Tasks, GoodTasks: f.GoodT, Sessions: f.Met.count(), Evidence: slices.Clone(f.Evidence)}
	if f.Timed > 0 {
		out.MeanMS = f.TotalMS / float64(f.Timed)
	}
	if f.Runs-f.Failures >= minGood && f.Failures > 0 {
		for i, e := range expectations {
			if f.Good&^f.Bad&(1<<i) != 0 {
				out.Pattern = e
				break
			}
		}
	}
	for _, b := range f.Failed {
		out.Failed = append(out.Failed, FailedRun{SignatureID: b.SignatureID, EventID: b.EventID, Runs: b.Runs, Sessions: b.Met.count()})
	}
	slices.SortStableFunc(out.Failed, func(a, b FailedRun) int {
		return cmp.Or(cmp.Compare(b.Runs, a.Runs), strings.Compare(a.SignatureID, b.SignatureID))
	})
	return out
}

// HasTool reports whether a tool was seen to succeed in a project.
func (t *Tracker) HasTool(project, tool string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.tools[project][tool]
}

// Tools lists the tools that were seen to succeed in a project, by name.
func (t *Tracker) Tools(project string) []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Sorted(maps.Keys(t.tools[project]))
}
