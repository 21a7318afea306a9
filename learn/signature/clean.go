package signature

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	maxText    = 512 << 10 // bytes of an output that are read: half from each end
	maxLine    = 4096      // bytes of a line
	maxCapture = 400       // bytes of a capture and of Salient
	maxLines   = 20000
)

var (
	ansi      = regexp.MustCompile(`\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])`)
	timestamp = regexp.MustCompile(`^\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?\s*(?:[-|:]\s+)?`)
	// wrapper is what agents put around a tool's output.
	wrapper = regexp.MustCompile(`^(?:</?(?:tool_use_error|error|output|output_head|output_tail|stdout|stderr)>)+|</(?:tool_use_error|error|output|stdout|stderr)>$`)
	marker  = regexp.MustCompile(`^(?:E {2,}|> +(?:E +)|# +|\d+ \| )`)
)

// cleanLines strips colours, what a carriage return overwrote, timestamps and
// markers of test reports, and gives the lines.
func cleanLines(text string) []string {
	if len(text) > maxText {
		text = cut(text, maxText/2) + "\n" + text[len(text)-maxText/2:]
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	if strings.IndexByte(text, 0x1b) >= 0 {
		text = ansi.ReplaceAllString(text, "")
	}
	lines := strings.Split(text, "\n")
	if len(lines) > maxLines {
		lines = append(lines[:maxLines/2:maxLines/2], lines[len(lines)-maxLines/2:]...)
	}
	for i, l := range lines {
		lines[i] = cleanLine(l)
	}
	return lines
}

func cleanLine(l string) string {
	l = strings.TrimRight(l, "\r \t")
	if k := strings.LastIndexByte(l, '\r'); k >= 0 {
		l = l[k+1:]
	}
	l = cut(l, maxLine)
	if len(l) > 6 && (l[0] == '<' || l[len(l)-1] == '>') {
		l = wrapper.ReplaceAllString(l, "")
	}
	if len(l) > 19 && (l[0] == '2' || l[0] == '[' || l[0] == '1') {
		l = l[len(timestamp.FindString(l)):]
	}
	if len(l) > 2 && (l[0] == 'E' || l[0] == '>' || l[0] == '#') {
		l = l[len(marker.FindString(l)):]
	}
	return l
}

// cut shortens s to at most n bytes at a rune boundary.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
