package verify

import (
	"strings"
	"unicode/utf8"
)

// Bounds on what is read from one output and kept of it.
const (
	maxOutput = 512 << 10 // bytes; of a longer output the first and last half are read
	maxLine   = 4 << 10   // bytes of one line
	maxNames  = 50        // failing names kept
	maxName   = 300       // bytes of one name
	maxCount  = 1_000_000_000
)

// splitOutput cuts an output to its bound and gives its lines without ANSI
// escape sequences. A carriage return that is not part of a line end starts a
// new line, as on a terminal, where progress bars overwrite themselves.
// text is the same before lines were cut.
func splitOutput(output string) (lines []string, text string) {
	text = output
	if len(text) > maxOutput {
		text = text[:maxOutput/2] + "\n" + text[len(text)-maxOutput/2:]
	}
	text = stripANSI(text)
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	lines = strings.Split(text, "\n")
	for i, line := range lines {
		if len(line) > maxLine {
			line = line[:maxLine]
		}
		lines[i] = strings.TrimRight(line, " \t")
	}
	return lines, text
}

// stripANSI removes escape sequences (ECMA-48): CSI ... final byte, OSC ... BEL
// or ST, and two-byte escapes.
func stripANSI(s string) string {
	start := strings.IndexByte(s, 0x1b)
	if start < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	b.WriteString(s[:start])
	for i := start; i < len(s); {
		if s[i] != 0x1b {
			b.WriteByte(s[i])
			i++
			continue
		}
		i += escapeLen(s[i:])
	}
	return b.String()
}

// escapeLen is the length of the escape sequence that s begins with.
func escapeLen(s string) int {
	if len(s) < 2 {
		return 1
	}
	switch s[1] {
	case '[':
		for i := 2; i < len(s); i++ {
			if s[i] >= 0x40 && s[i] <= 0x7e {
				return i + 1
			}
			if s[i] < 0x20 || s[i] > 0x7e {
				return i
			}
		}
		return len(s)
	case ']':
		for i := 2; i < len(s) && i < 512; i++ {
			if s[i] == 0x07 {
				return i + 1
			}
			if s[i] == 0x1b {
				if i+1 < len(s) && s[i+1] == '\\' {
					return i + 2
				}
				return i
			}
		}
		return 2
	case '(', ')', '*', '+', '#', ' ': // a character set and the like
		return min(3, len(s))
	default:
		if s[1] >= 0x80 {
			return 1
		}
		return 2
	}
}

// cut shortens s to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// names collects failing names: without duplicates, bounded.
type names struct {
	list []string
	seen map[string]bool
}

func (n *names) add(name string) {
	name = strings.ToValidUTF8(cut(strings.TrimSpace(name), maxName), "\uFFFD")
	if name == "" || n.seen[name] || len(n.list) >= maxNames {
		return
	}
	if n.seen == nil {
		n.seen = make(map[string]bool)
	}
	n.seen[name] = true
	n.list = append(n.list, name)
}

// count reads a number that a regular expression already found to be digits;
// absurd ones are held at a bound, so that sums cannot overflow.
func count(digits string) int {
	n := 0
	for i := 0; i < len(digits) && digits[i] >= '0' && digits[i] <= '9'; i++ {
		if n = n*10 + int(digits[i]-'0'); n > maxCount {
			return maxCount
		}
	}
	return n
}
