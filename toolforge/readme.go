package toolforge

import (
	"fmt"
	"slices"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	heading      = lazyregexp.New(`(?m)^#{1,6}[ \t]+(.+?)[ \t]*#*$`)
	argumentList = lazyregexp.New(`(?i)^(the\s+)?(parameters?|arguments?|args|inputs?)\b`)
	bullet       = lazyregexp.New("(?m)^(?:[-*+][ \t]+|\\|[ \t]*)[*_]*`([a-z_][a-z0-9_]*)`")
	identifier   = lazyregexp.New("^`?([a-z][a-z0-9]*(?:_[a-z0-9]+)+)`?(?:\\(\\))?$")
)

// aboutAnother finds a README that is about another tool: its title is another
// tool's name, or what it lists as parameters is none of them.
func aboutAnother(m learn.ToolManifest, readme string, names []string) []learn.Finding {
	var out []learn.Finding
	found := func(at int, format string, args ...any) {
		out = append(out, learn.Finding{File: "README.md", Line: lineOf(readme, at), Rule: "misleading", Message: fmt.Sprintf(format, args...)})
	}
	heads := heading.FindAllStringSubmatchIndex(readme, 100)
	for i, h := range heads {
		title := readme[h[2]:h[3]]
		if name := identifier.FindStringSubmatch(title); i == 0 && name != nil && name[1] != m.Name && !strings.Contains(readme, m.Name) {
			found(h[0], "it is about %s; this tool is %s", clip(name[1], 60), m.Name)
		}
		if !argumentList.MatchString(title) {
			continue
		}
		end := len(readme)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		for _, b := range bullet.FindAllStringSubmatchIndex(readme[h[1]:end], 50) {
			if name := readme[h[1]+b[2] : h[1]+b[3]]; !slices.Contains(names, name) {
				found(h[1]+b[0], "it lists a parameter %s; %s has %s", clip(name, 60), m.Name, strings.Join(names, ", "))
			}
		}
	}
	return out
}

// Effects that a description promises, and that the permissions exclude.
var (
	saysWrites  = lazyregexp.New(`(?i)\b(writes|saves|stores|caches|persists|logs)\b[^.;\n]{0,60}?\b(?:to|on|in|into)\s+(?:the\s+|a\s+|an\s+|its\s+)?(?:disk|file|cache\s+file|log\s+file|file\s*system|workspace|database)\b`)
	saysFetches = lazyregexp.New(`(?i)\b(downloads|uploads|fetches|queries)\b[^.;\n]{0,60}?\b(?:from|to|over|on)\s+(?:the\s+|a\s+|an\s+)?(?:internet|web|network|remote|server|website|url|github|pypi|api)\b`)
	negated     = lazyregexp.New(`(?i)\b(not|never|no|nothing|without|neither|nor|that|which|what)\b[^.;\n]{0,40}$`)
)

// promises compares what the description says that the tool does with what it
// may do: it cannot write, or reach another machine, without the permission.
func promises(m learn.ToolManifest) []learn.Finding {
	var out []learn.Finding
	check := func(re *lazyregexp.Regexp, allowed bool, what string) {
		at := re.FindStringIndex(m.Description)
		if allowed || at == nil || negated.MatchString(m.Description[:at[0]]) {
			return
		}
		out = append(out, learn.Finding{File: "tool.json", Rule: "misleading",
			Message: fmt.Sprintf("the description says %q, and the manifest does not ask %s", clip(m.Description[at[0]:at[1]], 120), what)})
	}
	check(saysWrites, m.Permissions.Filesystem == "write", "to write files")
	check(saysFetches, len(m.Permissions.Network) > 0, "for the network")
	return out
}
