package recovery

import (
	"math"
	"slices"
	"strings"
	"time"

	"lathe/learn"
)

// maxDescription is the number of bytes of a description.
const maxDescription = 320

// describe says in one or two sentences what to do. It is made of the
// remedy's structure; what it quotes are commands that agents ran.
func describe(c *cell, actions []learn.RemedyAction) string {
	var said []string
	for i := range actions {
		said = append(said, inWords(&actions[i]))
	}
	what := strings.Join(said, ", then ")
	var text string
	switch c.Kind {
	case KindChangedCommand:
		text = "Use " + what + " instead of `" + c.Instead + "`."
	case KindChangedParameter:
		text = "Repeat the call as " + what + "."
	case KindEdit:
		text = "Edit " + words(actions[0].Parameters["file"]) + ", then repeat the call."
	case KindRetry:
		text = "Wait a moment and repeat the same call: this failure passes by itself."
	default:
		text = "First run " + what + ", then repeat the call."
	}
	text = cut(text, maxDescription)
	var open []string
	for _, p := range parameters(text) {
		if !slices.Contains(open, p) && p != "any" && plain(p) {
			open = append(open, p)
		}
	}
	for _, p := range open {
		text += " {" + p + "} is " + words("{"+p+"}") + "; check it before you use it."
	}
	return text
}

func inWords(a *learn.RemedyAction) string {
	if a.Command != "" {
		return "`" + strings.ReplaceAll(a.Command, anyToken, "...") + "`"
	}
	var params []string
	for _, k := range sortedKeys(a.Parameters) {
		v, _ := a.Parameters[k].(string)
		if v == anyToken {
			v = "..."
		}
		params = append(params, k+"="+v)
	}
	return "`" + a.ToolName + "(" + strings.Join(params, ", ") + ")`"
}

// words names a parameter for a reader.
func words(v any) string {
	s, _ := v.(string)
	name := strings.Trim(s, "{}")
	if s == name {
		return "`" + s + "`"
	}
	base, part, _ := strings.Cut(name, "_")
	switch {
	case name == "any":
		return "the code at fault"
	case name == "target":
		return "what the failing call was about"
	case strings.HasPrefix(name, "arg"):
		return "an argument of the failing call"
	case part == "dir":
		return "the directory of the " + base + " that the error names"
	case part == "base":
		return "the last part of the " + base + " that the error names"
	case part == "top":
		return "the first part of the " + base + " that the error names"
	}
	return "the " + name + " that the error names"
}

// remedy makes the domain object of a cell.
func (b *bucket) remedy(c *cell, s stats) learn.Remedy {
	actions := make([]learn.RemedyAction, len(c.Actions))
	for i := range c.Actions {
		actions[i] = c.Actions[i].filled(nil)
	}
	return learn.Remedy{
		RemedyID: c.ID, PatternID: b.Pattern, SignatureID: b.Signature, ProjectID: b.Project, Language: b.Language,
		Description: describe(c, actions), Actions: actions, Kind: c.Kind, Support: c.Support,
		Successes: round(s.succ), Failures: round(s.fail), Posterior: round(s.posterior), CallsSaved: round(s.saved),
		LastSeen: c.Last, Evidence: slices.Clone(c.Evidence),
	}
}

// round keeps ledger entries short; six digits are more than is known.
func round(x float64) float64 { return math.Round(x*1e6) / 1e6 }

// tell makes a ledger entry when a remedy becomes offerable, when its support
// has doubled since, or when its words or its posterior (by a tenth) changed.
func (m *Miner) tell(b *bucket, c *cell, at time.Time) (learn.LedgerEntry, bool) {
	if b.Pattern == "" || c.ToldAt == 0 && !b.offerable(c, m.opt) {
		return learn.LedgerEntry{}, false
	}
	r := b.remedy(c, c.statsAt(at, m.opt.HalfLife))
	if c.ToldAt > 0 && c.Support < 2*c.ToldAt && r.Description == c.ToldWords && math.Abs(r.Posterior-c.ToldPost) < 0.1 {
		return learn.LedgerEntry{}, false
	}
	e, err := learn.NewEntry(learn.EntryRemedy, r.RemedyID, r.ProjectID, at, r, r.Evidence)
	if err != nil { // strings and finite numbers always marshal
		return learn.LedgerEntry{}, false
	}
	c.ToldAt, c.ToldPost, c.ToldWords = c.Support, r.Posterior, r.Description
	return e, true
}

// Remedies lists what would be offered now, best supported first.
func (m *Miner) Remedies() []learn.Remedy {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var out []learn.Remedy
	for _, e := range m.buckets.entries() {
		b := e.Value
		for _, c := range b.Cells {
			if b.Pattern != "" && b.offerable(c, m.opt) {
				out = append(out, b.remedy(c, c.statsAt(m.now(b, b.Project), m.opt.HalfLife)))
			}
		}
	}
	slices.SortFunc(out, func(a, b learn.Remedy) int {
		if a.Support != b.Support {
			return b.Support - a.Support
		}
		return strings.Compare(a.RemedyID, b.RemedyID)
	})
	return out
}

// Named lists the remedies, offered or not, whose ids begin with prefix: one
// that a person called bad can be called good again.
func (m *Miner) Named(prefix string) []learn.Remedy {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var out []learn.Remedy
	for _, e := range m.buckets.entries() {
		for _, c := range e.Value.Cells {
			if strings.HasPrefix(c.ID, prefix) {
				out = append(out, e.Value.remedy(c, c.statsAt(m.now(e.Value, e.Value.Project), m.opt.HalfLife)))
			}
		}
	}
	return out
}

// Judge takes a person's word on a remedy: it worked, or it did not. It weighs
// as much as Options.FeedbackWeight sessions, and reports whether the remedy
// is known.
func (m *Miner) Judge(remedyID string, worked bool, at time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, c := m.judge(remedyID, worked, at)
	return c != nil
}

// heard takes a person's word on a remedy from the log. What others say of one
// is no person's word.
func (m *Miner) heard(t *learn.TaskRecord, emit func(learn.LedgerEntry)) {
	if t.RemedyID == "" || t.Phase != learn.TaskFeedback || t.OutcomeKind != learn.VerifyUserFeedback || t.Outcome == learn.OutcomeUnknown {
		return
	}
	if b, c := m.judge(t.RemedyID, t.Outcome == learn.OutcomeSuccess, t.Timestamp); c != nil {
		if e, ok := m.tell(b, c, t.Timestamp); ok {
			emit(e)
		}
	}
}

func (m *Miner) judge(remedyID string, worked bool, at time.Time) (*bucket, *cell) {
	for _, e := range m.buckets.entries() {
		for _, c := range e.Value.Cells {
			if c.ID == remedyID {
				m.judgeTwins(e.Value, c, worked, at)
				m.judgeClass(e.Value, c.Class, worked, at)
				return e.Value, c
			}
		}
	}
	return nil, nil
}

// judgeTwins lets a person's word count for a remedy under each error of its
// pattern where it is known: to a person these are one.
func (m *Miner) judgeTwins(b *bucket, of *cell, worked bool, at time.Time) {
	for _, e := range m.buckets.entries() {
		if e.Value.Pattern != b.Pattern || e.Value.Project != b.Project {
			continue
		}
		for _, c := range e.Value.Cells {
			switch {
			case c != of && c.Class != of.Class:
			case worked:
				c.Succ.add(m.opt.FeedbackWeight, at, m.opt.HalfLife)
			default:
				c.Fail.add(m.opt.FeedbackWeight, at, m.opt.HalfLife)
			}
		}
	}
}

// judgeClass lets a person's word count in every context of the pattern that
// knows the class: those of the remedy's project, or all when it is shared.
func (m *Miner) judgeClass(b *bucket, class string, worked bool, at time.Time) {
	for _, e := range m.memory.entries() {
		fields := strings.Split(e.Key, "\x00")
		own := fields[0] == "own"
		switch {
		case own && (len(fields) < 3 || fields[2] != b.Pattern || b.Project != "" && fields[1] != b.Project):
			continue
		case !own && (b.Project != "" || len(fields) < 2 || fields[1] != b.Pattern):
			continue
		}
		if slices.ContainsFunc(e.Value.Counts, func(t tallied) bool { return t.Class == class }) {
			e.Value.add(class, "", worked, m.opt.FeedbackWeight, at, m.opt.HalfLife)
		}
	}
}
