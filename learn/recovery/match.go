package recovery

import (
	"path"
	"slices"
	"strings"

	"lathe/learn"
)

// resolves reports whether a success closes f: the same intent, and the same
// target when the failing call has one. A check of everything covers a check
// of one target.
func resolves(f *failure, st step) bool {
	if st.Intent != f.Call.Intent || asksProgram(st) || f.ranLess(st) {
		return false
	}
	if st.Intent == learn.IntentVCS && commandClass(f.Call.Command) != commandClass(st.Command) {
		return false // a configured name is not yet a commit
	}
	if f.targetMissing() {
		return st.Program == f.Call.Program
	}
	if !sameUnknown(f.Call, st) {
		return false
	}
	if f.Call.Target != "" {
		if st.Target == "" {
			return verifies(st) || st.Intent == learn.IntentBuild || st.Intent == learn.IntentInstall
		}
		return sameTarget(f.Call.Target, st.Target)
	}
	if st.Intent == learn.IntentOther || st.Intent == learn.IntentRun {
		return st.Tool == f.Call.Tool && related(f.Call, st)
	}
	return true
}

// sameUnknown keeps two commands of unknown purpose apart that run different
// programs, unless one runs what the other is about (sh x.sh, then ./x.sh).
func sameUnknown(a, b step) bool {
	if a.Intent != learn.IntentOther && a.Intent != learn.IntentRun || a.Command == "" || a.Target == "" {
		return true
	}
	return a.Program == b.Program || a.Program == b.Target || a.Target == b.Program
}

// ranLess reports whether a step runs less than what failed: some of the tests,
// or the file that a test runner was to check by itself, and prints nothing
// that reads as a check. A file of tests that is run so passes without running
// one.
func (f *failure) ranLess(st step) bool {
	if f.Call.Intent == learn.IntentTest && narrows(st.Command, f.Call.Command) {
		return true // some of the tests pass, which the failing ones are not among
	}
	if f.Call.Intent != learn.IntentTest || st.Checked || f.Call.Target == "" {
		return false
	}
	ran := commandClass(st.Command)
	return samePath(ran, f.Call.Target) && commandClass(f.Call.Command) != ran
}

// asksProgram reports whether a call only asks a program about itself, which
// succeeds whatever is broken.
func asksProgram(st step) bool {
	for _, w := range tokens(st.Command) {
		if w == "--version" || w == "--help" {
			return true
		}
	}
	return false
}

// repeats reports whether a failing call repeats the one of f, so that the
// return of its signature says something about what was done between.
func repeats(f *failure, st step) bool {
	return st.Intent == f.Call.Intent && (f.Call.Target == "" || st.Target == "" || sameTarget(f.Call.Target, st.Target))
}

// related keeps two runs of unknown purpose apart unless they share the
// program or an argument.
func related(a, b step) bool {
	if a.Program == b.Program {
		return true
	}
	for _, x := range a.Args {
		for _, y := range b.Args {
			if len(x) > 2 && x == y {
				return true
			}
		}
	}
	return a.Command == "" && b.Command == ""
}

// sameTarget compares targets that different programs spell differently:
// tests/a/test_b.py, tests/a/test_b.py::TestC and a.test_b.
func sameTarget(a, b string) bool {
	if a == b || samePath(a, b) {
		return true
	}
	x, y := targetParts(a), targetParts(b)
	if len(x) == 0 || len(y) == 0 {
		return false
	}
	short, long := x, y
	if len(short) > len(long) {
		short, long = long, short
	}
	return strings.Contains("/"+strings.Join(long, "/")+"/", "/"+strings.Join(short, "/")+"/")
}

// targetParts are the parts of a test's file or dotted name, without the
// names inside of the file.
func targetParts(t string) []string {
	t, _, _ = strings.Cut(t, "::")
	if ext := path.Ext(t); strings.Contains(t, "/") || ext == ".py" || ext == ".go" || ext == ".js" || ext == ".ts" || ext == ".rs" {
		t = strings.TrimSuffix(t, ext)
	} else {
		t = strings.ReplaceAll(t, ".", "/")
	}
	return strings.FieldsFunc(t, func(r rune) bool { return r == '/' })
}

// targetMissing reports whether a check failed because what it was asked to
// check is what the error says is not there (a script, a rule, a test file):
// then another target of the same program is the answer.
func (f *failure) targetMissing() bool {
	if !verifies(f.Call) && f.Call.Intent != learn.IntentBuild {
		return false
	}
	words := strings.Fields(head(tokens(f.Call.Command)))
	for _, v := range f.Captures {
		if v == f.Call.Target || len(words) > 2 && words[1] == "run" && v == words[2] {
			return true
		}
	}
	return false
}

// pass notes which open failures a failing attempt got past.
func (s *session) pass(st step, index int, sigs []learn.ErrorSignature) {
	for i := range s.Open {
		f := &s.Open[i]
		same := slices.ContainsFunc(sigs, func(sig learn.ErrorSignature) bool { return sig.ID == f.SigID })
		if !same && resolves(f, st) && (f.Past == nil || !sameHead(*f.Past, st)) {
			f.Past, f.PastIndex = &st, index
		}
	}
}

// waits reports whether a success of another program is not yet the end of a
// failure: an attempt got past it, and edits since deal with what that found.
func (s *session) waits(f *failure, st step) bool {
	return f.Past != nil && !sameHead(*f.Past, st) &&
		slices.ContainsFunc(s.between(f.PastIndex, s.Base+len(s.Window)), isEdit)
}

func sameHead(a, b step) bool {
	return a.Tool == b.Tool && head(tokens(a.Command)) == head(tokens(b.Command))
}
