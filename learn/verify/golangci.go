package verify

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	golangciEnd  = lazyregexp.New(`^(\d+) issues?[.:]$`)
	golangciLine = lazyregexp.New(`^(\S+\.go:\d+)(?::\d+)?: .*\(([\w-]+)\)$`)
)

// readGolangci reads golangci-lint: version 2 closes with "3 issues:" or "0
// issues.", version 1 prints the issues alone. What does not compile is an
// error.
func readGolangci(out *output, inv *invocation) []learn.Verification {
	v := learn.Verification{Kind: learn.VerifyLint, Tool: "golangci-lint"}
	var places names
	total, lines := -1, 0
	for _, line := range out.lines {
		if m := golangciEnd.FindStringSubmatch(line); m != nil {
			total = max(total, 0) + count(m[1])
			continue
		}
		m := golangciLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		lines++
		places.add(m[1] + " " + m[2])
		if m[2] == "typecheck" {
			v.Errors++
		}
	}
	if lines == 0 && total < 0 && (!silent(out, inv) || !lints(inv)) {
		return nil
	}
	if inv == nil && total < 0 {
		return nil
	}
	v.Failed = max(0, max(total, lines)-v.Errors)
	v.OK = v.Failed+v.Errors == 0 && !failedRun(out)
	if !v.OK && v.Failed+v.Errors == 0 {
		return nil
	}
	v.FailingNames = places.list
	return out.wholly(v, inv, "1 issues:")
}

// failedRun tells a linter that could not run from one that found nothing.
func failedRun(out *output) bool {
	for _, line := range out.lines {
		if strings.HasPrefix(line, "Error: ") || strings.Contains(line, "level=error") {
			return true
		}
	}
	return false
}

func lints(inv *invocation) bool { return subcommand(inv.args) == "run" }
