package toolforge

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"lathe/learn"
)

// Options configure a Finder. The zero value is usable.
type Options struct {
	// Available says whether the runtime image has a program. Nil means that
	// every program is there.
	Available func(program string) bool
	// MinSessions and MinCalls are the support below which nothing is
	// concluded: 3 and 4 when zero.
	MinSessions, MinCalls int
	// MaxCandidates and MaxSessions bound memory: 4096 and 512 when zero.
	// What is dropped is counted, see Dropped.
	MaxCandidates, MaxSessions int
	// MaxOpportunities bounds what one Conclude and Opportunities give: 50
	// when zero.
	MaxOpportunities int
	Weights          Weights
}

// Dropped counts what the bounds on memory made the Finder forget.
type Dropped struct {
	Candidates int64 `json:"candidates"` // rare ones, to make room
	Sessions   int64 `json:"sessions"`   // open ones, longest unheard of first
	Commands   int64 `json:"commands"`   // too long to be looked at
}

// Finder counts what agents repeat and proposes tools for it. Apply is called
// by one goroutine in log order; everything else may be called concurrently.
type Finder struct {
	opts Options

	mu       sync.Mutex
	state    state
	existing map[string]string  // names and opportunity ids of tools that are there, to their names
	decided  map[string]decided // by opportunity id
	tastes   map[string]taste   // by kind of opportunity, as of the last look
	problems []problem
}

// NewFinder makes an empty Finder.
func NewFinder(o Options) *Finder {
	def := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	def(&o.MinSessions, 3)
	def(&o.MinCalls, 4)
	def(&o.MaxCandidates, 4096)
	def(&o.MaxSessions, 512)
	def(&o.MaxOpportunities, 50)
	if o.Weights == (Weights{}) {
		o.Weights = DefaultWeights()
	}
	if o.Available == nil {
		o.Available = func(string) bool { return true }
	}
	return &Finder{opts: o, state: newState(), existing: map[string]string{}}
}

// Name is the learner's name in cursors and snapshots.
func (f *Finder) Name() string { return "opportunities" }

// Apply counts one observation. It emits nothing: Conclude does.
func (f *Finder) Apply(o *learn.Observation, _ func(learn.LedgerEntry)) error {
	a := o.Record.Action
	if a == nil {
		return nil
	}
	command := o.Action.Command
	if command == "" {
		command = a.Command()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.prompt(a)
	if command == "" {
		f.state.breakRun(a.SessionID)
		f.state.breakTail(a.SessionID)
		f.state.install(a, &o.Action)
		return nil
	}
	if len(command) > maxCommand {
		f.state.Dropped.Commands++
		f.state.breakRun(a.SessionID)
		f.state.applyUse(a, &o.Action, line{}, f.opts) // no line, and a program perhaps
		return nil
	}
	f.applyCommand(a, &o.Action, command)
	return nil
}

func (f *Finder) applyCommand(a *learn.ActionOutcome, act *learn.Action, command string) {
	c := call{
		Skeleton: act.Skeleton, Command: command, Event: a.ID,
		Output: clip(a.ToolOutput.Stdout+a.ToolOutput.Content, maxExampleResult+1),
		Failed: a.Status != learn.StatusSuccess, Exit: a.ToolOutput.ExitCode,
		Read: act.Intent.ReadOnly(), TimeMS: a.ResourceMetrics.DurationMS,
		Tokens: a.ResourceMetrics.TokenCountIn + a.ResourceMetrics.TokenCountOut,
	}
	l, err := parseLine(command)
	if c.Skeleton == "" {
		c.Skeleton = command
	}
	c.Written = written(a, command)
	c.Op = f.state.applyUse(a, act, l, f.opts)
	f.state.repeat(c, act.Intent, a, f.opts)
	if err == nil {
		c.Stages, c.Trivial = len(l.stages), l.trivial()
	} else {
		c.Stages = strings.Count(command, " | ") + 1
		c.Trivial = c.Stages == 1
		c.Complex = true
	}
	if !c.Trivial && (err != nil || l.worthwhile()) {
		f.state.count("pipeline", []call{c}, a, f.opts)
	}
	f.state.sequence(c, a, f.opts)
}

// AddRemedy makes a candidate of a remedy of several steps. The same remedy
// again replaces what was known of it.
func (f *Finder) AddRemedy(r learn.Remedy) {
	if len(r.Actions) < 2 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.addRemedy(r)
}

// Request notes that a person or an agent asked for a tool. example is a
// command line that does once what the tool is to do, or "". It is in no record:
// the caller writes it to the ledger, from which AddRequest brings it back.
func (f *Finder) Request(projectID, name, description, example string, at time.Time) learn.ToolOpportunity {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := f.state.addRequest(projectID, clip(name, 64), clip(description, 512), clip(example, maxCommand), at)
	o := f.opportunity(f.state.Candidates[key])
	f.weigh(&o)
	f.state.Emitted[o.OpportunityID] = max(o.Calls, 1)
	return o
}

// AddRequest brings back a request from the ledger, where whoever asked had it
// written; other kinds of opportunities are found again in the records.
func (f *Finder) AddRequest(o learn.ToolOpportunity) {
	if o.Kind != "request" || o.OpportunityID == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.restoreRequest(o)
}

// Dropped says what was forgotten to stay within the bounds.
func (f *Finder) Dropped() Dropped {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.Dropped
}

// Opportunities lists what a tool would save most first: what was asked for,
// then forgeable ones before the others, by score. Only candidates that
// changed since the last look are judged anew. The slices within are shared:
// do not change them. What a tool does already is not in it, nor what would
// save less than it costs: see All.
func (f *Finder) Opportunities() []learn.ToolOpportunity {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := slices.DeleteFunc(f.all(), func(o learn.ToolOpportunity) bool {
		return o.DuplicateOf != "" || o.Score <= 0 && o.Kind != "request"
	})
	return all[:min(len(all), f.opts.MaxOpportunities)]
}

// All lists everything with support, what is not worth a tool too: at most
// ten times as many as Opportunities.
func (f *Finder) All() []learn.ToolOpportunity {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.all()
	return all[:min(len(all), 10*f.opts.MaxOpportunities)]
}

func (f *Finder) all() []learn.ToolOpportunity {
	all := f.operations()
	listed := map[string]bool{}
	for _, o := range all {
		listed[o.Operation] = o.Score > 0
	}
	all = append(all, f.costly()...)
	all = append(all, f.unsolved()...)
	for _, c := range f.state.Candidates {
		if !f.supported(c) || c.covered(listed) {
			continue
		}
		if c.judged == nil {
			judged := f.opportunity(c)
			c.judged = &judged
		}
		all = append(all, *c.judged)
	}
	all = oneOfEach(all)
	f.tastes = f.tasteOf(all)
	for i := range all {
		f.weigh(&all[i])
	}
	slices.SortFunc(all, func(a, b learn.ToolOpportunity) int {
		return cmp.Or(-compareBool(a.Kind == "request", b.Kind == "request"), -compareBool(a.Forgeable, b.Forgeable),
			-cmp.Compare(a.Score, b.Score), cmp.Compare(a.OpportunityID, b.OpportunityID))
	})
	return uniqueNames(all)
}

// covered reports whether nine uses of ten of a candidate are made of
// operations for which a tool is listed.
func (c *candidate) covered(listed map[string]bool) bool {
	return len(c.Ops) > 0 && 10*c.OpCalls >= 9*c.Calls && !slices.ContainsFunc(c.Ops, func(op string) bool { return !listed[op] })
}

func (f *Finder) supported(c *candidate) bool {
	return c.Kind == "request" || c.sessions() >= f.opts.MinSessions && c.Calls >= f.opts.MinCalls
}

// Conclude emits each opportunity when it is new, and again when its support
// has grown by half: an entry a call would bury the ledger.
func (f *Finder) Conclude(emit func(learn.LedgerEntry)) error {
	all := f.Opportunities()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range all {
		if before, ok := f.state.Emitted[o.OpportunityID]; ok && o.Calls*2 < before*3 {
			continue
		}
		e, err := learn.NewEntry(learn.EntryOpportunity, o.OpportunityID, o.ProjectID, o.Timestamp, o, o.Evidence)
		if err != nil {
			return err
		}
		f.state.Emitted[o.OpportunityID] = max(o.Calls, 1)
		emit(e)
	}
	return nil
}

// uniqueNames numbers the names that clash, best first.
func uniqueNames(all []learn.ToolOpportunity) []learn.ToolOpportunity {
	taken := map[string]bool{}
	for i := range all {
		all[i].Name = unused(taken, all[i].Name)
	}
	return all
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// clip cuts s to at most n bytes without splitting a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
