package monitor

import (
	"encoding/json"
	"fmt"

	"lathe/learn"
)

// object is a learned object's place in its life.
type object struct {
	Class   string        `json:"class"` // strategy, tool or proposal
	Kind    string        `json:"kind,omitempty"`
	Project string        `json:"project,omitempty"`
	State   learn.State   `json:"state"`
	Verdict learn.Verdict `json:"verdict,omitempty"`
}

// ledgerSums are counts of what is not followed by object.
type ledgerSums struct {
	Reports, Advised, Offered, Refused int64
}

// ApplyLedger counts one ledger entry. Entries about tasks, reports, objects
// and decisions may come twice. It fails on an entry whose body cannot be
// read, having counted nothing.
func (m *Monitor) ApplyLedger(e learn.LedgerEntry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var err error
	switch e.Kind {
	case learn.EntryTask:
		var t learn.Task
		if err = json.Unmarshal(e.Body, &t); err == nil {
			m.task(&t)
		}
	case learn.EntryReport:
		err = m.report(e)
	case learn.EntryStrategy:
		m.follow(e.ObjectID, "strategy", "", e.ProjectID)
	case learn.EntryTool:
		m.follow(e.ObjectID, "tool", "", e.ProjectID)
	case learn.EntryProposal:
		var p learn.PlanModificationProposal
		if err = json.Unmarshal(e.Body, &p); err == nil {
			m.follow(e.ObjectID, "proposal", string(p.Type), e.ProjectID)
		}
	case learn.EntryReview:
		m.follow(e.ObjectID, "proposal", "tool", e.ProjectID)
	case learn.EntryDecision:
		err = m.decision(e)
	case learn.EntryState:
		err = m.state(e)
	case learn.EntryRefused: // may come again after a restart
		if _, seen := m.reports.get(e.ID); !seen {
			m.reports.put(e.ID, true)
			m.ledger.Refused++
		}
	}
	if err != nil {
		return fmt.Errorf("monitor: ledger entry %s of kind %s: %w", e.ID, e.Kind, err)
	}
	return nil
}

// follow notes an object that was not known.
func (m *Monitor) follow(id, class, kind, project string) {
	if _, ok := m.objects[id]; ok {
		return
	}
	if len(m.objects) >= maxObjects {
		m.dropped.Objects++
		return
	}
	m.objects[id] = object{Class: class, Kind: kind, Project: project, State: learn.StateCandidate}
}

func (m *Monitor) report(e learn.LedgerEntry) error {
	var r learn.FailureAnalysisReport
	if err := json.Unmarshal(e.Body, &r); err != nil {
		return err
	}
	if _, seen := m.reports.get(e.ObjectID); seen {
		return nil
	}
	m.reports.put(e.ObjectID, true)
	m.ledger.Reports++
	m.ledger.Offered += int64(len(r.Remedies))
	if len(r.Remedies) > 0 {
		m.ledger.Advised++
	}
	return nil
}

func (m *Monitor) decision(e learn.LedgerEntry) error {
	var d learn.Decision
	if err := json.Unmarshal(e.Body, &d); err != nil {
		return err
	}
	if o, ok := m.objects[d.ObjectID]; ok {
		o.Verdict = d.Verdict
		m.objects[d.ObjectID] = o
	}
	return nil
}

func (m *Monitor) state(e learn.LedgerEntry) error {
	var s learn.StateChange
	if err := json.Unmarshal(e.Body, &s); err != nil {
		return err
	}
	if o, ok := m.objects[s.ObjectID]; ok {
		o.State = s.To
		m.objects[s.ObjectID] = o
	}
	return nil
}
