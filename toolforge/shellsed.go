package toolforge

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"lathe/learn/lazyregexp"
)

// sedPlain is a script for sed of commands that only choose and change lines:
// none that reads, writes or runs (r, w, e and the flags w and e of s), no
// labels and no blocks. A delimiter within brackets ends a part for sed, too.
var sedPlain = lazyregexp.New(strings.NewReplacer(
	"ADDR", `(?:\d+|\\?\$|/(?:[^/\\\n]|\\.)*/I?)`,
	"SUBST", `s(?:/(?:[^/\\\n]|\\.)*/(?:[^/\\\n]|\\.)*/|\|(?:[^|\\\n]|\\.)*\|(?:[^|\\\n]|\\.)*\||#(?:[^#\\\n]|\\.)*#(?:[^#\\\n]|\\.)*#|,(?:[^,\\\n]|\\.)*,(?:[^,\\\n]|\\.)*,)[gpiI\d]*`,
).Replace(`^(?:[\s;]*(?:ADDR(?:\s*,\s*\+?ADDR)?)?\s*!?\s*(?:[pdqQ=lnNDPgGhHx]|SUBST)[ \t]*(?:[;\n]|$))+[\s;]*$`))

// plainSed reports whether all scripts of a call of sed are plain, with nothing
// of a caller in them but numbers.
func (r *shellRules) plainSed(args []*syntax.Word) bool {
	scripts, options, given := 0, true, false
	for i := 1; i < len(args); i++ {
		l := lead(args[i])
		switch {
		case options && l == "--":
			options = false
			continue
		case options && (l == "-e" || l == "--expression" || strings.HasPrefix(l, "-") && !strings.HasPrefix(l, "--") && strings.HasSuffix(l, "e")):
			given = true
			if i++; i == len(args) {
				return false
			}
		case options && strings.HasPrefix(l, "-"):
			if strings.HasPrefix(l, "--expression=") || strings.HasPrefix(l, "--file") || !strings.HasPrefix(l, "--") && strings.ContainsAny(l, "ef") {
				return false
			}
			continue
		case given || scripts > 0: // a file
			continue
		}
		if scripts++; escaped(args[i]) || r.flow.taints(args[i]) || computed(args[i]) || !sedPlain.MatchString(spelled(args[i])) {
			return false
		}
	}
	return scripts > 0
}

// escaped reports whether a word in double quotes holds a backslash that the
// shell takes away, so that sed reads something else than is written.
func escaped(w *syntax.Word) bool {
	found := false
	syntax.Walk(w, func(n syntax.Node) bool {
		if q, ok := n.(*syntax.DblQuoted); ok {
			for _, p := range q.Parts {
				if l, ok := p.(*syntax.Lit); ok && (strings.Contains(l.Value, `\\`) || strings.Contains(l.Value, "\\\"") || strings.Contains(l.Value, "\\`")) {
					found = true
				}
			}
		}
		return !found
	})
	return found
}
