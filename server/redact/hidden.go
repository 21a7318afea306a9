package redact

import (
	"slices"
	"strings"
)

// A terminal's colour codes and characters without width can stand inside a
// name or a secret and hide it from every expression. scanAll therefore
// searches the text as it is, and once more as it reads.

// scanAll returns the secrets in s, those too that hidden characters break up.
func (r *Redactor) scanAll(s string) []span {
	spans := r.scan(s)
	if !mayHide(s) {
		return spans
	}
	plain, at := visible(s)
	if len(plain) == len(s) {
		return spans
	}
	for _, sp := range r.scan(plain) {
		spans = append(spans, span{at[sp.start], at[sp.end-1] + 1, sp.rule})
	}
	return r.merge(s, spans)
}

// invisible are zero-width space, non-joiner, joiner and word joiner, the byte
// order mark and the soft hyphen.
var invisible = []string{"\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad"}

// escapes are how ESC stands in text, and in the JSON and source that an output
// may show.
var escapes = []string{"\x1b[", `\u001b[`, `\u001B[`, `\x1b[`, `\x1B[`, `\033[`, `\e[`}

func mayHide(s string) bool {
	in := func(c string) bool { return strings.Contains(s, c) }
	return slices.ContainsFunc(escapes, in) || slices.ContainsFunc(invisible, in)
}

// visible is s without colour codes and invisible characters; at[i] is where
// its byte i stands in s.
func visible(s string) (plain string, at []int) {
	var b strings.Builder
	b.Grow(len(s))
	at = make([]int, 0, len(s))
	for i := 0; i < len(s); {
		if n := hiddenAt(s, i); n > 0 {
			i += n
			continue
		}
		b.WriteByte(s[i])
		at = append(at, i)
		i++
	}
	return b.String(), at
}

// hiddenAt is the length of what is not seen at i: an invisible character, or
// ESC [ parameters m or K (ECMA-48: select graphic rendition, erase in line,
// which grep prints beside each colour).
func hiddenAt(s string, i int) int {
	switch s[i] {
	case 0x1b, '\\':
		for _, c := range escapes {
			if !strings.HasPrefix(s[i:], c) {
				continue
			}
			end := skip(s, i+len(c), 64, "0123456789;:", false)
			if end < len(s) && (s[end] == 'm' || s[end] == 'K') {
				return end + 1 - i
			}
		}
	case 0xe2, 0xef, 0xc2: // first bytes of the invisible ones
		for _, c := range invisible {
			if strings.HasPrefix(s[i:], c) {
				return len(c)
			}
		}
	}
	return 0
}
