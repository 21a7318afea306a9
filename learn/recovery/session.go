package recovery

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"lathe/learn"
)

// Sizes of what a step keeps, in bytes and in items.
const (
	maxText  = 256
	maxItems = 12
)

// step is what the window keeps of an action.
type step struct {
	EventID string            `json:"event_id"`
	At      time.Time         `json:"at"`
	Tool    string            `json:"tool"`
	Intent  learn.Intent      `json:"intent"`
	Program string            `json:"program,omitempty"`
	Command string            `json:"command,omitempty"`
	Target  string            `json:"target,omitempty"`
	Args    []string          `json:"args,omitempty"`
	Params  map[string]string `json:"params,omitempty"` // of a tool that is no shell
	Writes  []string          `json:"writes,omitempty"`
	Failed  bool              `json:"failed,omitempty"`
	Checked bool              `json:"checked,omitempty"` // its output reads as that of a test runner, linter, ...
}

// failure is an open failure: the call at Index of the session's count of
// steps, and what its first signature says.
type failure struct {
	Index     int               `json:"index"`
	Call      step              `json:"call"`
	SigID     string            `json:"signature_id"`
	PatternID string            `json:"pattern_id"`
	Language  string            `json:"language,omitempty"`
	Transient bool              `json:"transient,omitempty"`
	Captures  map[string]string `json:"captures,omitempty"`
	File      string            `json:"file,omitempty"`
	Names     []string          `json:"names,omitempty"` // entities
	Situation situation         `json:"situation"`
	Aliases   map[string]string `json:"aliases,omitempty"`
	Guesses   []guess           `json:"guesses,omitempty"` // what would have been said first, however unsure
	// Past is the first later attempt of the same kind that failed without this
	// signature: what was done up to it got past this failure, and what came
	// after it dealt with another one.
	Past      *step `json:"past,omitempty"`
	PastIndex int   `json:"past_index,omitempty"`
}

// session is the bounded memory of one live session: Window holds the steps
// Base, Base+1, ... of it.
type session struct {
	Project string                  `json:"project"`
	ID      string                  `json:"id"`
	Base    int                     `json:"base"`
	Window  []step                  `json:"window,omitempty"`
	Open    []failure               `json:"open,omitempty"`
	Counted map[string]bool         `json:"counted,omitempty"` // remedy id and "+" or "-"
	Wrote   []string                `json:"wrote,omitempty"`   // base names of files that it wrote, the last maxWrote
	Last    map[learn.Intent]string `json:"last,omitempty"`    // class of the last success, by purpose
}

// maxWrote bounds the files that a session is known to have written.
const maxWrote = 200

// wrote reports whether the session wrote a file of that base name.
func (s *session) wrote(base string) bool { return s != nil && slices.Contains(s.Wrote, base) }

// noteWrites remembers what a step wrote.
func (s *session) noteWrites(st step) {
	for _, name := range writtenNames(st) {
		if !s.wrote(name) {
			s.Wrote = append(s.Wrote, name)
		}
	}
	s.Wrote = s.Wrote[max(0, len(s.Wrote)-maxWrote):]
}

// maxCounted bounds what a session remembers to have counted; one beyond it
// teaches nothing more.
const maxCounted = 4096

// once reports whether this is the first time that the session counts what.
func (s *session) once(what string) bool {
	if s.Counted[what] || len(s.Counted) >= maxCounted {
		return false
	}
	s.Counted[what] = true
	return true
}

// push adds a step; the window is kept only while a failure is open.
func (s *session) push(st step) int {
	at := s.Base + len(s.Window)
	s.Window = append(s.Window, st)
	return at
}

// between returns the steps after one index and before another.
func (s *session) between(index, end int) []step {
	from, to := index+1-s.Base, min(end-s.Base, len(s.Window))
	if from < 0 || from >= to {
		return nil
	}
	return s.Window[from:to]
}

// prune drops failures older than span steps and the part of the window that
// no open failure needs. It returns how many failures it gave up.
func (s *session) prune(span int) (abandoned int) {
	next := s.Base + len(s.Window)
	before := len(s.Open)
	s.Open = slices.DeleteFunc(s.Open, func(f failure) bool { return next-f.Index > span })
	first := next
	for _, f := range s.Open {
		first = min(first, f.Index)
	}
	s.Window = slices.Clone(s.Window[first-s.Base:])
	s.Base = first
	return before - len(s.Open)
}

func stepOf(o *learn.Observation) step {
	ev := o.Record.Action
	st := stepOfAction(&o.Action)
	st.EventID, st.At, st.Tool, st.Intent = ev.ID, ev.Timestamp, cut(ev.ToolName, maxText), intentOf(o)
	st.Checked = len(o.Verifications) > 0
	st.Failed = ev.Status != learn.StatusSuccess || len(o.Signatures) > 0
	if o.Action.Command == "" {
		st.Params = scalarParams(ev.ToolParameters)
	}
	return st
}

// stepOfAction is what the call alone tells of a step.
func stepOfAction(act *learn.Action) step {
	st := step{
		Tool: cut(act.Tool, maxText), Intent: act.Intent, Program: cut(act.Program, maxText),
		Command: cut(withoutDocuments(act.Command), learn.MaxStepCommand), Target: cut(act.Target, maxText),
	}
	for _, a := range act.Arguments[:min(len(act.Arguments), maxItems)] {
		st.Args = append(st.Args, cut(a.Value, maxText))
	}
	for _, w := range act.Writes[:min(len(act.Writes), maxItems)] {
		st.Writes = append(st.Writes, cut(w, maxText))
	}
	return st
}

// intentOf is the intent of the call; where the command does not tell (a
// project's own script), what its output turned out to verify does.
func intentOf(o *learn.Observation) learn.Intent {
	if in := o.Action.Intent; in != learn.IntentOther && in != learn.IntentRun {
		return in
	}
	for _, v := range o.Verifications {
		switch v.Kind {
		case learn.VerifyTest:
			return learn.IntentTest
		case learn.VerifyLint:
			return learn.IntentLint
		case learn.VerifyTypecheck:
			return learn.IntentTypecheck
		case learn.VerifyBuild:
			return learn.IntentBuild
		}
	}
	return o.Action.Intent
}

func failureOf(st step, index int, sig learn.ErrorSignature) failure {
	f := failure{
		Index: index, Call: st, SigID: sig.ID, PatternID: sig.PatternID, Language: sig.Language,
		Transient: sig.Transient, File: cut(sig.File, maxText), Captures: boundedCaptures(sig.Captures),
	}
	for _, e := range sig.Entities[:min(len(sig.Entities), maxItems)] {
		f.Names = append(f.Names, cut(e.Name, maxText))
	}
	return f
}

func boundedCaptures(captures map[string]string) map[string]string {
	out := map[string]string{}
	for _, k := range sortedKeys(captures) {
		if v := captures[k]; v != "" && len(v) <= maxText && len(out) < maxItems {
			out[k] = v
		}
	}
	return out
}

// scalarParams reads the top level of a JSON object: scalars as text, anything
// longer or nested as "" (it is only known to be there).
func scalarParams(raw json.RawMessage) map[string]string {
	var params map[string]json.RawMessage
	if json.Unmarshal(raw, &params) != nil || len(params) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, k := range sortedKeys(params) {
		if len(out) == maxItems {
			break
		}
		var text string
		if json.Unmarshal(params[k], &text) != nil {
			text = string(params[k])
			if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
				text = ""
			}
		}
		if len(text) > maxText || strings.ContainsAny(text, "\n{}") {
			text = ""
		}
		out[cut(k, 64)] = text
	}
	return out
}

func cut(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
