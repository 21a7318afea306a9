package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/mine"
	"lathe/learn/signature"
	"lathe/learn/verify"
	"lathe/server/intake"
)

// Contrast reads recorded sessions as the daemon does, decides how their tasks
// ended, and takes one look at what separates success from failure. It needs
// no daemon and keeps no outputs.
type Contrast struct {
	door       *intake.Door
	signatures *signature.Analyser
	tracker    *verify.Tracker
	look       *mine.Look
	seen       map[string]bool
	open       map[string]learn.TaskRecord // by task: what would end it
	ended      []learn.LedgerEntry         // tasks, the last word last
	bases      map[string]string           // by task, what its outcome rests on
}

// ContrastReport is what `lathe mine --contrast` prints.
type ContrastReport struct {
	mine.Report
	// Bases count the tasks by what their outcome rests on.
	Bases map[string]int `json:"outcome_bases"`
}

// NewContrast returns one that has read nothing.
func NewContrast(o mine.Options) (*Contrast, error) {
	door, err := newDoor()
	if err != nil {
		return nil, err
	}
	sigs, err := signature.New()
	if err != nil {
		return nil, err
	}
	return &Contrast{door: door, signatures: sigs, tracker: verify.NewTracker(verify.TrackerOptions{MaxFinished: maxContrastTasks}),
		look: mine.NewLook(o), seen: map[string]bool{}, open: map[string]learn.TaskRecord{}, bases: map[string]string{}}, nil
}

// maxContrastTasks bounds what one look holds in memory.
const maxContrastTasks = 20_000

// Accept implements intake.Sink.
func (c *Contrast) Accept(_ context.Context, recs []learn.Record) (intake.Receipt, error) {
	admitted, _, rejected := c.door.Admit(recs)
	out := intake.Receipt{Rejected: rejected}
	for _, rec := range admitted {
		if c.seen[rec.ID()] {
			out.Duplicates++
			continue
		}
		c.seen[rec.ID()] = true
		out.Accepted++
		if err := c.take(rec); err != nil {
			return out, err
		}
	}
	if len(c.open) > maxContrastTasks {
		return out, fmt.Errorf("more than %d tasks: look at fewer files", maxContrastTasks)
	}
	return out, nil
}

func (c *Contrast) take(rec learn.Record) error {
	o := &learn.Observation{Record: rec}
	emit := func(e learn.LedgerEntry) { c.ended = append(c.ended, e) }
	if ev := rec.Action; ev != nil {
		o.Action = action.Parse(ev)
		o.Signatures = c.signatures.Learn(ev, o.Action)
		o.Verifications = verify.Read(ev, o.Action)
		c.look.See(ev, &o.Action)
		c.remember(ev.ProjectID, ev.TaskID, ev.SessionID, ev.Timestamp)
	}
	if t := rec.Task; t != nil {
		c.remember(t.ProjectID, t.TaskID, t.SessionID, t.Timestamp)
	}
	if err := c.tracker.Apply(o, emit); err != nil {
		return err
	}
	return c.judged()
}

// remember notes how a task can be ended that its recording leaves open.
func (c *Contrast) remember(project, task, session string, at time.Time) {
	key := project + "\x00" + task
	if task == "" {
		key += "\x00" + session
	}
	if task != "" || session != "" {
		c.open[key] = learn.TaskRecord{ProjectID: project, TaskID: task, SessionID: session, Timestamp: at, Phase: learn.TaskFinish}
	}
}

// judged hands the tasks that ended to the look.
func (c *Contrast) judged() error {
	for _, e := range c.ended {
		if e.Kind != learn.EntryTask {
			continue
		}
		var t learn.Task
		if err := json.Unmarshal(e.Body, &t); err != nil {
			return fmt.Errorf("task %s: %w", e.ObjectID, err)
		}
		key := t.ProjectID + "\x00" + t.TaskID
		c.bases[key] = t.OutcomeBasis
		if t.Outcome == learn.OutcomeUnknown {
			c.bases[key] = "unknown"
		}
		c.look.Add(&t)
	}
	c.ended = nil
	return nil
}

// Report ends what is open and takes the look.
func (c *Contrast) Report() (ContrastReport, error) {
	keys := make([]string, 0, len(c.open))
	for k := range c.open {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		end := c.open[k]
		end.ID = learn.UUIDv8("end of file", k)
		if err := c.take(learn.Record{Task: &end}); err != nil {
			return ContrastReport{}, err
		}
	}
	r, err := c.look.Report()
	out := ContrastReport{Report: r, Bases: map[string]int{}}
	for _, b := range c.bases {
		out.Bases[b]++
	}
	return out, err
}
