package verify

import (
	"container/list"
	"fmt"
	"sync"
	"time"

	"lathe/learn"
)

// TrackerOptions bound what a Tracker keeps. Zero fields take the defaults.
type TrackerOptions struct {
	MaxOpen     int           // open tasks; 0 is 1,024
	MaxSteps    int           // steps kept per task, the latest; 0 is 400
	MaxFinished int           // finished tasks kept for feedback; 0 is 512
	IdleAfter   time.Duration // event time after which a task without events has ended; 0 is 2 h
	// LeastConfidence is what an inferred outcome needs; below, it is unknown.
	// 0 is 0.7; a negative number takes every leaning for an outcome.
	LeastConfidence float64
}

func (o TrackerOptions) withDefaults() TrackerOptions {
	if o.MaxOpen <= 0 {
		o.MaxOpen = 1024
	}
	if o.MaxSteps <= 0 {
		o.MaxSteps = 400
	}
	if o.MaxFinished <= 0 {
		o.MaxFinished = 512
	}
	if o.LeastConfidence == 0 {
		o.LeastConfidence = leastConfidence
	}
	if o.IdleAfter <= 0 {
		o.IdleAfter = 2 * time.Hour
	}
	return o
}

// Counters say what a Tracker did and what its bounds made it drop.
type Counters struct {
	Finished     uint64 `json:"finished"`      // tasks emitted, revisions not counted
	Revised      uint64 `json:"revised"`       // emitted again after late feedback or events
	Evicted      uint64 `json:"evicted"`       // ended because too many tasks were open
	StepsDropped uint64 `json:"steps_dropped"` // beyond MaxSteps
	FeedbackLost uint64 `json:"feedback_lost"` // about tasks no longer kept
}

// Tracker collects tasks and decides how they ended. It is a learn.Learner,
// to be placed first in the pipeline. A task is its task_id, else its session.
// It ends with a TaskFinish record, when its session starts another task, when
// its project has gone on for IdleAfter without it, or when too many are open.
// At most one task ends per record.
type Tracker struct {
	o TrackerOptions

	mu       sync.Mutex
	open     map[string]*task
	done     map[string]*task
	sessions map[string]string     // session -> its open task
	projects map[string]*list.List // project -> open tasks, longest unheard of first
	order    *list.List            // all open tasks, longest unheard of first
	finished *list.List            // finished tasks, oldest first
	counters Counters
	rates    rates
}

// NewTracker makes an empty Tracker.
func NewTracker(o TrackerOptions) *Tracker {
	t := &Tracker{o: o.withDefaults()}
	t.reset()
	return t
}

func (t *Tracker) reset() {
	t.open, t.done = make(map[string]*task), make(map[string]*task)
	t.sessions, t.projects = make(map[string]string), make(map[string]*list.List)
	t.order, t.finished = list.New(), list.New()
	t.counters, t.rates = Counters{}, rates{}
}

// Name is "verify".
func (t *Tracker) Name() string { return "verify" }

// Counters returns what was done and dropped so far.
func (t *Tracker) Counters() Counters {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counters
}

// History returns the steps of an open task so far, the oldest kept first, or
// nil, as for a task of another project. taskID may be the session's id when
// events have no task.
func (t *Tracker) History(project, taskID string) []learn.Step {
	t.mu.Lock()
	defer t.mu.Unlock()
	tk := t.open[taskID]
	if tk == nil || tk.Project != project {
		return nil
	}
	return tk.steps()
}

// Apply follows one record. For an action it fills in o.Verifications when
// nobody has; when the record ends a task it sets o.Finished and emits the
// task. Late feedback emits the task again with its revised outcome and leaves
// o.Finished alone, so that no learner counts a task twice.
func (t *Tracker) Apply(o *learn.Observation, emit func(learn.LedgerEntry)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case o.Record.Action != nil:
		return t.action(o, emit)
	case o.Record.Task != nil:
		return t.task(o, emit)
	}
	return nil
}

func (t *Tracker) action(o *learn.Observation, emit func(learn.LedgerEntry)) error {
	ev := o.Record.Action
	if o.Verifications == nil {
		o.Verifications = Read(ev, o.Action)
	}
	key := taskKey(ev.TaskID, ev.SessionID)
	if key == "" {
		return nil
	}
	tk, ended := t.enter(key, ev.ProjectID, ev.SessionID, ev.AgentID, ev.Timestamp)
	if dropped := tk.addStep(makeStep(o), t.o.MaxSteps); dropped {
		t.counters.StepsDropped++
	}
	tk.observe(o)
	return t.end(ended, o, emit)
}

func (t *Tracker) task(o *learn.Observation, emit func(learn.LedgerEntry)) error {
	r := o.Record.Task
	key := taskKey(r.TaskID, r.SessionID)
	if key == "" {
		return nil
	}
	switch r.Phase {
	case learn.TaskStart:
		tk, ended := t.enter(key, r.ProjectID, r.SessionID, r.AgentID, r.Timestamp)
		tk.start(r)
		return t.end(ended, o, emit)
	case learn.TaskFinish:
		return t.finish(key, r, o, emit)
	case learn.TaskFeedback:
		return t.feedback(key, r, emit)
	}
	return fmt.Errorf("verify: task record %s has the unknown phase %q; it was ignored", r.ID, r.Phase)
}

// finish ends a task by its own record. A task that nothing else was heard of
// is made from the record alone.
func (t *Tracker) finish(key string, r *learn.TaskRecord, o *learn.Observation, emit func(learn.LedgerEntry)) error {
	tk := t.open[key]
	if tk == nil {
		if tk = t.done[key]; tk == nil {
			tk = newTask(key, r.ProjectID, r.SessionID, r.AgentID, r.Timestamp)
		}
	}
	revised := t.done[key] != nil
	tk.start(r)
	tk.judge(r)
	tk.End = later(tk.End, r.Timestamp)
	if revised {
		return t.revise(tk, emit)
	}
	return t.end(tk, o, emit)
}

func (t *Tracker) feedback(key string, r *learn.TaskRecord, emit func(learn.LedgerEntry)) error {
	if tk := t.open[key]; tk != nil {
		tk.judge(r)
		return nil
	}
	tk := t.done[key]
	if tk == nil {
		t.counters.FeedbackLost++
		return nil
	}
	tk.judge(r)
	return t.revise(tk, emit)
}

// end closes tk, if not nil, and hands it to the learners and the ledger.
func (t *Tracker) end(tk *task, o *learn.Observation, emit func(learn.LedgerEntry)) error {
	if tk == nil {
		return nil
	}
	t.close(tk)
	finished, evidence := tk.conclude(&t.rates, t.o.LeastConfidence)
	t.rates.learn(tk)
	if tk.Emitted {
		t.counters.Revised++
	} else {
		t.counters.Finished++
	}
	tk.Emitted = true
	o.Finished = &finished
	return emitTask(finished, evidence, emit)
}

func (t *Tracker) revise(tk *task, emit func(learn.LedgerEntry)) error {
	t.counters.Revised++
	revised, evidence := tk.conclude(&t.rates, t.o.LeastConfidence)
	t.rates.learn(tk)
	return emitTask(revised, evidence, emit)
}

func emitTask(task learn.Task, evidence []string, emit func(learn.LedgerEntry)) error {
	e, err := learn.NewEntry(learn.EntryTask, task.TaskID, task.ProjectID, task.Finished, task, evidence)
	if err != nil {
		return fmt.Errorf("verify: write task %s: %w", task.TaskID, err)
	}
	emit(e)
	return nil
}

func taskKey(taskID, sessionID string) string {
	if taskID != "" {
		return taskID
	}
	return sessionID
}
