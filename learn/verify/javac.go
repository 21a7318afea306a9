package verify

import (
	"path"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	javacError = lazyregexp.New(`^(\S.*?\.java):(\d+): error: `)
	javacCount = lazyregexp.New(`^(\d+) errors?$`)
)

// runsJavac takes javac that is given something to compile.
func runsJavac(inv *invocation) bool {
	if inv.program != "javac" && inv.program != "kotlinc" {
		return false
	}
	for _, a := range inv.args {
		if e := path.Ext(a); e == ".java" || e == ".kt" || strings.HasPrefix(a, "@") {
			return true
		}
	}
	return false
}

// readJavac counts the errors that stand in files.
func readJavac(out *output, inv *invocation) []learn.Verification {
	v := learn.Verification{Kind: learn.VerifyBuild, Tool: "javac"}
	var places names
	lines, total := 0, 0
	for _, line := range out.lines {
		if m := javacError.FindStringSubmatch(line); m != nil {
			lines++
			places.add(m[1] + ":" + m[2])
		} else if m := javacCount.FindStringSubmatch(line); m != nil && (lines > 0 || inv != nil) {
			total += count(m[1])
		}
	}
	unusable := lines == 0 && hasLine(out, "error: ")
	v.Errors = max(lines, total)
	if unusable || (v.Errors == 0 && !silent(out, inv)) {
		return nil
	}
	v.OK = v.Errors == 0
	v.FailingNames = places.list
	return []learn.Verification{v}
}

var (
	junitOK    = lazyregexp.New(`^OK \((\d+) tests?\)$`)
	junitBad   = lazyregexp.New(`^Tests run: (\d+), {2}Failures: (\d+)$`)
	junitName  = lazyregexp.New(`^\d+\) (\w[\w$]*(?:\[.*\])?)\(([\w.$]+)\)$`)
	junit5Name = lazyregexp.New(`^ {2}JUnit (?:Jupiter|Vintage|Platform \w+):(\S.*)$`)
	junit5     = lazyregexp.New(`^\[ *(\d+) tests (found|skipped|started|aborted|successful|failed) *\]$`)
)

// runsJUnit takes the console runners of JUnit 4 and 5.
func runsJUnit(inv *invocation) bool {
	if inv.program != "java" {
		return false
	}
	for _, a := range inv.args {
		if a == "org.junit.runner.JUnitCore" || strings.Contains(a, "junit-platform-console") || a == "org.junit.platform.console.ConsoleLauncher" {
			return true
		}
	}
	return false
}

// readJUnitConsole reads the closing lines of JUnit's own console runners.
func readJUnitConsole(out *output, inv *invocation) []learn.Verification {
	var failing names
	v := learn.Verification{Kind: learn.VerifyTest, Tool: "junit"}
	known := false
	for _, line := range out.lines {
		if m := junitName.FindStringSubmatch(line); m != nil {
			failing.add(m[2] + "." + m[1])
		} else if m := junit5Name.FindStringSubmatch(line); m != nil {
			failing.add(m[1])
		} else if m := junitOK.FindStringSubmatch(line); m != nil {
			known = true
			v.Passed += count(m[1])
		} else if m := junitBad.FindStringSubmatch(line); m != nil {
			known = true
			v.Failed += count(m[2])
			v.Passed += max(0, count(m[1])-count(m[2]))
		} else if m := junit5.FindStringSubmatch(line); m != nil {
			switch n := count(m[1]); m[2] {
			case "successful":
				v.Passed += n
			case "failed":
				known = true
				v.Failed += n
			case "skipped", "aborted":
				v.Skipped += n
			}
		}
	}
	if !known {
		return nil
	}
	v.FailingNames = failing.list
	return out.wholly(conclude(v), inv, "Tests run: 2,  Failures: 1")
}
