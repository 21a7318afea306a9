package redact

import (
	"regexp"
	"slices"
	"strings"
)

// nameRule finds what RulePassword and RuleSecretVar leave: quoted values with
// spaces, and names that are common in code too (token, pass, pwd).
func nameRule() *rule {
	names := append(secretNames(), "token", "pass", "pwd")
	return own(RuleSecretAssignment, names,
		`(?i)(?:`+strings.Join(names, "|")+`)\w{0,20}\\?["']?\s{0,3}(?:=>|:=|=|:)\s{0,3}(?:[rbuf]?"((?:[^"\\\n]|\\[^\n]){1,400})"|\\"([^"\\\n]{1,400})\\"|[rbuf]?'([^'\\\n]{1,400})'|((?:\[redacted:[a-z0-9-]+\]|[^\s"'\\,;&|)\]}<>])+))`,
		0, secretValue).only(namedValue)
}

// How much a name says about its value.
const (
	nameOther = iota // compass, tokenizer, password_policy
	nameToken        // a lexer has tokens too
	namePass         // and a test passes
	nameSecret
)

var (
	secretNameEnd = regexp.MustCompile(`(?i)(?:password|passwd|passphrase|secret|(?:api|access|secret|private)[_-]?key|credentials?|(?:^|[_-])pwd)(?:_?(?:[0-9]{1,3}|base|prod|dev|staging))?$`)
	passNameEnd   = regexp.MustCompile(`(?:^|[_-])(?:pass|PASS)[0-9]{0,2}$|[a-z]Pass$`)
	tokenNameEnd  = regexp.MustCompile(`(?:^|[_-])(?:token|TOKEN|Token)[0-9]{0,2}$|[a-z]Token$`)
)

func nameClass(name string) int {
	switch {
	case secretNameEnd.MatchString(name):
		return nameSecret
	case passNameEnd.MatchString(name):
		return namePass
	case tokenNameEnd.MatchString(name):
		return nameToken
	}
	return nameOther
}

// secretValue judges name = value by how telling the name is.
func secretValue(text string, m match) bool {
	v := withoutMarker(text[m.start:m.end])
	if len(v) < 3 || placeholder(v) || isPath(v) || strings.Contains(v, "{}") || strings.Contains(v, "%s") {
		return false
	}
	from := m.loc[0]
	for least := max(0, from-64); from > least && skip(text, from-1, 1, "-", true) == from; {
		from--
	}
	nameEnd := skip(text, m.loc[0], nameWindow, "-", true)
	class := nameClass(strings.TrimLeft(text[from:nameEnd], "-"))
	quoted := m.sub(text, 4) == ""
	letters, digits := lettersAndDigits(v)
	mixed := letters > 0 && digits > 0
	switch {
	case class == nameOther:
		return false
	case quoted && strings.ContainsAny(v, " \t"):
		return !prose(v) && (class != nameToken || mixed)
	case isExpression(v):
		return false
	case quoted && class == nameToken:
		return len(v) >= 8 && mixed && digits > 1 && Entropy(v) > 2.5 && !numbered(v)
	case quoted:
		return len(v) >= 6 && mixed
	case queried(text, m):
		return len(v) >= 6
	case m.start != nameEnd+1 || text[nameEnd] != '=':
		return false // bare after a space or colon: a type, a variable
	case class == namePass:
		return len(v) >= 6 && mixed
	}
	return len(v) >= 8 && mixed && digits > 1 && Entropy(v) > 2.5 && !numbered(v)
}

func lettersAndDigits(v string) (letters, digits int) {
	for _, c := range []byte(v) {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z':
			letters++
		case '0' <= c && c <= '9':
			digits++
		}
	}
	return letters, digits
}

// numbered tells a word with a number behind it: token12, step_3.
func numbered(v string) bool {
	head := strings.TrimRight(v, "0123456789")
	return len(v)-len(head) <= 3 && strings.Trim(strings.ToLower(head), "abcdefghijklmnopqrstuvwxyz_-.") == ""
}

// proseWords are what messages about secrets say and secrets seldom do.
var proseWords = []string{
	"a", "an", "the", "is", "are", "was", "be", "must", "should", "can", "cannot", "not", "no", "of", "to", "for", "in", "your",
	"enter", "invalid", "missing", "required", "please", "forgot", "reset", "change", "wrong", "incorrect", "expired", "unexpected",
	"password", "passwords", "passphrase", "token", "tokens", "secret", "key", "api", "least", "characters", "confirm", "new", "field",
}

// prose tells a message or label from a passphrase.
func prose(v string) bool {
	return slices.ContainsFunc(strings.Fields(strings.ToLower(v)), func(w string) bool {
		return slices.Contains(proseWords, strings.Trim(w, ".,:;!?()"))
	})
}
