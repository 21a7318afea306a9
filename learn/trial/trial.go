package trial

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"

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
	maxPerTask = 64 // assignments of one task
	maxKinds   = 16
	maxObjects = 20_000
)

// promotedShare is what is left of the control share once a kind is promoted:
// enough to notice when it stops helping.
const promotedShare = 0.5

// Trial assigns and measures. It is a learn.Learner and a learn.Concluder, and
// a projection of the ledger. Its methods may be called from any goroutine.
type Trial struct {
	o Options

	mu       sync.RWMutex
	open     tasks[[]learn.TrialRecord] // by task: what waits for its end
	sessions tasks[string]              // by session: its latest task
	counted  tasks[map[string]bool]     // by task: kinds and objects that count it
	settled  tasks[bool]                // by trial: those with a result
	echo     map[string]bool            // results counted before the ledger has them
	kinds    map[string]*comparison
	objects  map[string]*comparison // by kind and object
	dirty    bool                   // an object has results since the last look
	dropped  int64
}

var _ interface {
	learn.Learner
	learn.Concluder
} = (*Trial)(nil)

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
	return &Trial{
		o: o, open: newTasks[[]learn.TrialRecord](), sessions: newTasks[string](), counted: newTasks[map[string]bool](),
		settled: newTasks[bool](), echo: map[string]bool{}, kinds: map[string]*comparison{}, objects: map[string]*comparison{},
	}, nil
}

// Name is "trial".
func (t *Trial) Name() string { return "trial" }

// Measures reports whether there is a control group at all.
func (t *Trial) Measures() bool { return t.o.ControlShare > 0 }

// TaskOf is the task that a session is at: its latest, or, as for the log's
// other readers, the session itself.
func (t *Trial) TaskOf(project, session string) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if task, ok := t.sessions.get(pair(project, session)); ok {
		return task
	}
	return session
}

// Begin tells that a session starts a task, ahead of the record that says so.
func (t *Trial) Begin(project, session, task string) {
	if session == "" || task == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sessions.put(pair(project, session), task)
}

// Assign draws whether a task gets what r names (kind, object, project, task,
// and what else is known) and returns r with arm and propensity. The draw
// depends on seed, kind, project and task alone, and what a task was given of a
// kind before, holds. The caller withholds the advice when the arm is
// learn.TrialControl, and writes the record to the ledger (EntryTrial) if it is
// fresh: the same assignment is made once. Advice without a task cannot be
// measured and is always served.
func (t *Trial) Assign(r learn.TrialRecord) (_ learn.TrialRecord, fresh bool) {
	r.TrialID = learn.UUIDv8("trial", r.AdviceKind, r.ObjectID, r.ProjectID, r.TaskID, r.EventID)
	r.Phase, r.Arm, r.Propensity = learn.TrialAssigned, learn.TrialTreatment, 1
	if r.TaskID == "" {
		return r, true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	waiting, _ := t.open.get(pair(r.ProjectID, r.TaskID))
	if i := slices.IndexFunc(waiting, func(w learn.TrialRecord) bool { return w.TrialID == r.TrialID }); i >= 0 {
		return waiting[i], false
	}
	if i := slices.IndexFunc(waiting, func(w learn.TrialRecord) bool { return w.AdviceKind == r.AdviceKind }); i >= 0 {
		r.Arm, r.Propensity = waiting[i].Arm, waiting[i].Propensity
	} else {
		t.draw(&r)
	}
	t.wait(r)
	return r, true
}

func (t *Trial) draw(r *learn.TrialRecord) {
	share := t.o.ControlShare
	if k := t.kinds[r.AdviceKind]; k != nil && k.stands(learn.TrialPromote) {
		share *= promotedShare
	}
	if share == 0 {
		return
	}
	r.Propensity = 1 - share
	if random("control", t.o.Seed, r.AdviceKind, r.ProjectID, r.TaskID).Float64() < share {
		r.Arm, r.Propensity = learn.TrialControl, share
	}
}

// wait keeps an assignment until its task ends.
func (t *Trial) wait(r learn.TrialRecord) {
	key := pair(r.ProjectID, r.TaskID)
	waiting, _ := t.open.get(key)
	if len(waiting) >= maxPerTask {
		t.dropped++
		return
	}
	t.open.put(key, append(slices.Clip(waiting), r))
}

// Retired reports whether an object, or its whole kind, is served no more.
func (t *Trial) Retired(adviceKind, objectID string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.kinds[adviceKind].stands(learn.TrialRetire) || t.objects[pair(adviceKind, objectID)].stands(learn.TrialRetire)
}

// Dropped counts assignments that the bounds left unmeasured.
func (t *Trial) Dropped() int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.dropped
}

// snapshotVersion of the empty state: what is counted comes from the ledger.
const snapshotVersion = 2

type snapshot struct {
	Version int `json:"version"`
}

// Snapshot holds nothing but a version.
func (t *Trial) Snapshot() ([]byte, error) { return json.Marshal(snapshot{snapshotVersion}) }

// Restore accepts what Snapshot wrote and changes nothing.
func (t *Trial) Restore(raw []byte) error {
	var s snapshot
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("trial: restore: %w", err)
	}
	if s.Version != snapshotVersion {
		return fmt.Errorf("trial: restore: snapshot version %d, want %d; replay the log", s.Version, snapshotVersion)
	}
	return nil
}

// treated is the probability of treatment that a record was drawn with.
func treated(r *learn.TrialRecord) float64 {
	if r.Arm == learn.TrialControl {
		return 1 - r.Propensity
	}
	return r.Propensity
}

// measured reports whether a record was drawn at all, and validly.
func measured(r *learn.TrialRecord) bool {
	return r.Propensity > 0 && r.Propensity < 1 && !math.IsNaN(r.Propensity) && r.TaskID != ""
}

func pair(a, b string) string { return a + "\x00" + b }
