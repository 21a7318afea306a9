package recovery

import (
	"iter"
	"strings"
	"time"

	"lathe/learn"
)

// Case is one failure of a replay that was resolved: what was known, what would
// have been said, and what really did it.
type Case struct {
	EventID   string       `json:"event_id"`
	At        time.Time    `json:"at"`
	Project   string       `json:"project_id"`
	Session   string       `json:"session_id"`
	Pattern   string       `json:"pattern_id"`
	Signature string       `json:"signature_id"`
	Intent    learn.Intent `json:"intent"`
	Call      string       `json:"call"`
	Salient   string       `json:"salient"` // the line of the error
	Kind      string       `json:"kind"`    // of what resolved it
	// Truth is the class of what resolved it, and Specific whether that is one
	// that can be said: an edit, a script of the agent's own or another look
	// around is not.
	Truth    string   `json:"truth"`
	Specific bool     `json:"specific"`
	Fix      []string `json:"fix"`
	Done     []string `json:"done"`  // the same as it was run
	Calls    int      `json:"calls"` // between the failure and its resolution
	// SeenHere and SeenAnywhere say whether the class had resolved any failure
	// before, in the project and in any: no memory can know the others.
	SeenHere     bool           `json:"seen_here"`
	SeenAnywhere bool           `json:"seen_anywhere"`
	Offers       []OfferedClass `json:"offers"` // the likeliest first, whatever the threshold
	// Baselines hold what simple methods would have said, by method.
	Baselines map[string][]string `json:"baselines,omitempty"`
}

// OfferedClass is a guess of a replay.
type OfferedClass struct {
	Class      string  `json:"class"`
	Confidence float64 `json:"confidence"` // calibrated, in [0, 1]
	Support    int     `json:"support"`    // sessions behind it
	Why        string  `json:"why"`        // where that is known from
	// Commands are what would be run, as filled for the failure.
	Commands []string `json:"commands,omitempty"`
	// Saved is the mean number of calls between failure and resolution, beyond
	// its own, where it was what resolved it.
	Saved float64 `json:"saved"`
}

// caseGuesses is the number of guesses that a Case keeps.
const caseGuesses = 10

// ReplayOptions say what of a stream is predicted.
type ReplayOptions struct {
	Miner Options
	// Score says which failures come out as cases; from the others is only
	// learned. Nil scores all.
	Score func(*learn.ActionOutcome) bool
	// Frozen learns nothing from what is scored: what was known before must do.
	Frozen bool
}

// Replay gives the observations, in time order, to a Miner that knows nothing.
// Each failure is asked about when it happens, before anything that comes
// later is seen; what the session then did is the truth. A failure that comes
// back unresolved is asked about again, and judged by its last time. What
// worked the second time for no visible reason is no case. An error of the
// stream ends the replay.
func Replay(o ReplayOptions, stream iter.Seq2[*learn.Observation, error]) ([]Case, error) {
	r := newReplay(o.Miner)
	for obs, err := range stream {
		if err != nil {
			return r.cases, err
		}
		r.scored = obs.Record.Action != nil && (o.Score == nil || o.Score(obs.Record.Action))
		r.m.frozen = o.Frozen && r.scored
		if err := r.m.Apply(obs, func(learn.LedgerEntry) {}); err != nil {
			return r.cases, err
		}
	}
	return r.cases, nil
}

type replay struct {
	m         *Miner
	scored    bool // whether the event at hand is
	asked     map[string]*Case
	baselines []baseline
	seen      map[string]bool // project and class, and class alone
	cases     []Case
}

func newReplay(o Options) *replay {
	r := &replay{m: New(o), asked: map[string]*Case{}, seen: map[string]bool{}, baselines: newBaselines()}
	r.m.guesses = caseGuesses
	r.m.opened, r.m.resolved = r.opened, r.resolved
	return r
}

func (r *replay) opened(f *failure, sig *learn.ErrorSignature) {
	guesses := map[string][]string{}
	for _, b := range r.baselines {
		guesses[b.name()] = b.guess(f, sig, r.scored)
	}
	if !r.scored {
		return
	}
	c := &Case{
		EventID: f.Call.EventID, At: f.Call.At, Project: f.Situation.Project, Pattern: f.PatternID, Signature: f.SigID,
		Intent: f.Call.Intent, Call: cut(f.Call.Command, maxText), Salient: sig.Salient, Baselines: guesses,
	}
	if c.Call == "" {
		c.Call = f.Call.Tool
	}
	for _, g := range f.Guesses {
		c.Offers = append(c.Offers, OfferedClass{Class: g.Class, Confidence: g.Sure, Support: g.Support, Why: r.m.why(&f.Situation, g.Class), Commands: g.Commands, Saved: g.Saved})
	}
	r.asked[c.EventID] = c
}

func (r *replay) resolved(s *session, f *failure, fm *form, ok bool) {
	c := r.asked[f.Call.EventID]
	delete(r.asked, f.Call.EventID)
	if !ok {
		return
	}
	here := f.Situation.Project + "\x00" + fm.Class
	if c != nil {
		c.Session, c.Kind, c.Truth, c.Specific, c.Calls = s.ID, fm.Kind, fm.Class, specific(fm.Class), fm.Calls
		c.SeenHere, c.SeenAnywhere = r.seen[here], r.seen[fm.Class]
		for i := range fm.Actions {
			a := fm.Actions[i].filled(nil)
			c.Fix = append(c.Fix, strings.Trim(inWords(&a), "`"))
		}
		c.Done = f.done(fm)
		r.cases = append(r.cases, *c)
	}
	if r.m.frozen {
		return
	}
	r.seen[here], r.seen[fm.Class] = true, true
	for _, b := range r.baselines {
		b.learn(f, fm)
	}
}
