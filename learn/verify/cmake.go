package verify

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	cmakeError = lazyregexp.New(`^CMake Error(?: at (\S+:\d+))?`)
	ninjaStep  = lazyregexp.New(`^\[(\d+)/(\d+)\] `)
	ninjaStop  = lazyregexp.New(`^ninja: build stopped: `)
)

// readCMake judges cmake and ninja runs whose compilers printed nothing known.
// Configuring alone verifies nothing when it works (the tool is then "cmake
// configure"), and is an error when it does not.
func readCMake(out *output, inv *invocation) []learn.Verification {
	building := inv.program == "ninja" || hasArg(inv, "--build")
	v := learn.Verification{Kind: learn.VerifyBuild, Tool: "cmake"}
	if inv.program == "ninja" {
		v.Tool = "ninja"
	}
	var places names
	built, configured, unusable := false, false, false
	for _, line := range out.lines {
		if m := cmakeError.FindStringSubmatch(line); m != nil {
			places.add(m[1])
			unusable = unusable || m[1] == ""
		}
		switch {
		case ninjaStop.MatchString(line), line == "-- Configuring incomplete, errors occurred!":
			v.Errors = 1
		case strings.HasPrefix(line, "-- Configuring incomplete"):
			v.Errors = 1
		case makeError.MatchString(line):
			v.Errors = 1
		case strings.HasPrefix(line, "ninja: error:"), strings.HasPrefix(line, "Error: "):
			unusable = true
		case strings.Contains(line, "] Built target "), strings.HasPrefix(line, "ninja: no work to do"):
			built = true
		case strings.HasPrefix(line, "-- Build files have been written to"):
			configured = true
		}
		if m := ninjaStep.FindStringSubmatch(line); m != nil && m[1] == m[2] {
			built = true
		}
	}
	if v.Errors > 0 {
		v.FailingNames = places.list
		return []learn.Verification{v}
	}
	if unusable || asksOnly(inv.args) || (inv.exitKnown && inv.exit != 0) {
		return nil
	}
	v.OK = true
	switch {
	case building && (built || inv.exitKnown):
		return out.wholly(v, inv, "make: *** [Makefile:1: all] Error 2")
	case !building && configured:
		v.Tool = "cmake configure"
		return []learn.Verification{v}
	}
	return nil
}

func hasArg(inv *invocation, arg string) bool {
	for _, a := range inv.args {
		if a == arg {
			return true
		}
	}
	return false
}
