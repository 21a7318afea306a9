package template

import (
	"regexp"
	"strings"

	"lathe/learn"
)

// maxTokens caps the tokens of one text; the rest is one token.
const maxTokens = 2000

// Tokens splits shell text into words, quotes, operators and white space;
// joined, they are the text again. The content of a pair of quotes is one
// token, and so is each side of "--flag=value".
func Tokens(text string) []string {
	var out []string
	for i := 0; i < len(text); {
		if len(out) >= maxTokens {
			return append(out, text[i:])
		}
		c := text[i]
		switch {
		case isSpace(c):
			j := i
			for j < len(text) && isSpace(text[j]) {
				j++
			}
			out = append(out, text[i:j])
			i = j
		case c == '"' || c == '\'':
			end := closing(text, i)
			if end < 0 {
				out = append(out, text[i:])
				return out
			}
			out = append(out, text[i:i+1])
			if end > i+1 {
				out = append(out, text[i+1:end])
			}
			out = append(out, text[end:end+1])
			i = end + 1
		case strings.IndexByte("|&;<>()=", c) >= 0:
			j := i + 1
			for j < len(text) && text[j] == c && c != '(' && c != ')' {
				j++
			}
			out = append(out, text[i:j])
			i = j
		default:
			j := wordEnd(text, i)
			out = append(out, text[i:j])
			i = j
		}
	}
	return out
}

func wordEnd(text string, i int) int {
	for ; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
			continue
		}
		if isSpace(text[i]) || strings.IndexByte("|&;<>()=\"'", text[i]) >= 0 {
			break
		}
	}
	return min(i, len(text))
}

// closing is the index of the quote that ends the one at i, -1 without.
func closing(text string, i int) int {
	for j := i + 1; j < len(text); j++ {
		if text[j] == '\\' && text[i] == '"' {
			j++
			continue
		}
		if text[j] == text[i] {
			return j
		}
	}
	return -1
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// weight is what a token is worth as an anchor of the alignment: words more
// than punctuation, that more than white space.
func weight(token string) int {
	switch {
	case isSpace(token[0]):
		return 1
	case len(token) == 1 && strings.ContainsAny(token, "\"'=|&;<>()"):
		return 2
	}
	return 8
}

var (
	numberShape = regexp.MustCompile(`^[+-]?\d+(?:\.\d+)?$`)
	urlShape    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]{1,10}://\S+$`)
	pathShape   = regexp.MustCompile(`^[^\s'"|&;<>()]*/[^\s'"|&;<>()]*$|^[\w.-]+\.[A-Za-z]\w{0,5}$`)
)

// TypeOf is the type of a value by its shape.
func TypeOf(value string) learn.PlaceholderType {
	switch {
	case numberShape.MatchString(value):
		return learn.TypeNumber
	case urlShape.MatchString(value):
		return learn.TypeURL
	case pathShape.MatchString(value):
		return learn.TypePath
	}
	return learn.TypeString
}

// join is the least type that has both; "" is the type of nothing yet.
func join(a, b learn.PlaceholderType) learn.PlaceholderType {
	if a == "" || a == b {
		return b
	}
	return learn.TypeString
}

// Quote makes a value one word of a shell command.
func Quote(value string) string {
	if value != "" && !strings.ContainsAny(value, " \t\r\n'\"\\$`&|;<>()*?[]{}~#!=%") {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
