package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lathe/index/eventlog"
	"lathe/learn"
)

// Forget names what is to be removed. Exactly one of Project, Session and
// Events is set; Project beside one of the others restricts it.
type Forget struct {
	Project string `json:"project,omitempty"`
	Session string `json:"session,omitempty"`
	// Events are ids of records, or of tools that were asked for, or beginnings
	// of them.
	Events []string `json:"events,omitempty"`
}

// ForgetPlan says what a Forget concerns.
type ForgetPlan struct {
	Events int `json:"events"` // calls
	Tasks  int `json:"tasks"`  // what was said of tasks
	Ledger int `json:"ledger"` // conclusions and decisions
	// Kinds are the ledger entries by kind.
	Kinds    map[learn.EntryKind]int `json:"kinds"`
	Projects []string                `json:"projects"`
	Sessions int                     `json:"sessions"`
}

// forgetting is a plan with the records that it concerns.
type forgetting struct {
	ForgetPlan
	events map[string]bool // ids
	ledger map[string]bool // ids
}

// ErrNothingToForget says that nothing recorded fits.
var ErrNothingToForget = errors.New("nothing recorded fits: lathe log shows ids of calls, with --json their sessions and projects")

func (f Forget) check() error {
	if (f.Session != "") && len(f.Events) > 0 || f.Session == "" && len(f.Events) == 0 && f.Project == "" {
		return errors.New("name a session, a project, or events to forget")
	}
	for _, id := range f.Events {
		if len(id) < minPrefix {
			return fmt.Errorf("%q is no event's id: give at least %d characters of it", id, minPrefix)
		}
	}
	return nil
}

// wants reports whether a record is meant.
func (f Forget) wants(rec learn.Record) bool {
	if f.Project != "" && rec.Project() != f.Project {
		return false
	}
	session := ""
	switch {
	case rec.Action != nil:
		session = rec.Action.SessionID
	case rec.Task != nil:
		session = rec.Task.SessionID
	}
	switch {
	case f.Session != "":
		return session == f.Session
	case len(f.Events) > 0:
		return slices.ContainsFunc(f.Events, func(id string) bool { return strings.HasPrefix(rec.ID(), strings.ToLower(id)) })
	}
	return true
}

// planForget finds the records that f names and what was concluded from them.
func planForget(ctx context.Context, log *eventlog.Log, f Forget) (*forgetting, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	p := &forgetting{events: map[string]bool{}, ledger: map[string]bool{}}
	p.Kinds = map[learn.EntryKind]int{}
	names, err := p.records(ctx, log, f)
	if err != nil {
		return nil, err
	}
	return p, p.conclusions(ctx, log, f, names)
}

// records finds what happened. The names are what conclusions call it by:
// ids of events, and of sessions and tasks of which nothing else is left.
func (p *forgetting) records(ctx context.Context, log *eventlog.Log, f Forget) (map[string]bool, error) {
	gone, left, found := map[string]bool{}, map[string]bool{}, map[string]string{}
	projects, sessions := map[string]bool{}, map[string]bool{}
	err := log.ReadEvents(ctx, 0, func(_ uint64, recs []learn.Record) error {
		for _, rec := range recs {
			into := left
			if f.wants(rec) {
				into = gone
				p.events[rec.ID()], projects[rec.Project()] = true, true
				for _, id := range f.Events {
					if !strings.HasPrefix(rec.ID(), strings.ToLower(id)) {
						continue
					}
					if other := found[id]; other != "" {
						return fmt.Errorf("%q begins the ids of several records, such as %s and %s: give more of it", id, other, rec.ID())
					}
					found[id] = rec.ID()
				}
			}
			if a := rec.Action; a != nil {
				into[a.SessionID], into[a.TaskID] = true, true
				if into[a.ID] = true; f.wants(rec) {
					p.Events++
					sessions[a.SessionID] = true
				}
			} else if t := rec.Task; t != nil {
				into[t.SessionID], into[t.TaskID] = true, true
				if into[t.ID] = true; f.wants(rec) {
					p.Tasks++
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, id := range f.Events {
		if found[id] != "" {
			continue
		}
		if found[id], err = requested(ctx, log, id); err != nil {
			return nil, err
		}
		if gone[found[id]] = true; found[id] == "" {
			return nil, fmt.Errorf("there is no recorded event %.80q: %w", id, ErrNothingToForget)
		}
	}
	for name := range left {
		delete(gone, name)
	}
	delete(gone, "")
	for project := range projects {
		p.Projects = append(p.Projects, project)
	}
	slices.Sort(p.Projects)
	p.Sessions = len(sessions)
	return gone, nil
}

// requested is the id of the request of a tool that id begins, which is in the
// ledger alone; "" when there is none.
func requested(ctx context.Context, log *eventlog.Log, id string) (found string, err error) {
	err = log.ReadLedger(ctx, 0, func(_ uint64, entries []learn.LedgerEntry) error {
		for _, e := range entries {
			if e.Kind != learn.EntryOpportunity || e.ObjectID == found || !strings.HasPrefix(e.ObjectID, strings.ToLower(id)) {
				continue
			}
			var o learn.ToolOpportunity
			if json.Unmarshal(e.Body, &o) != nil || o.Kind != "request" {
				continue
			}
			if found != "" {
				return fmt.Errorf("%q begins the ids of several requests, such as %s and %s: give more of it", id, found, e.ObjectID)
			}
			found = e.ObjectID
		}
		return nil
	})
	return found, err
}

// derived are the kinds of entries whose object is made of what was recorded:
// whatever speaks of such an object goes with it.
var derived = []learn.EntryKind{learn.EntryReport, learn.EntryRemedy, learn.EntryStrategy, learn.EntryOpportunity,
	learn.EntryProposal, learn.EntryTool, learn.EntryReview}

// conclusions finds the ledger's entries that are of the project, or name a
// record, session or task that goes, or an object that goes for that. What
// still follows from the records that are left is concluded again.
func (p *forgetting) conclusions(ctx context.Context, log *eventlog.Log, f Forget, names map[string]bool) error {
	whole := f.Session == "" && len(f.Events) == 0 // a project
	for more := true; more; {
		more = false
		err := log.ReadLedger(ctx, 0, func(_ uint64, entries []learn.LedgerEntry) error {
			for _, e := range entries {
				if p.ledger[e.ID] || !(whole && e.ProjectID == f.Project) && !mentions(e, names) {
					continue
				}
				p.ledger[e.ID] = true
				p.Kinds[e.Kind]++
				p.Ledger++
				if e.ObjectID != "" && slices.Contains(derived, e.Kind) && !names[e.ObjectID] {
					names[e.ObjectID], more = true, true
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if p.Events+p.Tasks+p.Ledger == 0 {
		return ErrNothingToForget
	}
	return nil
}

// mentions reports whether an entry names one of names anywhere.
func mentions(e learn.LedgerEntry, names map[string]bool) bool {
	if names[e.ObjectID] || slices.ContainsFunc(e.Evidence, func(id string) bool { return names[id] }) {
		return true
	}
	var body any
	return json.Unmarshal(e.Body, &body) == nil && named(body, names)
}

func named(v any, names map[string]bool) bool {
	switch v := v.(type) {
	case string:
		return names[v]
	case []any:
		return slices.ContainsFunc(v, func(x any) bool { return named(x, names) })
	case map[string]any:
		for key, x := range v {
			if names[key] || named(x, names) {
				return true
			}
		}
	}
	return false
}

// drop is for eventlog.CopyWithout.
func (p *forgetting) drop(name eventlog.Stream, raw []byte) bool {
	if name == eventlog.Ledger {
		var e learn.LedgerEntry
		return json.Unmarshal(raw, &e) == nil && p.ledger[e.ID]
	}
	var rec learn.Record
	return json.Unmarshal(raw, &rec) == nil && p.events[rec.ID()]
}
