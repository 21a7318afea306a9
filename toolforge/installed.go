package toolforge

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lathe/learn"
)

// installed is a tool that agents have already: seen by its calls.
type installed struct {
	Intent   learn.Intent        `json:"intent"`
	Calls    int                 `json:"calls"`
	Sessions map[uint64]struct{} `json:"sessions"`
}

// maxInstalled bounds the tools that are told apart.
const maxInstalled = 256

// install notes a call of a tool that is no shell.
func (s *state) install(a *learn.ActionOutcome, act *learn.Action) {
	if a.Generated != nil || a.ToolName == "" || len(a.ToolName) > 128 || a.Status != learn.StatusSuccess {
		return
	}
	t := s.Installed[a.ToolName]
	if t == nil {
		if len(s.Installed) >= maxInstalled {
			return
		}
		t = &installed{Sessions: map[uint64]struct{}{}}
		s.Installed[a.ToolName] = t
	}
	t.Intent = act.Intent
	t.Calls++
	if len(t.Sessions) < maxSessionSet {
		t.Sessions[hash(a.ProjectID, a.SessionID)] = struct{}{}
	}
}

// serves says what an operation is for, in the words of intents.
func serves(op string) learn.Intent {
	switch op {
	case opView:
		return learn.IntentRead
	case opSearch, opDefine:
		return learn.IntentSearch
	case opList:
		return learn.IntentList
	case opReplace:
		return learn.IntentEdit
	case opTest:
		return learn.IntentTest
	}
	return ""
}

// installedFor names the tool that agents have for an operation already: one
// of its intent that was called in at least half of the sessions with a use of
// the operation. An agent that has it and takes the shell anyway is not helped
// by a second one.
func (f *Finder) installedFor(op string, p *operation) (string, bool) {
	for _, name := range slices.Sorted(maps.Keys(f.state.Installed)) {
		t := f.state.Installed[name]
		if t.Intent != serves(op) || t.Intent == "" {
			continue
		}
		both := 0
		for s := range p.Sessions {
			if _, ok := t.Sessions[s]; ok {
				both++
			}
		}
		if 2*both >= len(p.Sessions) && both > 0 {
			return name, true
		}
	}
	return "", false
}

// SetExisting tells which tools are there already: generated or upstream.
// Opportunities with their name or origin are duplicates of them.
func (f *Finder) SetExisting(tools []learn.ToolManifest) {
	existing := make(map[string]string, 2*len(tools))
	for _, t := range tools {
		existing[t.Name] = t.Name
		// An upstream tool is listed as server__tool.
		if _, bare, ok := strings.Cut(t.Name, "__"); ok {
			existing[bare] = t.Name
		}
		if t.Provenance.OpportunityID != "" {
			existing[t.Provenance.OpportunityID] = t.Name
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.existing = existing
}

// Judgement is what a person decided on a tool that an opportunity gave.
type Judgement struct {
	OpportunityID string
	Kind          string // of the opportunity, when it is known
	Approved      bool
	Reason        string
	At            time.Time
}

// decided sums judgements up.
type decided struct {
	rejected, approved int
	reason             string
	at                 time.Time
}

// SetJudgements tells what people decided, all of it: a rejected opportunity
// counts half at each rejection.
func (f *Finder) SetJudgements(all []Judgement) {
	sums := map[string]decided{}
	for _, j := range all {
		d := sums[j.OpportunityID]
		if j.Approved {
			d.approved++
		} else {
			d.rejected++
			if !j.At.Before(d.at) {
				d.reason, d.at = clip(j.Reason, 200), j.At
			}
		}
		sums[j.OpportunityID] = d
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.decided = sums
}

// taste is what people decided on tools of one kind.
type taste struct{ rejected, approved int }

// tasteOf sums decisions up by the kind of what they were about.
func (f *Finder) tasteOf(all []learn.ToolOpportunity) map[string]taste {
	out := map[string]taste{}
	for _, o := range all {
		d, t := f.decided[o.OpportunityID], out[o.Kind]
		t.rejected += d.rejected
		t.approved += d.approved
		out[o.Kind] = t
	}
	return out
}

// share is what a kind's score is multiplied with: the mean of the share that
// is approved under a prior of two approvals.
func (t taste) share() float64 { return float64(t.approved+2) / float64(t.approved+t.rejected+2) }

// weigh applies what is there already and what people decided: on it, and on
// others of its kind. What was asked for is not held against its kind.
func (f *Finder) weigh(o *learn.ToolOpportunity) {
	o.DuplicateOf = cmp.Or(o.DuplicateOf, f.existing[o.OpportunityID], f.existing[o.Name], f.calledLike(o.Name))
	if o.Score <= 0 {
		return
	}
	d := f.decided[o.OpportunityID]
	for range min(d.rejected, 10) {
		o.Savings.Factor /= 2
	}
	if d.rejected > 0 {
		o.Savings.Why = fmt.Sprintf("rejected %d times, last: %s", d.rejected, d.reason)
	}
	t := f.tastes[o.Kind]
	t.rejected, t.approved = t.rejected-d.rejected, t.approved-d.approved
	if o.Kind != "request" && t.rejected > 0 {
		o.Savings.Factor *= t.share()
		o.Savings.Why = strings.TrimPrefix(o.Savings.Why+fmt.Sprintf("; of other tools of this kind %d were rejected, %d approved", t.rejected, t.approved), "; ")
	}
	o.Score *= o.Savings.Factor
}

// calledLike names the tool of that name that agents were seen to call, of
// whatever server.
func (f *Finder) calledLike(name string) string {
	if f.state.Installed[name] != nil {
		return name
	}
	for _, called := range slices.Sorted(maps.Keys(f.state.Installed)) {
		if _, bare, ok := strings.Cut(called, "__"); ok && bare == name {
			return called
		}
	}
	return ""
}

// oneOfEach keeps the first of several remedies that do the same: they differ
// in what failed before them.
func oneOfEach(all []learn.ToolOpportunity) []learn.ToolOpportunity {
	best := map[string]int{}
	var out []learn.ToolOpportunity
	for _, o := range all {
		key := o.OpportunityID
		if o.Kind == "remedy" {
			key = strings.Join(o.Skeletons, "\x00")
		}
		i, ok := best[key]
		switch {
		case !ok:
			best[key] = len(out)
			out = append(out, o)
		case o.Score > out[i].Score || o.Score == out[i].Score && o.OpportunityID < out[i].OpportunityID:
			out[i] = o
		}
	}
	return out
}
