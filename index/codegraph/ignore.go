package codegraph

import (
	"io"
	"os"
	"path"
	"strings"
)

const (
	maxIgnoreBytes = 256 << 10 // of one file of rules
	maxIgnoreRules = 2000
)

// ignorer knows git's ignore rules (gitignore(5)) for the folders it entered:
// those of .gitignore files and of .git/info/exclude. The person's own rules
// (core.excludesFile) are not read.
type ignorer struct {
	root *os.Root
	dirs map[string][]rule // folder -> its rules
}

// rule is one line.
type rule struct {
	pattern          string
	negated, dirOnly bool
	anchored         bool // relative to the folder, else of any name below it
}

func newIgnorer(root *os.Root) *ignorer { return &ignorer{root: root, dirs: map[string][]rule{}} }

// enter reads the rules of a folder.
func (i *ignorer) enter(dir string) {
	var rules []rule
	if dir == "." {
		rules = parseRules(i.load(".git/info/exclude"))
	}
	rules = append(rules, parseRules(i.load(path.Join(dir, ".gitignore")))...)
	if len(rules) > 0 {
		i.dirs[dir] = rules
	}
}

func (i *ignorer) load(name string) string {
	info, err := i.root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() { // git follows no link here either
		return ""
	}
	f, err := i.root.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxIgnoreBytes))
	if err != nil {
		return ""
	}
	return string(raw)
}

func parseRules(text string) []rule {
	var rules []rule
	for l := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		l = strings.TrimSuffix(strings.TrimSuffix(l, "\n"), "\r")
		l = trimSpaces(l)
		var r rule
		if strings.HasPrefix(l, "#") {
			continue
		}
		if strings.HasPrefix(l, "!") {
			r.negated, l = true, l[1:]
		}
		if strings.HasSuffix(l, "/") {
			r.dirOnly, l = true, l[:len(l)-1]
		}
		if l == "" || len(rules) == maxIgnoreRules {
			continue
		}
		r.anchored = strings.Contains(l, "/")
		r.pattern = strings.TrimPrefix(l, "/")
		rules = append(rules, r)
	}
	return rules
}

// trimSpaces takes off trailing spaces but those behind a backslash.
func trimSpaces(l string) string {
	for strings.HasSuffix(l, " ") && !strings.HasSuffix(l, `\ `) {
		l = l[:len(l)-1]
	}
	return l
}

// match reports whether the rules of the folders above name ignore it. The
// last rule that fits decides, those of nearer folders over those of farther
// ones. That a folder above is ignored is the caller's to know.
func (i *ignorer) match(name string, dir bool) bool {
	for at := path.Dir(name); ; at = path.Dir(at) {
		rules := i.dirs[at]
		rel := below(name, at)
		for n := len(rules) - 1; n >= 0; n-- {
			if r := rules[n]; (!r.dirOnly || dir) && r.fits(rel) {
				return !r.negated
			}
		}
		if at == "." {
			return false
		}
	}
}

func (r *rule) fits(rel string) bool {
	if !r.anchored {
		return wild(r.pattern, path.Base(rel))
	}
	return wild(r.pattern, rel)
}
