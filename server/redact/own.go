package redact

import (
	"slices"
	"strings"
)

// Names of our own rules, as they stand in markers.
const (
	RulePrivateKey    = "private-key"
	RuleURLUserinfo   = "url-userinfo"
	RuleUserFlag      = "user-flag"
	RuleAuthHeader    = "authorization-header"
	RuleBearer        = "bearer-token"
	RuleSecretFlag    = "secret-flag"
	RuleSecretVar     = "secret-variable"
	RulePassword      = "password-assignment"
	RuleAWSSecretKey  = "aws-secret-access-key"
	RuleNPMToken      = "npm-auth-token"
	RuleSensitiveName = "sensitive-name"

	RuleSecretAssignment = "secret-assignment"
	RuleProgramFlag      = "program-flag"
	RulePipedSecret      = "piped-secret"
	RuleNetrc            = "netrc-password"
	RuleCookie           = "cookie"
	RulePrefixedKey      = "prefixed-key"
)

// ownRules are listed from the most to the least specific: where matches
// overlap, the first names the marker.
func ownRules() []*rule {
	return []*rule{
		own(RulePrivateKey, []string{"-----begin"},
			`-----BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?-----(?:(?:[^-]|-[^-])*-----END[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?-----|(?:\s|\\+[rn]|[A-Za-z0-9+/=]){32,}(?:\s|\\+[rn]|[A-Za-z0-9+/=])*)`,
			0, holdsKey),
		own(RuleAWSSecretKey, []string{"secret"},
			`(?i)aws.{0,20}secret.{0,20}?[\s'"\\:=]{1,8}([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)`, 1, varied),
		own(RuleNPMToken, []string{"_authtoken", "_auth", "_password"},
			`(?i):_(?:authToken|auth|password)\s{0,3}=\s{0,3}["']?([^\s"'$]{6,})`, 1, plausible).only(afterColon),
		own(RuleURLUserinfo, []string{"://"},
			`(?i)\b[a-z][a-z0-9+.-]{1,30}://(?:[^\s/?#@:'"<>\\]*:([^\s/@'"<>\\]*[^\s/'"<>\\]*)|([^\s/?#@:'"<>\\]{16,}))@`, 0, userinfo).only(hasUserinfo),
		own(RuleUserFlag, []string{"-u", "--user", "--proxy-user"},
			`(?:^|[\s'"])(?:-u|--user|--proxy-user)(?:[ =]|\s)?["']?([^\s:'"=]+):([^\s'"]+)`, 2, userFlag).only(flagWithColon),
		own(RuleAuthHeader, []string{"authorization", "x-api-key", "x-auth-token", "private-token", "x-vault-token"},
			`(?i)(?:authorization|x-api-key|x-auth-token|private-token|x-vault-token)\\?["']?\s{0,3}[:=]\s{0,3}\\?["']?(?:(?:bearer|basic|token|digest|apikey|bot|negotiate)\s{1,3})?([^\s"'\\,;]{8,})`, 1, headerValue),
		own(RuleBearer, []string{"bearer"},
			`(?i)\bbearer\s{1,3}([A-Za-z0-9._~+/-]{16,}=*)`, 1, headerValue),
		own(RuleSecretFlag, []string{"--pass", "--secret", "--token", "--api-key", "--apikey", "--access-key", "--auth-token", "--client-secret"},
			`(?i)(?:^|[\s'"])--(?:password|passwd|pass|passphrase|secret|token|api-?key|access-key|secret-key|auth-token|access-token|client-secret)(?:=|\s{1,3})["']?([^\s"'\\]+)`, 1, flagValue),
		own(RuleSecretVar, []string{"pass", "secret", "token", "_key", "apikey", "credential", "_pwd"},
			`\b((?:[A-Z0-9]+_){0,8}(?:PASSWORD|PASSWD|PASSPHRASE|PASS|PGPASSWORD|MYSQL_PWD|SECRET|TOKEN|APIKEY|API_KEY|ACCESS_KEY|SECRET_KEY|PRIVATE_KEY|CREDENTIALS?)(?:_[A-Z0-9]+){0,4})=["']?([^\s"'\\;&|]+)`, 2, variable).only(upperVariable),
		own(RulePassword, secretNames(),
			`(?i)(?:`+strings.Join(secretNames(), "|")+`)\w{0,20}\\?["']?\s{0,3}(?:=>|:=|==?|:)\s{0,3}(?:[rbuf]?\\?"([^"\\\n]{1,200})\\?"|[rbuf]?\\?'([^'\\\n]{1,200})\\?'|((?:\[redacted:[a-z0-9-]+\]|[^\s"'\\,;&|)\]}<>])+))`, 0, assignment).only(namedValue),
	}
}

func own(id string, keywords []string, source string, group int, check func(string, match) bool) *rule {
	// All of them start near their keyword and grow their window at its end.
	return &rule{id: id, keywords: keywords, before: nameWindow, after: 2 * minWindow, group: group, check: check, re: lazily(source)}
}

// only limits a rule to keywords around which near sees a chance.
func (r *rule) only(near func(text string, start, end int) bool) *rule {
	r.near = near
	return r
}

// secretNames are the names whose values RulePassword judges.
func secretNames() []string {
	names := []string{"password", "passwd", "passphrase", "secret", "credential"}
	for _, pair := range []string{"api key", "access key", "secret key", "private key", "auth token", "access token"} {
		for _, sep := range []string{"", "_", "-"} {
			names = append(names, strings.ReplaceAll(pair, " ", sep))
		}
	}
	return names
}

func afterColon(text string, start, _ int) bool { return start > 0 && text[start-1] == ':' }

// hasUserinfo reports whether an @ comes before the authority can end.
func hasUserinfo(text string, _, end int) bool {
	for _, c := range []byte(text[end:min(len(text), end+maxWindow)]) {
		switch c {
		case '@':
			return true
		case ' ', '\n', '\t', '/', '"', '\'', '<', '>':
			return false
		}
	}
	return false
}

// flagWithColon reports whether the keyword stands as a flag of its own and
// its argument has a colon.
func flagWithColon(text string, start, end int) bool {
	if start > 0 && strings.IndexByte(" \t\n'\"", text[start-1]) < 0 {
		return false
	}
	end = skip(text, end, 2, " =\t\n'\"", false)
	for _, c := range []byte(text[end:min(len(text), end+minWindow)]) {
		switch c {
		case ':':
			return true
		case ' ', '\n', '\t', '"', '\'', '=':
			return false
		}
	}
	return false
}

// upperVariable reports whether the keyword is in upper case and = follows the
// name.
func upperVariable(text string, start, end int) bool {
	if c := text[end-1]; c < 'A' || c > 'Z' {
		return false
	}
	end = skip(text, end, 64, "", true)
	return end < len(text) && text[end] == '='
}

// namedValue reports whether an operator follows the name.
func namedValue(text string, _, end int) bool {
	end = skip(text, end, 20, "", true)
	end = skip(text, end, 6, " \t\n\r\\\"'", false)
	return end < len(text) && (text[end] == '=' || text[end] == ':')
}

// holdsKey tells a key from code that names the header and the footer.
func holdsKey(text string, m match) bool {
	run, best := 0, 0
	for i := m.start; i < m.end; i++ {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '=':
			run++
		default:
			run = 0
		}
		best = max(best, run)
	}
	return best >= 32
}

// varied asks for a value that looks drawn at random.
func varied(text string, m match) bool {
	return Entropy(text[m.start:m.end]) > 3.5
}

func plausible(text string, m match) bool { return !placeholder(text[m.start:m.end]) }

// wordsForSecrets are what documentation writes where a secret belongs.
var wordsForSecrets = []string{
	"password", "passwd", "pass", "pwd", "secret", "token", "passphrase", "key", "apikey", "api_key", "credentials",
	"none", "null", "nil", "true", "false", "undefined", "string", "str", "bytes", "int", "bool", "any", "object",
	"optional", "required", "changeme", "example", "redacted", "hidden", "empty", "test", "todo", "value", "your",
}

// placeholder tells a stand-in for a secret: a variable, a template, an
// ellipsis, a word for it.
func placeholder(v string) bool {
	v = withoutMarker(v)
	if strings.Trim(v, "*.xX-_•#?= ") == "" {
		return true
	}
	if strings.ContainsAny(v[:1], "$%<{([`@&!|\\/") || strings.Contains(v, "${") || strings.Contains(v, "{{") || strings.Contains(v, "$(") {
		return true
	}
	return slices.Contains(wordsForSecrets, strings.ToLower(strings.Trim(v, "\"'`,.;:()[]{}<>")))
}

// withoutMarker is what follows a marker at the start of v: a secret that an
// earlier pass redacted in part is judged by what is left.
func withoutMarker(v string) string {
	if m, ok := markerAround(v, 0); ok {
		return v[m.end:]
	}
	return v
}

func userinfo(text string, m match) bool {
	if v := text[m.start:m.end]; placeholder(v) || strings.HasPrefix(v, "//") {
		return false
	}
	// A user without a password: only what does not read as a name.
	if v := m.sub(text, 2); v != "" {
		return strings.ContainsAny(v, "0123456789") && Entropy(v) > 3
	}
	return true
}

func userFlag(text string, m match) bool {
	user, pass := m.sub(text, 1), m.sub(text, 2)
	if placeholder(pass) || strings.HasPrefix(pass, ":") || allDigits(user) || allDigits(pass) && len(pass) < 6 {
		return false
	}
	line := lineAround(text, m.loc[0], m.loc[0])
	before := line[:max(0, min(len(line), strings.Index(line, user)))]
	for _, program := range []string{"docker ", "podman ", "git ", "sudo ", "su ", "chown ", "kubectl "} {
		if strings.Contains(before, program) && !strings.Contains(before, "curl") {
			return false
		}
	}
	return true
}

func allDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// headerValue asks for something that is not a word of prose.
func headerValue(text string, m match) bool {
	v := text[m.start:m.end]
	return !placeholder(v) && Entropy(v) > 2.5 && (strings.ContainsAny(v, "0123456789=_+/") || mixedCase(v))
}

func mixedCase(s string) bool {
	rest := s[min(1, len(s)):]
	return strings.ToLower(rest) != rest && strings.ToUpper(rest) != rest
}

func flagValue(text string, m match) bool {
	v := text[m.start:m.end]
	return !placeholder(v) && !strings.HasPrefix(v, "-") && len(v) >= 4
}

// variable judges NAME=value as a shell and an environment file write it.
func variable(text string, m match) bool {
	name, v := m.sub(text, 1), m.sub(text, 2)
	if placeholder(v) || len(v) < 4 || isPath(v) || isExpression(v) {
		return false
	}
	if strings.HasSuffix(name, "_ID") || strings.HasSuffix(name, "_FILE") || strings.HasSuffix(name, "_PATH") ||
		strings.HasSuffix(name, "_URL") || strings.HasSuffix(name, "_NAME") || strings.HasSuffix(name, "_LENGTH") {
		return false
	}
	if strings.Contains(name, "TOKEN") || strings.HasSuffix(name, "PASS") {
		return len(v) >= 8 && looksChosen(v)
	}
	return !allDigits(v) || len(v) >= 8
}

// assignment judges name = value in code, configuration and JSON. A quoted
// value is a literal; a bare one may be a variable, a type or a call.
func assignment(text string, m match) bool {
	v := withoutMarker(text[m.start:m.end])
	if len(v) < 4 || placeholder(v) || strings.ContainsAny(v, " \t") || isPath(v) {
		return false
	}
	name := strings.ToLower(text[m.loc[0]:m.start])
	strong := strings.Contains(name, "passw") || strings.Contains(name, "passphrase")
	quoted := m.sub(text, 3) == ""
	switch {
	case quoted && strong:
		return !isIdentifier(v) || looksChosen(v) || !strings.Contains(v, "_")
	case quoted:
		return len(v) >= 8 && looksChosen(v)
	case isExpression(v):
		return false
	case strong:
		return looksChosen(v) || queried(text, m)
	}
	return len(v) >= 12 && looksChosen(v) && Entropy(v) > 3
}

// queried tells a name in a query string, form body or connection string,
// where a bare value is a literal.
func queried(text string, m match) bool {
	at := m.loc[0]
	for at > 0 && skip(text, at-1, 1, ".-", true) == at {
		at--
	}
	return at > 0 && (text[at-1] == '?' || text[at-1] == '&') && text[m.start-1] == '='
}

// looksChosen asks for letters and digits or punctuation together, as people
// and generators choose passwords.
func looksChosen(v string) bool {
	letters, digits, others := 0, 0, 0
	for i := range len(v) {
		c := v[i]
		switch {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			letters++
		case '0' <= c && c <= '9':
			digits++
		case c != '_' && c != '.' && c != '-':
			others++
		}
	}
	return digits > 0 && (letters > 0 || len(v) >= 6) || others > 0 && letters > 0
}

// isExpression tells code: a call, an attribute, an index, a format.
func isExpression(v string) bool {
	if strings.ContainsAny(v, "()[]{}<>`$") {
		return true
	}
	head, _, dotted := strings.Cut(v, ".")
	return dotted && isIdentifier(head) && isIdentifier(strings.ReplaceAll(v, ".", "_"))
}

func isIdentifier(v string) bool {
	return v != "" && !('0' <= v[0] && v[0] <= '9') &&
		strings.Trim(strings.ToLower(v), "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func isPath(v string) bool {
	return strings.HasPrefix(v, "/") || strings.HasPrefix(v, "./") || strings.HasPrefix(v, "../") || strings.HasPrefix(v, "~")
}
