package verify

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	gradleEnd    = lazyregexp.New(`^BUILD (SUCCESSFUL|FAILED) in `)
	gradleCounts = lazyregexp.New(`^(\d+) tests? completed(?:, (\d+) failed)?(?:, (\d+) skipped)?$`)
	gradleTest   = lazyregexp.New(`^(\S+(?: > \S.*?)+) (PASSED|FAILED|SKIPPED)$`)
	// "> Task :app:test UP-TO-DATE", ":test" in old versions.
	gradleTask = lazyregexp.New(`^(?:> Task )?((?::[\w.-]+)+)(?: (UP-TO-DATE|FROM-CACHE|NO-SOURCE|SKIPPED|FAILED))?(?:WARNING:.*)?$`)
	gradleGlue = lazyregexp.New(`^(?::[A-Za-z]\w*)+(/)`)
	gradleWhy  = lazyregexp.New(`^Execution failed for task '((?::[\w.-]+)+)'\.$`)
)

// gradleRun is what was seen of one Gradle run.
type gradleRun struct {
	passed, failed, skipped int // tests that were named
	completed, counted      int
	countFailed, countSkip  int
	testTasks               int // that ran, or whose results still hold
	failing                 names
	ended, success          bool
	failedTask              string
	compiled                bool
	noTests                 bool
}

// readGradle reads Gradle: a test verification when a test task ran, and a
// build verification for everything else. Gradle does not say how many tests
// passed unless it is told to: then Passed counts the test tasks.
func readGradle(out *output, inv *invocation) []learn.Verification {
	var r gradleRun
	for _, line := range out.lines {
		r.line(line)
	}
	if inv != nil && asksOnly(inv.args) || r.noTests {
		return nil
	}
	test := learn.Verification{Kind: learn.VerifyTest, Tool: "gradle", FailingNames: r.failing.list}
	test.Passed, test.Failed, test.Skipped = r.passed, r.failed, r.skipped
	if r.counted > 0 {
		test.Failed, test.Skipped = r.countFailed, r.countSkip
		test.Passed = max(0, r.completed-r.countFailed-r.countSkip)
	}
	if test.Failed == 0 && test.Passed == 0 && r.success && r.testTasks > 0 {
		test.Passed = r.testTasks
	}
	build := learn.Verification{Kind: learn.VerifyBuild, Tool: "gradle"}
	switch {
	case test.Failed > 0:
		return []learn.Verification{conclude(test)}
	case r.ended && !r.success:
		return r.failure(out, build)
	case r.success && test.Passed > 0:
		return out.wholly(conclude(test), inv, "BUILD FAILED in 1s")
	case r.success && r.compiled, out.blank && silent(out, inv) && quiet(inv):
		build.OK = true
		return []learn.Verification{build}
	}
	return nil
}

// failure is a build that failed without failing tests; one that did not get
// to run a task (no such task, nothing to download from) is no verdict.
func (r *gradleRun) failure(out *output, build learn.Verification) []learn.Verification {
	if r.failedTask == "" || hasLine(out, "> Could not resolve all") || hasLine(out, "> No tests found for given includes") {
		return nil
	}
	// Old versions print the first error behind the task's name.
	glued := &output{lines: make([]string, len(out.lines))}
	for i, line := range out.lines {
		glued.lines[i] = gradleGlue.ReplaceAllString(line, "$1")
	}
	compile := readJavac(glued, nil)
	build.Errors = 1
	if len(compile) > 0 {
		build.Errors, build.FailingNames = compile[0].Errors, compile[0].FailingNames
	}
	return []learn.Verification{build}
}

func (r *gradleRun) line(line string) {
	if m := gradleEnd.FindStringSubmatch(line); m != nil {
		r.ended, r.success = true, m[1] == "SUCCESSFUL"
		return
	}
	if m := gradleCounts.FindStringSubmatch(line); m != nil {
		r.counted++
		r.completed += count(m[1])
		r.countFailed += count(m[2])
		r.countSkip += count(m[3])
		return
	}
	if m := gradleWhy.FindStringSubmatch(line); m != nil {
		r.failedTask = m[1]
		return
	}
	if m := gradleTask.FindStringSubmatch(line); m != nil {
		r.task(m[1], m[2])
		return
	}
	if m := gradleTest.FindStringSubmatch(line); m != nil {
		switch m[2] {
		case "PASSED":
			r.passed++
		case "FAILED":
			r.failed++
			r.failing.add(m[1])
		default:
			r.skipped++
		}
	}
}

func (r *gradleRun) task(path, state string) {
	name := path[strings.LastIndexByte(path, ':')+1:]
	if state == "NO-SOURCE" || state == "SKIPPED" {
		return
	}
	lower := strings.ToLower(name)
	switch {
	case strings.Contains(lower, "compile"), lower == "classes", lower == "assemble", lower == "build", lower == "jar":
		r.compiled = true
	case lower == "test", strings.HasSuffix(lower, "test"), lower == "alltests":
		if state != "FAILED" {
			r.testTasks++
		}
	}
}
