package codegraph

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unsafe"

	ts "github.com/tree-sitter/go-tree-sitter"
	tsgo "github.com/tree-sitter/tree-sitter-go/bindings/go"
	tsjs "github.com/tree-sitter/tree-sitter-javascript/bindings/go"
	tspy "github.com/tree-sitter/tree-sitter-python/bindings/go"
)

const (
	maxNesting  = 400   // levels of syntax that are looked into
	maxEntities = 5000  // of one file
	maxCalls    = 20000 // of one file
	maxImports  = 2000  // of one file
	maxName     = 200   // bytes of a name
	parseMicros = 5_000_000
)

var errParse = errors.New("the parser gave up")

// language returns "python", "go", "javascript", or "" for other files.
func language(name string) string {
	switch path.Ext(name) {
	case ".py", ".pyi":
		return "python"
	case ".go":
		return "go"
	case ".js", ".mjs", ".cjs", ".jsx":
		return "javascript"
	}
	return ""
}

// parsers are one tree-sitter parser a language. Not safe for concurrent use.
type parsers map[string]*ts.Parser

func newParsers() (parsers, error) {
	plainAllocator()
	p := parsers{}
	for lang, ptr := range map[string]unsafe.Pointer{"python": tspy.Language(), "go": tsgo.Language(), "javascript": tsjs.Language()} {
		one := ts.NewParser()
		p[lang] = one
		if err := one.SetLanguage(ts.NewLanguage(ptr)); err != nil {
			p.close()
			return nil, fmt.Errorf("codegraph: grammar of %s: %w", lang, err)
		}
		one.SetTimeoutMicros(parseMicros)
	}
	return p, nil
}

func (p parsers) close() {
	for _, one := range p {
		one.Close()
	}
}

// read parses src and collects the file's facts. Module names come later.
func (p parsers) read(name string, src []byte) (*file, error) {
	lang := language(name)
	parser := p[lang]
	tree := parser.Parse(src, nil)
	if tree == nil {
		parser.Reset()
		return nil, errParse
	}
	defer tree.Close()
	f := &file{path: name, lang: lang, top: map[string]int{}, qualified: map[string]int{}, receivers: map[int]string{}}
	cursor := tree.Walk()
	defer cursor.Close()
	x := &extractor{f: f, src: src, cursor: cursor}
	root := tree.RootNode()
	end := int(root.EndPosition().Row) + 1
	f.entities = []Entity{
		{ID: name, Kind: File, Name: path.Base(name), Qualified: name, File: name, Line: 1, EndLine: end, Language: lang},
		{Kind: Module, File: name, Line: 1, EndLine: end, Language: lang},
	}
	visit := map[string]func(*ts.Node, int) (int, bool){"python": x.python, "go": x.golang, "javascript": x.javascript}[lang]
	x.walk(root, 1, 0, visit)
	return f, nil
}

type extractor struct {
	f      *file
	src    []byte
	cursor *ts.TreeCursor
}

// walk goes through the tree. visit looks at a node within the entity scope
// and returns the scope of its children, or false to leave them out.
func (x *extractor) walk(n *ts.Node, scope, depth int, visit func(*ts.Node, int) (int, bool)) {
	if depth > maxNesting {
		return
	}
	inner, deeper := visit(n, scope)
	if !deeper {
		return
	}
	for _, c := range x.children(n) {
		x.walk(&c, inner, depth+1, visit)
	}
}

func (x *extractor) children(n *ts.Node) []ts.Node {
	if n == nil || n.NamedChildCount() == 0 {
		return nil
	}
	return n.NamedChildren(x.cursor)
}

// text is a node's source, cut to maxName bytes, its white space folded.
func (x *extractor) text(n *ts.Node) string {
	if n == nil {
		return ""
	}
	a, b := n.ByteRange()
	if b > uint(len(x.src)) || a > b {
		return ""
	}
	raw := x.src[a:min(b, a+2*maxName)]
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(raw), "")), " ")
	if len(s) > maxName {
		s = strings.ToValidUTF8(s[:maxName], "")
	}
	return s
}

func line(n *ts.Node) int { return int(n.StartPosition().Row) + 1 }

// define adds an entity below scope and returns its index, or scope when the
// file has too many.
func (x *extractor) define(kind Kind, name string, n *ts.Node, scope int) int {
	f := x.f
	if name == "" || len(f.entities) >= maxEntities {
		return scope
	}
	qualified := name
	if scope > 1 {
		qualified = f.entities[scope].Qualified + "." + name
	}
	if at := x.add(Entity{Kind: kind, Name: name, Qualified: qualified}, n, scope <= 1); at > 0 {
		return at
	}
	return scope
}

// add appends an entity and returns its index; 0 when it has no id of its own.
func (x *extractor) add(e Entity, n *ts.Node, top bool) int {
	f := x.f
	e.File, e.Language, e.Line, e.EndLine = f.path, f.lang, line(n), int(n.EndPosition().Row)+1
	e.ID = f.path + "#" + e.Qualified
	if len(e.ID) > 4*maxName { // deep nesting of long names
		return 0
	}
	at := len(f.entities)
	if _, twice := f.qualified[e.Qualified]; twice {
		e.ID = fmt.Sprintf("%s@%d", e.ID, e.Line)
		for _, o := range f.entities[2:] {
			if o.ID == e.ID {
				return 0
			}
		}
	}
	f.qualified[e.Qualified] = at // the later definition holds, as when run
	if top {
		f.top[e.Name] = at
	}
	f.entities = append(f.entities, e)
	return at
}

func (x *extractor) call(scope int, recv, name string, n *ts.Node) {
	if name == "" || len(x.f.calls) >= maxCalls {
		return
	}
	x.f.calls = append(x.f.calls, callFact{caller: scope, recv: recv, name: name, line: line(n)})
}

func (x *extractor) imports(i importFact) {
	if len(x.f.imports) < maxImports && (i.module != "" || i.level > 0) {
		x.f.imports = append(x.f.imports, i)
	}
}

// receiver is what stands before the dot: a dotted name, or "?".
func (x *extractor) receiver(n *ts.Node) string {
	if n == nil {
		return "?"
	}
	switch n.Kind() {
	case "identifier", "this", "super":
		return x.text(n)
	case "attribute", "selector_expression", "member_expression":
		if s := x.text(n); !strings.ContainsAny(s, "()[]{} \"'") {
			return s
		}
	}
	return "?"
}
