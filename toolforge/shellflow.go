package toolforge

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"lathe/learn"
)

// shellFlow says of a script's variables what a caller can put into them. It
// is by name, for the whole script: what is once a caller's is a caller's
// everywhere.
type shellFlow struct {
	arguments map[string]plainSchema // ARG_ variables
	assigned  map[string]bool
	functions map[string]bool
	tainted   map[string]bool // a caller's text
	dashed    map[string]bool // a caller's text from its first letter on
	temporal  map[string]bool // names that mktemp gave
	guarded   map[string]bool // looked at by a case with a pattern for dashes
}

func newShellFlow(m learn.ToolManifest, file *syntax.File) *shellFlow {
	f := &shellFlow{arguments: map[string]plainSchema{}, assigned: map[string]bool{}, functions: map[string]bool{}, tainted: map[string]bool{},
		dashed: map[string]bool{}, temporal: map[string]bool{}, guarded: map[string]bool{}}
	var sch struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	_ = json.Unmarshal(m.Parameters, &sch) // it was compiled before
	for name, raw := range sch.Properties {
		var p plainSchema
		_ = json.Unmarshal(raw, &p) // true is a schema, too
		f.arguments[argumentName(name)] = p
		if !p.harmless() {
			f.tainted[argumentName(name)] = true
		}
	}
	for i := range 10 {
		f.tainted[string(rune('0'+i))] = i > 0
	}
	f.tainted["@"], f.tainted["*"] = true, true
	syntax.Walk(file, func(n syntax.Node) bool {
		f.gather(n)
		return true
	})
	for name, is := range f.tainted {
		f.dashed[name] = is && !f.guarded[name]
	}
	f.spread(file)
	return f
}

func (f *shellFlow) argumentNames() []string { return slices.Sorted(maps.Keys(f.arguments)) }

// gather notes what is assigned, defined and guarded.
func (f *shellFlow) gather(n syntax.Node) {
	switch n := n.(type) {
	case *syntax.FuncDecl:
		if n.Name != nil {
			f.functions[n.Name.Value] = true
		}
	case *syntax.Assign:
		if n.Name != nil && (!n.Naked || n.Value != nil || n.Array != nil) {
			f.assigned[n.Name.Value] = true
			f.temporal[n.Name.Value] = f.temporal[n.Name.Value] || temporaryFile(n.Value)
		}
	case *syntax.WordIter:
		f.assigned[n.Name.Value] = true
	case *syntax.CallExpr:
		if len(n.Args) > 1 && slices.Contains([]string{"read", "mapfile", "readarray", "getopts"}, programName(n.Args[0])) {
			for _, w := range n.Args[1:] {
				if name := w.Lit(); name != "" && !strings.HasPrefix(name, "-") {
					f.assigned[name], f.tainted[name] = true, true
				}
			}
		}
	case *syntax.CaseClause:
		over := names(n.Word)
		for _, item := range n.Items {
			for _, p := range item.Patterns {
				if l := lead(p); len(over) == 1 && (strings.HasPrefix(l, "-") || strings.HasPrefix(l, "[-") || strings.HasPrefix(l, "[!") || strings.HasPrefix(l, "*[!")) {
					f.guarded[over[0]] = true
				}
			}
		}
	}
}

// spread follows assignments until nothing changes.
func (f *shellFlow) spread(file *syntax.File) {
	for changed := true; changed; {
		changed = false
		mark := func(set map[string]bool, name string, is bool) {
			if is && !set[name] {
				set[name], changed = true, true
			}
		}
		syntax.Walk(file, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.Assign:
				if n.Name == nil {
					return true
				}
				words := []*syntax.Word{n.Value}
				if n.Array != nil {
					for _, e := range n.Array.Elems {
						words = append(words, e.Value)
					}
				}
				for _, w := range words {
					mark(f.tainted, n.Name.Value, f.taints(w))
					mark(f.dashed, n.Name.Value, !f.guarded[n.Name.Value] && f.dashes(w))
				}
			case *syntax.WordIter:
				for _, w := range n.Items {
					mark(f.tainted, n.Name.Value, f.taints(w))
					mark(f.dashed, n.Name.Value, !f.guarded[n.Name.Value] && f.dashes(w))
				}
			}
			return true
		})
	}
}

// taints reports whether a word holds a caller's text.
func (f *shellFlow) taints(w *syntax.Word) bool {
	return w != nil && slices.ContainsFunc(names(w), func(name string) bool { return f.tainted[name] })
}

// dashes reports whether a word may begin with a dash of a caller's.
func (f *shellFlow) dashes(w *syntax.Word) bool {
	if w == nil || len(w.Parts) == 0 {
		return false
	}
	part := w.Parts[0]
	if q, ok := part.(*syntax.DblQuoted); ok {
		if len(q.Parts) == 0 {
			return false
		}
		part = q.Parts[0]
	}
	switch p := part.(type) {
	case *syntax.ParamExp:
		return p.Param != nil && !p.Length && f.dashed[p.Param.Value]
	case *syntax.CmdSubst:
		return slices.ContainsFunc(names(p), func(name string) bool { return f.tainted[name] })
	}
	return false
}

// temporary reports whether a word is a variable that holds what mktemp gave.
func (f *shellFlow) temporary(w *syntax.Word) bool {
	n := names(w)
	return len(n) == 1 && f.temporal[n[0]] && strings.HasPrefix(lead(w), "$")
}

func temporaryFile(w *syntax.Word) bool {
	if w == nil || len(w.Parts) != 1 {
		return false
	}
	part := w.Parts[0]
	if q, ok := part.(*syntax.DblQuoted); ok && len(q.Parts) == 1 {
		part = q.Parts[0]
	}
	c, ok := part.(*syntax.CmdSubst)
	if !ok || len(c.Stmts) != 1 {
		return false
	}
	call, ok := c.Stmts[0].Cmd.(*syntax.CallExpr)
	return ok && len(call.Args) <= 2 && len(call.Args) > 0 && programName(call.Args[0]) == "mktemp" && (len(call.Args) == 1 || call.Args[1].Lit() == "-d")
}

// names are the variables that a node reads, their lengths aside. An
// arithmetic expression reads words without a dollar, too.
func names(n syntax.Node) []string {
	var out []string
	if n == nil {
		return nil
	}
	syntax.Walk(n, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.ParamExp:
			if n.Param != nil && !n.Length {
				out = append(out, n.Param.Value)
			}
		case *syntax.Word:
			if l := n.Lit(); strings.HasPrefix(l, argumentPrefix) {
				out = append(out, l)
			}
		}
		return true
	})
	return out
}

// dynamic reports whether anything in a word is expanded.
func dynamic(w *syntax.Word) bool {
	found := false
	syntax.Walk(w, func(n syntax.Node) bool {
		switch n.(type) {
		case *syntax.ParamExp, *syntax.CmdSubst, *syntax.ArithmExp, *syntax.ProcSubst:
			found = true
		}
		return !found
	})
	return found
}

// computed reports whether a word holds what another command prints.
func computed(w *syntax.Word) bool {
	found := false
	syntax.Walk(w, func(n syntax.Node) bool {
		switch n.(type) {
		case *syntax.CmdSubst, *syntax.ProcSubst:
			found = true
		}
		return !found
	})
	return found
}

// spelled is a word's constant text, with 1 for what is expanded.
func spelled(w *syntax.Word) string {
	var b strings.Builder
	var add func(parts []syntax.WordPart)
	add = func(parts []syntax.WordPart) {
		for _, p := range parts {
			switch p := p.(type) {
			case *syntax.Lit:
				b.WriteString(p.Value)
			case *syntax.SglQuoted:
				b.WriteString(p.Value)
			case *syntax.DblQuoted:
				add(p.Parts)
			default:
				b.WriteByte('1')
			}
		}
	}
	add(w.Parts)
	return b.String()
}

// lead is the constant text at the beginning of a word, "$" before what is
// expanded.
func lead(w *syntax.Word) string {
	var b strings.Builder
	var add func(parts []syntax.WordPart) bool
	add = func(parts []syntax.WordPart) bool {
		for _, p := range parts {
			switch p := p.(type) {
			case *syntax.Lit:
				b.WriteString(p.Value)
			case *syntax.SglQuoted:
				b.WriteString(p.Value)
			case *syntax.DblQuoted:
				if !add(p.Parts) {
					return false
				}
			default:
				b.WriteByte('$')
				return false
			}
		}
		return true
	}
	add(w.Parts)
	return b.String()
}

// programName is the name of a command's program, "" when it is not constant.
func programName(w *syntax.Word) string {
	if w.Lit() == "[" {
		return "["
	}
	if dynamic(w) {
		return ""
	}
	text, err := constant(w)
	if err != nil {
		return ""
	}
	return path.Base(text)
}
