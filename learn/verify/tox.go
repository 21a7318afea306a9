package verify

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

// tox 3 ends with "  py311: commands succeeded" or "ERROR:   lint: commands
// failed", tox 4 with "  py311: OK (1.0=setup[0.5]+cmd[0.5] seconds)" or
// "  lint: FAIL code 1 (...)".
var toxEnv = lazyregexp.New(`^(?:ERROR:)? +(\S+): (commands succeeded|commands failed|OK|FAIL|InvocationError|SKIP|skipped|ignored failed command|could not install deps|invocation failed)\b`)

// readTox gives what the tools that tox ran printed, and tox's own verdict on
// its environments when one of these
// failed although all that was read is good. Then Passed and Failed count
// environments. That all environments succeeded does not say that anything was
// tested.
func readTox(out *output, _ *invocation) []learn.Verification {
	v := learn.Verification{Kind: learn.VerifyTest, Tool: "tox"}
	var failing names
	for _, line := range out.lines {
		m := toxEnv.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		switch m[2] {
		case "commands succeeded", "OK":
			v.Passed++
		case "SKIP", "skipped", "ignored failed command":
			v.Skipped++
		default:
			v.Failed++
			failing.add(m[1])
		}
	}
	v.FailingNames = failing.list
	v = conclude(v)
	inner := readShape(out.table.tools, out, func(tool string) bool { return tool != "tox" })
	if v.Failed == 0 || !allGood(inner) {
		return inner
	}
	return append(inner, v)
}

func allGood(vs []learn.Verification) bool {
	for _, v := range vs {
		if !v.OK {
			return false
		}
	}
	return true
}

// hasLine reports whether one line begins with prefix.
func hasLine(out *output, prefix string) bool {
	for _, line := range out.lines {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}
