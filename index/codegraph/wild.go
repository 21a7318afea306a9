package codegraph

import "strings"

// wild matches a name against a pattern as git's wildmatch does with
// WM_PATHNAME: * and ? stay within a part, ** between slashes is any number of
// them, [a-z] is a class, a backslash takes the next character as it is.
func wild(pattern, name string) bool {
	budget := 20_000 // steps: a hostile pattern would take exponentially many
	return wildAt(pattern, name, true, &budget)
}

func wildAt(p, s string, start bool, budget *int) bool {
	for p != "" {
		if *budget--; *budget < 0 {
			return false
		}
		slash := false
		switch p[0] {
		case '*':
			return star(p, s, start, budget)
		case '?':
			if s == "" || s[0] == '/' {
				return false
			}
			p, s = p[1:], s[1:]
		case '[':
			rest, ok, closed := class(p, s)
			if !closed || !ok {
				return false
			}
			p, s = rest, s[1:]
		case '\\':
			if len(p) < 2 {
				return false
			}
			p = p[1:]
			fallthrough
		default:
			if s == "" || s[0] != p[0] {
				return false
			}
			slash = p[0] == '/'
			p, s = p[1:], s[1:]
		}
		start = slash
	}
	return s == ""
}

// star matches a pattern that begins with one or more stars. start says that a
// part begins here.
func star(p, s string, start bool, budget *int) bool {
	stars := len(p) - len(strings.TrimLeft(p, "*"))
	rest := p[stars:]
	if stars > 1 && start && (rest == "" || rest[0] == '/') {
		if rest == "" { // "a/**": all that is inside
			return true
		}
		for at := 0; ; { // "**/b": in any folder, or in none
			if wildAt(rest[1:], s[at:], true, budget) {
				return true
			}
			next := strings.IndexByte(s[at:], '/')
			if next < 0 || *budget < 0 {
				return false
			}
			at += next + 1
		}
	}
	for at := 0; ; at++ {
		if wildAt(rest, s[at:], false, budget) {
			return true
		}
		if at == len(s) || s[at] == '/' || *budget < 0 {
			return false
		}
	}
}

// class matches one character against the class that p begins with.
func class(p, s string) (rest string, ok, closed bool) {
	if s == "" || s[0] == '/' {
		return "", false, true
	}
	c := s[0]
	i := 1
	negated := i < len(p) && (p[i] == '!' || p[i] == '^')
	if negated {
		i++
	}
	for first := true; i < len(p); first = false {
		if p[i] == ']' && !first {
			return p[i+1:], ok != negated, true
		}
		if name, n := posix(p[i:]); n > 0 {
			ok = ok || inPosix(name, c)
			i += n
			continue
		}
		low, n := classByte(p[i:])
		i += n
		high := low
		if i+1 < len(p) && p[i] == '-' && p[i+1] != ']' {
			high, n = classByte(p[i+1:])
			i += 1 + n
		}
		ok = ok || low <= c && c <= high
	}
	return "", false, false
}

func classByte(p string) (byte, int) {
	if p[0] == '\\' && len(p) > 1 {
		return p[1], 2
	}
	return p[0], 1
}

// posix reads "[:name:]".
func posix(p string) (string, int) {
	if !strings.HasPrefix(p, "[:") {
		return "", 0
	}
	end := strings.Index(p, ":]")
	if end < 2 {
		return "", 0
	}
	return p[2:end], end + 2
}

func inPosix(name string, c byte) bool {
	lower, upper, digit := c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9'
	switch name {
	case "alnum":
		return lower || upper || digit
	case "alpha":
		return lower || upper
	case "lower":
		return lower
	case "upper":
		return upper
	case "digit":
		return digit
	case "xdigit":
		return digit || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
	case "space":
		return c == ' ' || c >= '\t' && c <= '\r'
	case "blank":
		return c == ' ' || c == '\t'
	case "punct":
		return c > ' ' && c < 0x7f && !lower && !upper && !digit
	}
	return false
}
