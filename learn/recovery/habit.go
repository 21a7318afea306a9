package recovery

import (
	"slices"
	"time"

	"lathe/learn"
)

// What a command is to its project travels where its name does not: that the
// runner which this project's sessions use is the answer is known everywhere,
// which one that is only here.
const (
	aliasMark    = "@"
	aliasSession = "@session" // what this session last did with success for the same purpose
	aliasProject = "@project" // what sessions of this project mostly use for it
)

var aliasOrder = [...]string{aliasSession, aliasProject}

// habit counts what a project's sessions use for one purpose, by class. Only
// calls that succeeded count.
type habit struct {
	Uses []use `json:"uses"` // in the order in which they were last seen
}

type use struct {
	Class   string   `json:"class"`
	N       counter  `json:"n"` // sessions
	Support int      `json:"support"`
	Action  pattern  `json:"action"`
	Events  []string `json:"events"`
}

// maxUses is the number of commands that a habit keeps apart.
const maxUses = 16

// learnable reports whether a success says what one uses for its purpose.
func learnable(st step) bool {
	switch st.Intent {
	case learn.IntentTest, learn.IntentLint, learn.IntentTypecheck, learn.IntentBuild, learn.IntentFormat, learn.IntentInstall:
		return st.Command != "" && !asksProgram(st)
	}
	return false
}

func habitKey(project string, intent learn.Intent) string { return project + "\x00" + string(intent) }

// practise counts a success toward the habits of its project and session.
func (m *Miner) practise(s *session, st step) {
	if st.Failed || !learnable(st) {
		return
	}
	parts, main := split(st)
	p := parts[main]
	x := extraction{f: &failure{}, wrote: s.wrote}
	if x.ownScript(p.Command) {
		return
	}
	class := "use " + commandClass(p.Command)
	if s.Last == nil {
		s.Last = map[learn.Intent]string{}
	}
	s.Last[st.Intent] = class
	if m.frozen {
		return
	}
	h := m.habits.touch(habitKey(s.Project, st.Intent), func() *habit { return &habit{} })
	m.habits.trim(m.opt.MaxContexts, func(*habit) { m.stats.DroppedContexts++ })
	h.count(class, p, s.once("h"+class+string(st.Intent)), m.opt.HalfLife)
}

func (h *habit) count(class string, st step, fresh bool, half time.Duration) {
	u := use{Class: class}
	i := slices.IndexFunc(h.Uses, func(u use) bool { return u.Class == class })
	if i >= 0 {
		u = h.Uses[i]
		h.Uses = slices.Delete(h.Uses, i, i+1)
	} else if len(h.Uses) >= maxUses {
		h.Uses = slices.Delete(h.Uses, 0, 1)
	}
	seen := actionOf(st, fillers(nil, "", st.Target, nil))
	if u.Action.Words == nil {
		u.Action = seen
	} else {
		u.Action.Words = unify(u.Action.Words, seen.Words)
	}
	if fresh {
		u.N.add(1, st.At, half)
		u.Support++
		u.Events = append(u.Events, st.EventID)
		u.Events = slices.Clone(u.Events[max(0, len(u.Events)-maxEvidence):])
	}
	h.Uses = append(h.Uses, u)
}

// usual is the class that most of the project's sessions use, other than not.
func (h *habit) usual(not string, at time.Time, half time.Duration) string {
	best, most := "", 0.0
	for i := range h.Uses {
		if n := h.Uses[i].N.at(at, half); h.Uses[i].Class != not && n > most {
			best, most = h.Uses[i].Class, n
		}
	}
	return best
}

// aliases says what the aliases stand for at a failure of a session; s may be
// nil.
func (m *Miner) aliases(s *session, project string, st step, used string, at time.Time) map[string]string {
	out := map[string]string{}
	if s != nil && s.Last[st.Intent] != used {
		out[aliasSession] = s.Last[st.Intent]
	}
	if h, ok := m.habits.peek(habitKey(project, st.Intent)); ok {
		out[aliasProject] = h.usual(used, at, m.opt.HalfLife)
	}
	for k, v := range out {
		if v == "" {
			delete(out, k)
		}
	}
	return out
}
