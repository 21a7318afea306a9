package recovery

import (
	"path"
	"slices"
	"strings"
	"time"

	"lathe/learn"
)

// Query asks what helps against a failure.
type Query struct {
	ProjectID  string
	SessionID  string // of the failing call, if known: what it used before counts
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

// Offer returns the remedies that were seen to work, the likeliest to be the
// answer first, or nothing. What is known of the failing call, the error and
// what it is about in this project goes before what is known of them anywhere.
func (m *Miner) Offer(q Query) []learn.RemedyOffer {
	m.mu.RLock()
	defer m.mu.RUnlock()
	limit := q.Max
	if limit <= 0 {
		limit = 3
	}
	var offers []learn.RemedyOffer
	for i := range q.Signatures {
		for _, r := range m.ranked(&q, &q.Signatures[i], 2*limit, m.opt.MinConfidence) {
			if r.offer.Support >= m.opt.MinSupport && len(offers) < limit {
				offers = append(offers, r.offer)
			}
		}
		if len(offers) > 0 {
			break // the first cause that is known
		}
	}
	return offers
}

// ranked is a guess that can be said.
type ranked struct {
	guess
	offer learn.RemedyOffer
}

// answer is a class put into words for one failure.
type answer struct {
	offer   learn.RemedyOffer
	actions []pattern // before they were filled
	calls   float64   // between failure and resolution, in the mean
}

// ranked answers for one signature: at most limit offers of at least the given
// confidence, the most confident first, however few sessions are behind them;
// m.mu is held.
func (m *Miner) ranked(q *Query, sig *learn.ErrorSignature, limit int, confidence float64) []ranked {
	call := stepOfAction(&q.Action)
	at := m.latest[q.ProjectID]
	s, _ := m.sessions.peek(q.ProjectID + "\x00" + q.SessionID)
	in := situationOf(s, q.ProjectID, call, sig, q.Language)
	aliases := m.aliases(s, q.ProjectID, call, in.Used, at)
	var out []ranked
	said := map[string]bool{}
	for i, g := range m.predict(&in, aliases, at) {
		if len(out) == limit {
			break
		}
		g.Sure = m.sure(&in, g, i == 0, at)
		if g.Sure < confidence || g.Class == classRetry && !sig.Transient {
			continue
		}
		a, ok := m.say(q, sig, &in, g.Class, at)
		if !ok || said[a.offer.Description] {
			continue
		}
		if g.Sure = m.cautious(g.Sure, &in, g.Class, aliases, &a); g.Sure < confidence {
			continue
		}
		said[a.offer.Description] = true
		a.offer.Confidence, a.offer.Why = g.Sure, m.why(&in, g.Class)
		g.Support, g.Saved = a.offer.Support, max(a.calls-float64(len(a.actions)), 0)
		out = append(out, ranked{g, a.offer})
	}
	return out
}

// say puts a class into words for one failure: from what was seen to work in
// the narrowest place that knows it, or from what the project uses. It returns
// false when there is too little behind it, or nothing that could be run.
func (m *Miner) say(q *Query, sig *learn.ErrorSignature, in *situation, class string, at time.Time) (answer, bool) {
	for _, p := range places(q.ProjectID, in.Language, sig.PatternID, sig.ID) {
		b, ok := m.buckets.peek(p.id())
		if !ok {
			continue
		}
		if c := b.best(class, q, m.opt); c != nil {
			st := c.statsAt(m.now(b, q.ProjectID), m.opt.HalfLife)
			if o := render(q, sig, c, st); !lacksCall(&o) {
				return answer{o, c.Actions, st.saved}, true
			}
		}
	}
	h, ok := m.habits.peek(habitKey(q.ProjectID, in.Intent))
	if !ok {
		return answer{}, false
	}
	i := slices.IndexFunc(h.Uses, func(u use) bool { return u.Class == class })
	if i < 0 {
		return answer{}, false
	}
	c := h.Uses[i].remedy(q, in)
	o := render(q, sig, c, stats{succ: h.Uses[i].N.at(at, m.opt.HalfLife)})
	return answer{o, c.Actions, 0}, says(c.Kind, c.Actions) && !lacksCall(&o)
}

// remedy makes a use of the project the answer to a call that failed.
func (u *use) remedy(q *Query, in *situation) *cell {
	return &cell{
		ID:   learn.UUIDv8("remedy", q.ProjectID, string(in.Intent), in.Pattern, "habit", u.Class),
		Kind: KindChangedCommand, Class: u.Class, Instead: strings.TrimPrefix(in.Used, "use "), Actions: []pattern{u.Action},
		Support: u.Support, Evidence: u.Events,
	}
}

// best is the cell of a class that has worked most, among those that may be
// offered for a call.
func (b *bucket) best(class string, q *Query, o Options) *cell {
	var best *cell
	for _, c := range b.Cells {
		if c.Class != class || !b.sound(c, o) || alreadyDone(q, c) {
			continue
		}
		if best == nil || c.Support > best.Support {
			best = c
		}
	}
	return best
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
func render(q *Query, sig *learn.ErrorSignature, c *cell, s stats) learn.RemedyOffer {
	var args []string
	for _, a := range q.Action.Arguments {
		args = append(args, a.Value)
	}
	values := map[string]string{}
	for _, f := range fillers(sig.Captures, sig.File, q.Action.Target, args) {
		trusted := f.Kind == "call" || q.Trusted != nil && q.Trusted(f.Kind, f.Value)
		if trusted && plain(f.Value) {
			values[f.Name] = f.Value
		}
	}
	if c.Kind == KindChangedCommand && values["target"] != "" {
		values["target"] = strings.Join(targets(q.Action.Target, args), " ") // by another program, about the same
	}
	actions := make([]learn.RemedyAction, len(c.Actions))
	for i := range c.Actions {
		actions[i] = c.Actions[i].filled(values)
		actions[i].Command = sameName(actions[i].Command, q.Action.Command)
	}
	return learn.RemedyOffer{
		RemedyID: c.ID, Kind: c.Kind, Description: describe(c, actions), Support: c.Support,
		Successes: s.succ, Failures: s.fail, Actions: actions, Evidence: slices.Clone(c.Evidence),
	}
}

// sameName gives a command the name that the failing call has for the
// interpreter, python or python3: which of them there is belongs to where one is.
// A call that names it by its path may have failed for just that.
func sameName(command, failing string) string {
	name := ""
	for _, w := range splitWords(failing) {
		if w == "python" || w == "python3" {
			name = w
			break
		}
	}
	words := strings.Split(command, " ")
	for i, w := range words {
		if name != "" && (w == "python" || w == "python3") && (i == 0 || isOperator(words[i-1]) || isAssignment(words[i-1]) || strings.HasSuffix(words[i-1], ";")) {
			words[i] = name
		}
	}
	return strings.Join(words, " ")
}

// targets are all that a call is about: its target and the arguments behind it
// that are of the same kind, two files of tests for example.
func targets(target string, args []string) []string {
	out := []string{target}
	i := slices.Index(args, target)
	for ; i >= 0 && i+1 < len(args) && plain(args[i+1]) && path.Ext(target) != "" && path.Ext(args[i+1]) == path.Ext(target); i++ {
		out = append(out, args[i+1])
	}
	return out
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
