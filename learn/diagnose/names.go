package diagnose

import (
	"path"
	"strings"
)

// mentions reports whether name stands in text with no letter, digit or
// underscore beside it.
func mentions(text, name string) bool {
	if name == "" {
		return false
	}
	for from := 0; ; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return false
		}
		i += from
		if !wordByte(text, i-1) && !wordByte(text, i+len(name)) {
			return true
		}
		from = i + 1
	}
}

func wordByte(s string, i int) bool {
	if i < 0 || i >= len(s) {
		return false
	}
	c := s[i]
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// samePath compares paths of which one may be relative to somewhere: one must
// be the other's tail, at a separator.
func samePath(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	a, b = path.Clean("/"+a), path.Clean("/"+b)
	return a != "/" && b != "/" && (strings.HasSuffix(a, b) || strings.HasSuffix(b, a))
}
