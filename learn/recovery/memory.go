package recovery

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// node counts what resolved the failures of one context, by class.
type node struct {
	Total  counter   `json:"total"`
	Counts []tallied `json:"counts"` // in the order in which they were last added to
}

type tallied struct {
	Class string  `json:"class"`
	Succ  counter `json:"succ"`
	Fail  counter `json:"fail,omitzero"`
	// Values are the first maxValues different things that the errors were about
	// which the class resolved.
	Values []string `json:"values,omitempty"`
}

// maxValues is how many different values show that a class does not depend on
// which it is.
const maxValues = 2

// maxClasses is the number of classes that a context keeps apart; the one
// longest without news goes first.
const maxClasses = 64

func (n *node) at(class string) *tallied {
	t := tallied{Class: class}
	if i := slices.IndexFunc(n.Counts, func(t tallied) bool { return t.Class == class }); i >= 0 {
		t = n.Counts[i]
		n.Counts = slices.Delete(n.Counts, i, i+1)
	} else if len(n.Counts) >= maxClasses {
		n.Counts = slices.Delete(n.Counts, 0, 1)
	}
	n.Counts = append(n.Counts, t)
	return &n.Counts[len(n.Counts)-1]
}

func (n *node) add(class, value string, worked bool, weight float64, at time.Time, half time.Duration) {
	t := n.at(class)
	if !worked {
		t.Fail.add(weight, at, half)
		return
	}
	if value != "" && len(t.Values) < maxValues && !slices.Contains(t.Values, value) {
		t.Values = append(t.Values, value)
	}
	t.Succ.add(weight, at, half)
	n.Total.add(weight, at, half)
}

// belief is a probability for each class; what is missing to one belongs to
// classes that were never seen.
type belief map[string]float64

// refine narrows a belief by what a context saw. The wider belief counts for
// as many observations as the context saw different classes: where always the
// same thing helped, little is left to doubt, and where everything was
// different the wider context knows better (Witten and Bell 1991; PPM, method
// C). A class that failed there gets less.
func (b belief) refine(n *node, at time.Time, half time.Duration) {
	total := n.Total.at(at, half)
	different := 0.0
	for i := range n.Counts {
		if n.Counts[i].Succ.N > 0 {
			different++
		}
	}
	if total == 0 && different == 0 && len(n.Counts) == 0 {
		return
	}
	different = max(different, 1)
	seen := map[string]bool{}
	for i := range n.Counts {
		t := &n.Counts[i]
		seen[t.Class] = true
		b[t.Class] = (t.Succ.at(at, half) + different*b[t.Class]) / (total + t.Fail.at(at, half) + different)
	}
	for class, p := range b {
		if !seen[class] {
			b[class] = different * p / (total + different)
		}
	}
}

// resolve puts the classes that the aliases stand for here in their place, and
// takes away what cannot be the answer: an alias that stands for nothing here,
// and the command that failed.
func (b belief) resolve(aliases map[string]string, used string) {
	out := 0.0
	for class, p := range b {
		if !strings.HasPrefix(class, aliasMark) {
			continue
		}
		delete(b, class)
		if to := aliases[class]; to != "" && to != used {
			b[to] += p
		} else {
			out += p
		}
	}
	out += b[used]
	delete(b, used)
	if out < 1 {
		for class := range b {
			b[class] /= 1 - out
		}
	}
}

// guess is a class with its probability.
type guess struct {
	Class   string  `json:"class"`
	P       float64 `json:"p"`
	Sure    float64 `json:"sure,omitempty"`    // P, calibrated
	Support int     `json:"support,omitempty"` // sessions behind what would be said
	// What would be said, and the calls that it spares in the mean, for Replay.
	Commands []string `json:"-"`
	Saved    float64  `json:"-"`
}

// maxGuesses bounds what is kept of a belief.
const maxGuesses = 24

// predict says what will resolve a failure: the specific classes, the likeliest
// first. The probabilities leave room for everything else.
func (m *Miner) predict(s *situation, aliases map[string]string, at time.Time) []guess {
	b := belief{}
	for _, id := range s.shared() {
		if n, ok := m.memory.peek(id); ok {
			b.refine(n, at, m.opt.HalfLife)
		}
	}
	b.resolve(aliases, s.Used)
	for _, id := range s.own() {
		if n, ok := m.memory.peek(id); ok {
			b.refine(n, at, m.opt.HalfLife)
		}
	}
	delete(b, s.Used)
	out := make([]guess, 0, len(b))
	for class, p := range b {
		if specific(class) {
			out = append(out, guess{Class: class, P: p})
		}
	}
	slices.SortFunc(out, func(a, b guess) int {
		return cmp.Or(cmp.Compare(b.P, a.P), strings.Compare(a.Class, b.Class))
	})
	return out[:min(len(out), maxGuesses)]
}

// remember counts what resolved a failure, or what did not, in every context.
// A session counts once for each.
func (m *Miner) remember(s *session, f *failure, fm *form, at time.Time, worked bool) {
	sign := "-"
	if worked {
		sign = "+"
	}
	count := func(id, class string, weight float64) {
		if s.once("m" + digest(id+"\x00"+class) + sign) {
			m.node(id).add(class, f.Situation.Value, worked, weight, at, m.opt.HalfLife)
		}
	}
	classes := fm.sharedClasses(f.Aliases)
	for _, id := range f.Situation.shared() {
		for _, class := range classes {
			count(id, class, 1/float64(len(classes)))
		}
	}
	for _, id := range f.Situation.own() {
		count(id, fm.Class, 1)
	}
}

func (m *Miner) node(id string) *node {
	n := m.memory.touch(id, func() *node { return &node{} })
	m.memory.trim(m.opt.MaxContexts, func(*node) { m.stats.DroppedContexts++ })
	return n
}

// sharedClasses are what other projects may know of the class: what it was to
// its own project, and its name when all of its words are public. Both share
// the evidence; where an alias stands for nothing the name is left.
func (fm *form) sharedClasses(aliases map[string]string) []string {
	var out []string
	for _, a := range aliasOrder {
		if aliases[a] == fm.Class {
			out = append(out, a)
			break
		}
	}
	if !specific(fm.Class) || public(fm.Actions) && publicClass(fm.Class) {
		out = append(out, fm.Class)
	}
	if out == nil {
		return []string{classOther}
	}
	return out
}

func publicClass(class string) bool {
	_, rest, _ := strings.Cut(class, " ")
	for _, w := range strings.Fields(strings.ReplaceAll(rest, ",", " ")) {
		if !publicWord(strings.TrimPrefix(w, "+")) {
			return false
		}
	}
	return true
}

// why says where a class is known from: the narrowest context that counted it.
func (m *Miner) why(s *situation, class string) string {
	own, shared := s.own(), s.shared()
	ids := append(shared, own...)
	words := [...]string{
		"in any project", "for this purpose in any project", "for this purpose in this language", "for this kind of error in any project",
		"for this kind of error and purpose in any project", "for this very error in any project", "for this kind of error and command in any project",
		"for this very error and command in any project", "for this purpose in this project", "for this kind of error in this project",
		"for this very error in this project", "for this kind of error and command in this project", "for this very error and command in this project",
	}
	for i := len(ids) - 1; i >= 0; i-- {
		n, ok := m.memory.peek(ids[i])
		if !ok {
			continue
		}
		for j := range n.Counts {
			if t := &n.Counts[j]; t.Class == class && t.Succ.N > 0 {
				return fmt.Sprintf("%.0f of %.0f resolutions %s", t.Succ.N, n.Total.N, words[i])
			}
		}
	}
	return "what this project uses for this purpose"
}
