package toolforge

import (
	"cmp"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"lathe/learn"
)

// Bounds of what a candidate keeps.
const (
	maxExamples      = 12
	maxExampleResult = 4096 // bytes
	maxEvidence      = 20
	maxSessionSet    = 1024
	maxSequence      = 3 // calls
	snapshotVersion  = 6
)

// call is one shell call as the state remembers it.
type call struct {
	Skeleton string  `json:"s"`
	Command  string  `json:"c"`
	Output   string  `json:"o,omitempty"` // cut to maxExampleResult+1
	Event    string  `json:"e"`
	Exit     *int    `json:"x,omitempty"`
	Failed   bool    `json:"f,omitempty"`
	Read     bool    `json:"r,omitempty"`
	Trivial  bool    `json:"t,omitempty"`
	Complex  bool    `json:"k,omitempty"` // needs a shell
	Stages   int     `json:"n,omitempty"`
	TimeMS   float64 `json:"ms,omitempty"`
	Tokens   int64   `json:"tk,omitempty"`
	Written  int64   `json:"w,omitempty"`  // tokens that the agent wrote for it
	Op       string  `json:"op,omitempty"` // the known operation that it is a use of
}

// candidate is something repeated, with what is needed to judge it.
type candidate struct {
	Kind        string              `json:"kind"`
	Key         string              `json:"key"`
	Skeletons   []string            `json:"skeletons"`
	Project     string              `json:"project,omitempty"`
	Mixed       bool                `json:"mixed,omitempty"` // of several projects
	Name        string              `json:"name,omitempty"`
	Description string              `json:"description,omitempty"`
	Stages      int                 `json:"stages"`
	Steps       int                 `json:"steps"` // calls that one use of the tool replaces
	Calls       int                 `json:"calls"`
	Failures    int                 `json:"failures"`
	Sessions    map[uint64]struct{} `json:"sessions,omitempty"`
	More        int                 `json:"more,omitempty"` // sessions beyond maxSessionSet, or counted elsewhere
	LastSession uint64              `json:"last_session"`
	TimeMS      float64             `json:"time_ms"`
	Tokens      int64               `json:"tokens"`
	Written     int64               `json:"written"`       // tokens of the calls after the first of each use
	Ops         []string            `json:"ops,omitempty"` // the known operations that uses are made of, in order
	OpCalls     int                 `json:"op_calls"`      // calls that were a use of one
	Examples    []learn.ToolExample `json:"examples,omitempty"`
	ExampleOf   []uint64            `json:"example_of,omitempty"` // session of each example
	Evidence    []string            `json:"evidence,omitempty"`
	Last        time.Time           `json:"last"`

	// judged is the opportunity as it was last computed; nil after a change.
	judged *learn.ToolOpportunity
}

func (c *candidate) sessions() int { return len(c.Sessions) + c.More }

// state is what a snapshot holds.
type state struct {
	Version    int                   `json:"version"`
	Candidates map[string]*candidate `json:"candidates"`
	Runs       map[string]*run       `json:"runs"` // by session
	Tick       int64                 `json:"tick"`
	Dropped    Dropped               `json:"dropped"`
	Emitted    map[string]int        `json:"emitted"` // opportunity id to calls when it was emitted

	Operations map[string]*operation       `json:"operations"`
	Tails      map[string]*use             `json:"tails"`  // by session: its last call, when that was a use
	Seen       map[uint64]struct{}         `json:"seen"`   // sessions with a shell call
	Turns      int64                       `json:"turns"`  // calls whose prompt was counted
	Absent     map[string]map[string]int64 `json:"absent"` // by session and operation: tokens that its prompts would not hold
	Installed  map[string]*installed       `json:"installed"`
	Costly     map[string]*repeated        `json:"costly"`  // by skeleton
	Printed    map[string]*printed         `json:"printed"` // by session: what was printed last
}

// run is the tail of a session: its last consecutive calls.
type run struct {
	Calls []call `json:"calls"`
	Tick  int64  `json:"tick"`
}

func newState() state {
	return state{Version: snapshotVersion, Candidates: map[string]*candidate{}, Runs: map[string]*run{}, Emitted: map[string]int{},
		Operations: map[string]*operation{}, Tails: map[string]*use{}, Seen: map[uint64]struct{}{}, Absent: map[string]map[string]int64{}, Installed: map[string]*installed{},
		Costly: map[string]*repeated{}, Printed: map[string]*printed{}}
}

// breakRun ends a sequence: something happened that no tool can take in.
func (s *state) breakRun(session string) { delete(s.Runs, session) }

// count adds one use of calls (one for a pipeline) to their candidate.
func (s *state) count(kind string, calls []call, a *learn.ActionOutcome, o Options) {
	key := kind
	for _, c := range calls {
		key += "\x00" + c.Skeleton
	}
	c := s.Candidates[key]
	if c == nil {
		s.makeRoom(o.MaxCandidates)
		c = &candidate{Kind: kind, Key: key, Project: a.ProjectID, Steps: len(calls), Sessions: map[uint64]struct{}{}}
		for _, one := range calls {
			c.Skeletons = append(c.Skeletons, clip(one.Skeleton, 512))
			c.Ops = append(c.Ops, one.Op)
		}
		s.Candidates[key] = c
	}
	c.judged = nil
	c.Mixed = c.Mixed || c.Project != a.ProjectID
	session := hash(a.ProjectID, a.SessionID)
	c.see(session)
	c.Calls += len(calls)
	c.Last = later(c.Last, a.Timestamp)
	c.Stages = 0
	for i, one := range calls {
		if one.Op != "" {
			c.Ops[i] = one.Op
			c.OpCalls++
		}
		if i > 0 {
			c.Written += one.Written
		}
		c.Stages += one.Stages
		c.TimeMS += one.TimeMS
		c.Tokens += one.Tokens
		if one.Failed {
			c.Failures++
		}
		if len(c.Evidence) < maxEvidence && !slices.Contains(c.Evidence, one.Event) {
			c.Evidence = append(c.Evidence, one.Event)
		}
	}
	c.addExample(session, calls)
}

// see counts a session once.
func (c *candidate) see(session uint64) {
	if _, ok := c.Sessions[session]; !ok {
		if len(c.Sessions) < maxSessionSet {
			c.Sessions[session] = struct{}{}
		} else if c.LastSession != session {
			c.More++
		}
	}
	c.LastSession = session
}

// addExample keeps successful, short, different examples, and rather those of
// another session: one session repeats its own constants.
func (c *candidate) addExample(session uint64, calls []call) {
	e := learn.ToolExample{EventID: calls[len(calls)-1].Event}
	var commands, results []string
	for _, one := range calls {
		if one.Failed || len(one.Output) > maxExampleResult || one.Complex {
			return
		}
		if one.Exit != nil {
			e.ExitCode = *one.Exit
		}
		commands = append(commands, one.Command)
		results = append(results, one.Output)
	}
	e.Command, e.Result = strings.Join(commands, "; "), strings.Join(results, "")
	if len(e.Result) > maxExampleResult {
		return
	}
	for _, old := range c.Examples {
		if old.Command == e.Command {
			return
		}
	}
	if len(c.Examples) < maxExamples {
		c.Examples, c.ExampleOf = append(c.Examples, e), append(c.ExampleOf, session)
		return
	}
	if slices.Contains(c.ExampleOf, session) {
		return
	}
	for i, old := range c.ExampleOf {
		if slices.Contains(c.ExampleOf[i+1:], old) {
			c.Examples[i], c.ExampleOf[i] = e, session
			return
		}
	}
}

// sequence counts the runs of calls that end with c.
func (s *state) sequence(c call, a *learn.ActionOutcome, o Options) {
	s.Tick++
	if c.Failed || !c.Read || c.Complex {
		s.breakRun(a.SessionID)
		return
	}
	r := s.Runs[a.SessionID]
	if r == nil {
		s.makeSessionRoom(o.MaxSessions)
		r = &run{}
		s.Runs[a.SessionID] = r
	}
	r.Tick = s.Tick
	if n := len(r.Calls); n == maxSequence {
		r.Calls = slices.Delete(r.Calls, 0, 1)
	}
	r.Calls = append(r.Calls, c)
	for n := 2; n <= len(r.Calls); n++ {
		if calls := r.Calls[len(r.Calls)-n:]; combinable(calls) {
			s.count("sequence", calls, a, o)
		}
	}
}

// combinable reports whether one call could have done what calls did: they
// differ, not all are trivial, each is about something that the one before it
// was about, and none needed what an earlier one printed. Calls that have
// nothing in common are neighbours by accident.
func combinable(calls []call) bool {
	worth := false
	for i, c := range calls {
		worth = worth || !c.Trivial
		if i > 0 && !related(calls[i-1], c) {
			return false
		}
		for _, before := range calls[:i] {
			if before.Skeleton == c.Skeleton || feeds(before, c) {
				return false
			}
		}
	}
	return worth
}

// related reports whether two calls name the same thing: a word that is no
// program and no flag.
func related(a, b call) bool {
	l, err := parseLine(a.Command)
	if err != nil {
		return false
	}
	m, err := parseLine(b.Command)
	if err != nil {
		return false
	}
	for _, s := range l.stages {
		for _, w := range s.operands() {
			if len(w) < 3 {
				continue
			}
			if slices.ContainsFunc(m.stages, func(t stage) bool { return slices.Contains(t.operands(), w) }) {
				return true
			}
		}
	}
	return false
}

// feeds reports whether a word of next stands in the output of before and not
// in its command: the agent had to read before it could write.
func feeds(before, next call) bool {
	l, err := parseLine(next.Command)
	if err != nil {
		return true
	}
	if len(before.Output) > maxExampleResult {
		return true // cut: it may have been there
	}
	for _, st := range l.stages {
		for _, w := range st.words[1:] {
			for _, token := range tokens(w) {
				if len(token) > 1 && strings.Contains(before.Output, token) && !strings.Contains(before.Command, token) {
					return true
				}
			}
		}
	}
	return false
}

// makeRoom drops the quarter with the least support, oldest first, when the
// table is full: amortised, an insertion costs a constant.
func (s *state) makeRoom(limit int) {
	if len(s.Candidates) < limit {
		return
	}
	all := slices.SortedFunc(maps.Values(s.Candidates), func(a, b *candidate) int {
		return cmp.Or(compareBool(a.Kind == "request", b.Kind == "request"), cmp.Compare(a.sessions(), b.sessions()),
			a.Last.Compare(b.Last), cmp.Compare(a.Key, b.Key))
	})
	for _, c := range all[:max(1, limit/4)] {
		delete(s.Candidates, c.Key)
		s.Dropped.Candidates++
	}
}

func (s *state) makeSessionRoom(limit int) {
	if len(s.Runs) < limit {
		return
	}
	names := slices.SortedFunc(maps.Keys(s.Runs), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.Runs[a].Tick, s.Runs[b].Tick), cmp.Compare(a, b))
	})
	for _, name := range names[:max(1, limit/4)] {
		delete(s.Runs, name)
		s.Dropped.Sessions++
	}
}

func hash(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return h.Sum64()
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
