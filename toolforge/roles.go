package toolforge

import (
	"fmt"
	"strings"
)

// form is what two lines must share to be generalised together: the
// programs, the flags, the number of words, and the shape of scripts.
func (l line) form() string {
	var b strings.Builder
	for _, s := range l.stages {
		fmt.Fprintf(&b, "%s%t%t%t\x01", s.join, s.merge, s.silent, s.stdin != "")
		for i, r := range s.roles() {
			switch {
			case r == roleFlag:
				b.WriteString(flagForm(s.words[i]))
			case r == roleScript:
				b.WriteString(digits.ReplaceAllString(s.words[i], "0"))
			default:
				b.WriteString(string(r))
			}
			b.WriteByte(0)
		}
	}
	return b.String()
}

func flagForm(w string) string {
	name, _, _ := strings.Cut(w, "=")
	return digits.ReplaceAllString(name, "0")
}

// roles says what each word of the stage is.
func (s stage) roles() []role {
	roles := make([]role, len(s.words))
	end := len(s.words)
	if i := s.xargsProgram(); i > 0 {
		end = i
		copy(roles[i:], stage{words: s.words[i:]}.roles())
	}
	assign(roles[:end], s.words[:end], s.words[0])
	return roles
}

// assign fills the roles of one program's words.
func assign(roles []role, words []string, name string) {
	p, known := reader(name)
	roles[0] = roleFlag
	start := 1
	if p.subcommands != nil && len(words) > 1 {
		roles[1] = roleFlag
		start = 2
	}
	needsFirst := p.first != ""
	for i := start; i < len(words); i++ {
		w := words[i]
		value, takes := p.flags[valueFlag(name, w)]
		switch {
		case takes && value != "" && i+1 < len(words):
			roles[i] = roleFlag
			i++
			roles[i] = flagRole(value)
			if value == "pattern" || value == "script" {
				needsFirst = false
			}
		case len(w) > 1 && w[0] == '-' || name == "find" && (w == "!" || w == "(" || w == ")"):
			roles[i] = roleFlag
		case needsFirst:
			roles[i] = p.first
			needsFirst = false
		case known:
			roles[i] = p.rest
		default:
			roles[i] = roleValue
		}
	}
}

// valueFlag is the flag of w that may take the next word: w itself, or the
// last letter of a cluster such as -nC.
func valueFlag(name, w string) string {
	if name != "find" && len(w) > 2 && w[0] == '-' && w[1] != '-' {
		for _, r := range w[1:] {
			if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
				return w
			}
		}
		return "-" + w[len(w)-1:]
	}
	return w
}

func flagRole(value string) role {
	switch value {
	case "pattern":
		return rolePattern
	case "script", "assignment":
		return roleScript
	case "name", "include", "exclude", "glob", "path_pattern":
		return roleGlob
	case "delimiter", "separator":
		return roleDelimiter
	case "fields", "columns", "key":
		return roleFields
	case "newer":
		return rolePath
	}
	return roleValue
}
