package redact

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/BurntSushi/toml"
	"github.com/zricethezav/gitleaks/v8/config"
)

// gitleaksFile is the part of gitleaks' configuration that concerns text
// without a path or commit.
type gitleaksFile struct {
	Rules []struct {
		ID          string
		Regex       string
		Path        string
		SecretGroup int
		Entropy     float64
		Keywords    []string
		Allowlists  []gitleaksAllow
	}
	Allowlist gitleaksAllow
}

type gitleaksAllow struct {
	Condition   string
	RegexTarget string
	Paths       []string
	Commits     []string
	Regexes     []string
	StopWords   []string
}

// replacedRules are those that a rule of our own does better on text whose
// file is unknown.
var replacedRules = []string{
	"private-key",            // ours takes truncated keys too
	"kubernetes-secret-yaml", // without the file's name it takes any YAML under a "data:" key
	"hashicorp-tf-password",  // likewise takes any password = "..."
	"curl-auth-user",         // takes the user's name too
	"pkcs12-file",            // judges paths only
}

// tokenLengths are for rules with keywords that start the token but are common
// in any text, like "s." and "ey": how many token characters must follow from
// there for the expression to have a chance. The expressions ask for more.
var tokenLengths = map[string]int{
	"vault-service-token":                24,
	"jwt":                                19,
	"twilio-api-key":                     34,
	"authress-service-client-access-key": 20,
	"lob-api-key":                        40,
	"lob-pub-api-key":                    20,
}

// tokenAt reports whether a token of at least n characters starts at start.
func tokenAt(text string, start, n int) bool {
	if start > 0 && skip(text, start-1, 1, "", true) == start {
		return false
	}
	return skip(text, start, n, ".-", true)-start >= n
}

// gitleaksRules reads the rules from the configuration that gitleaks' module
// embeds. A rule for certain files only is applied to all text: an output does
// not say which file it shows.
func gitleaksRules() ([]*rule, error) {
	var file gitleaksFile
	if _, err := toml.Decode(config.DefaultConfig, &file); err != nil {
		return nil, err
	}
	global := newAllowlist(file.Allowlist)
	rules := make([]*rule, 0, len(file.Rules))
	var generic []*rule
	for _, g := range file.Rules {
		if g.Regex == "" || slices.Contains(replacedRules, g.ID) {
			continue
		}
		window := windowFor(g.Regex)
		r := &rule{
			id:       g.ID,
			before:   window,
			after:    window,
			entropy:  g.Entropy,
			group:    g.SecretGroup,
			keywords: lowerAll(g.Keywords),
			re:       lazily(g.Regex),
			allow:    []allowlist{global},
		}
		if name, _, ok := strings.Cut(strings.ToLower(g.Regex), assignmentShape); ok && containsAll(name, r.keywords) {
			r.near, r.before = assigned, min(window, nameWindow)
		}
		if r.id == "generic-api-key" {
			r.near, r.before = assignedMixed, nameWindow
		}
		if n := tokenLengths[g.ID]; n > 0 {
			r.before = nameWindow
			r.near = func(text string, start, _ int) bool { return tokenAt(text, start, n) }
		}
		for _, a := range g.Allowlists {
			r.allow = append(r.allow, newAllowlist(a))
		}
		if strings.HasPrefix(g.ID, "generic") {
			generic = append(generic, r)
			continue
		}
		rules = append(rules, r)
	}
	return append(rules, generic...), nil
}

// assignmentShape is how the expressions of most rules go on after the
// keyword; assigned is what it asks for.
const assignmentShape = `(?:[ \t\w.-]{0,20})[\s'"]{0,3}(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)[\x60'"\s=]{0,5}(`

// assigned reports whether an operator and a value can follow a keyword as
// assignmentShape has it. It says yes too often, never no wrongly.
func assigned(text string, _, end int) bool { return len(valueAfter(text, end)) >= 8 }

// assignedMixed also asks that the value be more than letters, as the
// allow-list of gitleaks' generic rule does.
func assignedMixed(text string, _, end int) bool {
	v := valueAfter(text, end)
	return len(v) >= 10 && strings.Trim(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.-") != ""
}

// valueAfter is the run of value characters after the operator that follows
// the name at at, cut to 160 bytes; "" when no operator follows.
func valueAfter(text string, at int) string {
	i := skip(text, at, 23, " \t\n\r\v\f.-'\"", true)
	op := skip(text, i, 4, "=>:|?,", false)
	if op == i {
		return ""
	}
	op = skip(text, op, 5, "`'\" \t\n\r\v\f=", false)
	return text[op:skip(text, op, 160, "./+=-\\", true)]
}

// skip is the position after at most n bytes from at that are in set, or are
// word characters when words is set.
func skip(text string, at, n int, set string, words bool) int {
	for end := min(len(text), at+n); at < end; at++ {
		c := text[at]
		word := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
		if !(words && word) && strings.IndexByte(set, c) < 0 {
			break
		}
	}
	return at
}

func containsAll(s string, words []string) bool {
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(s, w) })
}

func lowerAll(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strings.ToLower(w)
	}
	return out
}

// allowlist says which matches are no secrets.
type allowlist struct {
	target  string // "", match or line: what the expressions look at
	all     bool   // regexes and stop words must both agree
	never   bool   // asks for a path or commit as well, which text does not have
	regexes func() []*regexp.Regexp
	stops   []string
}

func newAllowlist(g gitleaksAllow) allowlist {
	all := g.Condition == "AND" || g.Condition == "and" || g.Condition == "&&"
	a := allowlist{
		target: g.RegexTarget,
		all:    all && len(g.Regexes) > 0 && len(g.StopWords) > 0,
		never:  all && len(g.Paths)+len(g.Commits) > 0,
		stops:  lowerAll(g.StopWords),
	}
	a.regexes = sync.OnceValue(func() []*regexp.Regexp {
		out := make([]*regexp.Regexp, len(g.Regexes))
		for i, source := range g.Regexes {
			out[i] = regexp.MustCompile(source)
		}
		return out
	})
	return a
}

func (a *allowlist) allows(text string, m match) bool {
	if a.never {
		return false
	}
	secret := text[m.start:m.end]
	stop := a.stopped(secret)
	if stop && !a.all {
		return true
	}
	target := secret
	switch a.target {
	case "match":
		target = text[m.loc[0]:m.loc[1]]
	case "line":
		target = lineAround(text, m.loc[0], m.loc[1])
	}
	matched := slices.ContainsFunc(a.regexes(), func(re *regexp.Regexp) bool { return re.MatchString(target) })
	if a.all {
		return stop && matched
	}
	return matched
}

func (a *allowlist) stopped(secret string) bool {
	if len(a.stops) == 0 {
		return false
	}
	secret = strings.ToLower(secret)
	return slices.ContainsFunc(a.stops, func(word string) bool { return strings.Contains(secret, word) })
}

// lineAround is the text from the line start before start to the line end
// after end, at most 512 bytes to either side.
func lineAround(text string, start, end int) string {
	from := max(0, start-2*minWindow)
	if i := strings.LastIndexByte(text[from:start], '\n'); i >= 0 {
		from += i + 1
	}
	to := min(len(text), end+2*minWindow)
	if i := strings.IndexByte(text[end:to], '\n'); i >= 0 {
		to = end + i
	}
	return text[from:to]
}
