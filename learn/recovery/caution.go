package recovery

import (
	"slices"
	"strings"
)

// unknownAtMost is the confidence in what there is no evidence for, however
// usual it is: below any threshold.
const unknownAtMost = 0.3

// cautious lowers the confidence in a guess that nothing observed speaks for:
// about a kind of error that nobody has met (knows), from errors about something
// else (carries), or that makes up what only the session itself names (invents).
func (m *Miner) cautious(sure float64, s *situation, class string, aliases map[string]string, a *answer) float64 {
	if !m.knows(s, class, aliases) || !m.carries(s, class, aliases) || invents(s, a) {
		return min(sure, unknownAtMost)
	}
	return sure
}

// knows reports whether the class resolved this kind of error before, here or
// elsewhere, by name or by what it stands for. What is only usual for the
// purpose is a guess about an error that nobody has met.
func (m *Miner) knows(s *situation, class string, aliases map[string]string) bool {
	return slices.ContainsFunc(m.counted(s, class, aliases), func(t *tallied) bool { return t.Succ.N > 0 })
}

// carries reports whether what the class did for this kind of error can be
// expected to help with what this one is about. A class that says what to do
// with whatever the error names does; one of fixed words does when it resolved
// errors about this before, or about different things. That another runner
// helps where pytest is missing says nothing about a missing hypothesis.
func (m *Miner) carries(s *situation, class string, aliases map[string]string) bool {
	if s.Value == "" || len(parameters(class)) > 0 && publicClass(class) {
		return true
	}
	var values []string
	for _, t := range m.counted(s, class, aliases) {
		for _, v := range t.Values {
			if v == s.Value || len(values) > 0 && v != values[0] {
				return true
			}
			values = append(values, v)
		}
	}
	return false
}

// counted lists what the contexts of this kind of error hold of a class.
func (m *Miner) counted(s *situation, class string, aliases map[string]string) []*tallied {
	var out []*tallied
	for _, id := range append(s.shared()[3:], s.own()[1:]...) {
		n, ok := m.memory.peek(id)
		if !ok {
			continue
		}
		for i := range n.Counts {
			if t := &n.Counts[i]; t.Class == class || strings.HasPrefix(t.Class, aliasMark) && aliases[t.Class] == class {
				out = append(out, t)
			}
		}
	}
	return out
}

// invents reports whether an answer makes the very thing that is missing though
// only the session itself names it: code that a script of the agent's own asks
// for, or whatever nothing of the project vouches for. Whether to make it or to
// correct who asks for it is then the agent's to say; what other sessions did
// about names of theirs tells nothing.
func invents(s *situation, a *answer) bool {
	for i := range a.actions {
		if !makes(a.actions[i].Words) {
			continue
		}
		for _, p := range a.actions[i].bound() {
			open := strings.Contains(a.offer.Actions[i].Command, "{"+p+"}")
			place := strings.HasPrefix(p, "path") || strings.HasPrefix(p, "file")
			if open || !place && s.Call == digest(classScript) {
				return true
			}
		}
	}
	return false
}

// makes reports whether a command only brings something into being.
func makes(words []string) bool {
	switch commandName(words) {
	case "mkdir", "touch":
		return true
	}
	return false
}
