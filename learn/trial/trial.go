package trial

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"lathe/learn"
)

// Options configure a Trial. Zero fields but ControlShare take the defaults.
type Options struct {
	// ControlShare is the share of tasks from which advice is withheld, 0 to
	// 0.5; 0 switches measurement off. One in ten is the usual choice.
	ControlShare float64
	Alpha        float64 // error level of verdicts; 0 is 0.05
	MinSample    int     // tasks in each arm below which no effect is claimed; 0 is 20
	Seed         string  // of the draws
}

// Bounds of what is kept.
const (
	maxTasks   = 4096 // open ones with assignments, and finished ones each
	maxPerTask = 32   // assignments of one task
	maxKinds   = 64
	maxObjects = 20_000
)

// Trial assigns and measures. It is a learn.Learner. Its methods may be called
// from any goroutine.
type Trial struct {
	o Options

	mu sync.RWMutex
	s  state
}

// state is what a snapshot keeps.
type state struct {
	Version  int               `json:"version"`
	Kinds    map[string]*kind  `json:"kinds"`
	Objects  map[string]Counts `json:"objects"` // by kind and object, treated tasks only
	Open     tasks[[]served]   `json:"open"`
	Finished tasks[ended]      `json:"finished"`
	Dropped  int64             `json:"dropped"`
}

// kind adds up one kind of advice.
type kind struct {
	Treatment arm `json:"treatment"`
	Control   arm `json:"control"`
}

type arm struct {
	Counts
	Calls, DurationMS, Tokens float64 // sums over tasks
}

// served is an assignment that waits for its task's end.
type served struct {
	learn.TrialRecord
}

// ended is how a task ended.
type ended struct {
	Outcome                   learn.Outcome
	At                        time.Time
	Calls, DurationMS, Tokens float64
	Counted                   map[string]bool // kinds and objects counted
	Results                   map[string]bool // trial ids with a result
}

const snapshotVersion = 1

// New makes an empty Trial. It fails on a share outside of [0, 0.5] and a
// level outside of (0, 1).
func New(o Options) (*Trial, error) {
	if o.Alpha == 0 {
		o.Alpha = 0.05
	}
	if o.MinSample <= 0 {
		o.MinSample = 20
	}
	if !(o.ControlShare >= 0 && o.ControlShare <= 0.5) {
		return nil, fmt.Errorf("trial: control share %v is not between 0 and 0.5; set it to 0.1, or to 0 to switch measurement off", o.ControlShare)
	}
	if !(o.Alpha > 0 && o.Alpha < 1) {
		return nil, fmt.Errorf("trial: error level %v is not between 0 and 1; set it to 0.05", o.Alpha)
	}
	return &Trial{o: o, s: newState()}, nil
}

func newState() state {
	return state{
		Version: snapshotVersion, Kinds: make(map[string]*kind), Objects: make(map[string]Counts),
		Open: newTasks[[]served](), Finished: newTasks[ended](),
	}
}

// Name is "trial".
func (t *Trial) Name() string { return "trial" }

// Measures reports whether there is a control group at all.
func (t *Trial) Measures() bool { return t.o.ControlShare > 0 }

// Assign draws whether a task gets advice of a kind: all of a task's advice is
// in the same arm. The draw depends on seed and task alone. The caller writes
// the record to the ledger (EntryTrial) and withholds the advice when the arm
// is learn.TrialControl. Advice without a task cannot be measured and is
// always served.
func (t *Trial) Assign(adviceKind, objectID, projectID, taskID, eventID string, at time.Time) learn.TrialRecord {
	r := learn.TrialRecord{
		TrialID:    learn.UUIDv8("trial", adviceKind, objectID, projectID, taskID, eventID),
		AdviceKind: adviceKind, ObjectID: objectID, ProjectID: projectID, TaskID: taskID, EventID: eventID,
		Timestamp: at, Phase: learn.TrialAssigned, Arm: learn.TrialTreatment, Propensity: 1,
	}
	if taskID == "" || t.o.ControlShare == 0 {
		return r
	}
	r.Propensity = 1 - t.o.ControlShare
	if random("control", t.o.Seed, projectID, taskID).Float64() < t.o.ControlShare {
		r.Arm, r.Propensity = learn.TrialControl, t.o.ControlShare
	}
	return r
}

// Choose picks one of the alternatives for a task by Thompson sampling over
// how treated tasks ended, and gives the probability with which it was picked.
// The same task, alternatives and evidence give the same choice. Without
// alternatives it returns -1 and 0.
func (t *Trial) Choose(adviceKind, taskID string, objectIDs []string) (pick int, propensity float64) {
	if len(objectIDs) == 0 {
		return -1, 0
	}
	arms := make([]Counts, len(objectIDs))
	t.mu.RLock()
	for i, id := range objectIDs {
		arms[i] = t.s.Objects[objectKey(adviceKind, id)]
	}
	t.mu.RUnlock()
	return thompson(random(append([]string{"choose", t.o.Seed, adviceKind, taskID}, objectIDs...)...), arms)
}

// Apply counts a task that finished with a known outcome for the advice that
// it was assigned, and emits a result for each assignment.
func (t *Trial) Apply(o *learn.Observation, emit func(learn.LedgerEntry)) error {
	f := o.Finished
	if f == nil || f.TaskID == "" {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, again := t.s.Finished.get(f.TaskID); again {
		return nil // the first outcome counts, or looking would bias the test
	}
	e := ended{Outcome: f.Outcome, At: f.Finished, Calls: float64(len(f.Steps)), Counted: map[string]bool{}, Results: map[string]bool{}}
	for i := range f.Steps {
		e.DurationMS += f.Steps[i].DurationMS
		e.Tokens += float64(f.Steps[i].Tokens)
	}
	waiting, _ := t.s.Open.get(f.TaskID)
	t.s.Open.remove(f.TaskID)
	var err error
	for _, w := range waiting {
		if resultErr := t.result(&e, w, emit); err == nil {
			err = resultErr
		}
	}
	t.s.Finished.put(f.TaskID, e)
	return err
}

// ApplyLedger takes assignments from the ledger, also ones whose task has
// finished in the meantime. Entries of other kinds are passed over, and one
// that comes twice counts once.
func (t *Trial) ApplyLedger(entry learn.LedgerEntry, emit func(learn.LedgerEntry)) error {
	if entry.Kind != learn.EntryTrial {
		return nil
	}
	var r learn.TrialRecord
	if err := json.Unmarshal(entry.Body, &r); err != nil {
		return fmt.Errorf("trial: ledger entry %s: %w", entry.ID, err)
	}
	if r.Phase != learn.TrialAssigned || r.TaskID == "" {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, done := t.s.Finished.get(r.TaskID); done {
		err := t.result(&e, served{r}, emit)
		t.s.Finished.put(r.TaskID, e)
		return err
	}
	waiting, _ := t.s.Open.get(r.TaskID)
	for _, w := range waiting {
		if w.TrialID == r.TrialID {
			return nil
		}
	}
	if len(waiting) >= maxPerTask {
		t.s.Dropped++
		return nil
	}
	t.s.Open.put(r.TaskID, append(waiting, served{r}))
	return nil
}

// result counts one assignment of an ended task, each kind and each object
// once a task, and emits what came of it.
func (t *Trial) result(e *ended, w served, emit func(learn.LedgerEntry)) error {
	if e.Results == nil || e.Counted == nil {
		e.Results, e.Counted = make(map[string]bool), make(map[string]bool)
	}
	if e.Results[w.TrialID] {
		return nil
	}
	e.Results[w.TrialID] = true
	treated := w.Arm != learn.TrialControl
	r := w.TrialRecord
	r.Phase, r.Timestamp = learn.TrialResult, e.At
	r.Calls, r.DurationMS, r.Tokens = e.Calls, e.DurationMS, e.Tokens
	if e.Outcome == learn.OutcomeSuccess || e.Outcome == learn.OutcomeFailure {
		good := e.Outcome == learn.OutcomeSuccess
		r.Worked = &good
		t.count(e, &w, treated, good)
	}
	entry, err := learn.NewEntry(learn.EntryTrial, r.TrialID, r.ProjectID, e.At, r, nil)
	if err != nil {
		return fmt.Errorf("trial: result of %s: %w", r.TrialID, err)
	}
	emit(entry)
	return nil
}

func (t *Trial) count(e *ended, w *served, treated, good bool) {
	if !e.Counted[w.AdviceKind] && w.Propensity < 1 { // unmeasured advice has no control
		k := t.s.Kinds[w.AdviceKind]
		if k == nil {
			if len(t.s.Kinds) >= maxKinds {
				t.s.Dropped++
				return
			}
			k = &kind{}
			t.s.Kinds[w.AdviceKind] = k
		}
		e.Counted[w.AdviceKind] = true
		a := &k.Control
		if treated {
			a = &k.Treatment
		}
		a.add(good)
		a.Calls += e.Calls
		a.DurationMS += e.DurationMS
		a.Tokens += e.Tokens
	}
	key := objectKey(w.AdviceKind, w.ObjectID)
	if !treated || e.Counted[key] {
		return
	}
	c, known := t.s.Objects[key]
	if !known && len(t.s.Objects) >= maxObjects {
		t.s.Dropped++
		return
	}
	e.Counted[key] = true
	c.add(good)
	t.s.Objects[key] = c
}

func (c *Counts) add(good bool) {
	if good {
		c.Successes++
	} else {
		c.Failures++
	}
}

func objectKey(adviceKind, objectID string) string { return adviceKind + "\x00" + objectID }
