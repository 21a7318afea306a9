package gateway

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"lathe/learn/lazyregexp"
)

var oddRE = lazyregexp.New(`[^A-Za-z0-9_-]`)

func raw(b []byte) json.RawMessage { return b }

// plain makes text of a server's choosing safe to show: one line, without
// control characters, at most n bytes.
func plain(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
	return cutText(s, n)
}

// cutText keeps the first n bytes of s as valid UTF-8 and marks the cut.
func cutText(s string, n int) string {
	if len(s) <= n {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.ToValidUTF8(s[:n], "") + fmt.Sprintf(" [%d bytes cut]", len(s)-n)
}
