package mine

import (
	"bytes"
	"encoding/json"
	"path"
	"slices"
	"strings"

	"lathe/learn"
)

// habitsOfWork are relations between steps: the same command again, a file
// that was read before it was edited, an object that was looked up before it
// was changed.
func habitsOfWork() []habit {
	try := is(learn.IntentRun, learn.IntentTest)
	return []habit{
		{"the same try before the first and after the last edit", "the same run or test comes before the first and after the last edit",
			func(t *taskSeq) ([]int, bool) { return t.sameTry(try) }},
		{"what failed before the edit is tried again after it", "a run or test that failed before the first edit is repeated after the last",
			func(t *taskSeq) ([]int, bool) { return t.sameTry(func(s *seqStep) bool { return s.Failed && try(s) }) }},
		{"a new script is run before the first edit", "a new file is written and run before anything is edited",
			func(t *taskSeq) ([]int, bool) { return t.reproduces() }},
		{"every edited file is read first", "each file is read or searched before its first edit",
			func(t *taskSeq) ([]int, bool) { return t.readsFirst() }},
		{"a test is read before the first edit", "a test is read before the first edit",
			func(t *taskSeq) ([]int, bool) {
				return t.beforeFirstEdit(func(s *seqStep) bool { return is(looking...)(s) && aboutTests(s.Target) })
			}},
		{"a test is written or changed", "a test is written or changed",
			func(t *taskSeq) ([]int, bool) {
				i := t.next(0, func(s *seqStep) bool { return is(learn.IntentEdit, learn.IntentCreate)(s) && aboutTests(s.Target) })
				return []int{i}, i >= 0
			}},
		{"what was created is deleted", "a file that was created is deleted after the last edit",
			func(t *taskSeq) ([]int, bool) { return t.cleansUp() }},
		{"no failed call is repeated unchanged", "no failed call is repeated before something else is done",
			func(t *taskSeq) ([]int, bool) { return nil, !t.repeatsFailure() }},
		{"every change is of something looked up", "each call that changes something names an object that an earlier call looked up",
			func(t *taskSeq) ([]int, bool) { return t.looksUp() }},
		{"one edit is enough", "there is one edit only",
			func(t *taskSeq) ([]int, bool) {
				first, last := t.edits()
				return []int{first}, first >= 0 && first == last
			}},
	}
}

// aboutTests is whether a path is of a test by any common convention.
func aboutTests(target string) bool {
	for _, part := range strings.FieldsFunc(strings.ToLower(target), func(r rune) bool { return strings.ContainsRune("/._-", r) }) {
		if part == "test" || part == "tests" || part == "spec" || strings.HasPrefix(path.Base(part), "test") {
			return true
		}
	}
	return false
}

// sameTry finds a try before the first edit, that edit, and the same try after
// the last one.
func (t *taskSeq) sameTry(ok func(*seqStep) bool) ([]int, bool) {
	first, last := t.edits()
	for i := 0; i < first; i++ {
		s := &t.Steps[i]
		if !ok(s) {
			continue
		}
		j := t.next(last+1, func(x *seqStep) bool { return x.call() == s.call() })
		if j >= 0 {
			return []int{i, first, j}, true
		}
	}
	return nil, false
}

// call is what was called, as far as it is kept.
func (s *seqStep) call() string {
	return s.Tool + "\x00" + s.Skeleton + "\x00" + s.Command + "\x00" + s.Target + "\x00" + string(s.Params)
}

// reproduces finds a file that is created and then run, before the first edit.
func (t *taskSeq) reproduces() ([]int, bool) {
	first, _ := t.edits()
	for i := 0; i < first; i++ {
		s := &t.Steps[i]
		if s.Intent != learn.IntentCreate || s.Target == "" {
			continue
		}
		j := t.next(i+1, func(x *seqStep) bool {
			return is(learn.IntentRun, learn.IntentTest)(x) && path.Base(x.Target) == path.Base(s.Target)
		})
		if j >= 0 && j < first {
			return []int{i, j, first}, true
		}
	}
	return nil, false
}

func (t *taskSeq) readsFirst() (at []int, ok bool) {
	known := map[string]bool{}
	for i := range t.Steps {
		s := &t.Steps[i]
		if s.Target == "" {
			continue
		}
		if s.Intent == learn.IntentEdit && !known[s.Target] {
			return nil, false
		}
		if s.Intent == learn.IntentEdit && at == nil {
			at = []int{t.next(0, func(x *seqStep) bool { return x.Target == s.Target }), i}
		}
		if is(learn.IntentRead, learn.IntentSearch, learn.IntentCreate)(s) {
			known[s.Target] = true
		}
	}
	return at, at != nil
}

func (t *taskSeq) cleansUp() ([]int, bool) {
	_, last := t.edits()
	for i := range t.Steps {
		s := &t.Steps[i]
		if s.Intent != learn.IntentCreate || s.Target == "" {
			continue
		}
		j := t.next(max(last, i)+1, func(x *seqStep) bool {
			return x.Intent == learn.IntentDelete && strings.Contains(x.Command+" "+x.Target, path.Base(s.Target))
		})
		if last >= 0 && j >= 0 {
			return []int{i, j}, true
		}
	}
	return nil, false
}

func (t *taskSeq) repeatsFailure() bool {
	for i := 1; i < len(t.Steps); i++ {
		if t.Steps[i-1].Failed && t.Steps[i-1].call() == t.Steps[i].call() {
			return true
		}
	}
	return false
}

// looksUp looks at structured calls: each one that changes something, and the
// first of them with the call that looked its object up: one that had the same
// value among its parameters, or printed it.
func (t *taskSeq) looksUp() (at []int, ok bool) {
	for i := range t.Steps {
		s := &t.Steps[i]
		if s.Params == nil || !is(learn.IntentEdit, learn.IntentCreate, learn.IntentDelete)(s) {
			continue
		}
		j := slices.IndexFunc(t.Steps[:i], func(x seqStep) bool { return is(looking...)(&x) && related(s, &x) })
		if j < 0 {
			return nil, false
		}
		if at == nil {
			at = []int{j, i}
		}
	}
	return at, at != nil
}

func related(s, earlier *seqStep) bool {
	if slices.ContainsFunc(s.From, func(o origin) bool { return o.EventID == earlier.EventID }) {
		return true
	}
	var params any
	if json.Unmarshal(earlier.Params, &params) != nil {
		return false
	}
	found := false
	leaves(params, 0, func(v string) {
		quoted, err := json.Marshal(v)
		found = found || err == nil && len(v) >= minReference && bytes.Contains(s.Params, quoted)
	})
	return found
}
