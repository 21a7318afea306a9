package verify

import (
	"regexp"

	"lathe/learn"
)

var (
	mypyGood = regexp.MustCompile(`^Success: no issues found in (\d+) source files?$`)
	mypyBad  = regexp.MustCompile(`^Found (\d+) errors? in \d+ files? \(.*\)$`)
	mypyLine = regexp.MustCompile(`^(\S.*?\.pyi?):(\d+)(?::\d+)?: error: `)
	tscLine  = regexp.MustCompile(`^(\S.*?)(?:\((\d+),\d+\)|:(\d+):\d+ -):? error TS\d+: `)
)

// readMypy reads mypy's closing line: one verification for each. Without one
// its error lines count. Passed counts files.
func readMypy(out *output, inv *invocation) []learn.Verification {
	var found []learn.Verification
	var places names
	lines := 0
	for _, line := range out.lines {
		if m := mypyLine.FindStringSubmatch(line); m != nil {
			lines++
			places.add(m[1] + ":" + m[2])
			continue
		}
		if m := mypyGood.FindStringSubmatch(line); m != nil {
			found = append(found, learn.Verification{Kind: learn.VerifyTypecheck, Tool: "mypy", Passed: count(m[1]), OK: true})
			continue
		}
		if m := mypyBad.FindStringSubmatch(line); m != nil {
			found = append(found, learn.Verification{
				Kind: learn.VerifyTypecheck, Tool: "mypy", Failed: count(m[1]), FailingNames: places.list,
			})
			places, lines = names{}, 0
		}
	}
	if lines > 0 && inv != nil {
		found = append(found, learn.Verification{
			Kind: learn.VerifyTypecheck, Tool: "mypy", Failed: lines, FailingNames: places.list,
		})
	}
	return found
}

// readTsc counts the errors of the TypeScript compiler that stand in files.
// An error without a file (wrong option, no such project) is no verdict.
func readTsc(out *output, inv *invocation) []learn.Verification {
	v := learn.Verification{Kind: learn.VerifyTypecheck, Tool: "tsc"}
	var places names
	for _, line := range out.lines {
		if m := tscLine.FindStringSubmatch(line); m != nil {
			v.Failed++
			places.add(m[1] + ":" + m[2] + m[3])
		}
	}
	if v.Failed == 0 && !silent(out, inv) {
		return nil
	}
	v.OK = v.Failed == 0
	v.FailingNames = places.list
	return []learn.Verification{v}
}
