package web

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a page shows of one text.
const (
	maxLines = 3000
	maxLine  = 2000
	maxText  = 128 << 10
)

// shown makes hostile text readable: control and formatting characters, which
// reorder, hide or erase what stands around them (Boucher and Anderson, Trojan
// Source, 2021), become their code points in brackets. Newlines and tabs stay,
// and the joiners within emoji and within the scripts that need them. Escaping
// for HTML is the template's.
func shown(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\r\n", "\n"), "\uFFFD")
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	before := rune(0)
	for _, r := range s {
		if joins := (r == 0x200c || r == 0x200d) && before >= 0x600 && !hidden(before); hidden(r) && !joins {
			fmt.Fprintf(&b, "[U+%04X]", r)
		} else {
			b.WriteRune(r)
		}
		before = r
	}
	return b.String()
}

func hidden(r rune) bool {
	if r < 0x7f {
		return r < ' ' && r != '\n' && r != '\t'
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}

// cut returns at most n bytes of s, whole characters, and says what is gone.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	end := n
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return fmt.Sprintf("%s\n[%d more bytes are not shown]", s[:end], len(s)-end)
}

// short is the first n bytes of s on one line, made readable.
func short(s string, n int) string {
	cutAway := len(s) > n
	if cutAway {
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	s = strings.Join(strings.Fields(shown(s)), " ")
	if cutAway {
		s += "…"
	}
	return s
}

// line is one line of a diff.
type line struct {
	Class string // add, del, hunk or ""
	Text  string
}

// bounded makes a source readable and cuts what is too long of it.
func bounded(s string) string {
	var out []string
	for text := range strings.SplitSeq(strings.TrimSuffix(shown(cut(s, maxText)), "\n"), "\n") {
		if len(out) == maxLines {
			out = append(out, "[more lines are not shown]")
			break
		}
		if len(text) > maxLine {
			text = short(text, maxLine)
		}
		out = append(out, text)
	}
	return strings.Join(out, "\n")
}

// diffLines splits a unified diff into lines, and says what each line is.
func diffLines(s string) []line {
	var out []line
	for text := range strings.SplitSeq(bounded(s), "\n") {
		out = append(out, line{"", text})
	}
	for i, l := range out {
		switch {
		case strings.HasPrefix(l.Text, "+++") || strings.HasPrefix(l.Text, "---") || strings.HasPrefix(l.Text, "@@"):
			out[i].Class = "hunk"
		case strings.HasPrefix(l.Text, "+"):
			out[i].Class = "add"
		case strings.HasPrefix(l.Text, "-"):
			out[i].Class = "del"
		}
	}
	return out
}
