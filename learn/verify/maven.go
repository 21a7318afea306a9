package verify

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	mavenPrefix = lazyregexp.New(`^\[(?:INFO|ERROR|WARNING|WARN|DEBUG)\] ?`)
	surefireRun = lazyregexp.New(`^Tests run: (\d+), Failures: (\d+), Errors: (\d+), Skipped: (\d+)(, Time elapsed.*)?$`)
	// "wrong(app.BadTest)  Time elapsed: 0.005 s  <<< FAILURE!" (Surefire 2),
	// "app.BadTest.wrong -- Time elapsed: 0.005 s <<< FAILURE!" (Surefire 3).
	surefireName = lazyregexp.New(`^(\S.*?)(?: --)? +Time elapsed: [\d.,]+ m?s +<<< (?:FAILURE|ERROR)!`)
	surefireOld  = lazyregexp.New(`^([^()\s]+)\(([\w.$]+)\)$`)
	mavenError   = lazyregexp.New(`^(/?\S.*?\.(?:java|kt|scala|groovy)):\[(\d+)(?:,\d+)?\] `)
	mavenErrors  = lazyregexp.New(`^(\d+) errors?$`)
)

// mavenRun is what was seen of one Maven run over its modules.
type mavenRun struct {
	tests          learn.Verification
	sums           int // closing lines of test runs
	classFailed    int // by class, when no closing line is there
	classErrors    int
	skipped, empty bool // tests were left out or there are none
	failing        names
	places         names
	compileErrors  int
	compiling      bool
	success, fail  bool
	unusable       bool // wrong use, no project, nothing to download from
	built          bool // some plugin of a build ran
}

// readMaven reads Maven with Surefire or Failsafe: a test verification that
// adds up the modules, and a build verification for what did not compile or,
// without tests, for how the build ended.
func readMaven(out *output, inv *invocation) []learn.Verification {
	r := mavenRun{tests: learn.Verification{Kind: learn.VerifyTest, Tool: "maven"}}
	for _, line := range out.lines {
		r.line(mavenPrefix.ReplaceAllString(line, ""))
	}
	if r.unusable || (inv != nil && asksOnly(inv.args)) {
		return nil
	}
	return r.verdicts(out, inv)
}

func (r *mavenRun) line(line string) {
	if m := surefireRun.FindStringSubmatch(line); m != nil {
		if m[5] != "" {
			r.classFailed += count(m[2])
			r.classErrors += count(m[3])
			return
		}
		r.sums++
		ran, failed, broken, skipped := count(m[1]), count(m[2]), count(m[3]), count(m[4])
		r.tests.Passed += max(0, ran-failed-broken-skipped)
		r.tests.Failed += failed
		r.tests.Errors += broken
		r.tests.Skipped += skipped
		return
	}
	if m := surefireName.FindStringSubmatch(line); m != nil {
		name := m[1]
		if old := surefireOld.FindStringSubmatch(name); old != nil {
			name = old[2] + "." + old[1]
		}
		r.failing.add(name)
		return
	}
	if m := mavenError.FindStringSubmatch(line); m != nil && r.compiling {
		r.places.add(m[1] + ":" + m[2])
		return
	}
	if m := mavenErrors.FindStringSubmatch(line); m != nil && r.compiling {
		r.compileErrors += count(m[1])
		r.compiling = false
		return
	}
	r.word(line)
}

func (r *mavenRun) word(line string) {
	switch {
	case strings.HasPrefix(line, "COMPILATION ERROR"):
		r.compiling = true
	case line == "BUILD SUCCESS":
		r.success = true
	case line == "BUILD FAILURE":
		r.fail = true
	case strings.HasPrefix(line, "Tests are skipped"):
		r.skipped = true
	case strings.HasPrefix(line, "No tests to run"), strings.HasPrefix(line, "There are no tests to run"), strings.Contains(line, "No tests were executed!"), strings.Contains(line, "No tests matching pattern"):
		r.empty = true
	case strings.HasPrefix(line, "--- ") && strings.Contains(line, "compile"):
		r.built = true
	case strings.HasPrefix(line, "The goal you specified requires a project"), strings.HasPrefix(line, "Unknown lifecycle phase"),
		strings.HasPrefix(line, "Could not resolve dependencies"), strings.Contains(line, "Could not resolve dependencies for project"),
		strings.Contains(line, "or one of its dependencies could not be resolved"), strings.HasPrefix(line, "No plugin found for prefix"):
		r.unusable = true
	}
}

func (r *mavenRun) verdicts(out *output, inv *invocation) []learn.Verification {
	build := learn.Verification{Kind: learn.VerifyBuild, Tool: "maven"}
	if n := max(r.compileErrors, len(r.places.list)); n > 0 || r.compiling {
		build.Errors, build.FailingNames = max(1, n), r.places.list
		return []learn.Verification{build}
	}
	if r.sums == 0 && r.classFailed+r.classErrors > 0 {
		r.tests.Failed, r.tests.Errors = r.classFailed, r.classErrors // the closing line was cut off
	}
	r.tests.FailingNames = r.failing.list
	r.tests = conclude(r.tests)
	switch {
	case r.sums+r.tests.Failed+r.tests.Errors > 0:
		found := out.wholly(r.tests, inv, "[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0")
		if r.fail && r.tests.OK {
			build.Errors = 1 // another plugin failed
			found = append(found, build)
		}
		return found
	case r.empty || r.skipped && r.success:
		return []learn.Verification{r.tests} // nothing was tested
	case r.fail:
		build.Errors = 1
		return []learn.Verification{build}
	case r.success && r.built, out.blank && silent(out, inv) && quiet(inv):
		build.OK = true
		return []learn.Verification{build}
	}
	return nil
}

// quiet reports whether a tool was asked to be so.
func quiet(inv *invocation) bool {
	for _, a := range inv.args {
		if a == "-q" || a == "--quiet" || a == "-s" || a == "--silent" {
			return true
		}
	}
	return false
}
