package verify

import (
	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	// "     Summary [   0.012s] 5 tests run: 4 passed (1 slow), 1 failed, 1 skipped",
	// "Summary [...] 2/5 tests run: ..." when it stopped early.
	nextestEnd  = lazyregexp.New(`^ *Summary \[ *[\d.]+s\] +(?:(\d+)/)?(\d+) tests? run: (.*)$`)
	nextestTerm = lazyregexp.New(`(\d+) (passed|failed|timed out|exec failed|skipped)`)
	nextestName = lazyregexp.New(`^ *(?:TRY \d+ )?(?:FAIL|TIMEOUT|SIG[A-Z]+|ABORT|XFAIL|TMT) \[ *[\d.]+s\] +(?:\( *\d+/\d+\) +)?(\S.*)$`)
)

// runsNextest takes "cargo nextest run".
func runsNextest(inv *invocation) bool {
	if inv.program == "cargo-nextest" {
		return true
	}
	return runsCargo("nextest")(inv)
}

// readNextest reads cargo nextest's closing line, written from the format that
// its manual shows.
func readNextest(out *output, inv *invocation) []learn.Verification {
	var found []learn.Verification
	var failing names
	for _, line := range out.lines {
		if m := nextestName.FindStringSubmatch(line); m != nil {
			failing.add(m[1])
			continue
		}
		m := nextestEnd.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		v := learn.Verification{Kind: learn.VerifyTest, Tool: "nextest"}
		for _, t := range nextestTerm.FindAllStringSubmatch(m[3], -1) {
			switch n := count(t[1]); t[2] {
			case "passed":
				v.Passed += n
			case "skipped":
				v.Skipped += n
			case "exec failed":
				v.Errors += n
			default:
				v.Failed += n
			}
		}
		if v.Failed+v.Errors > 0 {
			v.FailingNames = failing.list
		}
		v = conclude(v)
		if m[1] != "" && m[1] != m[2] {
			v.OK = false // it stopped before the end
		}
		found = append(found, v)
	}
	if len(found) == 0 && inv != nil && hasCargoError(out) {
		found = append(found, learn.Verification{Kind: learn.VerifyTest, Tool: "nextest", Errors: 1})
	}
	return found
}

func hasCargoError(out *output) bool {
	for _, line := range out.lines {
		if cargoBroken.MatchString(line) {
			return true
		}
	}
	return false
}
