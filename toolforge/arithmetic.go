package toolforge

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"lathe/learn"
)

// settle completes the arithmetic: sums, what the place in the list costs, and
// the score.
//
//	net   = context tokens saved − list tokens × sessions
//	score = calls that fall away, or that what else is saved is worth
//	      − list tokens × sessions / (Call × Input) − Review
//
// Every session counts that a tool would have been offered to, whether it had
// a use for it or not.
func (w Weights) settle(s *learn.ToolSavings) float64 {
	slices.SortFunc(s.Lines, func(a, b learn.Tally) int {
		return cmp.Or(-cmp.Compare(w.worth(a), w.worth(b)), cmp.Compare(a.What, b.What))
	})
	worth := 0.0
	for _, l := range s.Lines {
		s.Calls += l.Calls
		s.Context += l.Tokens
		s.TimeMS += l.TimeMS
		s.Read += l.Read
		worth += w.worth(l)
	}
	if s.Turns > 0 {
		s.ReadNet = s.Read + s.Absent - s.ListTokens*s.Turns
	}
	s.Net = s.Context - s.ListTokens*int64(s.Sessions)
	s.Factor = 1
	return worth - float64(s.ListTokens)*float64(s.Sessions)/(w.Call*w.Input) - w.Review
}

// worth is a line in calls. Tokens of a line with calls are those calls: they
// are not counted twice.
func (w Weights) worth(l learn.Tally) float64 {
	return math.Max(l.Calls, float64(l.Tokens)/w.Call)
}

// operations judges the known operations. The caller holds the lock.
func (f *Finder) operations() []learn.ToolOpportunity {
	var out []learn.ToolOpportunity
	for _, name := range slices.Sorted(maps.Keys(f.state.Operations)) {
		p := f.state.Operations[name]
		if len(p.Sessions)+p.More < f.opts.MinSessions || p.Calls < f.opts.MinCalls {
			continue
		}
		out = append(out, f.judge(name, p))
	}
	return out
}

func (f *Finder) judge(name string, p *operation) learn.ToolOpportunity {
	o := learn.ToolOpportunity{
		OpportunityID: learn.UUIDv8("opportunity", "operation", name), ProjectID: p.Project, Kind: "operation", Name: name, Operation: name,
		Skeletons: []string{}, Programs: slices.Clone(p.Programs), Calls: p.Calls, Sessions: len(p.Sessions) + p.More,
		TimeMS: p.TimeMS, Tokens: p.Tokens, Examples: slices.Clone(p.Examples), Evidence: slices.Clone(p.Evidence), Timestamp: p.Last,
		NearMisses: tallies(p.Misses),
	}
	if p.Mixed {
		o.ProjectID = ""
	}
	o.Savings.Lines, o.Savings.Sessions, o.Savings.Turns = tallies(p.Gains), len(f.state.Seen), f.state.Turns
	k := known(name)
	o.Description = k.does
	o.Skeletons = append(o.Skeletons, k.does)
	o.Folders = topFolders(p.Folders)
	if spec, err := k.specify(o); err == nil {
		o.Forgeable, o.Parameters = true, k.parameters()
		o.Savings.ListTokens = listTokens(spec)
		o.NotForgeable = ""
		for _, program := range k.programs {
			if !f.opts.Available(program) {
				o.Forgeable, o.NotForgeable = false, "the runtime image has no program "+program
			}
		}
	} else {
		o.Savings.ListTokens = int64(f.opts.Weights.Entry + 2*f.opts.Weights.Parameter)
		o.NotForgeable = f.lacking(name, p, err)
	}
	o.Savings.Absent = p.Absent
	o.Score = f.opts.Weights.settle(&o.Savings)
	if by, ok := f.installedFor(name, p); ok {
		o.DuplicateOf = by
	}
	return o
}

// lacking says why an operation cannot be forged; of programs, which one is
// missing in the runtime image.
func (f *Finder) lacking(name string, p *operation, err error) string {
	for _, program := range p.Programs {
		if name == opTest && !f.opts.Available(program) {
			return fmt.Sprintf("the runtime image has no program %s; %v", program, err)
		}
	}
	return err.Error()
}

// listTokens is what a tool's entry in a tool list takes: name, description
// and schema of the parameters, with what holds them together.
func listTokens(spec learn.ToolSpecification) int64 {
	return tokensOf(`{"name":"","description":"","parameters":}` + spec.Name + spec.Description + string(spec.Parameters))
}

func tallies(m map[string]*learn.Tally) []learn.Tally {
	out := []learn.Tally{}
	for _, what := range slices.Sorted(maps.Keys(m)) {
		t := *m[what]
		t.Evidence = slices.Clone(t.Evidence)
		out = append(out, t)
	}
	return out
}

// topFolders are the folders that most was changed in.
func topFolders(folders map[string]int) []string {
	names := slices.SortedFunc(maps.Keys(folders), func(a, b string) int {
		return cmp.Or(-cmp.Compare(folders[a], folders[b]), cmp.Compare(a, b))
	})
	names = slices.DeleteFunc(names, func(n string) bool { return checkPermissions(writeIn(n)) != nil })
	names = names[:min(len(names), maxPaths)]
	slices.Sort(names)
	return names
}

func writeIn(folders ...string) learn.Permissions {
	return learn.Permissions{Filesystem: "write", Paths: folders, Seconds: toolSeconds, MemoryMB: toolMemoryMB}
}
