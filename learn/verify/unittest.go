package verify

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	unittestRan   = lazyregexp.New(`^Ran (\d+) tests? in [\d.]+s$`)
	unittestEnd   = lazyregexp.New(`^(OK|FAILED|NO TESTS RAN)(?: \(([^)]*)\))?$`)
	unittestTerm  = lazyregexp.New(`([A-Za-z ]+)=(\d+)`)
	unittestName  = lazyregexp.New(`^(FAIL|ERROR): (\S.*)$`)
	djangoMarkers = lazyregexp.New(`^(Testing against Django installed in|Creating test database for alias|Destroying test database for alias|System check identified)`)
)

func runsUnittest(inv *invocation) bool {
	return inv.program == "unittest" || strings.HasPrefix(inv.program, "nosetests") || strings.HasPrefix(inv.program, "nose2") || inv.program == "nose"
}

// runsDjango takes Django's own tests/runtests.py and a project's "manage.py
// test".
func runsDjango(inv *invocation) bool {
	switch inv.program {
	case "runtests.py":
		return true
	case "manage.py", "django-admin", "django":
		return len(inv.args) > 0 && inv.args[0] == "test"
	}
	return false
}

func readUnittest(out *output, inv *invocation) []learn.Verification {
	if inv == nil && isDjango(out) {
		return nil // readDjango takes it
	}
	tool := "unittest"
	switch {
	case inv == nil:
	case strings.HasPrefix(inv.program, "nose2"):
		tool = "nose2"
	case strings.HasPrefix(inv.program, "nose"):
		tool = "nose"
	}
	return readRan(out, tool, inv != nil)
}

func readDjango(out *output, inv *invocation) []learn.Verification {
	if inv == nil && !isDjango(out) {
		return nil
	}
	return readRan(out, "django", inv != nil)
}

func isDjango(out *output) bool {
	for _, line := range out.lines {
		if djangoMarkers.MatchString(line) {
			return true
		}
	}
	return false
}

// readRan reads unittest's closing lines, "Ran 3 tests in 0.001s" and then
// "OK" or "FAILED (failures=1, errors=1)": one verification for each. A bare
// OK is no verdict, since Python before 3.12 also prints it after no test.
func readRan(out *output, tool string, named bool) []learn.Verification {
	var found []learn.Verification
	var failing names
	ran := -1
	for _, line := range out.lines {
		if m := unittestName.FindStringSubmatch(line); m != nil {
			failing.add(unittestID(m[2]))
			continue
		}
		if m := unittestRan.FindStringSubmatch(line); m != nil {
			ran = count(m[1])
			continue
		}
		m := unittestEnd.FindStringSubmatch(line)
		if m == nil || (ran < 0 && (!named || m[1] != "FAILED")) {
			continue
		}
		v := learn.Verification{Kind: learn.VerifyTest, Tool: tool, FailingNames: failing.list}
		unittestCounts(&v, m[1], m[2], ran)
		found = append(found, v)
		failing, ran = names{}, -1
	}
	if len(failing.list) > 0 && named && len(found) == 0 {
		found = append(found, learn.Verification{
			Kind: learn.VerifyTest, Tool: tool, Failed: len(failing.list), FailingNames: failing.list,
		})
	}
	return found
}

func unittestCounts(v *learn.Verification, word, terms string, ran int) {
	unexpected := 0
	for _, t := range unittestTerm.FindAllStringSubmatch(terms, -1) {
		n := count(t[2])
		switch strings.ToLower(strings.TrimSpace(t[1])) {
		case "failures":
			v.Failed += n
		case "errors":
			v.Errors += n
		case "skipped", "skip", "expected failures":
			v.Skipped += n
		case "unexpected successes":
			unexpected += n
		}
	}
	v.Failed += unexpected
	v.Passed = max(0, ran-v.Failed-v.Errors-v.Skipped)
	*v = conclude(*v)
	if word != "OK" {
		v.OK = false
	}
}

// unittestID turns "test_x (mod.Class.test_x)" and "test_x (mod.Class)" into
// mod.Class.test_x.
func unittestID(s string) string {
	name, class, ok := strings.Cut(s, " (")
	class, _, closed := strings.Cut(class, ")")
	if !ok || !closed || strings.ContainsAny(class, " =") {
		return s
	}
	if class == name || strings.HasSuffix(class, "."+name) {
		return class
	}
	return class + "." + name
}
