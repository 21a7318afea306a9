package redact

import "strings"

// word is a shell word: quoted, or bare up to what ends a command.
const word = `(?:\\?"([^"\\\n]+)\\?"|'([^'\n]+)'|([^\s"'\\;|&<>]+))`

// shellRules are the ways in which programs take a secret on the command line
// or in a file, and in which HTTP carries a session.
func shellRules() []*rule {
	return []*rule{
		own(RuleProgramFlag, []string{"mysql", "mariadb"},
			`\b(?:mysql|mariadb)[a-z-]{0,12}\s(?:[^\n|;&]{0,200}?\s)?-p`+word, 0, argument).only(flagFollows),
		own(RuleProgramFlag, []string{"sshpass"},
			`\bsshpass\s{1,3}(?:-v\s{1,3}|-P\s{0,3}\S{1,60}\s{1,3}){0,3}-p\s{0,3}`+word, 0, argument).only(flagFollows),
		own(RuleProgramFlag, []string{"redis-cli"},
			`\bredis-cli\s(?:[^\n|;&]{0,200}?\s)?(?:-a|--pass)\s{1,3}`+word, 0, argument).only(flagFollows),
		own(RuleProgramFlag, []string{"login"},
			`\b(?:docker|podman|nerdctl|buildah|skopeo|helm registry|oras|az|oc|heroku)\s{1,3}(?:acr\s{1,3})?login\s(?:[^\n|;&]{0,200}?\s)?-p[\s=]{0,3}`+word, 0, argument).only(flagFollows),
		own(RulePipedSecret, []string{"sudo", "--password-stdin"},
			`\b(?:echo|printf)\s{1,3}(?:-[neE]{1,3}\s{1,3})?(?:["']?%s(?:\\n)?["']?\s{1,3})?`+word+`\s{0,3}\|\s{0,3}(?:sudo\s(?:[^\n|;]{0,60}?\s)?(?:-[A-Za-z]*S\b|--stdin)|[^\n|;]{1,200}?--password-stdin)`, 0, argument).only(pipeBefore),
		own(RulePipedSecret, []string{"sudo"},
			`\bsudo\s(?:[^\n|;<]{0,100}?\s)?(?:-[A-Za-z]*S|--stdin)\s[^\n|;<]{0,200}<<<\s{0,3}`+word, 0, argument).only(hereString),
		own(RuleNetrc, []string{"password"},
			`\b(machine\s{1,3}\S{1,200}\s{1,9}|default\s{1,9})?login\s{1,3}\S{1,200}\s{1,9}(?:account\s{1,3}\S{1,200}\s{1,9})?password\s{1,3}([^\s"'\\]+)`, 2, netrc).only(loginBefore),
		own(RuleCookie, []string{"set-cookie"},
			`(?i)\bset-cookie\\?["']?\s{0,3}[:=]\s{0,3}\\?["']?([\w.-]{1,64})=([^;\s"'\\,]{4,})`, 2, cookie),
		own(RuleCookie, []string{"cookie", " -b "},
			`(?i)(?:(?:^|[^-\w])cookie\\?["']?\s{0,3}:|\s--cookie[\s=]|\s-b\s)\s{0,3}\\?["']?([\w.-]{1,64}=[^;\s"'\\,]{4,}(?:;\s?[\w.-]{1,64}=[^;\s"'\\,]*)*)`, 1, cookieList),
	}
}

// keyRules are prefixes that make a key whatever its length; the rules of
// gitleaks, which come first, ask for one length.
func keyRules() []*rule {
	return []*rule{
		own(RulePrefixedKey, []string{"sk-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-"},
			`\b(?:sk-(?:ant|proj|svcacct|admin|or|lf|live|test)-[A-Za-z0-9_-]{20,}|sk-[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{20,})`, 0, prefixedKey).
			only(func(text string, start, _ int) bool { return tokenAt(text, start, 23) }),
	}
}

// prefixedKey tells a key from a name such as a CSS class.
func prefixedKey(text string, m match) bool {
	v := text[m.start:m.end]
	_, digits := lettersAndDigits(v)
	return digits > 1 && Entropy(v) > 3
}

// flagFollows reports whether a short or long flag comes soon after the
// program's name.
func flagFollows(text string, _, end int) bool {
	rest := text[end:min(len(text), end+minWindow)]
	return strings.Contains(rest, " -p") || strings.Contains(rest, " -a") || strings.Contains(rest, " --pass")
}

func pipeBefore(text string, start, _ int) bool {
	return strings.IndexByte(text[max(0, start-minWindow):start], '|') >= 0
}

func hereString(text string, _, end int) bool {
	return strings.Contains(text[end:min(len(text), end+2*minWindow)], "<<<")
}

func loginBefore(text string, start, _ int) bool {
	return strings.Contains(text[max(0, start-minWindow):start], "login")
}

// argument accepts what stands where only a secret can; -p 3306:3306 is a port.
func argument(text string, m match) bool {
	v := withoutMarker(text[m.start:m.end])
	return v != "" && !placeholder(v) && v[0] != '-' && !(strings.Contains(v, ":") && strings.Trim(v, "0123456789.:/tcpud") == "")
}

// netrc asks for a machine in front, or for a value that is no word of prose.
func netrc(text string, m match) bool {
	v := text[m.start:m.end]
	letters, digits := lettersAndDigits(v)
	return !placeholder(v) && (m.sub(text, 1) != "" || letters > 0 && digits > 0)
}

// sessionNames are parts of the names of cookies that log someone in.
var sessionNames = []string{"sess", "sid", "auth", "token", "jwt", "csrf", "xsrf", "login", "remember"}

func cookie(text string, m match) bool {
	return cookieValue(m.sub(text, 1), text[m.start:m.end])
}

// cookieList takes all cookies of a request when one of them is a secret.
func cookieList(text string, m match) bool {
	for _, c := range strings.Split(text[m.start:m.end], ";") {
		if name, v, _ := strings.Cut(strings.TrimSpace(c), "="); cookieValue(name, v) {
			return true
		}
	}
	return false
}

func cookieValue(name, v string) bool {
	if v = withoutMarker(v); len(v) < 4 || placeholder(v) || isExpression(v) {
		return false
	}
	name = strings.ToLower(name)
	for _, part := range sessionNames {
		if strings.Contains(name, part) {
			return v != "deleted"
		}
	}
	letters, digits := lettersAndDigits(v)
	return len(v) >= 16 && letters > 0 && digits > 0
}
