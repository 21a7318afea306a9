package monitor

import (
	"sync"
	"time"

	"lathe/learn"
)

// Monitor keeps the KPIs. Make one with New; Apply and ApplyLedger come from
// one goroutine each, KPIs from any.
type Monitor struct {
	mu      sync.RWMutex
	calls   map[callKey]*calls
	days    map[dayKey]*day
	newest  int32
	tasks   *lru[taskSeen]    // by task id: where it was counted
	pending *lru[[]unsolved]  // by session: failures waiting for a success
	objects map[string]object // by object id
	reports *lru[bool]        // ids of reports, and of refusals, that were counted
	ledger  ledgerSums
	dropped Dropped
}

// taskSeen is where a task was counted.
type taskSeen struct {
	Key     dayKey
	Outcome learn.Outcome
}

// unsolved is a failure that no later success has ended.
type unsolved struct {
	Intent learn.Intent
	ID     string
	Name   string
	Key    dayKey
	At     time.Time
}

// Dropped counts what the bounds left out.
type Dropped struct {
	Cells   int64 `json:"cells"`   // calls counted as "(other)"
	Objects int64 `json:"objects"` // learned objects not followed
}

const (
	maxTasks    = 8192
	maxSessions = 1024
	maxUnsolved = 8 // per session
	maxObjects  = 50_000
	maxReports  = 8192
	maxTimeLost = 10 * time.Minute // by one failure, beyond its own duration
)

// New makes an empty Monitor.
func New() *Monitor {
	m := &Monitor{}
	m.reset()
	return m
}

func (m *Monitor) reset() {
	m.calls, m.days = make(map[callKey]*calls), make(map[dayKey]*day)
	m.newest = older
	m.tasks, m.pending, m.reports = newLRU[taskSeen](maxTasks), newLRU[[]unsolved](maxSessions), newLRU[bool](maxReports)
	m.objects = make(map[string]object)
	m.ledger, m.dropped = ledgerSums{}, Dropped{}
}

// Name is "monitor".
func (m *Monitor) Name() string { return "monitor" }

// Apply counts one observation. It emits nothing.
func (m *Monitor) Apply(o *learn.Observation, _ func(learn.LedgerEntry)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if o.Finished != nil {
		m.task(o.Finished)
	}
	ev := o.Record.Action
	if ev == nil {
		return nil
	}
	d := m.dayOf(ev.Timestamp)
	if err := m.call(callKey{d, cutName(ev.ProjectID), cutName(ev.ToolName)}).add(ev); err != nil {
		return err
	}
	m.signatures(o, dayKey{d, cutName(ev.ProjectID)})
	return nil
}

// task counts a finished task once; a revised outcome replaces the former.
func (m *Monitor) task(t *learn.Task) {
	if seen, ok := m.tasks.get(t.TaskID); ok {
		m.day(seen.Key).count(seen.Outcome, -1)
		m.day(seen.Key).count(t.Outcome, 1)
		m.tasks.put(t.TaskID, taskSeen{seen.Key, t.Outcome})
		return
	}
	key := dayKey{m.dayOf(t.Finished), cutName(t.ProjectID)}
	m.day(key).count(t.Outcome, 1)
	m.tasks.put(t.TaskID, taskSeen{key, t.Outcome})
}

// signatures counts a failure's first signature, and the time that a failure
// cost: its own duration, and the time until the session's first later
// success of the same intent (at most ten minutes).
func (m *Monitor) signatures(o *learn.Observation, key dayKey) {
	ev := o.Record.Action
	if !ev.Status.Failed() {
		if ev.Status == learn.StatusSuccess {
			m.solved(ev, o.Action.Intent)
		}
		return
	}
	if len(o.Signatures) == 0 {
		return
	}
	sig := o.Signatures[0]
	d := m.day(key)
	d.ByCount.add(sig.ID, sig.Name, 1)
	if ms := duration(ev); ms > 0 {
		d.ByTime.add(sig.ID, sig.Name, ms)
	}
	waiting, _ := m.pending.get(ev.SessionID)
	for _, u := range waiting {
		if u.Intent == o.Action.Intent {
			return // the clock runs since the first failure
		}
	}
	if ev.SessionID != "" && len(waiting) < maxUnsolved {
		m.pending.put(ev.SessionID, append(waiting, unsolved{o.Action.Intent, sig.ID, sig.Name, key, ev.Timestamp}))
	}
}

func (m *Monitor) solved(ev *learn.ActionOutcome, intent learn.Intent) {
	waiting, ok := m.pending.get(ev.SessionID)
	if !ok {
		return
	}
	for i, u := range waiting {
		if u.Intent != intent {
			continue
		}
		if lost := min(ev.Timestamp.Sub(u.At), maxTimeLost); lost > 0 {
			m.day(u.Key).ByTime.add(u.ID, u.Name, float64(lost)/float64(time.Millisecond))
		}
		m.pending.put(ev.SessionID, append(waiting[:i:i], waiting[i+1:]...))
		return
	}
}

// call is the cell of key, or of "(other)" when there are too many.
func (m *Monitor) call(key callKey) *calls {
	if c := m.calls[key]; c != nil {
		return c
	}
	if len(m.calls) >= maxCells {
		m.dropped.Cells++
		key = callKey{older, other, other}
		if c := m.calls[key]; c != nil {
			return c
		}
	}
	c := &calls{}
	m.calls[key] = c
	return c
}

func (m *Monitor) day(key dayKey) *day {
	if d := m.days[key]; d != nil {
		return d
	}
	if key.Day < m.newest-retainDays {
		key.Day = older
	}
	if len(m.days) >= maxDayCells {
		key = dayKey{older, other}
	}
	if m.days[key] == nil {
		m.days[key] = newDay()
	}
	return m.days[key]
}

// dayOf gives the day that an event counts for, and folds the days that a new
// day pushes out of retention.
func (m *Monitor) dayOf(t time.Time) int32 {
	if t.IsZero() || t.Year() < 1970 || t.Year() > 9999 {
		return older
	}
	d := int32(t.Unix() / secondsADay)
	if d > m.newest {
		m.newest = d
		m.fold()
	}
	if d < m.newest-retainDays {
		return older
	}
	return d
}
