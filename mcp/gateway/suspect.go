package gateway

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"lathe/learn/lazyregexp"
)

// Suspect says what in a tool's definition looks as if it were meant for a
// model behind a person's back: characters that nobody sees, and orders that
// no description of a tool needs. It finds the known forms of such attacks, not
// all; that a changed text waits for a person does not depend on it.
func Suspect(definition []byte) (findings []string) {
	var v any
	if json.Unmarshal(definition, &v) != nil {
		return []string{"it cannot be read"}
	}
	walkText(v, func(s string) {
		if hidden := hiddenIn(s); hidden != "" {
			findings = append(findings, hidden)
		}
		folded := strings.ToLower(strings.Join(strings.Fields(strings.Map(visible, s)), " "))
		for _, p := range orders {
			if m := p.re.FindString(folded); m != "" {
				findings = append(findings, fmt.Sprintf("%s: %q", p.what, cutText(m, 80)))
			}
		}
	})
	slices.Sort(findings)
	return slices.Compact(findings)
}

func visible(r rune) rune {
	if isHidden(r) {
		return -1
	}
	return r
}

// walkText yields all texts of a JSON value, names of members included.
func walkText(v any, yield func(string)) {
	switch v := v.(type) {
	case string:
		yield(v)
	case []any:
		for _, e := range v {
			walkText(e, yield)
		}
	case map[string]any:
		for k, e := range v {
			yield(k)
			walkText(e, yield)
		}
	}
}

// isHidden reports whether a character is there and not seen: format controls
// such as zero-width and bidirectional ones, tags (U+E0000), variation selectors
// beyond the emoji's, private use, and control characters but white space.
func isHidden(r rune) bool {
	switch {
	case r == '\n' || r == '\t' || r == '\r' || r == 0xFE0F || r == 0xFE0E:
		return false
	case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r):
		return true
	case r >= 0xFE00 && r <= 0xFE0D, r >= 0xE0100 && r <= 0xE01EF:
		return true
	case r == 0x3164 || r == 0x115F || r == 0x1160 || r == 0xFFA0 || r == 0x2800: // blanks that are letters
		return true
	}
	return false
}

func hiddenIn(s string) string {
	joined := strings.ContainsFunc(s, func(r rune) bool { // joiners belong to these scripts and to emoji
		return unicode.In(r, unicode.Arabic, unicode.Devanagari, unicode.Bengali, unicode.Sinhala, unicode.So)
	})
	n, first := 0, rune(0)
	for _, r := range s {
		if isHidden(r) && !(joined && (r == 0x200D || r == 0x200C)) {
			if n++; n == 1 {
				first = r
			}
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d characters that are not seen, the first U+%04X", n, first)
}

// orders are forms that published attacks by tool descriptions had.
var orders = []struct {
	what string
	re   *lazyregexp.Regexp
}{
	{"an order to disregard instructions", lazyregexp.New(`\b(ignore|disregard|forget|override) (all |any |the |your |every )*(previous|prior|earlier|above|preceding|system|other) (instructions?|prompts?|rules|messages?|guidelines|tools?)`)},
	{"an order to keep something from the user", lazyregexp.New(`\b(do not|don't|never|without) (ever )?(tell(ing)?|inform(ing)?|mention(ing)?|reveal(ing)?|show(ing)?|notify(ing)?|alert(ing)?|let(ting)?)( this| that| it| anything| about)*( to)? (the )?(user|human|person|developer)`)},
	{"a tag that pretends to be the system's", lazyregexp.New(`<\s*/?\s*(important|system|secret|hidden|instructions?|admin|critical)\s*>`)},
	{"an order about another tool or file before use", lazyregexp.New(`\bbefore (using|calling|invoking|running) (this|any|the|other) [^.]{0,60}\b(read|open|send|cat|include|pass|fetch|call)\b`)},
	{"secrets by name", lazyregexp.New(`(~|\$home|/root|/home/[a-z]+)?/?\.(ssh/|aws/credentials|netrc|npmrc|cursor/mcp\.json|claude\.json)|\bid_(rsa|ed25519)\b|/etc/(passwd|shadow)`)},
	{"an order to send something along", lazyregexp.New(`\b(pass|send|include|put|add|append|exfiltrate|forward|bcc)\b[^.]{0,60}\b(conversation|chat history|api keys?|credentials|private keys?|system prompt|passwords?)\b`)},
	{"a markup comment", lazyregexp.New(`<!--`)},
}
