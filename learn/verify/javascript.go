package verify

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	jestTests    = lazyregexp.New(`^Tests: +(.*?)(?:, )?(\d+) total$`)
	jestSuites   = lazyregexp.New(`^Test Suites: +(?:(\d+) failed, )?`)
	jestTerm     = lazyregexp.New(`(\d+) (failed|passed|skipped|todo|pending)`)
	jestName     = lazyregexp.New(`^ {1,2}● (.+)$`)
	jestFile     = lazyregexp.New(`^FAIL (\S+)`)
	vitestTests  = lazyregexp.New(`^ *Tests {2}(.*?)(?: \((\d+)\))?$`)
	vitestFiles  = lazyregexp.New(`^ *Test Files {2}(?:(\d+) failed)?`)
	vitestErrors = lazyregexp.New(`^ *Errors {2}(\d+) errors?$`)
	vitestName   = lazyregexp.New(`^ ?FAIL {1,2}(\S.*)$`)
)

// readJest reads jest's summary ("Tests: 1 failed, 2 passed, 3 total"): one
// verification for each. Errors counts suites that could not run.
func readJest(out *output, _ *invocation) []learn.Verification {
	var found []learn.Verification
	var failing names
	broken := make(map[string]bool)
	file, suites := "", 0
	for _, line := range out.lines {
		if m := jestFile.FindStringSubmatch(line); m != nil {
			file = m[1]
			continue
		}
		if m := jestName.FindStringSubmatch(line); m != nil {
			switch {
			case m[1] == "Test suite failed to run":
				broken[file] = true
				failing.add(file)
			case m[1] != "Console":
				failing.add(m[1])
			}
			continue
		}
		if m := jestSuites.FindStringSubmatch(line); m != nil {
			suites = count(m[1])
			continue
		}
		m := jestTests.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		v := learn.Verification{Kind: learn.VerifyTest, Tool: "jest", FailingNames: failing.list, Errors: len(broken)}
		addTerms(&v, jestTerm.FindAllStringSubmatch(m[1], -1))
		if v.Failed+v.Errors == 0 {
			v.Errors = suites
		}
		found = append(found, conclude(v))
		failing, broken, suites = names{}, make(map[string]bool), 0
	}
	if len(found) == 0 {
		return readJestJSON(out, "jest")
	}
	return found
}

// readVitest reads vitest's summary ("Tests  1 failed | 2 passed (3)").
func readVitest(out *output, _ *invocation) []learn.Verification {
	var found []learn.Verification
	var failing names
	files, inSummary := 0, false
	for _, line := range out.lines {
		if m := vitestErrors.FindStringSubmatch(line); m != nil && len(found) > 0 {
			v := &found[len(found)-1]
			v.Errors += count(m[1])
			v.OK = false
			continue
		}
		if m := vitestFiles.FindStringSubmatch(line); m != nil {
			files, inSummary = count(m[1]), true
			continue
		}
		if m := vitestTests.FindStringSubmatch(line); m != nil && inSummary {
			v := learn.Verification{Kind: learn.VerifyTest, Tool: "vitest", FailingNames: failing.list}
			addTerms(&v, jestTerm.FindAllStringSubmatch(m[1], -1))
			if v.Failed == 0 {
				v.Errors = files
			}
			found = append(found, conclude(v))
			failing, files, inSummary = names{}, 0, false
			continue
		}
		if m := vitestName.FindStringSubmatch(line); m != nil && strings.HasPrefix(strings.TrimLeft(line, " "), "FAIL  ") {
			failing.add(m[1])
		}
	}
	if len(found) == 0 {
		return readJestJSON(out, "vitest")
	}
	return found
}

// addTerms adds (number, word) pairs to the counts.
func addTerms(v *learn.Verification, terms [][]string) {
	for _, t := range terms {
		n := count(t[1])
		switch t[2] {
		case "passed", "pass", "passing":
			v.Passed += n
		case "failed", "fail", "failing", "cancelled":
			v.Failed += n
		case "skipped", "todo", "pending", "ignored":
			v.Skipped += n
		}
	}
}
