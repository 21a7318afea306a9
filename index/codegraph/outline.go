//go:build !cgo

package codegraph

import (
	"regexp"
	"strings"

	"lathe/learn"
)

// outline reads definitions and imports line by line: what a line begins with,
// and by indentation or braces what it stands in. It sees no calls, and of
// what is written in an unusual way it may see nothing.
func (x *extractor) outline() {
	o := &outliner{extractor: x, rules: outlineRules(x.f.lang), nested: []block{{depth: -1, at: 1}}}
	line, depth := 0, 0
	for text := range strings.Lines(string(x.src)) {
		line++
		bare := o.bare(text)
		indent := depth
		if x.f.lang == "python" {
			if strings.TrimSpace(bare) == "" {
				continue
			}
			indent = len(text) - len(strings.TrimLeft(text, " \t"))
		}
		o.take(bare, line, indent)
		depth = max(0, depth+strings.Count(bare, "{")-strings.Count(bare, "}"))
	}
	o.leave(-1, line)
}

// block is an entity whose end has not come yet.
type block struct{ depth, at int }

type outliner struct {
	*extractor
	rules  []outlineRule
	nested []block
	inside string // what ends the comment or string that lines stand in
	last   int    // the last line with something on it
}

// outlineRule is a kind of line; the first group is the name.
type outlineRule struct {
	kind learn.CodeKind
	re   *regexp.Regexp
}

// bare is a line without comments and long strings.
func (o *outliner) bare(text string) string {
	text = strings.TrimRight(text, "\r\n")
	if o.inside != "" {
		_, rest, ended := strings.Cut(text, o.inside)
		if !ended {
			return ""
		}
		o.inside, text = "", rest
	}
	marks := []string{"/*", "*/"}
	if o.f.lang == "python" {
		marks = []string{`"""`, `"""`, "'''", "'''"}
	}
	for i := 0; i < len(marks); i += 2 {
		if before, rest, ok := strings.Cut(text, marks[i]); ok && !strings.HasPrefix(strings.TrimSpace(text), "#") {
			_, after, ended := strings.Cut(rest, marks[i+1])
			if text = before + after; !ended {
				o.inside = marks[i+1]
			}
		}
	}
	if o.f.lang != "python" {
		if before, _, ok := strings.Cut(text, "//"); ok && !strings.HasSuffix(before, ":") {
			text = before
		}
	}
	return text
}

// take looks at one line. Only what stands in the file, a type or a module is
// looked for: the inside of a function is passed over, but in Python.
func (o *outliner) take(text string, line, depth int) {
	o.leave(depth, o.last)
	if trimmed := strings.TrimSpace(text); trimmed == "" {
		return
	}
	o.last = line
	scope := o.nested[len(o.nested)-1].at
	if o.f.lang != "python" && isCallable(o.f.entities[scope].kind) {
		return
	}
	if o.importLine(strings.TrimSpace(text), line) {
		return
	}
	for _, r := range o.rules {
		m := r.re.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		o.enter(r.kind, m[1], line, depth, scope)
		return
	}
}

func (o *outliner) enter(kind learn.CodeKind, name string, line, depth, scope int) {
	switch {
	case kind == "impl":
		if at, ok := o.seen[lastOf(bareType("rust", name))]; ok && at > 0 {
			for i := range o.f.entities {
				if o.f.entities[i].qualified == lastOf(bareType("rust", name)) {
					scope = i
				}
			}
		}
		o.nested = append(o.nested, block{depth, scope})
		return
	case kind == learn.CodeMethod && !isType(o.f.entities[scope].kind):
		return
	case kind == learn.CodeFunction:
		kind = o.function(scope)
	case kind == learn.CodeVariable:
		if constantName(name) {
			kind = learn.CodeConstant
		}
		o.value(kind, name, lines{line, line}, scope)
		return
	}
	if at := o.define(kind, name, lines{line, line}, scope); at != scope {
		o.nested = append(o.nested, block{depth, at})
	}
}

// leave ends the blocks that a line of this depth is not in.
func (o *outliner) leave(depth, line int) {
	for len(o.nested) > 1 && o.nested[len(o.nested)-1].depth >= depth {
		if at := o.nested[len(o.nested)-1].at; at > 1 {
			o.f.entities[at].end = int32(max(line, int(o.f.entities[at].end)))
		}
		o.nested = o.nested[:len(o.nested)-1]
	}
}

func outlineRules(lang string) []outlineRule {
	mk := func(kind learn.CodeKind, re string) outlineRule { return outlineRule{kind, regexp.MustCompile(re)} }
	switch lang {
	case "python":
		return []outlineRule{
			mk(learn.CodeClass, `^\s*class\s+(\w+)`),
			mk(learn.CodeFunction, `^\s*(?:async\s+)?def\s+(\w+)`),
			mk(learn.CodeVariable, `^(\w+)\s*(?::[^=]+)?=[^=]`),
		}
	case "java":
		return []outlineRule{
			mk(learn.CodeInterface, `^\s*(?:[\w@]+\s+)*(?:@?interface)\s+(\w+)`),
			mk(learn.CodeEnum, `^\s*(?:\w+\s+)*enum\s+(\w+)`),
			mk(learn.CodeClass, `^\s*(?:\w+\s+)*(?:class|record)\s+(\w+)`),
			mk(learn.CodeMethod, `^\s*(?:(?:public|protected|private|static|final|abstract|default|synchronized|native)\s+)*(?:<[^>]+>\s+)?(?:[\w.<>\[\],? ]+\s+)?(\w+)\s*\([^;={]*\)?[^;={]*(?:\{|;|$)`),
		}
	case "rust":
		visible := `^\s*(?:pub(?:\([^)]*\))?\s+)?`
		return []outlineRule{
			mk(learn.CodeStruct, visible+`(?:struct|union)\s+(\w+)`),
			mk(learn.CodeEnum, visible+`enum\s+(\w+)`),
			mk(learn.CodeTrait, visible+`(?:unsafe\s+)?trait\s+(\w+)`),
			mk(learn.CodeModule, visible+`mod\s+(\w+)\s*\{`),
			mk("impl", `^\s*(?:unsafe\s+)?impl(?:<[^{]*?>)?\s+(?:[\w:<>, ']+\s+for\s+)?([\w:]+)`),
			mk(learn.CodeFunction, visible+`(?:(?:const|async|unsafe|extern\s+"[^"]*")\s+)*fn\s+(\w+)`),
			mk(learn.CodeConstant, visible+`(?:const|static)\s+(?:mut\s+)?(\w+)\s*:`),
			mk(learn.CodeType, visible+`type\s+(\w+)`),
		}
	}
	exported := `^\s*(?:export\s+)?(?:default\s+)?(?:declare\s+)?`
	return []outlineRule{
		mk(learn.CodeClass, exported+`(?:abstract\s+)?class\s+(\w+)`),
		mk(learn.CodeInterface, exported+`interface\s+(\w+)`),
		mk(learn.CodeEnum, exported+`(?:const\s+)?enum\s+(\w+)`),
		mk(learn.CodeType, exported+`type\s+(\w+)\s*[=<]`),
		mk(learn.CodeModule, exported+`namespace\s+(\w+)`),
		mk(learn.CodeFunction, exported+`(?:async\s+)?function\s*\*?\s*(\w+)`),
		mk(learn.CodeFunction, exported+`(?:const|let|var)\s+(\w+)\s*(?::[^=]+)?=\s*(?:async\s*)?(?:function\b|\([^)]*\)\s*(?::[^=]+)?=>|\w+\s*=>)`),
		mk(learn.CodeVariable, exported+`(?:const|let|var)\s+(\w+)\s*(?::[^=]+)?=`),
		mk(learn.CodeMethod, `^\s*(?:(?:public|private|protected|static|async|abstract|readonly|override|get|set)\s+)*\*?(\w+)\s*(?:<[^>]*>)?\([^;]*(?:\{|;|$)`),
	}
}

var (
	outlinePyFrom   = regexp.MustCompile(`^from\s+(\.*)([\w.]*)\s+import\s+(.+)$`)
	outlinePyImport = regexp.MustCompile(`^import\s+([\w.]+)(?:\s+as\s+(\w+))?`)
	outlineJava     = regexp.MustCompile(`^import\s+(?:static\s+)?([\w.]+)\.(\w+|\*)\s*;`)
	outlinePackage  = regexp.MustCompile(`^package\s+([\w.]+)\s*;`)
	outlineRust     = regexp.MustCompile(`^(?:pub(?:\([^)]*\))?\s+)?use\s+([\w:]+?)(?:::(\w+|\*))?(?:\s+as\s+(\w+))?\s*(?:;|::\{)`)
	outlineRustMod  = regexp.MustCompile(`^(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;`)
	outlineJS       = regexp.MustCompile(`(?:^(?:import|export)\b[^'"]*|^\}\s*from\s*|\brequire\(\s*|\bimport\(\s*)['"]([^'"]+)['"]`)
)

// importLine reads a line that imports something.
func (o *outliner) importLine(text string, line int) bool {
	i := importFact{line: int32(line)}
	var m []string
	switch o.f.lang {
	case "python":
		if m = outlinePyFrom.FindStringSubmatch(text); m != nil {
			i.level, i.module = int32(len(m[1])), m[2]
			for _, n := range strings.Split(strings.Trim(m[3], "() \\"), ",") {
				if words := strings.Fields(n); len(words) > 0 {
					i.add(words[len(words)-1], words[0])
				}
			}
		} else if m = outlinePyImport.FindStringSubmatch(text); m != nil {
			if i.module, i.alias = m[1], m[2]; i.alias == "" {
				i.alias = m[1]
			}
		}
	case "java":
		if p := outlinePackage.FindStringSubmatch(text); p != nil {
			o.f.pack = p[1]
			return true
		}
		if m = outlineJava.FindStringSubmatch(text); m != nil {
			i.module = m[1]
			i.add(m[2], m[2])
		}
	case "rust":
		if m = outlineRustMod.FindStringSubmatch(text); m != nil {
			i.module, i.alias = "self."+m[1], m[1]
		} else if m = outlineRust.FindStringSubmatch(text); m != nil {
			i.module = dots(m[1])
			if m[3] == "" {
				m[3] = m[2]
			}
			i.add(m[3], m[2])
		}
	default:
		if m = outlineJS.FindStringSubmatch(text); m != nil {
			i.module = m[1]
		}
		if m != nil && !strings.HasPrefix(text, "import") && !strings.HasPrefix(text, "export") && !strings.HasPrefix(text, "}") {
			o.imports(i)
			return false // the line may define something too
		}
	}
	o.imports(i)
	return m != nil
}
