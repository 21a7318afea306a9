package verify

import (
	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	rspecEnd     = lazyregexp.New(`^(\d+) examples?, (\d+) failures?(?:, (\d+) pending)?(?:, (\d+) errors? occurred outside of examples)?$`)
	rspecName    = lazyregexp.New(`^rspec (\S+)(?: # .*)?$`)
	rspecBroken  = lazyregexp.New(`^An error occurred while loading (\S+?)\.?(?: .*)?$`)
	minitestEnd  = lazyregexp.New(`^(\d+) (?:runs|tests), \d+ assertions, (\d+) failures, (\d+) errors, (\d+) (?:skips|pendings)(?:, (\d+) omissions.*)?$`)
	minitestHead = lazyregexp.New(`^ +\d+\) (Failure|Error|Skipped):$`)
	minitestName = lazyregexp.New(`^([A-Z]\w*(?:::\w+)*#\S.*?)(?: \[.*\])?:$`)
)

// readRSpec reads RSpec's closing line, one verification for each. The names
// are the places to run again.
func readRSpec(out *output, _ *invocation) []learn.Verification {
	var found []learn.Verification
	var broken names
	for _, line := range out.lines {
		if m := rspecEnd.FindStringSubmatch(line); m != nil {
			v := learn.Verification{Kind: learn.VerifyTest, Tool: "rspec", FailingNames: broken.list}
			v.Failed, v.Skipped, v.Errors = count(m[2]), count(m[3]), count(m[4])
			v.Passed = max(0, count(m[1])-v.Failed-v.Skipped)
			found, broken = append(found, conclude(v)), names{}
			continue
		}
		if m := rspecBroken.FindStringSubmatch(line); m != nil {
			broken.add(m[1])
		} else if m := rspecName.FindStringSubmatch(line); m != nil && len(found) > 0 && found[len(found)-1].Failed > 0 {
			last := &found[len(found)-1]
			failing := names{list: last.FailingNames}
			failing.add(m[1])
			last.FailingNames = failing.list
		}
	}
	return found
}

// readMinitest reads the closing lines of minitest and test-unit.
func readMinitest(out *output, _ *invocation) []learn.Verification {
	var found []learn.Verification
	var failing names
	after := ""
	for _, line := range out.lines {
		if m := minitestEnd.FindStringSubmatch(line); m != nil {
			v := learn.Verification{Kind: learn.VerifyTest, Tool: "minitest", FailingNames: failing.list}
			v.Failed, v.Errors, v.Skipped = count(m[2]), count(m[3]), count(m[4])+count(m[5])
			v.Passed = max(0, count(m[1])-v.Failed-v.Errors-v.Skipped)
			found, failing = append(found, conclude(v)), names{}
		} else if m := minitestName.FindStringSubmatch(line); m != nil && (after == "Failure" || after == "Error") {
			failing.add(m[1])
		}
		after = ""
		if m := minitestHead.FindStringSubmatch(line); m != nil {
			after = m[1]
		}
	}
	return found
}
