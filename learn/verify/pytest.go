package verify

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	// "===== 1 failed, 2 passed in 0.12s =====", without the bars under -q.
	pytestSummary = lazyregexp.New(`^(?:=+ )?((?:\d+ [a-z]+(?:, )?)+|no tests ran|no tests collected.*?|\d+ tests? collected.*?) in [\d.]+ ?s(?:econds)?(?: \([\d:]+\))?(?: =+)?$`)
	pytestTerm    = lazyregexp.New(`(\d+) ([a-z]+)`)
	pytestFailed  = lazyregexp.New(`^(FAILED|ERROR) (\S.*?)(?: - .*)?$`)
	// Output of a failed test that pytest repeats, up to the next heading.
	pytestCaptured = lazyregexp.New(`^-+ (?:Captured (?:stdout|stderr|log) (?:call|setup|teardown)|Captured std\w+|Live log .*) -+$`)
	pytestHeading  = lazyregexp.New(`^(?:=+|_+|-+|!+) .* (?:=+|_+|-+|!+)$`)
	pytestVerbose  = lazyregexp.New(`^(\S+::.*?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)(?: \(.*\))?(?: +\[ *\d+%\])?$`)
)

func runsPytest(inv *invocation) bool {
	return inv.program == "pytest" || inv.program == "py.test" || inv.program == "pytest-3"
}

// pytestRun is what was seen since the last summary.
type pytestRun struct {
	failing           names
	failed, errors    int // of lines that -v prints
	internal, stopped bool
}

// readPytest reads pytest 4 to 8: one verification for each summary line.
// xfailed counts as skipped, xpassed as passed. An internal error is an error;
// a run that was interrupted is no success.
func readPytest(out *output, inv *invocation) []learn.Verification {
	var found []learn.Verification
	var run pytestRun
	framed := pytestFramed(out)
	captured := false
	for _, line := range out.lines {
		if captured = pytestCapturing(line, captured); captured {
			continue
		}
		if run.line(line) || (framed && !strings.HasPrefix(line, "=")) {
			continue
		}
		if !strings.Contains(line, " in ") {
			continue
		}
		m := pytestSummary.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if v, ran := run.verdict(m[1]); ran {
			found = append(found, v)
		}
		run = pytestRun{}
	}
	if len(run.failing.list) > 0 && inv != nil {
		// The summary was cut off or filtered out; what failed still failed.
		v := learn.Verification{Kind: learn.VerifyTest, Tool: "pytest", Failed: run.failed, Errors: run.errors, FailingNames: run.failing.list}
		if v.Failed+v.Errors == 0 {
			v.Failed = len(run.failing.list)
		}
		found = append(found, v)
	}
	return found
}

// pytestFramed reports whether a summary line stands in its frame: then one
// without is what a test printed.
func pytestFramed(out *output) bool {
	for _, line := range out.lines {
		if strings.HasPrefix(line, "=") && pytestSummary.MatchString(line) {
			return true
		}
	}
	return false
}

// pytestCapturing follows the sections that repeat what a test printed.
func pytestCapturing(line string, inside bool) bool {
	if strings.HasPrefix(line, "-") && pytestCaptured.MatchString(line) {
		return true
	}
	return inside && !pytestHeading.MatchString(line)
}

// line takes a line that is no summary; false when it may be one.
func (r *pytestRun) line(line string) bool {
	switch {
	case strings.HasPrefix(line, "INTERNALERROR>"):
		r.internal = true
		return true
	case strings.HasPrefix(line, "!!!"):
		r.stopped = r.stopped || strings.Contains(line, "Interrupt") || strings.Contains(line, "Exit") || strings.Contains(line, "stopping after")
		return true
	}
	if !strings.Contains(line, "::") && !strings.HasSuffix(line, ".py") && !strings.Contains(line, ".py ") {
		return false
	}
	if !strings.Contains(line, "FAILED") && !strings.Contains(line, "ERROR") {
		return false
	}
	if m := pytestVerbose.FindStringSubmatch(line); m != nil {
		switch m[2] {
		case "FAILED":
			r.failed++
			r.failing.add(m[1])
		case "ERROR":
			r.errors++
			r.failing.add(m[1])
		}
		return true
	}
	if !strings.HasPrefix(line, "FAILED ") && !strings.HasPrefix(line, "ERROR ") {
		return false
	}
	if m := pytestFailed.FindStringSubmatch(line); m != nil && pytestNode(m[2]) {
		r.failing.add(m[2])
		return true
	}
	return false
}

// verdict makes the verification of a summary line; ran is false when nothing
// was run or nothing can be concluded.
func (r *pytestRun) verdict(terms string) (v learn.Verification, ran bool) {
	v = learn.Verification{Kind: learn.VerifyTest, Tool: "pytest", FailingNames: r.failing.list}
	ran = pytestCounts(&v, terms)
	if r.internal {
		v.Errors, ran = v.Errors+1, true
	}
	v = conclude(v)
	return v, ran && !(v.OK && r.stopped)
}

// pytestNode tells a node id or a test file from other text after FAILED.
func pytestNode(s string) bool {
	return strings.Contains(s, "::") || strings.HasSuffix(s, ".py")
}

// pytestCounts adds the terms of a summary line; false for --collect-only.
func pytestCounts(v *learn.Verification, terms string) bool {
	if strings.HasPrefix(terms, "no tests ran") {
		return true
	}
	if strings.Contains(terms, "collected") {
		return false
	}
	known := false
	for _, t := range pytestTerm.FindAllStringSubmatch(terms, -1) {
		n := count(t[1])
		switch t[2] {
		case "passed", "xpassed":
			v.Passed += n
		case "failed":
			v.Failed += n
		case "error", "errors":
			v.Errors += n
		case "skipped", "xfailed":
			v.Skipped += n
		case "deselected", "warning", "warnings", "rerun":
		default:
			return false
		}
		known = true
	}
	return known
}
