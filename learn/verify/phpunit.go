package verify

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	phpunitOK    = lazyregexp.New(`^OK \((\d+) tests?, \d+ assertions?\)$`)
	phpunitTests = lazyregexp.New(`^Tests: (\d+), Assertions: \d+(.*)\.$`)
	phpunitTerm  = lazyregexp.New(`, ([A-Z][A-Za-z ]*): (\d+)`)
	phpunitList  = lazyregexp.New(`^There (?:was|were) \d+ ([a-z ]+?)s?:$`)
	phpunitName  = lazyregexp.New(`^\d+\) (\S.*)$`)
)

// readPHPUnit reads PHPUnit's closing lines, one verification for each. Risky
// and incomplete tests count as skipped: they proved nothing.
func readPHPUnit(out *output, _ *invocation) []learn.Verification {
	var found []learn.Verification
	var failing names
	list, head := "", ""
	for _, line := range out.lines {
		switch {
		case line == "No tests executed!":
			found = append(found, learn.Verification{Kind: learn.VerifyTest, Tool: "phpunit"})
			continue
		case strings.HasSuffix(line, "!"):
			head = line
			continue
		case line == "--":
			list = ""
			continue
		}
		if m := phpunitList.FindStringSubmatch(line); m != nil {
			list = m[1]
		} else if m := phpunitName.FindStringSubmatch(line); m != nil && (list == "error" || list == "failure") {
			failing.add(m[1])
		} else if m := phpunitOK.FindStringSubmatch(line); m != nil {
			found = append(found, conclude(learn.Verification{Kind: learn.VerifyTest, Tool: "phpunit", Passed: count(m[1])}))
		} else if m := phpunitTests.FindStringSubmatch(line); m != nil {
			v := learn.Verification{Kind: learn.VerifyTest, Tool: "phpunit", FailingNames: failing.list}
			phpunitCounts(&v, count(m[1]), m[2], !strings.HasPrefix(head, "OK, but"))
			found, failing, list = append(found, v), names{}, ""
		}
	}
	return found
}

// phpunitCounts adds the terms. Up to version 9 a warning is a kind of result
// (a class without tests); later it is only a remark on a test that passed.
func phpunitCounts(v *learn.Verification, tests int, terms string, warnings bool) {
	for _, t := range phpunitTerm.FindAllStringSubmatch(terms, -1) {
		n := count(t[2])
		switch t[1] {
		case "Errors":
			v.Errors += n
		case "Failures":
			v.Failed += n
		case "Skipped", "Incomplete", "Risky":
			v.Skipped += n
		case "Warnings":
			if warnings {
				v.Skipped += n
			}
		}
	}
	v.Passed = max(0, tests-v.Failed-v.Errors-v.Skipped)
	*v = conclude(*v)
}
