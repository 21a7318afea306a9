package verify

import (
	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	gotestsumEnd  = lazyregexp.New(`^DONE (\d+) tests?(?:, (\d+) skipped)?(?:, (\d+) failures?)?(?:, (\d+) errors?)? in [\d.]+m?s$`)
	gotestsumName = lazyregexp.New(`^=== FAIL: (\S+) (?:(\S+)? )?\([\d.]+s\)$`)
)

// readGotestsum reads gotestsum's closing line, one verification for each.
// It counts subtests too.
func readGotestsum(out *output, _ *invocation) []learn.Verification {
	var found []learn.Verification
	var failing names
	packages := 0 // that did not build: counted as failures, but not as tests
	for _, line := range out.lines {
		if m := gotestsumName.FindStringSubmatch(line); m != nil {
			if m[2] == "" {
				packages++
				failing.add(m[1])
			}
			failing.add(m[2])
			continue
		}
		m := gotestsumEnd.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		v := learn.Verification{Kind: learn.VerifyTest, Tool: "gotestsum", FailingNames: failing.list}
		v.Skipped, v.Failed, v.Errors = count(m[2]), count(m[3]), count(m[4])
		packages = min(packages, v.Failed)
		v.Failed, v.Errors = v.Failed-packages, v.Errors+packages
		v.Passed = max(0, count(m[1])-v.Skipped-v.Failed)
		found = append(found, conclude(v))
		failing, packages = names{}, 0
	}
	return found
}
