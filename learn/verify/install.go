package verify

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	installGood = lazyregexp.New(`^(?:(?:added|removed|changed|audited) \d+ packages?\b|up to date\b|Already up to date|Done in [\d.]+ ?m?s|success |➤ YN0000: ·? ?Done(?: with warnings)? in |Lockfile is up to date)`)
	installBad  = lazyregexp.New(`^(?:npm (?:ERR!|error)|\s*\[?ERR_PNPM_|error(?:: | )|➤ YN0000: ·? ?Failed with errors|➤ YN\d{4}: .*(?:couldn't|Error))`)
	installName = lazyregexp.New(`^npm (?:ERR!|error) code (E[A-Z0-9]+)$|(ERR_PNPM_\w+)|^➤ (YN\d{4}): .*(?:Error|couldn't)`)
)

// runsInstall takes the package managers' own installing.
func runsInstall(inv *invocation) bool {
	switch inv.program {
	case "npm":
		return oneOf("install", "i", "ci", "add", "clean-install")(subcommand(inv.args, "--prefix", "-C"))
	case "pnpm", "bun":
		return oneOf("install", "i", "add")(subcommand(inv.args, "--dir", "-C", "--filter"))
	case "yarn":
		sub := subcommand(inv.args, "--cwd")
		return oneOf("install", "add")(sub) || sub == "" && !asksOnly(inv.args)
	}
	return false
}

// readInstall reads npm, yarn and pnpm installing. The tool is "npm install"
// and the like: that dependencies could be installed says nothing about the
// work, see setsUp.
func readInstall(out *output, inv *invocation) []learn.Verification {
	if inv == nil {
		return nil
	}
	v := learn.Verification{Kind: learn.VerifyBuild, Tool: inv.program + " install"}
	var codes names
	good, bad := false, false
	for _, line := range out.lines {
		if m := installName.FindStringSubmatch(line); m != nil {
			codes.add(m[1] + m[2] + m[3])
		}
		good = good || installGood.MatchString(line)
		bad = bad || installBad.MatchString(line)
	}
	if inv.exitKnown {
		good, bad = inv.exit == 0 && (good || !bad), inv.exit != 0 && inv.exit != 127 && inv.exit != 126
	}
	switch {
	case bad:
		v.Errors, v.FailingNames = 1, codes.list
	case good:
		v.OK = true
	default:
		return nil
	}
	return []learn.Verification{v}
}

// setsUp reports whether a tool only prepares the ground: its success verifies
// nothing of a task's work.
func setsUp(tool string) bool {
	return strings.HasSuffix(tool, " install") || tool == "cmake configure"
}
