package verify

import (
	"encoding/json"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	goPackage  = lazyregexp.New(`^(ok  |FAIL|---|\?   )\t(\S+)(?:\t(.*)| (\[.*\]))?$`)
	goResult   = lazyregexp.New(`^( *)--- (PASS|FAIL|SKIP): (\S+) \([\d.]+s\)$`)
	goPosition = lazyregexp.New(`^\s*\S+\.go:\d+:\d+: `)
	goPanic    = lazyregexp.New(`^(panic: |fatal error: )`)
)

// runsGo gives a matcher for "go SUB", also with "go -C dir SUB".
func runsGo(subs ...string) func(*invocation) bool {
	return func(inv *invocation) bool {
		return inv.program == "go" && oneOf(subs...)(subcommand(inv.args, "-C"))
	}
}

// runsGoTest takes "go test", and a pipe of its events into gotestsum.
func runsGoTest(inv *invocation) bool { return runsGo("test")(inv) }

// hasFlag reports whether a flag is given, with or without "=value".
func hasFlag(inv *invocation, flag string) bool {
	for _, a := range inv.args {
		if a == flag || strings.HasPrefix(a, flag+"=") {
			return true
		}
	}
	return false
}

// subcommand is the first word that is no flag; flags in withValue take the
// next word.
func subcommand(args []string, withValue ...string) string {
	rest := dropFlagValue(args, withValue...)
	if len(rest) == 0 {
		return ""
	}
	return rest[0]
}

// goRun adds up one go test run over its packages.
type goRun struct {
	packagesOK, packagesBad, broken int
	passed, failed, skipped         int // tests without subtests, printed under -v, -json and for failures
	named                           bool
	failing                         names
	empty                           int  // packages with no tests, or none that matched
	misused                         int  // packages that do not exist
	lastFail, position              bool // FAIL alone or a panic; a place in a file
}

// readGoTest reads go test's text and its -json form, one verification for
// all packages. Passed counts tests where they are printed (-v, -json), else
// packages; Errors counts packages that did not build or panicked.
func readGoTest(out *output, inv *invocation) []learn.Verification {
	if inv != nil && (hasArg(inv, "-list") || hasArg(inv, "-c") || hasArg(inv, "-n")) {
		return nil // nothing is run
	}
	var r goRun
	jsonLines := 0
	for _, line := range out.lines {
		if strings.HasPrefix(line, `{"`) && r.jsonLine(line) {
			jsonLines++
			continue
		}
		r.textLine(line)
	}
	if r.packagesOK+r.packagesBad+r.empty+r.misused == 0 && (jsonLines == 0 && inv == nil || r.passed+r.failed == 0 && !r.lastFail) {
		return nil
	}
	v := learn.Verification{Kind: learn.VerifyTest, Tool: "go test", Skipped: r.skipped, FailingNames: r.failing.list}
	v.Passed, v.Failed, v.Errors = r.passed, r.failed, r.broken
	if v.Passed == 0 && v.Failed == 0 {
		v.Passed = r.packagesOK
	}
	if v.Failed+v.Errors == 0 && (r.packagesBad > 0 || r.lastFail) {
		v.Errors = max(1, r.packagesBad)
	}
	if inv != nil && hasFlag(inv, "-bench") && hasFlag(inv, "-run") && r.passed == 0 {
		v.Passed = 0 // only benchmarks were asked for
	}
	if r.packagesOK+r.packagesBad == 0 && v.Failed+v.Errors == 0 {
		v.Passed = 0 // tests may follow that were cut off
	}
	v = conclude(v)
	if v.OK && jsonLines > 0 && inv != nil && inv.seen == tailed && !inv.exitKnown {
		return nil // no line at the end tells of packages that failed before
	}
	return out.wholly(v, inv, "FAIL\tpackage\t0.001s")
}

func (r *goRun) textLine(line string) {
	if m := goResult.FindStringSubmatch(line); m != nil {
		r.result(m[3], strings.ToLower(m[2]), m[1] != "")
		return
	}
	if line == "FAIL" && r.misused == 0 {
		r.lastFail = true
		return
	}
	if goPanic.MatchString(line) {
		r.lastFail = true
		return
	}
	r.position = r.position || goPosition.MatchString(line)
	m := goPackage.FindStringSubmatch(line)
	if m == nil {
		return
	}
	note := m[3] + m[4]
	switch m[1] {
	case "ok  ":
		if strings.Contains(note, "[no tests to run]") {
			r.empty++
			return
		}
		r.packagesOK++
	case "FAIL":
		if note == "[setup failed]" && !r.position {
			r.misused++ // no such package: not a verdict
			return
		}
		r.packagesBad++
		if strings.HasPrefix(note, "[") { // [build failed], [setup failed]
			r.broken++
			r.failing.add(m[2])
		}
	case "?   ":
		r.empty++
	}
}

// result counts one test. A subtest's verdict is part of its parent's.
func (r *goRun) result(name, verdict string, sub bool) {
	if verdict == "fail" {
		r.failing.add(name)
	}
	if sub || strings.Contains(name, "/") {
		return
	}
	switch verdict {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
	case "skip":
		r.skipped++
	}
}

// jsonLine reads one event of test2json (cmd/internal/test2json).
func (r *goRun) jsonLine(line string) bool {
	var e struct{ Action, Package, Test, Output string }
	if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
		return false
	}
	switch {
	case e.Test != "":
		r.result(e.Test, e.Action, false)
	case e.Action == "pass":
		r.packagesOK++
	case e.Action == "skip":
		r.empty++
	case e.Action == "fail":
		r.packagesBad++
	case e.Action == "build-fail":
		r.broken++
	case e.Action == "output" && strings.Contains(e.Output, "[build failed]"):
		r.failing.add(e.Package)
	}
	return true
}
