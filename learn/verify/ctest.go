package verify

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	ctestEnd    = lazyregexp.New(`^(\d+)% tests passed, (\d+) tests? failed out of (\d+)$`)
	ctestFailed = lazyregexp.New(`^\s+\d+ - (\S.*?) \(([^()]*)\)(?: +[\w ]+)?$`)
	ctestNotRun = lazyregexp.New(`^ *\d+/\d+ +Test +#\d+: \S.*?\.+ ?\*\*\*(?:Skipped|Not Run \(Disabled\))`)
)

// readCTest reads ctest's closing line, one verification for each. A test
// whose program is missing is an error.
func readCTest(out *output, inv *invocation) []learn.Verification {
	var found []learn.Verification
	skipped, disabled := 0, 0
	var rest learn.Verification // failures whose closing line was cut off
	list := ""
	for _, line := range out.lines {
		if m := ctestEnd.FindStringSubmatch(line); m != nil {
			v := learn.Verification{Kind: learn.VerifyTest, Tool: "ctest", Failed: count(m[2]), Skipped: skipped + disabled}
			v.Passed = max(0, count(m[3])-v.Failed-skipped)
			found, skipped, disabled, list = append(found, conclude(v)), 0, 0, ""
			continue
		}
		switch {
		case ctestNotRun.MatchString(line):
			if strings.Contains(line, "***Skipped") {
				skipped++
			} else {
				disabled++ // not among those that ctest counts
			}
		case strings.HasPrefix(line, "The following tests FAILED"):
			list = "failed"
		case strings.HasPrefix(line, "The following tests did not run"):
			list = ""
		case strings.HasPrefix(line, "No tests were found!!!"):
			found = append(found, learn.Verification{Kind: learn.VerifyTest, Tool: "ctest"})
		case list == "failed":
			m := ctestFailed.FindStringSubmatch(line)
			if m != nil && len(found) > 0 {
				found[len(found)-1] = ctestName(found[len(found)-1], m[1], m[2])
			} else if m != nil {
				rest.Failed++
				rest = ctestName(rest, m[1], m[2])
			}
		}
	}
	if len(found) == 0 && inv != nil && rest.Failed+rest.Errors > 0 {
		rest.Kind, rest.Tool = learn.VerifyTest, "ctest"
		return []learn.Verification{rest}
	}
	return found
}

func ctestName(v learn.Verification, name, why string) learn.Verification {
	var failing names
	for _, n := range append(v.FailingNames, name) {
		failing.add(n)
	}
	v.FailingNames = failing.list
	if strings.HasPrefix(why, "Not Run") && v.Failed > 0 {
		v.Failed--
		v.Errors++
	}
	return v
}

var (
	gtestRan  = lazyregexp.New(`^\[==========\] (\d+) tests? from \d+ test (?:suites?|cases?) ran\.`)
	gtestTerm = lazyregexp.New(`^\[  (PASSED|FAILED|SKIPPED) *\] (\d+) tests?[.,]`)
	gtestName = lazyregexp.New(`^\[  FAILED  \] ([\w./]+)(?:, where .*)?(?: \(\d+ ms\))?$`)
)

// readGoogleTest adds up the closing lines of all test programs. Without any
// its failures still count.
func readGoogleTest(out *output, inv *invocation) []learn.Verification {
	v := learn.Verification{Kind: learn.VerifyTest, Tool: "googletest"}
	var failing names
	ended, ran := false, 0
	for _, line := range out.lines {
		if !strings.HasPrefix(line, "[") {
			continue
		}
		if m := gtestRan.FindStringSubmatch(line); m != nil {
			ran += count(m[1])
		} else if m := gtestTerm.FindStringSubmatch(line); m != nil {
			switch n := count(m[2]); m[1] {
			case "PASSED":
				ended = true
				v.Passed += n
			case "FAILED":
				ended = true
				v.Failed += n
			default:
				v.Skipped += n
			}
		} else if m := gtestName.FindStringSubmatch(line); m != nil {
			failing.add(m[1])
		}
	}
	v.FailingNames = failing.list
	if !ended {
		if len(failing.list) == 0 {
			return nil
		}
		v.Failed = len(failing.list)
	}
	if v.Failed == 0 { // one program of several was cut off; --gtest_brief gives no count
		v.Failed = max(len(failing.list), ran-v.Passed-v.Skipped)
	}
	if ran == 0 && v.Failed == 0 && out.by != nil && hasFlag(out.by, "--gtest_brief") {
		return nil
	}
	return out.wholly(conclude(v), inv, "[  FAILED  ] 1 test, listed below:")
}
