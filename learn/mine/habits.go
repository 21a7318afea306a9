package mine

import (
	"fmt"
	"slices"

	"lathe/learn"
)

// habit is a hypothesis on how a task is gone about that no pattern of near
// steps can say: something done before the first edit or after the last one,
// at all, or each time. The list is fixed. It uses no verdict on work that was
// done, for such a verdict may have decided the outcome.
type habit struct {
	title    string // "test after the last edit"
	sentence string // "tests after the last edit"
	// find reports whether the task has the habit and the steps that show it:
	// as many in each task, none for a habit of leaving something out.
	find func(*taskSeq) ([]int, bool)
}

// looking and checking are what an agent does on its own account. Whether it
// creates, installs or deletes is rather asked of it: that would tell tasks
// apart, not ways to go about them.
var (
	looking  = []learn.Intent{learn.IntentRead, learn.IntentSearch, learn.IntentList}
	checking = []learn.Intent{learn.IntentTest, learn.IntentRun, learn.IntentBuild, learn.IntentLint, learn.IntentTypecheck, learn.IntentFormat, learn.IntentVCS}
)

// allHabits is the list.
func allHabits() []habit {
	all := append(generalHabits(), habitsOfWork()...)
	for _, x := range looking {
		all = append(all, before(x))
	}
	for _, x := range checking {
		all = append(all, before(x), after(x))
	}
	for _, x := range checking {
		all = append(all, ever(x))
	}
	return all
}

func is(intents ...learn.Intent) func(*seqStep) bool {
	return func(s *seqStep) bool { return slices.Contains(intents, s.Intent) }
}

// next is the first step from i on for which ok holds, or -1.
func (t *taskSeq) next(i int, ok func(*seqStep) bool) int {
	for ; i < len(t.Steps); i++ {
		if ok(&t.Steps[i]) {
			return i
		}
	}
	return -1
}

// edits are the first and last edit, or -1.
func (t *taskSeq) edits() (first, last int) {
	first, last = -1, -1
	for i := range t.Steps {
		if t.Steps[i].Intent == learn.IntentEdit {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	return first, last
}

// beforeFirstEdit finds a step before the first edit, and that edit.
func (t *taskSeq) beforeFirstEdit(ok func(*seqStep) bool) ([]int, bool) {
	first, _ := t.edits()
	i := t.next(0, ok)
	return []int{i, first}, i >= 0 && i < first
}

func before(x learn.Intent) habit {
	return habit{fmt.Sprintf("%s before the first edit", x), fmt.Sprintf("a %s step comes before the first edit", x),
		func(t *taskSeq) ([]int, bool) { return t.beforeFirstEdit(is(x)) }}
}

func after(x learn.Intent) habit {
	return habit{fmt.Sprintf("%s after the last edit", x), fmt.Sprintf("a %s step comes after the last edit", x),
		func(t *taskSeq) ([]int, bool) {
			_, last := t.edits()
			i := t.next(last+1, is(x))
			return []int{last, i}, last >= 0 && i >= 0
		}}
}

func ever(x learn.Intent) habit {
	return habit{fmt.Sprintf("%s at all", x), fmt.Sprintf("there is a %s step", x),
		func(t *taskSeq) ([]int, bool) {
			i := t.next(0, is(x))
			return []int{i}, i >= 0
		}}
}

// generalHabits are those that are not about one intent.
func generalHabits() []habit {
	try := is(learn.IntentRun, learn.IntentTest)
	return []habit{
		{"see it fail before the first edit", "a run or test fails before the first edit",
			func(t *taskSeq) ([]int, bool) {
				return t.beforeFirstEdit(func(s *seqStep) bool { return s.Failed && try(s) })
			}},
		{"run or test before the first edit", "a run or test comes before the first edit",
			func(t *taskSeq) ([]int, bool) { return t.beforeFirstEdit(try) }},
		{"run or test before the first and after the last edit", "runs or tests come both before the first and after the last edit",
			func(t *taskSeq) ([]int, bool) {
				at, ok := t.beforeFirstEdit(try)
				_, last := t.edits()
				i := t.next(last+1, try)
				return append(at, i), ok && i >= 0
			}},
		{"run or test after every edit", "a run or test follows each edit before something else is edited",
			func(t *taskSeq) ([]int, bool) { return t.triesEach(try) }},
		{"two different test commands", "at least two different test commands are run",
			func(t *taskSeq) ([]int, bool) { return t.differentTests(2) }},
		{"three different test commands", "at least three different test commands are run",
			func(t *taskSeq) ([]int, bool) { return t.differentTests(3) }},
		{"never three failures in a row", "no three calls in a row fail",
			func(t *taskSeq) ([]int, bool) { return nil, t.failuresInARow() < 3 }},
	}
}

// triesEach reports whether between an edit and the next burst of edits, and
// after the last, there is a try. Edits in a row are one.
func (t *taskSeq) triesEach(try func(*seqStep) bool) ([]int, bool) {
	first, _ := t.edits()
	if first < 0 {
		return nil, false
	}
	shown, open := -1, false
	for i := first; i < len(t.Steps); i++ {
		s := &t.Steps[i]
		switch {
		case try(s):
			if open = false; shown < 0 {
				shown = i
			}
		case s.Intent == learn.IntentEdit && open && t.Steps[i-1].Intent != learn.IntentEdit:
			return nil, false
		case s.Intent == learn.IntentEdit:
			open = true
		}
	}
	return []int{first, shown}, !open
}

func (t *taskSeq) differentTests(n int) (at []int, ok bool) {
	var seen []string
	for i := range t.Steps {
		s := &t.Steps[i]
		text := s.Tool + s.Skeleton + s.Command
		if s.Intent == learn.IntentTest && !slices.Contains(seen, text) {
			if seen, at = append(seen, text), append(at, i); len(at) == n {
				return at, true
			}
		}
	}
	return nil, false
}

func (t *taskSeq) failuresInARow() (most int) {
	n := 0
	for i := range t.Steps {
		if n++; !t.Steps[i].Failed {
			n = 0
		}
		most = max(most, n)
	}
	return most
}
