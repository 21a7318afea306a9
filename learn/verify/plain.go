package verify

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	plainLine = lazyregexp.New(`^(?:[A-Za-z][A-Za-z -]{0,40}: *)?\d{1,9} [a-z][a-z ]*(?:, *\d{1,9} [a-z][a-z ]*)*(?:, *|,? )?(?:in [\d.]+ ?(?:ms|s|sec|seconds))?\.?$`)
	plainTime = lazyregexp.New(`,? *\bin [\d.]+ ?(?:ms|s|sec|seconds)\.?$`)
	plainTerm = lazyregexp.New(`(\d{1,9}) ([a-z][a-z ]*?) *(?:,|$|\.$)`)
)

const plainTail = 10 // lines at the end of which one closes a plain run

// readPlain reads the closing line of a project's own test runner, such as
// "12 passed, 1 failed" or "=== tests finished: 3 passed, 1 exceptions, in 0.1
// seconds ===": only counts of known words, near the end of the output. It is
// asked last, and only of calls that are for testing.
func readPlain(out *output, _ *invocation) []learn.Verification {
	seen := 0
	for i := len(out.lines) - 1; i >= 0 && seen < plainTail; i-- {
		line := strings.Trim(out.lines[i], " \t=-*#")
		if line == "" {
			continue
		}
		seen++
		if len(line) > 200 || !plainLine.MatchString(line) {
			continue
		}
		v := learn.Verification{Kind: learn.VerifyTest, Tool: "plain"}
		if plainCounts(&v, line) {
			return out.wholly(conclude(v), nil, line)
		}
	}
	return nil
}

// plainCounts adds the terms; false when one is not known, or none says whether
// anything passed or failed.
func plainCounts(v *learn.Verification, line string) bool {
	if i := strings.IndexByte(line, ':'); i >= 0 {
		line = line[i+1:]
	}
	line = plainTime.ReplaceAllString(line, "")
	known := false
	for _, m := range plainTerm.FindAllStringSubmatch(line, 20) {
		n := count(m[1])
		switch m[2] {
		case "passed", "passing", "ok", "succeeded", "successes":
			v.Passed += n
		case "failed", "failing", "failure", "failures", "expected to fail but passed":
			v.Failed += n
		case "error", "errors", "exception", "exceptions":
			v.Errors += n
		case "skipped", "ignored", "pending", "todo", "expected to fail", "disabled":
			v.Skipped += n
			continue
		case "tests", "test", "total", "assertions":
			continue
		default:
			return false
		}
		known = true
	}
	return known
}
