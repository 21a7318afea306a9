package redact

import (
	"math"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
)

const (
	// minWindow and maxWindow bound how far from its keyword a rule looks, in
	// bytes. A match that reaches the end of its window gets a larger one.
	minWindow = 256
	maxWindow = 4096
	// nameWindow is for expressions whose keyword stands near their start.
	nameWindow = 96
)

// rule finds one kind of secret.
type rule struct {
	id       string
	keywords []string // lower case; one of them must be near
	before   int      // bytes to look in front of a keyword
	after    int      // and behind it
	entropy  float64  // bits per byte that the secret must exceed; 0: any
	group    int      // submatch that is the secret; 0: the first that matched, else all
	allow    []allowlist
	// near judges by the text around the keyword at start to end, quickly,
	// whether to try the expression there; nil: always.
	near func(text string, start, end int) bool
	// check has the last word on a match of an own rule; nil accepts.
	check func(text string, m match) bool
	re    func() *regexp.Regexp
}

// match is where a rule's expression matched: loc as of
// FindStringSubmatchIndex, moved to positions in the text; start and end are
// the secret's.
type match struct {
	loc        []int
	start, end int
}

// sub is the text of submatch n, or "".
func (m match) sub(text string, n int) string {
	if 2*n+1 >= len(m.loc) || m.loc[2*n] < 0 {
		return ""
	}
	return text[m.loc[2*n]:m.loc[2*n+1]]
}

// lazily compiles source on first use.
func lazily(source string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(source) })
}

// windowFor derives from an expression how far around a keyword it can reach.
func windowFor(source string) int {
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return maxWindow
	}
	n := longest(tree)
	if n < 0 {
		return maxWindow
	}
	return min(max(n, minWindow), maxWindow)
}

// longest is the greatest number of characters that tree can match, or -1 when
// there is no bound.
func longest(tree *syntax.Regexp) int {
	switch tree.Op {
	case syntax.OpLiteral:
		return len(tree.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1
	case syntax.OpStar, syntax.OpPlus:
		return -1
	case syntax.OpRepeat:
		n := longest(tree.Sub[0])
		if tree.Max < 0 || n < 0 {
			return -1
		}
		return n * tree.Max
	}
	total := 0
	for _, sub := range tree.Sub {
		n := longest(sub)
		if n < 0 {
			return -1
		}
		if tree.Op == syntax.OpAlternate {
			total = max(total, n)
		} else {
			total += n
		}
	}
	return total
}

// find appends the secrets that the rule finds in the windows.
func (r *rule) find(text string, windows []hit, index int, spans []span) []span {
	searched := 0 // up to here; a window that grew takes in later ones
	for _, w := range windows {
		if w.end <= searched {
			continue
		}
		found, end := r.matches(text, w.start, w.end)
		searched = end
		for _, loc := range found {
			m := match{loc: loc}
			m.start, m.end = r.secret(loc)
			if r.accepts(text, m) {
				spans = append(spans, span{m.start, m.end, index})
			}
		}
	}
	return spans
}

// matches applies the expression to text[start:end]. A match that touches an
// inner edge of the window may be cut short, or owe a word boundary to the cut:
// the window then grows and the search is repeated. searched is where the last
// window ended.
func (r *rule) matches(text string, start, end int) (found [][]int, searched int) {
	for grow := maxWindow; ; grow *= 4 {
		found = r.re().FindAllStringSubmatchIndex(text[start:end], -1)
		if len(found) == 0 {
			return nil, end
		}
		left := start > 0 && found[0][0] == 0
		right := end < len(text) && found[len(found)-1][1] == end-start
		if !left && !right {
			for _, loc := range found {
				for i := range loc {
					if loc[i] >= 0 {
						loc[i] += start
					}
				}
			}
			return found, end
		}
		if left {
			start = max(0, start-grow)
		}
		if right {
			end = min(len(text), end+grow)
		}
	}
}

// secret is the part of a match that is to be replaced.
func (r *rule) secret(loc []int) (start, end int) {
	if r.group > 0 && 2*r.group+1 < len(loc) && loc[2*r.group] >= 0 {
		return loc[2*r.group], loc[2*r.group+1]
	}
	for i := 2; i+1 < len(loc); i += 2 {
		if loc[i] >= 0 && loc[i] < loc[i+1] {
			return loc[i], loc[i+1]
		}
	}
	return loc[0], loc[1]
}

func (r *rule) accepts(text string, m match) bool {
	secret := text[m.start:m.end]
	switch {
	case secret == "",
		r.entropy > 0 && Entropy(secret) <= r.entropy,
		m.start == m.loc[0] && m.end == m.loc[1] && isBareHash(secret):
		return false
	}
	for i := range r.allow {
		if r.allow[i].allows(text, m) {
			return false
		}
	}
	return r.check == nil || r.check(text, m)
}

// isBareHash tells a commit or checksum that stands for itself, without a name
// in front: there are far more of those in recordings than secrets of that
// form.
func isBareHash(s string) bool {
	if n := len(s); n != 32 && n != 40 && n != 64 {
		return false
	}
	return strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// Entropy is the Shannon entropy (1948) of s in bits per byte.
func Entropy(s string) float64 {
	var count [256]int
	for i := range len(s) {
		count[s[i]]++
	}
	e := 0.0
	for _, n := range count {
		if n > 0 {
			p := float64(n) / float64(len(s))
			e -= p * math.Log2(p)
		}
	}
	return e
}
