package learn

import (
	"context"
	"time"
)

// CodeKind is what a CodeEntity is.
type CodeKind string

const (
	CodeFile      CodeKind = "file"
	CodeModule    CodeKind = "module"
	CodeClass     CodeKind = "class"
	CodeStruct    CodeKind = "struct"
	CodeInterface CodeKind = "interface"
	CodeTrait     CodeKind = "trait"
	CodeEnum      CodeKind = "enum"
	CodeType      CodeKind = "type" // any other named type
	CodeFunction  CodeKind = "function"
	CodeMethod    CodeKind = "method"
	CodeVariable  CodeKind = "variable"
	CodeConstant  CodeKind = "constant"
	CodeParameter CodeKind = "parameter"
)

// CodeEntity is something that the code of a workspace defines.
type CodeEntity struct {
	ID        string       `json:"id"` // unique in its workspace
	Kind      CodeKind     `json:"kind"`
	Name      string       `json:"name"`
	Qualified string       `json:"qualified,omitempty"` // with what encloses it: "Store.put"
	File      string       `json:"file,omitempty"`      // slash-separated, relative to the workspace
	Line      int          `json:"line,omitempty"`      // 1 is the first
	EndLine   int          `json:"end_line,omitempty"`
	Language  string       `json:"language,omitempty"`
	History   *CodeHistory `json:"history,omitempty"` // nil: version control says nothing
}

// CodeHistory is what version control knows of an entity or, where Whole is
// true, of the file that it stands in.
type CodeHistory struct {
	Changed time.Time `json:"changed,omitzero"` // the last commit that touched it
	Author  string    `json:"author,omitempty"` // of that commit, by name
	Commit  string    `json:"commit,omitempty"`
	Changes int       `json:"changes"` // commits that touched it, as far back as was read
	// Uncommitted: the working tree differs there from the last commit.
	Uncommitted bool `json:"uncommitted,omitempty"`
	Whole       bool `json:"whole_file,omitempty"`
	// Bounded: the history was longer than what was read.
	Bounded bool `json:"bounded,omitempty"`
}

// CodeCall is a call from one entity to another.
type CodeCall struct {
	Caller CodeEntity `json:"caller"`
	Callee CodeEntity `json:"callee"`
	File   string     `json:"file,omitempty"` // of the call site
	Line   int        `json:"line,omitempty"`
	// How is the rule by which the callee was found: scope, type, unique_name,
	// or what a foreign graph calls it.
	How string `json:"how,omitempty"`
}

// CodeEdge connects two entities by their ids. Kind is IMPORTS, DEFINES,
// CALLS, INHERITS_FROM, HAS_PARAMETER or RETURNS.
type CodeEdge struct {
	From   string  `json:"from"`
	Kind   string  `json:"kind"`
	To     string  `json:"to"`
	Weight float64 `json:"weight,omitempty"` // how many places say so
}

// CodeNeighbourhood is a part of a code graph, the nearest entities first.
type CodeNeighbourhood struct {
	Entities  []CodeEntity `json:"entities"`
	Edges     []CodeEdge   `json:"edges"`
	Truncated bool         `json:"truncated,omitempty"` // there was more within the hops
}

// CodeGraph answers questions about the code of one workspace. The embedded
// graph is one; one that somebody else keeps can stand in for it. symbol is a
// CodeEntity's id, its qualified name, "module.qualified", its last name, or a
// file's path. Nothing found is no error.
type CodeGraph interface {
	Definition(ctx context.Context, symbol string) ([]CodeEntity, error)
	Callers(ctx context.Context, symbol string) ([]CodeCall, error)
	// Neighbourhood holds at most limit entities within hops edges of symbol.
	Neighbourhood(ctx context.Context, symbol string, hops, limit int) (CodeNeighbourhood, error)
}

// CodePlace is a place in a file as an error names it: relative to the
// workspace or absolute. Line 0 is the whole file.
type CodePlace struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
}

// CodeQuery is what an error names: its frames, the innermost first, and its
// entities (kinds file, module, symbol and package).
type CodeQuery struct {
	Places   []CodePlace `json:"places,omitempty"`
	Entities []Entity    `json:"entities,omitempty"`
}

// CodeState says whether a CodeContext could be made.
type CodeState string

const (
	CodeReady    CodeState = "ready"
	CodeBuilding CodeState = "building" // the index is being made; ask later
	CodeAbsent   CodeState = "absent"   // there is none; Why says it
)

// CodeContext is what an error touches in the code of its workspace.
type CodeContext struct {
	State CodeState `json:"state"`
	Why   string    `json:"why,omitempty"` // of a state that is not ready
	// Touched are the entities that the error names, the most specific first.
	Touched      []TouchedCode    `json:"touched,omitempty"`
	Dependencies []CodeDependency `json:"dependencies,omitempty"` // that the error names
	Truncated    bool             `json:"truncated,omitempty"`    // the time or the bounds ran out
}

// TouchedCode is an entity that an error touches, and why.
type TouchedCode struct {
	CodeEntity
	Reason  string     `json:"reason"`            // in words, made by Lathe
	Place   *CodePlace `json:"place,omitempty"`   // the frame within it
	Callers []CodeCall `json:"callers,omitempty"` // some of them
	Imports []string   `json:"imports,omitempty"` // of its file, modules
}

// CodeInstalled says whether a dependency is installed, as far as the daemon
// can see.
type CodeInstalled string

const (
	InstalledYes     CodeInstalled = "yes"
	InstalledNo      CodeInstalled = "no"
	InstalledUnknown CodeInstalled = "unknown" // no environment was found to look into
)

// CodeDependency is a package with what the manifests and the environment say
// of it.
type CodeDependency struct {
	Name       string        `json:"name"` // as its registry spells it, or the module when no manifest has it
	Module     string        `json:"module,omitempty"`
	Ecosystem  string        `json:"ecosystem"` // python, javascript, go, rust, java
	Local      bool          `json:"local,omitempty"`
	Standard   bool          `json:"standard,omitempty"` // of the language itself
	Declared   bool          `json:"declared"`
	Dev        bool          `json:"dev,omitempty"`
	Constraint string        `json:"constraint,omitempty"` // as written
	Manifest   string        `json:"manifest,omitempty"`
	Installed  CodeInstalled `json:"installed"`
	Version    string        `json:"version,omitempty"` // the installed one
	Where      string        `json:"where,omitempty"`   // the environment that was looked into
}
