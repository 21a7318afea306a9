package diagnose

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"lathe/learn"
)

// Name implements learn.Learner.
func (d *Diagnoser) Name() string { return "diagnose" }

// Apply counts the failure, asks itself about it as it would be asked, and
// judges what it said of earlier ones that the call resolves. A failure that
// comes back unresolved is asked about again, and judged by its last time.
func (d *Diagnoser) Apply(o *learn.Observation, _ func(learn.LedgerEntry)) error {
	ev := o.Record.Action
	if ev == nil {
		return nil
	}
	st := stepOf(o)
	if len(o.Signatures) == 0 {
		d.e.mu.Lock()
		defer d.e.mu.Unlock()
		s := d.e.session(ev)
		if ev.Status == learn.StatusSuccess {
			d.e.resolve(s, st)
		}
		s.add(st)
		return nil
	}
	d.e.mu.RLock()
	steps, tr := d.e.peek(ev)
	d.e.mu.RUnlock()
	_, claims := d.explain(&Request{Event: ev, Action: o.Action, Signatures: o.Signatures, History: steps, traced: tr})
	for i := range claims {
		claims[i].Claimed = d.e.calibrated(claims[i].Method, claims[i].Score)
	}
	d.e.mu.Lock()
	defer d.e.mu.Unlock()
	d.e.see(o)
	s := d.e.session(ev)
	s.add(st)
	s.Open = slices.DeleteFunc(s.Open, func(c openCase) bool { return sharesSignature(c.Step, st.Step) })
	s.Open = append(s.Open, openCase{Step: st.Step, At: s.Count, Claims: claims})
	s.Open = s.Open[max(0, len(s.Open)-maxOpen):]
	return nil
}

// peek copies the session's latest steps with their effects.
func (e *experience) peek(ev *learn.ActionOutcome) ([]learn.Step, *trace) {
	s := e.sessions[ev.ProjectID+"\x00"+ev.SessionID]
	if s == nil {
		return nil, traceOf(nil)
	}
	t := traceOf(make([]learn.Step, len(s.Steps)))
	for i, w := range s.Steps {
		t.steps[i], t.effects[i], t.known[i] = w.Step, w.Effects, true
	}
	return t.steps, t
}

func sharesSignature(a, b learn.Step) bool {
	return slices.ContainsFunc(a.Signatures, func(id string) bool { return slices.Contains(b.Signatures, id) })
}

// resolve judges the claims about the failures that a success ends.
func (e *experience) resolve(s *session, st watched) {
	s.Open = slices.DeleteFunc(s.Open, func(c openCase) bool {
		if !resolves(&c.Step, &st.Step) || ranUnchecked(&c.Step, &st) {
			return false
		}
		res := &resolution{failed: c.Step, between: s.since(c.At), call: st}
		claims := c.Claims
		for i := range claims {
			right := claims[i].right(res)
			e.scales[claims[i].Method].Observe(claims[i].Score, right)
			e.kept[claims[i].Method].Observe(claims[i].Claimed, right)
		}
		return true
	})
}

// resolves reports whether a success ends a failure: the same intent, and the
// same target when both have one.
func resolves(failed, st *learn.Step) bool {
	if st.Intent != failed.Intent || st.Status != learn.StatusSuccess {
		return false
	}
	if failed.Target != "" && st.Target != "" && !samePath(failed.Target, st.Target) {
		return false
	}
	if failed.Intent == learn.IntentVCS && failed.Command != "" {
		return slices.ContainsFunc(heads(failed.Command), func(h string) bool { return slices.Contains(heads(st.Command), h) })
	}
	if failed.Intent == learn.IntentOther || failed.Intent == learn.IntentRun {
		return failed.Tool == st.Tool && (failed.Command == "" || firstWord(failed.Command) == firstWord(st.Command) || failed.Target != "" && st.Target != "")
	}
	return true
}

// ranUnchecked reports whether a success only ran the file that a test runner
// was to check, by itself, and printed nothing that reads as a check: it passes
// without running one test.
func ranUnchecked(failed *learn.Step, st *watched) bool {
	if failed.Intent != learn.IntentTest || st.Checked || failed.Target == "" {
		return false
	}
	ran := func(command string) bool {
		return slices.ContainsFunc(heads(command), func(h string) bool {
			_, script, ok := strings.Cut(h, " ")
			return ok && script == path.Base(failed.Target)
		})
	}
	return ran(st.Command) && !ran(failed.Command)
}

func firstWord(command string) string {
	for _, words := range simpleCommands(command) {
		if words[0] != "cd" {
			return words[0]
		}
	}
	return strings.TrimSpace(command)
}

// stepOf is an observed action as a step of its task.
func stepOf(o *learn.Observation) watched {
	ev := o.Record.Action
	st := learn.Step{EventID: ev.ID, Timestamp: ev.Timestamp, Tool: ev.ToolName, Intent: o.Action.Intent, Skeleton: o.Action.Skeleton,
		Command: o.Action.Command, Target: o.Action.Target, Status: ev.Status}
	if len(st.Command) > maxStepCommand {
		st.Command = strings.ToValidUTF8(st.Command[:maxStepCommand], "")
	}
	if len(o.Action.Writes) > 0 && st.Target == "" {
		st.Target = o.Action.Writes[0]
	}
	for i := range o.Signatures {
		st.Signatures = append(st.Signatures, o.Signatures[i].ID)
	}
	w := watched{Step: st, Checked: len(o.Verifications) > 0}
	if mayChange(&st) {
		w.Effects = effectsWith(&st, o.Action.Writes)
	}
	return w
}

// Reliability tells, by method, what its claims promised when they were made
// and how many were right.
func (d *Diagnoser) Reliability() map[learn.Method]learn.Reliability {
	d.e.mu.RLock()
	defer d.e.mu.RUnlock()
	out := map[learn.Method]learn.Reliability{}
	for m, r := range d.e.kept {
		out[m] = *r
	}
	return out
}

// snapshotVersion changes with the form of the snapshot.
const snapshotVersion = 1

type snapshot struct {
	Version  int                                 `json:"version"`
	Seen     map[string]*sightings               `json:"seen"`
	Sessions map[string]*session                 `json:"sessions"`
	Scales   map[learn.Method]json.RawMessage    `json:"scales"`
	Kept     map[learn.Method]*learn.Reliability `json:"kept"`
}

// Snapshot implements learn.Learner.
func (d *Diagnoser) Snapshot() ([]byte, error) {
	d.e.mu.RLock()
	defer d.e.mu.RUnlock()
	s := snapshot{Version: snapshotVersion, Seen: d.e.seen, Sessions: d.e.sessions, Scales: map[learn.Method]json.RawMessage{},
		Kept: d.e.kept}
	for m, c := range d.e.scales {
		raw, err := json.Marshal(c)
		if err != nil {
			return nil, fmt.Errorf("diagnose: %w", err)
		}
		s.Scales[m] = raw
	}
	return json.Marshal(s)
}

// Restore implements learn.Learner.
func (d *Diagnoser) Restore(raw []byte) error {
	var s snapshot
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("diagnose: %w", err)
	}
	if s.Version != snapshotVersion {
		return fmt.Errorf("diagnose: the snapshot has version %d, not %d", s.Version, snapshotVersion)
	}
	var e experience
	e.clear()
	for m, raw := range s.Scales {
		if e.scales[m] == nil {
			return fmt.Errorf("diagnose: the snapshot has an unknown method %.40q", m)
		}
		if err := json.Unmarshal(raw, e.scales[m]); err != nil {
			return fmt.Errorf("diagnose: %w", err)
		}
	}
	maps.Copy(e.seen, s.Seen)
	maps.Copy(e.sessions, s.Sessions)
	for m, k := range s.Kept {
		if k != nil {
			e.kept[m] = k
		}
	}
	d.e.mu.Lock()
	defer d.e.mu.Unlock()
	d.e.seen, d.e.sessions, d.e.scales, d.e.kept = e.seen, e.sessions, e.scales, e.kept
	return nil
}
