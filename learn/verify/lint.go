package verify

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	flakeLine   = lazyregexp.New(`^(\S.*?):(\d+):\d+: ([A-Z]{1,4}\d{3,4}) `)
	ruffFull    = lazyregexp.New(`^([A-Z]{1,5}\d{3,4}|invalid-syntax)(?: |: )`)
	ruffAt      = lazyregexp.New(`^ *--> (\S+:\d+):\d+$`)
	ruffEnd     = lazyregexp.New(`^Found (\d+) errors?(?: \((\d+) fixed, (\d+) remaining\))?\.$`)
	pylintLine  = lazyregexp.New(`^(\S.*?):(\d+):\d+: ([CRWEFI])(\d{4}): (.*)$`)
	pylintScore = lazyregexp.New(`^Your code has been rated at (-?[\d.]+)/10`)
	eslintEnd   = lazyregexp.New(`^✖ \d+ problems? \((\d+) errors?, (\d+) warnings?\)$`)
	eslintFile  = lazyregexp.New(`^(?:/|\.{0,2}/|[A-Za-z]:\\)?\S+\.(?:[cm]?[jt]sx?|vue|svelte)$`)
	eslintLine  = lazyregexp.New(`^ +(\d+):\d+ +(error|warning) `)
)

// silent reports whether a tool that prints nothing when all is well did well:
// its exit code says so, or it is not known and all of the output is there and
// empty.
func silent(out *output, inv *invocation) bool {
	if inv == nil || asksOnly(inv.args) {
		return false
	}
	if inv.exitKnown {
		return inv.exit == 0
	}
	return out.blank && inv.seen <= headed && !inv.through.few
}

// asksOnly reports whether the arguments ask for help or the like instead of
// work.
func asksOnly(args []string) bool {
	for _, a := range args {
		switch a {
		case "--version", "-version", "-V", "--help", "-h", "help", "--init", "--print-config", "--showConfig", "--bug-report", "--list-msgs", "--env-info":
			return true
		}
	}
	return false
}

// readFlake8 counts the lines of flake8 (also pycodestyle and pyflakes'
// codes). A file that cannot be read (E902) is no verdict.
func readFlake8(out *output, inv *invocation) []learn.Verification {
	v := learn.Verification{Kind: learn.VerifyLint, Tool: "flake8"}
	var places names
	unreadable := false
	for _, line := range out.lines {
		m := flakeLine.FindStringSubmatch(line)
		switch {
		case m == nil:
		case m[3] == "E902":
			unreadable = true
		case m[3] == "E999":
			v.Errors++
			places.add(m[1] + ":" + m[2] + " " + m[3])
		default:
			v.Failed++
			places.add(m[1] + ":" + m[2] + " " + m[3])
		}
	}
	if v.Failed+v.Errors == 0 && (unreadable || !silent(out, inv)) {
		return nil
	}
	v.OK = v.Failed+v.Errors == 0
	v.FailingNames = places.list
	return []learn.Verification{v}
}

// runsRuff takes "ruff check" and the old "ruff PATH", not "ruff format".
func runsRuff(inv *invocation) bool {
	return inv.program == "ruff" && len(inv.args) > 0 && !oneOf("format", "rule", "clean", "version", "config", "linter", "server")(inv.args[0])
}

// readRuff reads ruff's closing line, "All checks passed!" or "Found 3
// errors.", or counts its lines.
func readRuff(out *output, inv *invocation) []learn.Verification {
	v := learn.Verification{Kind: learn.VerifyLint, Tool: "ruff"}
	var places names
	ended, rule := false, ""
	for _, line := range out.lines {
		if m := ruffAt.FindStringSubmatch(line); m != nil && rule != "" {
			places.add(m[1] + " " + rule)
			if !ended { // with -q nothing ends it
				v.Failed++
			}
		}
		rule = ""
		if m := ruffFull.FindStringSubmatch(line); m != nil {
			rule = m[1]
		}
		if m := ruffEnd.FindStringSubmatch(line); m != nil {
			ended = true
			v.Failed = count(m[1])
			if m[3] != "" {
				v.Failed = count(m[3])
			}
			continue
		}
		ended = ended || line == "All checks passed!"
		if m := flakeLine.FindStringSubmatch(line); m != nil && inv != nil {
			places.add(m[1] + ":" + m[2] + " " + m[3])
			if !ended {
				v.Failed++
			}
		}
	}
	if !ended && v.Failed == 0 && !silent(out, inv) {
		return nil
	}
	v.OK = v.Failed == 0
	v.FailingNames = places.list
	return []learn.Verification{v}
}

// readPylint counts messages: Errors are pylint's errors and fatals, Failed
// the rest. A module that cannot be found (F0001) is no verdict.
func readPylint(out *output, inv *invocation) []learn.Verification {
	v := learn.Verification{Kind: learn.VerifyLint, Tool: "pylint"}
	var places names
	score := ""
	for _, line := range out.lines {
		if m := pylintScore.FindStringSubmatch(line); m != nil {
			score = m[1]
			continue
		}
		m := pylintLine.FindStringSubmatch(line)
		if m == nil || m[3]+m[4] == "F0001" {
			continue
		}
		places.add(m[1] + ":" + m[2] + " " + m[3] + m[4])
		if m[3] == "E" || m[3] == "F" {
			v.Errors++
		} else {
			v.Failed++
		}
	}
	perfect := score == "10.00" && (inv == nil || !inv.exitKnown || inv.exit == 0)
	if v.Failed+v.Errors == 0 && score == "" && !silent(out, inv) {
		return nil
	}
	v.OK = v.Failed+v.Errors == 0 && (perfect || score == "")
	v.FailingNames = places.list
	return []learn.Verification{v}
}

// readESLint reads "✖ 5 problems (4 errors, 1 warning)". Warnings count as
// skipped; they fail a run only through its exit code (--max-warnings).
func readESLint(out *output, inv *invocation) []learn.Verification {
	v := learn.Verification{Kind: learn.VerifyLint, Tool: "eslint"}
	var places names
	file, ended := "", false
	for _, line := range out.lines {
		if m := eslintEnd.FindStringSubmatch(line); m != nil {
			ended = true
			v.Failed += count(m[1])
			v.Skipped += count(m[2])
			continue
		}
		if m := eslintLine.FindStringSubmatch(line); m != nil && m[2] == "error" && file != "" {
			places.add(file + ":" + m[1])
			continue
		}
		if eslintFile.MatchString(line) {
			file = strings.TrimSpace(line)
		}
	}
	if !ended {
		if found := readESLintJSON(out, inv); found != nil {
			return found
		}
		if !silent(out, inv) {
			return nil
		}
	}
	v.OK = v.Failed == 0 && v.Skipped <= maxWarnings(inv) && (inv == nil || !inv.exitKnown || inv.exit == 0)
	v.FailingNames = places.list
	return []learn.Verification{v}
}

// maxWarnings is how many warnings ESLint was told to let pass.
func maxWarnings(inv *invocation) int {
	if inv == nil {
		return maxCount
	}
	for i, a := range inv.args {
		n, given := strings.CutPrefix(a, "--max-warnings=")
		if a == "--max-warnings" && i+1 < len(inv.args) {
			n, given = inv.args[i+1], true
		}
		if given {
			return count(n)
		}
	}
	return maxCount
}
