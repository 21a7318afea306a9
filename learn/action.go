package learn

// Intent is what an action is for.
type Intent string

const (
	IntentTest      Intent = "test"
	IntentBuild     Intent = "build"
	IntentLint      Intent = "lint"
	IntentFormat    Intent = "format"
	IntentTypecheck Intent = "typecheck"
	IntentInstall   Intent = "install"
	IntentRun       Intent = "run"
	IntentRead      Intent = "read"
	IntentSearch    Intent = "search"
	IntentList      Intent = "list"
	IntentEdit      Intent = "edit"
	IntentCreate    Intent = "create"
	IntentDelete    Intent = "delete"
	IntentVCS       Intent = "vcs"
	IntentNetwork   Intent = "network"
	IntentSubmit    Intent = "submit"
	IntentOther     Intent = "other"
)

// ReadOnly reports whether actions of this intent only look around.
func (i Intent) ReadOnly() bool {
	return i == IntentRead || i == IntentSearch || i == IntentList
}

// PlaceholderType is the type of an argument in a skeleton.
type PlaceholderType string

const (
	TypePath    PlaceholderType = "path"
	TypeNumber  PlaceholderType = "number"
	TypePattern PlaceholderType = "pattern"
	TypeURL     PlaceholderType = "url"
	TypeRef     PlaceholderType = "ref"
	TypeString  PlaceholderType = "string"
)

// Argument is one argument that a skeleton replaced by a typed placeholder, in
// the order in which the placeholders stand in the skeleton.
type Argument struct {
	Type  PlaceholderType `json:"type"`
	Value string          `json:"value"`
}

// Entity is something a call or its output names.
type Entity struct {
	Kind string `json:"kind"` // file, module, symbol, package, host
	Name string `json:"name"`
}

// Action is what a tool call does, at three levels of detail: Tool, Tool and
// Intent, Tool and Skeleton.
type Action struct {
	Tool   string `json:"tool_name"`
	Intent Intent `json:"intent"`
	// Skeleton is the call with its arguments as typed placeholders, like
	// "grep -n -r <pattern> <path>" or "read_file(path:string)".
	Skeleton  string     `json:"skeleton"`
	Program   string     `json:"program,omitempty"`   // the salient program, like "pytest"
	Programs  []string   `json:"programs,omitempty"`  // every program that a shell command runs, in order, without duplicates
	Command   string     `json:"command,omitempty"`   // the command line as called
	Arguments []Argument `json:"arguments,omitempty"` // what the placeholders stand for
	Entities  []Entity   `json:"entities,omitempty"`
	// Target is what the action is about, for comparing a failing and a later
	// succeeding call: the file, test or package, or "".
	Target string `json:"target,omitempty"`
	// Writes lists the files that the action edits, creates, moves or deletes,
	// as far as the call says.
	Writes []string `json:"writes,omitempty"`
}
