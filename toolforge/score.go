package toolforge

import (
	"slices"
	"strings"

	"lathe/learn"
)

// Weights are the constants of the score; see lines for what is gained and
// settle for what is paid.
type Weights struct {
	Stage     float64 // calls that joining one more command is worth
	Retry     float64 // calls that a failed attempt costs
	Bytes     float64 // bytes a token
	Call      float64 // tokens that an agent writes for an average call
	Entry     float64 // tokens of a tool's place in the tool list
	Parameter float64 // tokens of each of its parameters there
	Input     float64 // price of a written token over that of a read one
	Review    float64 // calls that a person's reading of a new tool is worth
}

// DefaultWeights are estimates, not measurements: a call of 150 tokens with
// its reason, list entries as the generated tools have them, and the usual
// price ratio of five between written and read tokens.
func DefaultWeights() Weights {
	return Weights{Stage: 0.25, Retry: 0.5, Bytes: 4, Call: 150, Entry: 80, Parameter: 30, Input: 5, Review: 1}
}

// lines says what a candidate would have saved, by reason.
// A line of which nothing was seen to vary is recited, not composed.
func (w Weights) lines(c *candidate, constant int) []learn.Tally {
	uses := float64(c.Calls) / float64(max(c.Steps, 1))
	var out []learn.Tally
	add := func(what string, times int, calls float64, tokens int64) {
		if calls > 0 || tokens > 0 {
			out = append(out, learn.Tally{What: what, Times: times, Calls: calls, Tokens: tokens})
		}
	}
	add("one call in place of several", int(uses), uses*float64(c.Steps-1), c.Written)
	if len(c.Examples) != 1 {
		add("a pipeline that need not be composed (estimate)", int(uses), uses*w.Stage*float64(max(c.Stages-c.Steps, 0)), 0)
	}
	add("text that need not be typed", int(uses), 0, int64(uses*float64(constant)/w.Bytes))
	add("attempts that failed (estimate)", c.Failures, w.Retry*float64(c.Failures), 0)
	for i := range out {
		out[i].Evidence = c.Evidence[:min(len(c.Evidence), 8)]
	}
	return out
}

// opportunity judges a candidate. The caller holds the lock.
func (f *Finder) opportunity(c *candidate) learn.ToolOpportunity {
	o := learn.ToolOpportunity{
		OpportunityID: c.identity(),
		ProjectID:     c.Project, Kind: c.Kind, Name: c.Name, Skeletons: slices.Clone(c.Skeletons),
		Calls: c.Calls, Sessions: c.sessions(), TimeMS: c.TimeMS, Tokens: c.Tokens,
		Examples: slices.Clone(c.Examples), Evidence: append([]string{}, c.Evidence...), Timestamp: c.Last,
	}
	if c.Mixed {
		o.ProjectID = ""
	}
	if len(c.Examples) > 0 {
		if l, err := parseLine(c.Examples[0].Command); err == nil {
			o.Programs = l.programs()
		}
	}
	constant := 0
	g, err := generaliseExamples(o.Examples)
	if err == nil {
		o.Parameters = len(g.params)
		constant = g.constantBytes()
		o.Examples = g.examples
		if o.Name == "" {
			o.Name = g.toolName()
		}
	}
	if !validName(o.Name) {
		o.Name = nameOf(c.Kind, c.Skeletons)
	}
	w := f.opts.Weights
	o.Savings = learn.ToolSavings{Lines: w.lines(c, constant), Sessions: max(len(f.state.Seen), c.sessions()),
		ListTokens: int64(w.Entry + w.Parameter*float64(o.Parameters))}
	if spec, err := Specify(o); err == nil {
		o.Savings.ListTokens = listTokens(spec)
	}
	o.Score = w.settle(&o.Savings)
	o.Forgeable, o.NotForgeable = f.forgeable(o, err)
	return o
}

func (f *Finder) forgeable(o learn.ToolOpportunity, err error) (bool, string) {
	if len(o.Examples) == 0 {
		return false, "no example that is short, successful and free of shell expansions"
	}
	if o.Kind == "remedy" && strings.Contains(o.Examples[0].Command, "{") {
		return false, "the remedy's parameters have no recorded values to learn types from"
	}
	for _, p := range o.Programs {
		if !f.opts.Available(p) {
			return false, "the runtime image has no program " + p
		}
	}
	if err == nil {
		_, err = Specify(o)
	}
	if err != nil {
		return false, clip(err.Error(), 300)
	}
	return true, ""
}

// worthwhile reports whether a line is more than an agent's own tools do in
// one plain call: several commands of which one does real work, or one with
// at least four words after the program.
func (l line) worthwhile() bool {
	if len(l.stages) >= 2 {
		return true
	}
	return len(l.stages[0].words) > 4
}

// trivial reports whether only trivial programs run.
func (l line) trivial() bool {
	for _, s := range l.stages {
		w := s.words
		status := w[0] == "git" && len(w) > 1 && (w[1] == "status" || w[1] == "add" || w[1] == "commit")
		if !trivial(w[0]) && !status {
			return false
		}
	}
	return true
}

// nameOf makes a tool name of skeletons: the programs' names.
func nameOf(kind string, skeletons []string) string {
	words := []string{kind}
	for _, s := range skeletons {
		for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '|' || r == '&' || r == ';' }) {
			if fields := strings.Fields(part); len(fields) > 0 && len(words) < 5 {
				words = append(words, fields[0])
			}
		}
	}
	return cleanName(strings.Join(words, "_"))
}
