package signature

import (
	"regexp"
	"strings"
)

// Where a report says it happened, by the form of the report.
var (
	pyFrame   = regexp.MustCompile(`^\s*File "([^"]+)", line (\d+)`)
	pytestAt  = regexp.MustCompile(`^([\w./-]+\.py):(\d+): `)
	jsFrame   = regexp.MustCompile(`^\s+at (?:.*\()?(?:file://)?(/?[^():\s][^():]*):(\d+):\d+\)?$`)
	jsHead    = regexp.MustCompile(`^(?:file://)?(/?[\w./@-]+\.[cm]?[jt]sx?):(\d+)(?::\d+)?$`)
	goFrame   = regexp.MustCompile(`^\s+(\S+\.go):(\d+)(?: \+0x[0-9a-f]+)?$`)
	rustArrow = regexp.MustCompile(`^\s*--> ([^:]+):(\d+):\d+`)
	javaFrame = regexp.MustCompile(`^\s+at [\w.$<>]+\(([\w.]+\.(?:java|kt|scala)):(\d+)\)`)
	inLine    = regexp.MustCompile(`(?:^|[\s(\[])((?:\.{0,2}/)?[\w][\w./@+-]*\.[A-Za-z]{1,5})[:(](\d+)`)
)

// foreign are parts of paths outside the project.
var foreign = []string{"site-packages", "dist-packages", "/lib/python", "<frozen", "<string>", "node_modules", "node:", "/usr/lib/", "/usr/local/go/", "/go/pkg/mod/", "/rustc/", "java.base"}

// frameWindow is how many lines around the salient one are looked at.
const frameWindow = 200

// place finds the innermost place in the project that belongs to the failure
// on line at.
func place(lines []string, at int, captures map[string]string) (string, int) {
	if f := captures["file"]; f != "" {
		return cut(f, maxCapture), atoi(captures["line"])
	}
	if m := inLine.FindStringSubmatch(lines[at]); m != nil && !isForeign(m[1]) {
		return cut(m[1], maxCapture), atoi(m[2])
	}
	if f, n := upward(lines, at); f != "" {
		return f, n
	}
	return downward(lines, at)
}

// upward finds Python's innermost frame: the nearest above within the same
// traceback.
func upward(lines []string, at int) (string, int) {
	for i := at - 1; i >= 0 && i > at-frameWindow; i-- {
		m := pyFrame.FindStringSubmatch(lines[i])
		if m == nil && at-i < 8 {
			m = jsHead.FindStringSubmatch(lines[i])
		}
		if m != nil && !isForeign(m[1]) {
			return cut(m[1], maxCapture), atoi(m[2])
		}
		if strings.HasPrefix(lines[i], "Traceback (most recent") {
			break
		}
	}
	return "", 0
}

// downward finds the frames that other languages print below the message.
func downward(lines []string, at int) (string, int) {
	for i := at + 1; i < len(lines) && i < at+60; i++ {
		for _, re := range []*regexp.Regexp{jsFrame, goFrame, rustArrow, javaFrame, pytestAt} {
			if m := re.FindStringSubmatch(lines[i]); m != nil && !isForeign(m[1]) {
				return cut(m[1], maxCapture), atoi(m[2])
			}
		}
	}
	return "", 0
}

func isForeign(path string) bool {
	for _, f := range foreign {
		if strings.Contains(path, f) {
			return true
		}
	}
	return false
}
