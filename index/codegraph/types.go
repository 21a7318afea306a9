package codegraph

import "lathe/index/graph"

// Kind is what an entity is.
type Kind string

const (
	File     Kind = "file"
	Module   Kind = "module"
	Function Kind = "function"
	Class    Kind = "class" // in Go every named type
	Method   Kind = "method"
)

// Parameter of a function or method. Type is the annotation, or "".
type Parameter struct {
	Name string `json:"name"`
	Type string `json:"type,omitempty"`
}

// Entity is something that the code defines.
type Entity struct {
	// ID is "path" for a file, "module:name" for a module, "path#qualified"
	// for the rest. A second definition of the same name in a file has its
	// line behind it.
	ID         string      `json:"id"`
	Kind       Kind        `json:"kind"`
	Name       string      `json:"name"`
	Qualified  string      `json:"qualified"` // with the enclosing classes and functions: "Store.put"
	File       string      `json:"file"`      // slash-separated, relative to the workspace
	Line       int         `json:"line"`      // 1 is the first
	EndLine    int         `json:"end_line"`
	Language   string      `json:"language"`
	Parameters []Parameter `json:"parameters,omitempty"` // without self and cls
	Returns    string      `json:"returns,omitempty"`    // annotation
	Bases      []string    `json:"bases,omitempty"`      // as written
}

// How says by which rule a call was resolved.
type How string

const (
	ByScope      How = "scope"       // the language's rules lead there
	ByUniqueName How = "unique_name" // the project has one method of that name (in Go: in a package that the file imports)
)

// Call is a resolved call.
type Call struct {
	Caller Entity `json:"caller"` // the innermost function, or the module
	Callee Entity `json:"callee"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	How    How    `json:"how"`
}

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
	// Skipped are files beyond the bounds, Failed those that could not be
	// read.
	Skipped int `json:"skipped"`
	Failed  int `json:"failed"`
}

// Stats describe the graph. Calls are call sites; Resolved those of them that
// lead to an entity of the project.
type Stats struct {
	Files    map[string]int `json:"files"` // by language
	Entities map[Kind]int   `json:"entities"`
	Imports  int            `json:"imports"`
	Calls    int            `json:"calls"`
	Resolved int            `json:"resolved"`
	Declared int            `json:"declared"`
}

// importFact is one import as the file writes it.
type importFact struct {
	module string            // "a.b", "./x", "example.org/m/p"
	level  int               // leading dots of a Python relative import
	names  map[string]string // local name -> name in the module; "*" for all of it
	alias  string            // local name of the module itself
	line   int
}

// callFact is one call as the file writes it.
type callFact struct {
	caller int    // index into the file's entities
	recv   string // "self", "os.path", ""; "?" for an expression
	name   string
	line   int
}

// file is what one source file says.
type file struct {
	path, lang, module, hash string
	entities                 []Entity // the file and its module first
	imports                  []importFact
	calls                    []callFact
	top                      map[string]int // names at the file's top level
	qualified                map[string]int
	receivers                map[int]string // Go method -> name of its receiver variable
}

func edge(from string, kind graph.EdgeKind, to string, weight float64) graph.Edge {
	return graph.Edge{From: from, Kind: kind, To: to, Weight: weight}
}
