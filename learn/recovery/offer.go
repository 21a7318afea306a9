package recovery

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"lathe/learn"
)

// Query asks what helps against a failure.
type Query struct {
	ProjectID  string
	Language   string // used when a signature has none
	Signatures []learn.ErrorSignature
	Action     learn.Action // the failing call
	// Trusted says whether this project's own code, manifest or earlier
	// successful commands name a captured value; kind is the capture's name
	// (module, path, host, ...). Only then does it enter a command. Nil trusts
	// nothing.
	Trusted func(kind, value string) bool
	// Max is the number of offers wanted; 0 is three.
	Max int
}

type candidate struct {
	b     *bucket
	c     *cell
	s     stats
	sig   *learn.ErrorSignature
	score float64
}

// Offer returns the remedies that were seen to work, the one with the most
// expected calls saved first, or nothing. It backs off from the project to
// the language to all, and from the signature to its pattern; a remedy that a
// narrower place knows is not repeated, nor one that failed there.
func (m *Miner) Offer(q Query) []learn.RemedyOffer {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var offers []learn.RemedyOffer
	for _, r := range m.ranked(&q) {
		offers = append(offers, r.offer)
	}
	return offers
}

// ranked is a candidate that made it into the answer.
type ranked struct {
	c     *cell
	offer learn.RemedyOffer
}

// ranked answers a query; m.mu is held.
func (m *Miner) ranked(q *Query) []ranked {
	limit := q.Max
	if limit <= 0 {
		limit = 3
	}
	var found []candidate
	for i := range q.Signatures {
		found = m.candidates(q, &q.Signatures[i])
		if len(found) > 0 {
			break // the first cause that is known
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(b.score, a.score) })
	var out []ranked
	said := map[string]bool{}
	for _, c := range found {
		if o := render(q, c); !said[o.Description] && !lacksCall(&o) && len(out) < limit {
			said[o.Description] = true
			out = append(out, ranked{c.c, o})
		}
	}
	return out
}

func (m *Miner) candidates(q *Query, sig *learn.ErrorSignature) []candidate {
	lang := cmp.Or(sig.Language, q.Language)
	in := callContext(q.Action).of(sig.Captures)
	var out []candidate
	seen := map[string]bool{}
	for _, p := range places(q.ProjectID, lang, sig.PatternID, sig.ID) {
		b, ok := m.buckets.peek(p.id())
		if !ok {
			continue
		}
		at := m.now(b, q.ProjectID)
		for _, c := range b.Cells {
			if seen[c.Key] {
				continue
			}
			s := b.statsAt(c, in, at, m.opt.HalfLife)
			if s.succ+s.fail >= 1.5 {
				seen[c.Key] = true // this place knows it well enough to judge
			}
			if !b.offerable(c, s, m.opt) || c.Kind == KindRetry && !sig.Transient {
				continue
			}
			seen[c.Key] = true
			if c.Instead != "" && !calls(q.Action, c.Instead) {
				continue
			}
			if alreadyDone(q, c) {
				continue
			}
			out = append(out, candidate{b: b, c: c, s: s, sig: sig, score: score(c, s)})
		}
	}
	return out
}

// score is the expected number of calls saved: those between failure and
// resolution when it works, less its own when it does not. An edit saves a
// quarter of them, for it says where, not what.
func score(c *cell, s stats) float64 {
	saved := s.saved + 1
	if c.Kind == KindEdit {
		saved /= 4
	}
	return s.confidence*saved - (1-s.posterior)*float64(len(c.Actions))
}

// calls reports whether the failing call is the one that a changed command
// replaces.
func calls(a learn.Action, instead string) bool {
	if a.Command == "" {
		return a.Tool == instead
	}
	return head(tokens(a.Command)) == instead
}

// alreadyDone is whether the failing call is itself what would be offered.
func alreadyDone(q *Query, c *cell) bool {
	if q.Action.Command == "" || len(c.Actions) != 1 || c.Actions[0].Words == nil {
		return false
	}
	return slices.Equal(c.Actions[0].Words, tokens(q.Action.Command))
}

// now is the clock that a bucket decays by for who asks: the newest event of
// the asking project, or of the bucket if that is later. A project with a wrong
// clock so misleads only itself.
func (m *Miner) now(b *bucket, project string) time.Time {
	own, at := b.latest(), m.latest[project]
	if b.Project == "" && own.After(at) {
		return own
	}
	return at
}

// render fills the parameters of a remedy for one failure.
func render(q *Query, c candidate) learn.RemedyOffer {
	var args []string
	for _, a := range q.Action.Arguments {
		args = append(args, a.Value)
	}
	values := map[string]string{}
	for _, f := range fillers(c.sig.Captures, c.sig.File, q.Action.Target, args) {
		trusted := f.Kind == "call" || q.Trusted != nil && q.Trusted(f.Kind, f.Value)
		if trusted && plain(f.Value) {
			values[f.Name] = f.Value
		}
	}
	actions := make([]learn.RemedyAction, len(c.c.Actions))
	for i := range c.c.Actions {
		actions[i] = c.c.Actions[i].filled(values)
	}
	return learn.RemedyOffer{
		RemedyID: c.c.ID, Kind: c.c.Kind, Description: describe(c.c, actions), Confidence: c.s.confidence, Support: c.c.Support,
		Successes: c.s.succ, Failures: c.s.fail, Actions: actions, Evidence: slices.Clone(c.c.Evidence),
	}
}

// lacksCall reports whether a command needs something of the failing call that
// this one does not have: it could not be run.
func lacksCall(o *learn.RemedyOffer) bool {
	for _, a := range o.Actions {
		for _, p := range parameters(a.Command) {
			if p == "target" || strings.HasPrefix(p, "arg") {
				return true
			}
		}
	}
	return false
}

// plain reports whether a value can stand in a command unquoted and is no
// option.
func plain(v string) bool {
	return v != "" && len(v) <= 200 && v[0] != '-' &&
		strings.Trim(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@:+=-") == ""
}

// filled is the action with the given values in place of its parameters;
// those without a value stay in braces.
func (a *pattern) filled(values map[string]string) learn.RemedyAction {
	out := learn.RemedyAction{ToolName: a.Tool, Intent: a.Intent}
	fill := func(w string) string {
		for _, p := range parameters(w) {
			if v, ok := values[p]; ok {
				w = strings.ReplaceAll(w, "{"+p+"}", v)
			}
		}
		return w
	}
	if a.Words != nil {
		words := make([]string, len(a.Words))
		for i, w := range a.Words {
			words[i] = fill(w)
		}
		out.Command = strings.ReplaceAll(strings.Join(words, " "), " ;", ";")
	}
	if len(a.Params) > 0 {
		out.Parameters = map[string]any{}
		for k, v := range a.Params {
			out.Parameters[k] = fill(v)
		}
	}
	return out
}
