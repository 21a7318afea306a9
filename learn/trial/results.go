package trial

import (
	"encoding/json"
	"fmt"

	"lathe/learn"
)

// Apply follows which task a session is at, and emits a result for each
// assignment whose task ends with the record.
func (t *Trial) Apply(o *learn.Observation, emit func(learn.LedgerEntry)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch rec := o.Record; {
	case rec.Action != nil:
		t.follow(rec.Action.ProjectID, rec.Action.SessionID, rec.Action.TaskID)
	case rec.Task != nil && rec.Task.Phase == learn.TaskStart:
		t.follow(rec.Task.ProjectID, rec.Task.SessionID, rec.Task.TaskID)
	}
	f := o.Finished
	if f == nil || f.TaskID == "" {
		return nil
	}
	if task, _ := t.sessions.get(pair(f.ProjectID, f.SessionID)); task == f.TaskID {
		t.sessions.remove(pair(f.ProjectID, f.SessionID))
	}
	err := t.settle(pair(f.ProjectID, f.TaskID), o.Seq, f, emit)
	if f.SessionID != "" && f.SessionID != f.TaskID { // served before the task had a name
		if sessionErr := t.settle(pair(f.ProjectID, f.SessionID), o.Seq, f, emit); err == nil {
			err = sessionErr
		}
	}
	return err
}

func (t *Trial) follow(project, session, task string) {
	if session == "" || task == "" {
		return
	}
	if known, _ := t.sessions.get(pair(project, session)); known != task {
		t.sessions.put(pair(project, session), task)
	}
}

// settle emits results for what waits under key and was served before message
// seq, which ended the task.
func (t *Trial) settle(key string, seq uint64, f *learn.Task, emit func(learn.LedgerEntry)) error {
	waiting, _ := t.open.get(key)
	if len(waiting) == 0 {
		return nil
	}
	var later []learn.TrialRecord
	for i := range waiting {
		if waiting[i].After >= seq && seq > 0 {
			later = append(later, waiting[i])
			continue
		}
		r := outcomeOf(waiting[i], f)
		e, err := learn.NewEntry(learn.EntryTrial, r.TrialID, r.ProjectID, r.Timestamp, r, nil)
		if err != nil {
			return fmt.Errorf("trial: result of %s: %w", r.TrialID, err)
		}
		emit(e)
		t.echo[r.TrialID] = true
		t.count(&r)
	}
	if len(later) == 0 {
		t.open.remove(key)
	} else {
		t.open.put(key, later)
	}
	return nil
}

// ApplyLedger takes assignments, results and verdicts from the ledger. Entries
// of other kinds are passed over, and a result counts once.
func (t *Trial) ApplyLedger(e learn.LedgerEntry) error {
	switch e.Kind {
	case learn.EntryTrial:
		var r learn.TrialRecord
		if err := json.Unmarshal(e.Body, &r); err != nil {
			return fmt.Errorf("trial: ledger entry %s: %w", e.ID, err)
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.record(&r)
	case learn.EntryVerdict:
		var v learn.TrialVerdict
		if err := json.Unmarshal(e.Body, &v); err != nil {
			return fmt.Errorf("trial: ledger entry %s: %w", e.ID, err)
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.decided(v)
	}
	return nil
}

func (t *Trial) record(r *learn.TrialRecord) {
	switch {
	case r.Phase == learn.TrialAssigned:
		if k := t.kind(r.AdviceKind); k != nil {
			k.arm(r).Assigned++
		}
		if _, done := t.settled.get(r.TrialID); done || r.TaskID == "" || t.waits(r) {
			return
		}
		t.wait(*r)
	case r.Phase == learn.TrialResult && t.echo[r.TrialID]:
		delete(t.echo, r.TrialID)
	case r.Phase == learn.TrialResult:
		t.unwait(r)
		t.count(r)
	}
}

func (t *Trial) waits(r *learn.TrialRecord) bool {
	waiting, _ := t.open.get(pair(r.ProjectID, r.TaskID))
	for i := range waiting {
		if waiting[i].TrialID == r.TrialID {
			return true
		}
	}
	return false
}

func (t *Trial) unwait(r *learn.TrialRecord) {
	key := pair(r.ProjectID, r.TaskID)
	waiting, _ := t.open.get(key)
	var rest []learn.TrialRecord
	for i := range waiting {
		if waiting[i].TrialID != r.TrialID {
			rest = append(rest, waiting[i])
		}
	}
	if len(rest) == 0 {
		t.open.remove(key)
	} else if len(rest) < len(waiting) {
		t.open.put(key, rest)
	}
}
