package llm

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"lathe/learn"
)

// Bounds of a Judge.
const (
	maxPredictions = 2000 // waiting for a failure's resolution
	maxBetween     = 40   // actions after which a failure counts as never resolved
	maxKnown       = 10_000
	maxProjects    = 2000
)

// Judge is the Learner that says which method was right: it holds each
// prediction against how the failure was resolved later, the first success of
// the same intent (and target, when both have one) in its session without the
// failure's signature. Rights and wrongs of a method make a Beta distribution.
// Safe for concurrent use.
type Judge struct {
	mu    sync.Mutex
	state judgeState
}

type judgeState struct {
	Version int        `json:"version"`
	Open    []*pending `json:"open,omitempty"`
	// Known are the questions that were taken, so that the ledger can be read
	// again; those up to Floor in the event log are all taken.
	Known map[string]uint64 `json:"known,omitempty"`
	Floor uint64            `json:"floor,omitempty"`
	// Tallies by project and method.
	Tallies map[string]map[string]Tally `json:"tallies,omitempty"`
}

// pending is a prediction that waits.
type pending struct {
	AskID   string           `json:"ask_id"`
	Project string           `json:"project"`
	P       learn.Prediction `json:"prediction"`
	Between []deed           `json:"between,omitempty"`
}

// deed is what happened between failure and resolution.
type deed struct {
	Intent  learn.Intent `json:"intent"`
	Head    string       `json:"head,omitempty"`
	Command string       `json:"command,omitempty"`
	Paths   []string     `json:"paths,omitempty"`
	OK      bool         `json:"ok"`
}

// Tally counts how often a method was right and wrong.
type Tally struct {
	Right float64 `json:"right"`
	Wrong float64 `json:"wrong"`
}

const judgeVersion = 1

// NewJudge makes a Judge that knows nothing yet.
func NewJudge() *Judge { return &Judge{state: newJudgeState()} }

func newJudgeState() judgeState {
	return judgeState{Version: judgeVersion, Known: map[string]uint64{}, Tallies: map[string]map[string]Tally{}}
}

// Expect takes a prediction from the ledger. One that was taken already is
// passed over.
func (j *Judge) Expect(project string, a learn.ModelAnswer) {
	if a.Prediction == nil || a.Verdict != learn.ModelUsed {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	s := &j.state
	if _, ok := s.Known[a.AskID]; ok || a.Prediction.After < s.Floor {
		return
	}
	s.Known[a.AskID] = a.Prediction.After
	if len(s.Known) > maxKnown {
		s.forget()
	}
	s.Open = append(s.Open, &pending{AskID: a.AskID, Project: project, P: *a.Prediction})
	if len(s.Open) > maxPredictions {
		s.Open = s.Open[1:]
	}
}

// forget drops the oldest questions, by their place in the event log.
func (s *judgeState) forget() {
	at := make([]uint64, 0, len(s.Known))
	for _, seq := range s.Known {
		at = append(at, seq)
	}
	slices.Sort(at)
	s.Floor = at[len(at)/10] + 1
	for id, seq := range s.Known {
		if seq < s.Floor {
			delete(s.Known, id)
		}
	}
}

// Name implements learn.Learner.
func (*Judge) Name() string { return "judge" }

// Apply implements learn.Learner. It emits nothing.
func (j *Judge) Apply(o *learn.Observation, _ func(learn.LedgerEntry)) error {
	ev := o.Record.Action
	if ev == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.state.Open) == 0 {
		return nil
	}
	d := deedOf(o)
	j.state.Open = slices.DeleteFunc(j.state.Open, func(c *pending) bool {
		if c.P.SessionID != ev.SessionID || c.Project != ev.ProjectID || o.Seq <= c.P.After || ev.ID == c.P.EventID {
			return false
		}
		if resolves(&c.P, o) {
			j.state.judge(c, d)
			return true
		}
		c.Between = append(c.Between, d)
		return len(c.Between) > maxBetween
	})
	return nil
}

func deedOf(o *learn.Observation) deed {
	paths := o.Action.Writes
	if o.Action.Target != "" {
		paths = append([]string{o.Action.Target}, paths...)
	}
	return deed{Intent: o.Action.Intent, Head: HeadOf(o.Action), Command: cut(o.Action.Command, learn.MaxStepCommand),
		Paths: slices.Clone(paths[:min(len(paths), 8)]), OK: o.Record.Action.Status == learn.StatusSuccess}
}

// resolves reports whether an action is the first success after a failure.
func resolves(p *learn.Prediction, o *learn.Observation) bool {
	if o.Record.Action.Status != learn.StatusSuccess || o.Action.Intent != p.Intent {
		return false
	}
	if p.Target != "" && o.Action.Target != "" && p.Target != o.Action.Target && !samePath(p.Target, o.Action.Target) {
		return false
	}
	// What has neither intent nor target in common needs the same program.
	if (p.Intent == learn.IntentOther || p.Intent == learn.IntentRun) && p.Target == "" && HeadOf(o.Action) != p.Head {
		return false
	}
	for _, s := range o.Signatures {
		if slices.Contains(p.Signatures, s.ID) {
			return false
		}
	}
	return true
}

func (s *judgeState) judge(c *pending, success deed) {
	for method, e := range map[string]learn.Expected{MethodOf(c.P.Source): c.P.Model, string(c.P.RulesBy): c.P.Rules} {
		right, judged := held(&c.P, e, c.Between, success)
		if !judged {
			continue
		}
		tallies := s.Tallies[c.Project]
		if tallies == nil {
			if len(s.Tallies) >= maxProjects {
				continue
			}
			tallies = map[string]Tally{}
			s.Tallies[c.Project] = tallies
		}
		t := tallies[method]
		if right {
			t.Right++
		} else {
			t.Wrong++
		}
		tallies[method] = t
	}
}

// held compares an expectation with what happened; judged is false when
// nothing was expected.
func held(p *learn.Prediction, e learn.Expected, between []deed, success deed) (right, judged bool) {
	changed := slices.DeleteFunc(slices.Clone(between), func(d deed) bool { return d.Intent.ReadOnly() || !d.OK })
	switch {
	case e.Retry:
		return len(changed) == 0 && success.Command == p.Command, true
	case e.Head != "":
		for _, d := range append(changed, success) {
			if d.Head == e.Head && d.Command != p.Command {
				return true, true
			}
		}
		return false, true
	case len(e.Intents) > 0:
		for _, d := range changed {
			if slices.Contains(e.Intents, d.Intent) && (e.Path == "" || slices.ContainsFunc(d.Paths, func(f string) bool { return samePath(f, e.Path) })) {
				return true, true
			}
		}
		return false, true
	}
	return false, false
}

// Weight is the posterior mean of a method being right in a project, the prior
// being cautious: Beta(2, 1) for rules and recovery, Beta(1, 2) for models.
// What other projects know counts as ten judgements at most, and not at all
// for clients' models: one client must not speak for another's.
func (j *Judge) Weight(project, method string) float64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	right, wrong := 2.0, 1.0
	client := method == MethodOf(learn.HypothesisClient)
	if client || method == MethodOf(learn.HypothesisProvider) {
		right, wrong = 1, 2
	}
	var others Tally
	for name, tallies := range j.state.Tallies {
		t := tallies[method]
		if name == project {
			right, wrong = right+t.Right, wrong+t.Wrong
		} else if !client {
			others.Right, others.Wrong = others.Right+t.Right, others.Wrong+t.Wrong
		}
	}
	if n := others.Right + others.Wrong; n > 0 {
		scale := min(1, 10/n)
		right, wrong = right+scale*others.Right, wrong+scale*others.Wrong
	}
	return right / (right + wrong)
}

// Tallies are all projects' counts together, by method.
func (j *Judge) Tallies() map[string]Tally {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := map[string]Tally{}
	for _, tallies := range j.state.Tallies {
		for method, t := range tallies {
			sum := out[method]
			out[method] = Tally{sum.Right + t.Right, sum.Wrong + t.Wrong}
		}
	}
	return out
}

// Snapshot implements learn.Learner.
func (j *Judge) Snapshot() ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return json.Marshal(j.state)
}

// Restore implements learn.Learner.
func (j *Judge) Restore(raw []byte) error {
	s := newJudgeState()
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("restore judgements: %w", err)
	}
	if s.Version != judgeVersion {
		return fmt.Errorf("restore judgements: version %d is not known; rebuild from the log", s.Version)
	}
	if s.Known == nil {
		s.Known = map[string]uint64{}
	}
	if s.Tallies == nil {
		s.Tallies = map[string]map[string]Tally{}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state = s
	return nil
}
