package verify

import (
	"regexp"
	"strings"

	"lathe/learn"
)

var (
	// "===== 1 failed, 2 passed in 0.12s =====", without the bars under -q.
	pytestSummary = regexp.MustCompile(`^(?:=+ )?((?:\d+ [a-z]+(?:, )?)+|no tests ran|no tests collected.*?|\d+ tests? collected.*?) in [\d.]+ ?s(?:econds)?(?: \([\d:]+\))?(?: =+)?$`)
	pytestTerm    = regexp.MustCompile(`(\d+) ([a-z]+)`)
	pytestFailed  = regexp.MustCompile(`^(FAILED|ERROR) (\S.*?)(?: - .*)?$`)
	pytestVerbose = regexp.MustCompile(`^(\S+::.*?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)(?: +\[ *\d+%\])?$`)
)

func runsPytest(inv *invocation) bool {
	return inv.program == "pytest" || inv.program == "py.test" || inv.program == "pytest-3"
}

// readPytest reads pytest 4 to 8: one verification for each summary line.
// xfailed counts as skipped, xpassed as passed.
func readPytest(out *output, inv *invocation) []learn.Verification {
	var found []learn.Verification
	var failing names
	seen := learn.Verification{Kind: learn.VerifyTest, Tool: "pytest"}
	for _, line := range out.lines {
		if m := pytestVerbose.FindStringSubmatch(line); m != nil {
			switch m[2] {
			case "FAILED":
				seen.Failed++
				failing.add(m[1])
			case "ERROR":
				seen.Errors++
				failing.add(m[1])
			}
			continue
		}
		if m := pytestFailed.FindStringSubmatch(line); m != nil && pytestNode(m[2]) {
			failing.add(m[2])
			continue
		}
		m := pytestSummary.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		v := learn.Verification{Kind: learn.VerifyTest, Tool: "pytest", FailingNames: failing.list}
		if ran := pytestCounts(&v, m[1]); ran {
			found = append(found, conclude(v))
		}
		failing, seen.Failed, seen.Errors = names{}, 0, 0
	}
	if len(failing.list) > 0 && inv != nil {
		// The summary was cut off or filtered out; what failed still failed.
		seen.FailingNames = failing.list
		if seen.Failed+seen.Errors == 0 {
			seen.Failed = len(failing.list)
		}
		found = append(found, seen)
	}
	return found
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
