package redact

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	ahocorasick "github.com/BobuSumisu/aho-corasick"
)

const (
	markerPrefix = "[redacted:"
	// maxPasses bounds the search for a fixed point. Every pass that changes
	// the text shortens what is left to find; three are rare.
	maxPasses = 8
	// minSecret is the shortest text, in bytes, that can hold anything to
	// redact with its keyword.
	minSecret = 6
)

// Redactor replaces secrets by markers. It is safe for concurrent use.
type Redactor struct {
	rules    []*rule
	trie     *ahocorasick.Trie
	patterns [][]int // keyword number -> rules
	lowered  sync.Pool
}

// New reads the rules. It fails when the embedded gitleaks configuration
// cannot be read, which only a broken build explains.
func New() (*Redactor, error) {
	rules, err := gitleaksRules()
	if err != nil {
		return nil, fmt.Errorf("read the gitleaks rules: %w", err)
	}
	return build(slices.Concat(ownRules(), shellRules(), []*rule{nameRule()}, rules, keyRules())), nil
}

// build puts the keywords of all rules into one automaton.
func build(rules []*rule) *Redactor {
	r := &Redactor{rules: rules}
	r.lowered.New = func() any { return new([]byte) }
	number := map[string]int{}
	builder := ahocorasick.NewTrieBuilder()
	for i, rule := range rules {
		for _, word := range rule.keywords {
			n, ok := number[word]
			if !ok {
				n = len(r.patterns)
				number[word] = n
				r.patterns = append(r.patterns, nil)
				builder.AddString(word)
			}
			r.patterns[n] = append(r.patterns[n], i)
		}
	}
	r.trie = builder.Build()
	return r
}

// String returns s with its secrets replaced by markers, and how many it
// replaced.
func (r *Redactor) String(s string) (clean string, found int) {
	for range maxPasses {
		spans := r.scanAll(s)
		if len(spans) == 0 {
			break
		}
		s = r.replace(s, spans)
		found += len(spans)
	}
	return s, found
}

// span is a secret in a text: bytes start to end, found by the rule with that
// index; lower indexes are more specific and win.
type span struct{ start, end, rule int }

// scan returns the secrets in s in order, not overlapping.
func (r *Redactor) scan(s string) []span {
	if len(s) < minSecret {
		return nil
	}
	hits := r.keywordHits(s)
	if len(hits) == 0 {
		return nil
	}
	var spans []span
	for start := 0; start < len(hits); {
		end := start
		for end < len(hits) && hits[end].rule == hits[start].rule {
			end++
		}
		spans = r.rules[hits[start].rule].find(s, hits[start:end], hits[start].rule, spans)
		start = end
	}
	return r.merge(s, spans)
}

// hit is a stretch of text around keywords of a rule.
type hit struct{ rule, start, end int }

// keywordHits finds the windows in which rules have to look, ordered by rule
// and place, overlapping ones joined.
func (r *Redactor) keywordHits(s string) []hit {
	buf := r.lowered.Get().(*[]byte)
	defer r.lowered.Put(buf)
	*buf = appendLower((*buf)[:0], s)
	last := make(map[int]int) // rule -> its newest window in hits
	var hits []hit
	r.trie.Walk(*buf, func(end, n, pattern int64) bool {
		for _, i := range r.patterns[pattern] {
			rule := r.rules[i]
			if rule.near != nil && !rule.near(s, int(end-n+1), int(end)+1) {
				continue
			}
			from := max(0, int(end-n+1)-rule.before)
			to := min(len(s), int(end)+1+rule.after)
			if at, ok := last[i]; ok && hits[at].end >= from {
				hits[at].end = max(hits[at].end, to)
				continue
			}
			last[i] = len(hits)
			hits = append(hits, hit{i, from, to})
		}
		return true
	})
	const keep = 1 << 20
	if cap(*buf) > keep {
		*buf = nil
	}
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.start, b.start))
	})
	return hits
}

// appendLower lower-cases ASCII only, so that positions stay what they were.
func appendLower(dst []byte, s string) []byte {
	dst = append(dst, s...)
	for i, c := range dst {
		if 'A' <= c && c <= 'Z' {
			dst[i] = c + 'a' - 'A'
		}
	}
	return dst
}

// merge orders spans, drops those that lie in a marker and joins overlapping
// ones under the most specific rule.
func (r *Redactor) merge(s string, spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end), cmp.Compare(a.rule, b.rule))
	})
	var out []span
	for _, sp := range spans {
		sp = widen(s, sp)
		if sp.start == sp.end {
			continue
		}
		if n := len(out); n > 0 && sp.start < out[n-1].end {
			out[n-1].end = max(out[n-1].end, sp.end)
			out[n-1].rule = min(out[n-1].rule, sp.rule)
			continue
		}
		out = append(out, sp)
	}
	return out
}

// widen drops a span that lies within a marker and makes one that cuts a
// marker take in all of it, so that no half marker stays behind.
func widen(s string, sp span) span {
	if m, ok := markerAround(s, sp.start); ok {
		if sp.end <= m.end {
			return span{}
		}
		sp.start = m.start
	}
	if m, ok := markerAround(s, sp.end-1); ok {
		sp.end = max(sp.end, m.end)
	}
	return sp
}

// markerAround finds the marker that the byte at i belongs to.
func markerAround(s string, i int) (span, bool) {
	const longest = 96
	from := max(0, i-longest)
	at := strings.LastIndex(s[from:min(len(s), i+len(markerPrefix))], markerPrefix)
	if at < 0 || from+at > i {
		return span{}, false
	}
	start := from + at
	end := start + len(markerPrefix)
	for end < len(s) && isRuleByte(s[end]) {
		end++
	}
	if end == start+len(markerPrefix) || end >= len(s) || s[end] != ']' || end < i {
		return span{}, false
	}
	return span{start: start, end: end + 1}, true
}

func isRuleByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-'
}

func (r *Redactor) replace(s string, spans []span) string {
	var b strings.Builder
	b.Grow(len(s))
	at := 0
	for _, sp := range spans {
		b.WriteString(s[at:sp.start])
		b.WriteString(Marker(r.rules[sp.rule].id))
		at = sp.end
	}
	b.WriteString(s[at:])
	return b.String()
}

// Marker is what stands in place of a secret that the rule found.
func Marker(ruleID string) string { return markerPrefix + ruleID + "]" }
