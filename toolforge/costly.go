package toolforge

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"lathe/learn"
)

// repeated is a form of call that gave the same again and again.
type repeated struct {
	Intent   learn.Intent        `json:"intent,omitempty"`
	Calls    int                 `json:"calls"`
	Again    int                 `json:"again"` // calls that gave what the same call gave before in its session
	TimeMS   float64             `json:"time_ms"`
	AgainMS  float64             `json:"again_ms"`
	Tokens   int64               `json:"tokens"` // printed
	AgainTok int64               `json:"again_tokens"`
	Sessions map[uint64]struct{} `json:"sessions"`
	Project  string              `json:"project,omitempty"`
	Mixed    bool                `json:"mixed,omitempty"`
	Programs []string            `json:"programs,omitempty"`
	Example  string              `json:"example"`
	Evidence []string            `json:"evidence"`
	Last     time.Time           `json:"last"`
}

// printed remembers what a session's last commands printed, by hash.
type printed struct {
	Commands []uint64 `json:"c"`
	Outputs  []uint64 `json:"o"`
}

const (
	maxPrinted   = 64  // commands remembered of a session
	maxCostly    = 512 // forms
	costlyTokens = 300 // printed by a call on average, below which a form is not costly
	costlyMS     = 5000
)

// repeat looks whether a call printed what the same call printed before in its
// session.
func (s *state) repeat(c call, intent learn.Intent, a *learn.ActionOutcome, o Options) {
	p := s.Printed[a.SessionID]
	if p == nil {
		if len(s.Printed) >= o.MaxSessions {
			s.Printed = map[string]*printed{}
		}
		p = &printed{}
		s.Printed[a.SessionID] = p
	}
	output := a.ToolOutput.Text()
	command, result := hash(c.Command), hash(output)
	again := false
	if i := slices.Index(p.Commands, command); i >= 0 {
		again = p.Outputs[i] == result && output != ""
		p.Outputs[i] = result
	} else {
		if len(p.Commands) == maxPrinted {
			p.Commands, p.Outputs = slices.Delete(p.Commands, 0, 1), slices.Delete(p.Outputs, 0, 1)
		}
		p.Commands, p.Outputs = append(p.Commands, command), append(p.Outputs, result)
	}
	r := s.Costly[c.Skeleton]
	if r == nil {
		if len(s.Costly) >= maxCostly {
			s.makeCostlyRoom()
		}
		r = &repeated{Intent: intent, Sessions: map[uint64]struct{}{}, Project: a.ProjectID, Example: clip(c.Command, 300)}
		s.Costly[c.Skeleton] = r
	}
	tokens := tokensOf(output)
	r.Calls++
	r.TimeMS += c.TimeMS
	r.Tokens += tokens
	r.Mixed = r.Mixed || r.Project != a.ProjectID
	r.Last = later(r.Last, a.Timestamp)
	if !again {
		return
	}
	r.Again++
	r.AgainMS += c.TimeMS
	r.AgainTok += tokens
	if len(r.Sessions) < maxSessionSet {
		r.Sessions[hash(a.ProjectID, a.SessionID)] = struct{}{}
	}
	if len(r.Evidence) < maxEvidence {
		r.Evidence = append(r.Evidence, a.ID)
	}
}

// makeCostlyRoom forgets the quarter that cost least.
func (s *state) makeCostlyRoom() {
	names := slices.SortedFunc(maps.Keys(s.Costly), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.Costly[a].Tokens, s.Costly[b].Tokens), cmp.Compare(a, b))
	})
	for _, name := range names[:maxCostly/4] {
		delete(s.Costly, name)
	}
}

// costly lists what is slow or prints much and gave the same again: a tool that
// says "unchanged" would save the second time. It needs to remember what it
// said, which a tool cannot yet. Forms of call with one intent are one.
func (f *Finder) costly() []learn.ToolOpportunity {
	groups := map[string]*repeated{}
	forms := map[string][]string{}
	for _, skeleton := range slices.Sorted(maps.Keys(f.state.Costly)) {
		r := f.state.Costly[skeleton]
		if r.Again == 0 || r.Tokens/int64(r.Calls) < costlyTokens && r.TimeMS/float64(r.Calls) < costlyMS {
			continue
		}
		key := string(r.Intent)
		if r.Intent == "" || r.Intent == learn.IntentOther || r.Intent == learn.IntentRun {
			key = skeleton // what it does is not known
		}
		if groups[key] == nil {
			groups[key] = &repeated{Sessions: map[uint64]struct{}{}, Project: r.Project, Example: r.Example, Intent: r.Intent}
		}
		groups[key].include(r)
		forms[key] = append(forms[key], skeleton)
	}
	var out []learn.ToolOpportunity
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		if r := groups[key]; len(r.Sessions) >= f.opts.MinSessions && r.Again >= f.opts.MinCalls {
			out = append(out, f.repeats(key, forms[key], r))
		}
	}
	return out
}

// include adds what is known of another form of call.
func (r *repeated) include(other *repeated) {
	r.Calls += other.Calls
	r.Again += other.Again
	r.TimeMS += other.TimeMS
	r.AgainMS += other.AgainMS
	r.Tokens += other.Tokens
	r.AgainTok += other.AgainTok
	r.Mixed = r.Mixed || other.Mixed || r.Project != other.Project
	r.Last = later(r.Last, other.Last)
	maps.Copy(r.Sessions, other.Sessions)
	r.Evidence = append(r.Evidence, other.Evidence...)
	r.Evidence = r.Evidence[:min(len(r.Evidence), maxEvidence)]
}

func (f *Finder) repeats(key string, forms []string, r *repeated) learn.ToolOpportunity {
	o := learn.ToolOpportunity{OpportunityID: learn.UUIDv8("opportunity", "costly", key), ProjectID: r.Project, Kind: "costly",
		Name: nameOf("unchanged", forms[:1]), Skeletons: forms[:min(len(forms), 5)], Calls: r.Calls, Sessions: len(r.Sessions), TimeMS: r.TimeMS,
		Tokens: r.Tokens, Examples: []learn.ToolExample{{Command: r.Example}}, Evidence: r.Evidence, Timestamp: r.Last,
		Description:  "Run it, and say no more than that nothing changed when it gives what it gave before.",
		NotForgeable: "it would have to remember its last answer, and a tool keeps nothing between calls"}
	if key == string(r.Intent) {
		o.Name = cleanName(key + "_again")
	}
	if r.Mixed {
		o.ProjectID = ""
	}
	w := f.opts.Weights
	o.Savings = learn.ToolSavings{ListTokens: int64(w.Entry), Sessions: len(f.state.Seen), Lines: []learn.Tally{{
		What: "the same answer to the same call again in a session", Times: r.Again, Tokens: r.AgainTok, TimeMS: r.AgainMS, Evidence: slices.Clone(r.Evidence)}}}
	o.Score = w.settle(&o.Savings)
	return o
}

// problem is a kind of failure that nothing known fixes.
type problem struct{ Problem }

// Problem is a kind of failure without a remedy that works.
type Problem struct {
	PatternID string
	Name      string
	ProjectID string // "" for several
	Failures  int
	Sessions  int
	LostMS    float64
	LostCalls float64 // calls spent until it was over or given up
	Tried     int     // remedies that are known and do not work well enough
	Evidence  []string
	Last      time.Time
}

// SetProblems tells which kinds of failure have no remedy that works.
func (f *Finder) SetProblems(all []Problem) {
	list := make([]problem, 0, len(all))
	for _, p := range all {
		list = append(list, problem{p})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.problems = list
}

func (f *Finder) unsolved() []learn.ToolOpportunity {
	var out []learn.ToolOpportunity
	for _, p := range f.problems {
		if p.Sessions < f.opts.MinSessions || p.Failures < f.opts.MinCalls {
			continue
		}
		o := learn.ToolOpportunity{OpportunityID: learn.UUIDv8("opportunity", "problem", p.PatternID), ProjectID: p.ProjectID, Kind: "problem",
			Name: cleanName("fix_" + p.Name), Skeletons: []string{p.Name}, Calls: p.Failures, Sessions: p.Sessions, TimeMS: p.LostMS,
			Evidence: slices.Clone(p.Evidence), Timestamp: p.Last,
			Description:  "What would keep “" + p.Name + "” from happening, or get out of it.",
			NotForgeable: "nothing that was seen fixes it; say what the tool should do with `lathe tool request`"}
		w := f.opts.Weights
		o.Savings = learn.ToolSavings{ListTokens: int64(w.Entry), Sessions: len(f.state.Seen), Lines: []learn.Tally{{
			What: "calls spent until it was over or given up", Times: p.Failures, Calls: p.LostCalls, TimeMS: p.LostMS, Evidence: slices.Clone(p.Evidence)}}}
		o.Score = w.settle(&o.Savings)
		out = append(out, o)
	}
	return out
}
