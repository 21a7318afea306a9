package diagnose

import (
	"slices"
	"strings"

	"lathe/learn/lazyregexp"
)

// view is a conversation with what the signals ask of it.
type view struct {
	turns  []turnRead
	order  []int          // of each contributing turn among those of substance
	first  map[string]int // the turn in which each word stands first
	origin int            // the turn that brought the final answer, or -1
	end    int            // the first turn that ends the task, or -1
	plans  []bool         // the turns that only announce
	news   []int          // how many specific things each turn brings
}

func newView(turns []turnRead) *view {
	v := &view{turns: turns, order: make([]int, len(turns)), first: map[string]int{}, origin: -1, end: -1}
	for i := range turns {
		for _, w := range wordsOf(turns[i].body) {
			if _, ok := v.first[w]; !ok {
				v.first[w] = i
			}
		}
	}
	v.plans, v.news = make([]bool, len(turns)), make([]int, len(turns))
	n := 0
	for i := range turns {
		v.news[i], v.plans[i] = v.freshSpecifics(i), v.announces(i)
		v.order[i] = n
		if turns[i].kind == kindWork && !v.plans[i] {
			n++
		} else if turns[i].kind == kindWork {
			v.order[i] = max(n, 1) // an announcement is never the first contribution
		}
	}
	for i := len(turns) - 1; i >= 0; i-- {
		if v.ends(i) {
			v.end = i
		}
	}
	v.origin = v.answerOrigin()
	return v
}

// fresh reports whether a thing that turn i states holds a word that stands
// nowhere before.
func (v *view) fresh(thing string, i int) bool {
	return slices.ContainsFunc(wordsOf(thing), func(w string) bool { return v.first[w] == i })
}

// wordsOf splits at whatever is neither letter, digit nor inside a number.
func wordsOf(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r < 0x80 && r != '.' && r != '_' && !wordByte(string(r), 0) })
}

// plain is a turn's text without code.
func (v *view) plain(i int) string { return withoutCode(v.turns[i].body) }

// machineAfter is the answer of a program to turn i, if the next turn that
// says something is one.
func (v *view) machineAfter(i int) *turnRead {
	for j := i + 1; j < len(v.turns); j++ {
		if v.turns[j].kind == kindMachine {
			return &v.turns[j]
		}
		if v.turns[j].kind == kindWork {
			return nil
		}
	}
	return nil
}

func (v *view) actionFailed(i int) bool {
	m := v.machineAfter(i)
	return v.turns[i].acts && m != nil && m.failed
}

// unsupported is the share of what a turn states that stands nowhere before
// it, from 0 to 1; half of it must, and a turn that states nothing gives 0.
func (v *view) unsupported(i int) float64 {
	t := &v.turns[i]
	if t.note != nil || deed.MatchString(t.Text) || len(t.specifics) == 0 {
		return 0
	}
	fresh := v.news[i]
	if !resultWords.MatchString(v.plain(i)) && fresh < 3 {
		return 0
	}
	return flag(2*fresh >= len(t.specifics)) * min(1, float64(fresh)/2)
}

// listNumber reports whether s is what numbers a list.
func listNumber(s string) bool { return len(s) <= 2 && s[0] >= '0' && s[0] <= '9' }

// announces reports that a turn says what will be done and does none of it: an
// instruction, unless it is a repeated one, a coordinator's note that the task
// is not done, or text most of which is plan.
func (v *view) announces(i int) bool {
	t := &v.turns[i]
	switch {
	case t.acts || t.kind != kindWork:
		return false
	case t.To != "":
		return !v.repeats(i)
	case t.note != nil:
		return !t.note.satisfied
	}
	return !ending.MatchString(t.body) && mostlyPlan(v.plain(i))
}

func mostlyPlan(text string) bool {
	plans, all := 0, 0
	for _, s := range sentences.Split(text, 200) {
		if len(strings.Fields(s)) < 4 {
			continue
		}
		all++
		if planWords.MatchString(s) && !resultWords.MatchString(s) {
			plans++
		}
	}
	return all > 0 && 2*plans > all
}

// breaksOff reports that the turn is the last one and holds a crash.
func (v *view) breaksOff(i int) bool {
	for j := i + 1; j < len(v.turns); j++ {
		if v.turns[j].kind == kindWork {
			return false
		}
	}
	return crash.MatchString(v.turns[i].body)
}

// progress reports that a coordinator's next note takes the turn as progress.
func (v *view) progress(i int) bool {
	for j := i + 1; j < len(v.turns); j++ {
		if t := &v.turns[j]; t.kind == kindWork {
			return t.note != nil && !t.note.loop && !t.note.stuck
		}
	}
	return false
}

func (v *view) freshSpecifics(i int) int {
	n := 0
	for _, s := range v.turns[i].specifics {
		if !listNumber(s) && v.fresh(s, i) {
			n++
		}
	}
	return n
}

// questioned reports that the next contribution finds something wrong.
func (v *view) questioned(i int) bool {
	for j := i + 1; j < len(v.turns); j++ {
		t := &v.turns[j]
		if t.kind != kindWork {
			continue
		}
		if t.note != nil {
			return t.note.loop || t.note.stuck
		}
		first, _, _ := strings.Cut(strings.TrimSpace(t.body), "\n\n")
		return objection.MatchString(first)
	}
	return false
}

// closes reports that a turn ends the task with words of its own, and is the
// first to do so.
func (v *view) closes(i int) bool {
	return i == v.end && !v.turns[i].acts
}

func (v *view) ends(i int) bool {
	t := &v.turns[i]
	return t.kind == kindWork && (t.note != nil && t.note.satisfied || t.note == nil && ending.MatchString(t.body))
}

// repairs reports that the turn answers a failure that was seen before it.
func (v *view) repairs(i int) bool {
	for j := i - 1; j >= 0; j-- {
		switch v.turns[j].kind {
		case kindMachine:
			return v.turns[j].failed
		case kindWork:
			return false
		}
	}
	return false
}

// repeats reports that the same agent said much the same before, for the first
// time that it does.
func (v *view) repeats(i int) bool {
	t := &v.turns[i]
	for j := i - 1; j >= 0 && j >= i-20; j-- {
		if o := &v.turns[j]; o.kind == kindWork && o.Agent == t.Agent && (o.note == nil) == (t.note == nil) && alike(o.body, t.body) {
			return t.note == nil
		}
	}
	return false
}

// alike reports that two texts share four fifths of their words.
func alike(a, b string) bool {
	wa, wb := words(a), words(b)
	if len(wa) < 5 || len(wb) < 5 {
		return false
	}
	shared := 0
	for w := range wa {
		if wb[w] {
			shared++
		}
	}
	return 5*shared >= 4*(len(wa)+len(wb)-shared)
}

func words(s string) map[string]bool {
	out := map[string]bool{}
	for _, w := range firstWords(s) {
		out[w] = true
	}
	return out
}

var finalAnswer = lazyregexp.New(`(?i)final answer:?\**\s*([^\n]{1,200})`)

// answerOrigin is the turn that brought what the conversation ended with: the
// one in which it first stands, or the one whose action made a program print
// it.
func (v *view) answerOrigin() int {
	answer := ""
	for i := len(v.turns) - 1; i >= 0 && answer == ""; i-- {
		t := &v.turns[i]
		if m := finalAnswer.FindStringSubmatch(t.body); m != nil {
			answer = strings.Trim(normalised(m[1]), " .*`\"")
		} else if t.kind == kindWork && t.note == nil && len(t.specifics) > 0 && ending.MatchString(t.body) {
			answer = t.specifics[len(t.specifics)-1]
		}
	}
	if len(answer) < 2 {
		return -1
	}
	for i := range v.turns {
		if v.turns[i].kind == kindTask || !strings.Contains(v.turns[i].body, answer) {
			continue
		}
		for i > 0 && v.turns[i].kind != kindWork {
			i--
		}
		return i
	}
	return -1
}

// firstWords are the first two hundred.
func firstWords(s string) []string {
	all := strings.Fields(s)
	return all[:min(200, len(all))]
}
