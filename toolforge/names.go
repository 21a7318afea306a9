package toolforge

import (
	"slices"
	"strconv"
	"strings"
)

// reserved are the words that a generated module uses itself, Python's
// keywords and the built-in names that pylint and readers stumble over.
var reserved = strings.Fields(`False None True and as assert async await break class continue def del elif else
except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield match case
json sys subprocess tempfile shutil typing print input open list dict set str int bool bytes len max min sum range type id
format filter map next iter hash dir vars eval exec compile main result arguments process`)

// validName reports whether s can be a tool's and a Python function's name.
func validName(s string) bool {
	if s == "" || len(s) > 64 || slices.Contains(reserved, s) {
		return false
	}
	for i, r := range s {
		if !(r >= 'a' && r <= 'z' || r == '_' && i > 0 || i > 0 && r >= '0' && r <= '9') {
			return false
		}
	}
	return true
}

// cleanName makes a valid name of any text.
func cleanName(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9' && b.Len() > 0:
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
		if b.Len() >= 48 {
			break
		}
	}
	name := strings.Trim(b.String(), "_")
	if name == "" {
		name = "tool"
	}
	if slices.Contains(reserved, name) {
		name += "_tool"
	}
	return name
}

// ToolName makes a valid tool name of any text.
func ToolName(text string) string { return cleanName(text) }

// unused is name, or name with the first free number, and takes it.
func unused(taken map[string]bool, name string) string {
	candidate := name
	for n := 2; taken[candidate]; n++ {
		candidate = name + "_" + strconv.Itoa(n)
	}
	taken[candidate] = true
	return candidate
}

// nameParameters names the parameters by flag, type and position.
func (t *proto) nameParameters() {
	taken := map[string]bool{}
	order := t.appearance()
	for k, i := range order {
		p := &t.params[i]
		p.name = unused(taken, cleanName(t.baseName(p, order, k)))
	}
}

// appearance lists the parameters as they stand in the command.
func (t *proto) appearance() []int {
	var order []int
	see := func(ps []piece) {
		for _, p := range ps {
			if p.param >= 0 && !slices.Contains(order, p.param) {
				order = append(order, p.param)
			}
		}
	}
	for _, s := range t.stages {
		for _, w := range s.words {
			see(w)
		}
		see(s.stdin)
	}
	return order
}

func (t *proto) baseName(p *parameter, order []int, k int) string {
	if flag, ok := strings.CutPrefix(p.owner, "-"); ok && flag != "" {
		return flag
	}
	switch {
	case p.number && p.owner == "sed":
		if t.sedPair(order, k, +1) {
			return "start_line"
		}
		if t.sedPair(order, k, -1) {
			return "end_line"
		}
		return "line"
	case p.number && (p.owner == "head" || p.owner == "tail"):
		return "lines"
	case p.number:
		return "number"
	case p.role == rolePath && (p.owner == "find" || p.owner == "ls" || p.owner == "tree" || p.owner == "du"):
		return "directory"
	case p.role == rolePath:
		return "path"
	case p.role == rolePattern:
		return "pattern"
	case p.role == roleScript:
		return "script"
	case p.role == roleGlob:
		return "name"
	}
	return "value"
}

// sedPair reports whether the next (or previous) parameter is a number of sed
// as well, so that the two are a range.
func (t *proto) sedPair(order []int, k, step int) bool {
	other := k + step
	if other < 0 || other >= len(order) {
		return false
	}
	q := t.params[order[other]]
	return q.number && q.owner == "sed"
}

// toolName is made of what the programs do.
func (t *proto) toolName() string {
	var words []string
	for _, s := range t.stages {
		text := func(i int) string {
			if i < len(s.words) && len(s.words[i]) == 1 {
				return s.words[i][0].text
			}
			return ""
		}
		name := text(0)
		switch {
		case name == "git":
			name = "git_" + text(1)
		case name == "sed" && t.prints(s):
			name = "lines"
		case name == "nl":
			name = "numbered"
		case name == "uniq" && text(1) == "-c":
			name = "count"
		case name == "head" && len(words) > 0:
			name = "first"
		case name == "tail" && len(words) > 0:
			name = "last"
		case name == "xargs":
			continue
		}
		if len(words) == 0 || words[len(words)-1] != name {
			words = append(words, name)
		}
	}
	if len(words) == 1 && !strings.Contains(words[0], "_") && words[0] != "lines" {
		words = append(words, "tool")
	}
	return cleanName(strings.Join(words[:min(len(words), 5)], "_"))
}

// prints reports whether a sed stage only selects lines.
func (t *proto) prints(s templateStage) bool {
	for _, w := range s.words {
		if len(w) == 1 && w[0].text == "-n" {
			return true
		}
	}
	return false
}
