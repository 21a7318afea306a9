package action

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	testID     = lazyregexp.New(`^(\S+\.py)::([\w:\[\].,-]+)$`)
	dotted     = lazyregexp.New(`^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$`)
	packageArg = lazyregexp.New(`^(@?[A-Za-z0-9][\w./@-]*?)(?:\[[^\]]*\])?(?:(?:[=<>!~]=?|@).*)?$`)
	pyImport   = lazyregexp.New(`(?m)^\s*(?:from\s+([A-Za-z_][\w.]*)\s+import|import\s+([A-Za-z_][\w.]*))`)
)

// commandEntities are what a command line names: files, hosts, packages,
// modules, tests.
func commandEntities(s *shell, args []learn.Argument) []learn.Entity {
	var e entitySet
	for _, f := range s.writes {
		e.add("file", f)
	}
	for _, c := range s.simple {
		if c.intent == learn.IntentInstall {
			for _, p := range c.positionals() {
				if m := packageArg.FindStringSubmatch(p.value); m != nil && p.kind != learn.TypeURL && !strings.HasPrefix(p.value, ".") {
					e.add("package", m[1])
				}
			}
		}
		if c.program == "python" || python.MatchString(c.program) {
			for _, m := range pyImport.FindAllStringSubmatch(cut(c.flagValue("-c"), maxValue), 20) {
				e.add("module", m[1]+m[2])
			}
		}
	}
	for _, a := range args {
		switch {
		case a.Type == learn.TypeURL:
			e.add("host", host(a.Value))
		case testID.MatchString(a.Value):
			m := testID.FindStringSubmatch(a.Value)
			e.add("file", m[1])
			e.add("symbol", m[2])
		case a.Type == learn.TypePath:
			if a.Value != "." && a.Value != ".." && a.Value != "/" {
				e.add("file", a.Value)
			}
		case a.Type == learn.TypeString && len(a.Value) < 200 && dotted.MatchString(a.Value):
			e.add("module", a.Value)
		}
	}
	return e.list
}

// entitySet collects entities without duplicates.
type entitySet struct {
	list []learn.Entity
	seen map[learn.Entity]bool
}

func (s *entitySet) add(kind, name string) {
	e := learn.Entity{Kind: kind, Name: name}
	if name == "" || len(name) > 1024 || s.seen[e] || len(s.list) == maxList {
		return
	}
	if s.seen == nil {
		s.seen = map[learn.Entity]bool{}
	}
	s.seen[e] = true
	s.list = append(s.list, e)
}
