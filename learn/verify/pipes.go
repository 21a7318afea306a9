package verify

import (
	"path"
	"regexp"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// through is more on the pipe that an output went through.
type through struct {
	grep    *regexp.Regexp // what a line matches that grep let pass
	without *regexp.Regexp // what a line matches that grep -v left out
	few     bool           // only a line or two was let pass
}

// throughPipe says what the right side of a pipe leaves of the left's output.
func throughPipe(y *syntax.Stmt) (visibility, through) {
	call, ok := y.Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) == 0 {
		return filtered, through{}
	}
	var args []string
	for _, a := range call.Args[1:] {
		args = append(args, literal(a))
	}
	switch path.Base(literal(call.Args[0])) {
	case "cat", "tee", "ts", "nl":
		return full, through{}
	case "tail":
		return tailed, through{few: fewLines(args)}
	case "head", "less", "more":
		return headed, through{few: fewLines(args)}
	case "grep", "egrep":
		return throughGrep(args)
	}
	return filtered, through{}
}

// fewLines reports whether head or tail leave so little that blank lines alone
// may be left of an output that said something.
func fewLines(args []string) bool {
	for i, a := range args {
		n := strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(a, "--lines="), "-n"), "-")
		if n == "" && a == "-n" && i+1 < len(args) {
			n = args[i+1]
		}
		if lines, err := strconv.Atoi(n); err == nil && lines < 3 && isFlag(a) {
			return true
		}
	}
	return false
}

// throughGrep reads grep's arguments: the pattern tells what would be seen, or
// with -v what would not.
func throughGrep(args []string) (visibility, through) {
	flags := ""
	for len(args) > 0 && isFlag(args[0]) && !strings.HasPrefix(args[0], "--") {
		flags += args[0][1:]
		args = args[1:]
	}
	if len(args) != 1 || args[0] == "" || len(args[0]) > 200 || strings.Trim(flags, "Einav") != "" {
		return filtered, through{}
	}
	pattern := args[0]
	if !strings.Contains(flags, "E") {
		pattern = strings.ReplaceAll(pattern, `\|`, "|")
	}
	if strings.Contains(flags, "i") {
		pattern = "(?i)" + pattern
	}
	re, err := regexp.Compile(pattern)
	switch {
	case err != nil:
		return filtered, through{}
	case strings.Contains(flags, "v"):
		return tailed, through{without: re}
	}
	return filtered, through{grep: re}
}
