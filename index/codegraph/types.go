package codegraph

import (
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"lathe/learn"
)

// Parameter of a function or method. Type is as written, or "".
type Parameter struct {
	Name string `json:"name"`
	Type string `json:"type,omitempty"`
}

// Entity is something that the code defines. Its ID is "path" for a file,
// "module:name" for a module, "path#qualified" for the rest; a second
// definition of the same name in a file has its line behind it.
type Entity struct {
	learn.CodeEntity
	Parameters []Parameter `json:"parameters,omitempty"` // without self and cls
	Returns    string      `json:"returns,omitempty"`    // as written
	Bases      []string    `json:"bases,omitempty"`      // as written: what it extends, implements or embeds
}

// The rules by which a call is resolved, in learn.CodeCall's How.
const (
	ByScope      = "scope"       // the language's scopes lead there
	ByType       = "type"        // what is known of the receiver's type leads there
	ByUniqueName = "unique_name" // the project has one method of that name
)

// Dependency is a package that a manifest declares.
type Dependency struct {
	Name      string `json:"name"`    // as its registry spells it, normalised
	Version   string `json:"version"` // constraint as written
	Ecosystem string `json:"ecosystem"`
	Manifest  string `json:"manifest"`
	Dev       bool   `json:"dev,omitempty"`
}

// Changes says what an Update found.
type Changes struct {
	Parsed    int `json:"parsed"`
	Unchanged int `json:"unchanged"`
	Removed   int `json:"removed"`
	// Skipped are files beyond the bounds, Generated those that a program
	// wrote, Failed those that could not be read.
	Skipped   int `json:"skipped"`
	Generated int `json:"generated"`
	Failed    int `json:"failed"`
}

// Stats describe the graph. Calls are call sites; Resolved those of them that
// lead to an entity of the project; External those that are known to leave it.
type Stats struct {
	Parser   string                 `json:"parser"`
	Files    map[string]int         `json:"files"` // by language
	Entities map[learn.CodeKind]int `json:"entities"`
	Imports  int                    `json:"imports"`
	Calls    int                    `json:"calls"`
	Resolved int                    `json:"resolved"`
	By       map[string]int         `json:"resolved_by"`
	External int                    `json:"external"`
	Declared int                    `json:"declared"`
	Last     Changes                `json:"last_update"`
}

// entity is an Entity as the graph keeps it.
type entity struct {
	kind      learn.CodeKind
	qualified string
	name      string // the end of qualified
	parent    int32  // index in the file; 1 is the module
	line, end int32
	again     bool // another definition of the name stands before it
	params    []Parameter
	returns   string
	bases     []string
}

// importFact is one import as the file writes it.
type importFact struct {
	module string      // "a.b", "./x", "example.org/m/p", "crate.a"
	level  int32       // leading dots of a Python relative import
	names  []localName // "*" for all of them
	alias  string      // local name of the module itself
	line   int32
}

type localName struct{ local, original string }

// original is what a local name is called where it comes from.
func (i *importFact) original(local string) (string, bool) {
	for _, n := range i.names {
		if n.local == local {
			return n.original, true
		}
	}
	return "", false
}

func (i *importFact) all() bool {
	_, ok := i.original("*")
	return ok
}

// callFact is one call as the file writes it. recv is a chain, see chain.go.
type callFact struct {
	caller int32  // index into the file's entities
	recv   string // "self", "os.path", "a.b()", ""; "?" for what is not a chain
	name   string
	line   int32
}

// varFact says what type a variable, field or parameter has within scope: a
// type as written, or "=chain" for what a chain means, with "#1" behind it for
// the second of several results. The type is looked up from the scope from: what a method
// assigns to self.x belongs to the class and is said in the method's words.
type varFact struct {
	scope, from, line int32
	name, typ         string
}

// file is what one source file says. Once in the graph it does not change,
// but for module.
type file struct {
	path, lang string
	pack       string // the package clause in Go and Java
	module     string // how others import it
	hash       string // of the content
	stamp      stamp
	generated  bool
	aside      bool     // Go that is not built on this kind of machine
	entities   []entity // the file and its module first
	imports    []importFact
	calls      []callFact
	vars       []varFact  // by scope, name, line
	bases      []baseFact // that stand apart from the type
	order      []int32    // entities by qualified name
}

// baseFact is an "impl Trait for Type" of Rust.
type baseFact struct{ typ, base string }

// stamp tells by a stat whether a file may have changed.
type stamp struct{ size, mtime int64 }

func newFile(name string, src []byte) *file {
	lang := languageOf(name)
	end := int32(1)
	for _, c := range src {
		if c == '\n' {
			end++
		}
	}
	return &file{path: name, lang: lang, entities: []entity{
		{kind: learn.CodeFile, qualified: name, name: path.Base(name), line: 1, end: end},
		{kind: learn.CodeModule, line: 1, end: end},
	}}
}

// languageOf returns the language of a source file, or "" for other files.
func languageOf(name string) string {
	switch path.Ext(name) {
	case ".py", ".pyi":
		return "python"
	case ".go":
		return "go"
	case ".js", ".mjs", ".cjs", ".jsx":
		return "javascript"
	case ".ts", ".tsx", ".mts", ".cts":
		return "typescript"
	case ".java":
		return "java"
	case ".rs":
		return "rust"
	}
	return ""
}

func hasAny(s string, ends ...string) bool {
	for _, e := range ends {
		if strings.HasSuffix(s, e) {
			return true
		}
	}
	return false
}

// finish sorts what is looked up.
func (f *file) finish() {
	sort.SliceStable(f.vars, func(i, j int) bool {
		a, b := &f.vars[i], &f.vars[j]
		if a.scope != b.scope {
			return a.scope < b.scope
		}
		return a.name < b.name
	})
	f.order = make([]int32, 0, len(f.entities))
	for i := range f.entities {
		if i > 1 {
			f.order = append(f.order, int32(i))
		}
	}
	sort.SliceStable(f.order, func(i, j int) bool { return f.entities[f.order[i]].qualified < f.entities[f.order[j]].qualified })
}

// find is the entity of a qualified name: of several the last one, as when
// run.
func (f *file) find(qualified string) (int, bool) {
	at, ok := slices.BinarySearchFunc(f.order, qualified, func(i int32, q string) int {
		return strings.Compare(f.entities[i].qualified, q)
	})
	if !ok {
		return 0, false
	}
	for at+1 < len(f.order) && f.entities[f.order[at+1]].qualified == qualified {
		at++
	}
	return int(f.order[at]), true
}

// typeOf is what is said of a name within a scope, as of a line: the last word
// before it, or else the first behind it.
func (f *file) typeOf(scope int, name string, line int) (varFact, bool) {
	at := sort.Search(len(f.vars), func(i int) bool {
		v := &f.vars[i]
		return int(v.scope) > scope || int(v.scope) == scope && v.name >= name
	})
	found := -1
	for ; at < len(f.vars) && int(f.vars[at].scope) == scope && f.vars[at].name == name; at++ {
		if found >= 0 && int(f.vars[at].line) > line {
			break
		}
		found = at
	}
	if found < 0 {
		return varFact{}, false
	}
	return f.vars[found], true
}

// id is an entity's identifier in the workspace.
func (f *file) id(i int) string {
	e := &f.entities[i]
	switch {
	case i == 0:
		return f.path
	case i == 1:
		return "module:" + f.module
	case e.again:
		return fmt.Sprintf("%s#%s@%d", f.path, e.qualified, e.line)
	}
	return f.path + "#" + e.qualified
}

func (f *file) code(i int) learn.CodeEntity {
	e := &f.entities[i]
	c := learn.CodeEntity{ID: f.id(i), Kind: e.kind, Name: e.name, Qualified: e.qualified, File: f.path,
		Line: int(e.line), EndLine: int(e.end), Language: f.lang}
	if i == 1 {
		c.Qualified, c.Name = f.module, f.module[strings.LastIndexAny(f.module, "./")+1:]
		if f.lang == "javascript" || f.lang == "typescript" {
			c.Name = path.Base(f.module)
		}
	}
	return c
}

func (f *file) entity(i int) Entity {
	e := &f.entities[i]
	return Entity{CodeEntity: f.code(i), Parameters: slices.Clone(e.params), Returns: e.returns, Bases: slices.Clone(e.bases)}
}
