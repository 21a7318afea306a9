package codegraph

import "strings"

// bareType is the name of the class that a type, as written, has the methods
// of: without pointer, type arguments, and the wrappers that one looks through
// (Optional, Promise, Box). "" when it has none, as a slice.
func bareType(lang, s string) string {
	for range 8 { // wrappers within wrappers
		s = strings.TrimSpace(s)
		inner, ok := unwrapped(lang, s)
		if !ok {
			break
		}
		s = inner
	}
	end := strings.IndexAny(s, "[<({|&*'\"?! \t=,;")
	switch {
	case end == 0:
		return ""
	case end > 0 && strings.HasPrefix(s[end:], "[]"), end > 0 && lang == "java" && strings.HasSuffix(s, "..."):
		return ""
	case end > 0:
		s = s[:end]
	}
	if lang == "rust" {
		s = strings.ReplaceAll(strings.TrimSuffix(s, "::"), "::", ".")
	}
	s = strings.Trim(s, ".")
	switch s {
	case "map", "chan", "func", "struct", "interface":
		if lang == "go" {
			return ""
		}
	}
	return s
}

// unwrapped takes one layer off a type.
func unwrapped(lang, s string) (string, bool) {
	switch lang {
	case "go":
		if strings.HasPrefix(s, "*") || strings.HasPrefix(s, "(") {
			return strings.TrimSuffix(s[1:], ")"), true
		}
	case "python":
		if len(s) > 1 && (s[0] == '"' || s[0] == '\'') {
			return strings.Trim(s, `"'`), true
		}
		for _, w := range []string{"Optional", "Annotated", "Awaitable", "Final", "ClassVar", "Union"} {
			if inner, ok := argument(s, w, "[", "]"); ok {
				return firstArgument(inner), true
			}
		}
		return alternative(s, "None")
	case "javascript", "typescript":
		for _, w := range []string{"Promise", "Readonly", "Partial", "Required", "NonNullable", "Awaited"} {
			if inner, ok := argument(s, w, "<", ">"); ok {
				return firstArgument(inner), true
			}
		}
		if rest, ok := strings.CutPrefix(s, "readonly "); ok {
			return rest, true
		}
		return alternative(s, "null", "undefined")
	case "java":
		if inner, ok := argument(s, "Optional", "<", ">"); ok {
			return firstArgument(inner), true
		}
		if rest, ok := strings.CutPrefix(s, "final "); ok {
			return rest, true
		}
	case "rust":
		return rustUnwrapped(s)
	}
	return "", false
}

func rustUnwrapped(s string) (string, bool) {
	if strings.HasPrefix(s, "&") || strings.HasPrefix(s, "*") {
		return s[1:], true
	}
	if strings.HasPrefix(s, "'") { // a lifetime
		_, rest, ok := strings.Cut(s, " ")
		return rest, ok
	}
	for _, p := range []string{"mut ", "dyn ", "impl ", "const "} {
		if rest, ok := strings.CutPrefix(s, p); ok {
			return rest, true
		}
	}
	for _, w := range []string{"Box", "Arc", "Rc", "Option", "Result", "RefCell", "Cell", "Mutex", "RwLock", "Cow", "Pin", "io::Result", "anyhow::Result"} {
		if inner, ok := argument(s, w, "<", ">"); ok {
			return firstArgument(inner), true
		}
	}
	return "", false
}

// argument is what stands between the brackets of "wrapper<...>", whatever
// module the wrapper is named with.
func argument(s, wrapper, open, end string) (string, bool) {
	i := strings.Index(s, open)
	if i < 0 || !strings.HasSuffix(s, end) {
		return "", false
	}
	head := s[:i]
	if head != wrapper && !strings.HasSuffix(head, "."+wrapper) && !strings.HasSuffix(head, "::"+wrapper) {
		return "", false
	}
	return s[i+1 : len(s)-1], true
}

// firstArgument is the first of a list of type arguments that is a type.
func firstArgument(s string) string {
	for _, a := range arguments(s) {
		if a = strings.TrimSpace(a); a != "" && a[0] != '\'' && a != "None" {
			return a
		}
	}
	return ""
}

// arguments splits at the commas that stand in no bracket.
func arguments(s string) []string {
	var out []string
	depth, from := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '<', '[', '(', '{':
			depth++
		case '>', ']', ')', '}':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, s[from:i])
				from = i + 1
			}
		}
	}
	return append(out, s[from:])
}

// alternative is "T | None" without the None.
func alternative(s string, nothing ...string) (string, bool) {
	parts := strings.Split(s, "|")
	if len(parts) < 2 {
		return "", false
	}
	for _, p := range parts {
		p = strings.TrimSpace(p)
		skip := p == ""
		for _, n := range nothing {
			skip = skip || p == n
		}
		if !skip && !strings.ContainsAny(p, "<[({") {
			return p, true
		}
	}
	return "", false
}

// elementType is the type of what a collection holds, as written; "" when it
// is none that is known.
func elementType(lang, s string) string {
	s = strings.TrimSpace(s)
	if lang == "go" {
		switch {
		case strings.HasPrefix(s, "..."):
			return s[3:]
		case strings.HasPrefix(s, "chan "):
			return s[5:]
		}
		s = strings.TrimPrefix(strings.TrimPrefix(s, "*"), "map")
		if i := strings.Index(s, "]"); strings.HasPrefix(s, "[") && i > 0 {
			return s[i+1:]
		}
		return ""
	}
	if rest, ok := strings.CutSuffix(s, "[]"); ok && lang != "python" {
		return rest
	}
	if rest, ok := strings.CutSuffix(s, "..."); ok && lang == "java" {
		return rest
	}
	if lang == "rust" {
		s = strings.TrimPrefix(strings.TrimLeft(s, "&"), "mut ")
		if strings.HasPrefix(s, "[") {
			element, _, _ := strings.Cut(strings.Trim(s, "[]"), ";")
			return element
		}
	}
	open, end := "<", ">"
	if lang == "python" {
		open, end = "[", "]"
		s = strings.Trim(s, `"'`)
	}
	i := strings.Index(s, open)
	if i < 0 || !strings.HasSuffix(s, end) {
		return ""
	}
	list := arguments(s[i+1 : len(s)-1])
	switch head := lastOf(strings.ReplaceAll(s[:i], "::", ".")); head {
	case "List", "list", "Sequence", "Iterable", "Iterator", "Set", "set", "frozenset", "FrozenSet", "Tuple", "tuple", "Deque", "deque",
		"Collection", "AsyncIterator", "AsyncIterable", "Generator", "Array", "ReadonlyArray", "ArrayList", "LinkedList", "HashSet", "TreeSet",
		"Queue", "Stream", "Vec", "VecDeque", "BTreeSet", "SmallVec":
		return strings.TrimSpace(list[0])
	case "Dict", "dict", "Mapping", "MutableMapping", "DefaultDict", "defaultdict", "OrderedDict", "Map", "Record", "HashMap", "TreeMap",
		"ConcurrentHashMap", "BTreeMap", "IndexMap", "LinkedHashMap":
		return strings.TrimSpace(list[len(list)-1])
	}
	return ""
}
