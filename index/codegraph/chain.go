package codegraph

import "strings"

// A chain is an expression that can be followed: names joined by dots, "()"
// behind a name that is called, "[]" behind one that is indexed, as in
// "self.store.find().items[].name". "?" is any other expression.
const unknown = "?"

// member is the chain of a part of another chain.
func member(object, name string) string {
	if object == unknown || object == "" || name == "" || len(object)+len(name) > maxName {
		return unknown
	}
	return object + "." + name
}

// part is member, but keeps the name of a part of something unknown.
func part(object, name string) string {
	if strings.HasPrefix(object, unknown) || object == "" {
		if name == "" {
			return unknown
		}
		return unknown + "." + name
	}
	return member(object, name)
}

func called(chain string) string {
	if chain == unknown || chain == "" {
		return unknown
	}
	return chain + "()"
}

func indexed(chain string) string {
	if chain == unknown || chain == "" {
		return unknown
	}
	return chain + "[]"
}

// valueOf is the type, as a varFact says it, of what a chain means.
func valueOf(chain string) string {
	if chain == unknown || chain == "" {
		return "="
	}
	return "=" + chain
}

// elementOf is the type of an element of what a chain means.
func elementOf(chain string) string {
	if chain == unknown || chain == "" {
		return "="
	}
	return "=" + chain + "[]"
}

// segment is one part of a chain.
type segment struct {
	name   string
	called bool
	index  int // how often it is indexed, before a call of the result is unknown
}

// segments splits a chain. Only names are split, so a dot is always a joint.
func segments(chain string) []segment {
	parts := strings.Split(chain, ".")
	out := make([]segment, 0, len(parts))
	for _, p := range parts {
		s := segment{}
		for {
			if rest, ok := strings.CutSuffix(p, "[]"); ok {
				p, s.index = rest, s.index+1
			} else if rest, ok := strings.CutSuffix(p, "()"); ok {
				p, s.called = rest, true
			} else {
				break
			}
		}
		s.name = p
		out = append(out, s)
	}
	return out
}

// callTo adds a call of what a chain means. A chain that cannot be followed
// still has a last name.
func (x *extractor) callTo(scope int, chain string, n span) {
	if chain == unknown || chain == "" {
		return
	}
	at := strings.LastIndexByte(chain, '.')
	if at < 0 {
		x.call(scope, "", chain, n)
		return
	}
	x.call(scope, chain[:at], chain[at+1:], n)
}
