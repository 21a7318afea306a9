package verify

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	cargoResult  = lazyregexp.New(`^test result: (ok|FAILED)\. (\d+) passed; (\d+) failed; (\d+) ignored;`)
	cargoFailed  = lazyregexp.New(`^test (\S.*?) \.\.\. FAILED$`)
	cargoListed  = lazyregexp.New(`^    (\S.*)$`)
	cargoBroken  = lazyregexp.New(`^error: could not compile .*?(?:due to (?:(\d+) )?previous errors?.*)?$`)
	cargoTargets = lazyregexp.New(`^error: \d+ targets? failed:$`)
	cargoFinish  = lazyregexp.New("^ *Finished `?[a-z]+`? (?:profile )?\\[")
	rustShort    = lazyregexp.New(`^(\S+\.rs:\d+):\d+: error(?:\[E\d+\])?: `)
	rustWarnings = lazyregexp.New("^warning: `[^`]*` \\(.*\\) generated (\\d+) warnings?\\b")
	rustPosition = lazyregexp.New(`^ *--> (\S+:\d+):\d+$`)
)

func runsCargo(subs ...string) func(*invocation) bool {
	return func(inv *invocation) bool {
		args := dropWhile(inv.args, func(s string) bool { return strings.HasPrefix(s, "+") })
		return inv.program == "cargo" && oneOf(subs...)(subcommand(args, "-C", "--config", "--color", "-Z"))
	}
}

// readCargoTest adds up the results of all test binaries of a run. A crate
// that does not compile is one error.
func readCargoTest(out *output, inv *invocation) []learn.Verification {
	v := learn.Verification{Kind: learn.VerifyTest, Tool: "cargo test"}
	var failing names
	results, listing := 0, false
	for _, line := range out.lines {
		if m := cargoResult.FindStringSubmatch(line); m != nil {
			results++
			v.Passed += count(m[2])
			v.Failed += count(m[3])
			v.Skipped += count(m[4])
			listing = false
			continue
		}
		if m := cargoFailed.FindStringSubmatch(line); m != nil {
			failing.add(m[1])
			continue
		}
		switch {
		case line == "failures:":
			listing = true
		case listing && cargoListed.MatchString(line):
			failing.add(line)
		case cargoTargets.MatchString(line) || strings.HasPrefix(line, "error: test failed") || strings.HasPrefix(line, "error: doctest failed"):
			v.Errors = max(v.Errors, 1)
		case cargoBroken.MatchString(line) && inv != nil:
			v.Errors = 1
		case line != "":
			listing = false
		}
	}
	if results == 0 && v.Errors == 0 {
		return nil
	}
	if v.Failed > 0 {
		v.Errors = 0 // "test failed" only repeats it
	}
	v.FailingNames = failing.list
	v = conclude(v)
	return out.wholly(v, inv, "test result: FAILED. 1 passed; 1 failed; 0 ignored;")
}

// readCargoBuild reads cargo build and check, and clippy as a linter.
func readCargoBuild(out *output, inv *invocation) []learn.Verification {
	v := learn.Verification{Kind: learn.VerifyBuild, Tool: "cargo build"}
	if inv != nil && runsCargo("clippy")(inv) {
		v.Kind, v.Tool = learn.VerifyLint, "clippy"
	}
	var places names
	finished, warnings := false, 0
	for i, line := range out.lines {
		if m := cargoBroken.FindStringSubmatch(line); m != nil {
			v.Errors += max(1, count(m[1]))
		}
		if m := rustPosition.FindStringSubmatch(line); m != nil && i > 0 && strings.HasPrefix(out.lines[i-1], "error") {
			places.add(m[1])
		}
		if m := rustShort.FindStringSubmatch(line); m != nil {
			places.add(m[1])
		}
		if m := rustWarnings.FindStringSubmatch(line); m != nil {
			warnings += count(m[1])
		}
		finished = finished || cargoFinish.MatchString(line)
	}
	switch {
	case v.Errors > 0:
		v.FailingNames = places.list
	case finished || silent(out, inv):
		v.OK = true
		if v.Kind == learn.VerifyLint {
			v.Skipped = warnings // they fail nothing unless denied
		}
	default:
		return nil
	}
	return []learn.Verification{v}
}
