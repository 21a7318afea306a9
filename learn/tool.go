package learn

import (
	"encoding/json"
	"time"
)

// ToolOpportunity is something that should be a tool.
type ToolOpportunity struct {
	OpportunityID string `json:"opportunity_id"`
	ProjectID     string `json:"project_id,omitempty"`
	// Kind is operation, pipeline, sequence, remedy, costly, problem or request.
	Kind       string   `json:"kind"`
	Name       string   `json:"name"` // proposed tool name
	Skeletons  []string `json:"skeletons"`
	Programs   []string `json:"programs,omitempty"`
	Calls      int      `json:"calls"`
	Sessions   int      `json:"sessions"`
	Parameters int      `json:"parameters"` // how many placeholders vary
	TimeMS     float64  `json:"time_ms"`    // spent in all calls
	Tokens     int64    `json:"tokens"`
	// Score is calls that one tool would have saved less what its place in the
	// tool list costs, in calls.
	Score        float64       `json:"score"`
	Forgeable    bool          `json:"forgeable"`
	NotForgeable string        `json:"not_forgeable,omitempty"` // why, naming the program
	Examples     []ToolExample `json:"examples,omitempty"`
	Evidence     []string      `json:"evidence"`
	Timestamp    time.Time     `json:"timestamp"`
	// Operation is the well-known operation that the calls are uses of, like
	// view_lines; "" for what is only known by its form.
	Operation   string `json:"operation,omitempty"`
	Description string `json:"description,omitempty"`
	// Folders are the topmost ones that the calls wrote in.
	Folders []string `json:"folders,omitempty"`
	// DuplicateOf names a tool that is there already and does the same.
	DuplicateOf string      `json:"duplicate_of,omitempty"`
	Savings     ToolSavings `json:"savings"`
	NearMisses  []Tally     `json:"near_misses,omitempty"`
}

// ToolSavings is the arithmetic behind an opportunity's score, from the
// recorded calls. Tokens are as the provider counted them where it did, else
// bytes divided by four.
type ToolSavings struct {
	Lines []Tally `json:"lines"` // what would have been saved, by reason
	Calls float64 `json:"calls"`
	// Context is tokens that would not have entered any context.
	Context int64   `json:"context_tokens"`
	TimeMS  float64 `json:"time_ms"`
	// ListTokens is the tool's entry in a tool list: name, description and
	// schema. Sessions is how many sessions would have carried it.
	ListTokens int64 `json:"list_tokens"`
	Sessions   int   `json:"sessions"`
	// Net is Context less ListTokens in each of Sessions.
	Net int64 `json:"net_tokens"`
	// Read is the prompts of the calls that fall away, as the provider counted
	// them, and Turns how many prompts it counted: each of them would have held
	// the tool's entry. Absent is what all later prompts would not have held.
	// ReadNet is Read and Absent less ListTokens in each of Turns.
	Read    int64 `json:"read_tokens,omitempty"`
	Absent  int64 `json:"absent_tokens,omitempty"`
	Turns   int64 `json:"turns,omitempty"`
	ReadNet int64 `json:"read_net_tokens,omitempty"`
	// Factor is what decisions of people make of the score: 1 without any.
	Factor float64 `json:"factor"`
	Why    string  `json:"why,omitempty"` // of Factor
}

// Tally counts something with what it is worth, and names some of it.
type Tally struct {
	What     string   `json:"what"`
	Times    int      `json:"times"`
	Calls    float64  `json:"calls,omitempty"`
	Tokens   int64    `json:"tokens,omitempty"`
	Read     int64    `json:"read_tokens,omitempty"` // prompts that need not be read again
	TimeMS   float64  `json:"time_ms,omitempty"`
	Evidence []string `json:"evidence,omitempty"`
}

// ToolExample is a recorded input with its recorded output.
type ToolExample struct {
	Arguments json.RawMessage `json:"arguments,omitempty"`
	Command   string          `json:"command,omitempty"`
	Result    string          `json:"result,omitempty"`
	ExitCode  int             `json:"exit_code"`
	EventID   string          `json:"event_id,omitempty"`
}

// ToolSpecification is what a tool is to do, before any code.
type ToolSpecification struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"` // JSON Schema of an object
	Returns     json.RawMessage `json:"returns"`    // JSON Schema
	Examples    []ToolExample   `json:"examples,omitempty"`
	// CommandTemplate is the original command with {parameter} in place of
	// what varies: the oracle that tests compare with.
	CommandTemplate string   `json:"command_template,omitempty"`
	Evidence        []string `json:"evidence,omitempty"`
	// Operation is the well-known operation that the tool does, and Folders
	// those that it may write in.
	Operation string   `json:"operation,omitempty"`
	Folders   []string `json:"folders,omitempty"`
}

// Permissions are what a tool may reach. The zero value reaches nothing.
type Permissions struct {
	Filesystem string   `json:"filesystem"` // none, read or write
	Paths      []string `json:"paths,omitempty"`
	Network    []string `json:"network,omitempty"` // host names; empty is none
	Seconds    float64  `json:"seconds"`
	MemoryMB   int      `json:"memory_mb"`
	// Names of variables whose values a call gets from Lathe's own environment.
	// Those of secrets are neither stored nor shown.
	Environment []string `json:"environment,omitempty"`
	Secrets     []string `json:"secrets,omitempty"`
}

// Provenance says where a tool came from.
type Provenance struct {
	OpportunityID string   `json:"opportunity_id,omitempty"`
	Method        Method   `json:"method"`
	Evidence      []string `json:"evidence,omitempty"`
	BaseImage     string   `json:"base_image,omitempty"` // digest
	Created       string   `json:"created,omitempty"`    // RFC 3339
	Author        string   `json:"author,omitempty"`     // agent or person; "" is Lathe itself
}

// ToolManifest is tool.json: what a tool is, without its code.
type ToolManifest struct {
	Name         string          `json:"name"`
	Version      string          `json:"version"` // semantic version
	Description  string          `json:"description"`
	Parameters   json.RawMessage `json:"parameters"`
	Returns      json.RawMessage `json:"returns"`
	Examples     []ToolExample   `json:"examples,omitempty"`
	Permissions  Permissions     `json:"permissions"`
	Dependencies []string        `json:"dependencies,omitempty"`
	Language     string          `json:"language"`         // python, shell
	Digest       string          `json:"digest,omitempty"` // of the image, once built
	Provenance   Provenance      `json:"provenance"`
}

// ProposedTool is a tool as a folder: file name to content. tool.json is made
// from Manifest.
type ProposedTool struct {
	ToolID   string            `json:"tool_id"`
	Manifest ToolManifest      `json:"manifest"`
	Files    map[string]string `json:"files"` // tool.py, test_tool.py, README.md
	Spec     ToolSpecification `json:"specification"`
	// ContentHash covers manifest and files; decisions are signed over it.
	ContentHash string `json:"content_hash"`
}

// Check is one gate of a validation.
type Check struct {
	// Name is the gate's: syntax, types, lint, security, imports, complexity,
	// contract, documentation, tests, examples, schema, properties, benchmark,
	// mutation.
	Name    string   `json:"name"`
	Passed  bool     `json:"passed"`
	Summary string   `json:"summary"`
	Details []string `json:"details,omitempty"`
	// Findings say where, as far as the gate knows.
	Findings []Finding `json:"findings,omitempty"`
	Seconds  float64   `json:"seconds"`
	// Rating is pylint's, of 10.
	Rating float64 `json:"rating,omitempty"`
	// Key stands for all that the gate looked at: the parts of the tool, the
	// image and the gate itself. Reused says that an earlier result with the
	// same key was taken, and nothing was run; Seconds is what that took.
	Key    string `json:"key,omitempty"`
	Reused bool   `json:"reused,omitempty"`
}

// Finding is one thing that a gate has against a tool.
type Finding struct {
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"` // from 1; 0 where it is about the whole
	Rule     string `json:"rule"`
	Severity string `json:"severity"` // error (the tool is refused for it), warning
	Message  string `json:"message"`
}

// The severities of a Finding.
const (
	SeverityError   = "error"
	SeverityWarning = "warning"
)

// ValidationResult is what the sandbox found about a ProposedTool.
type ValidationResult struct {
	ToolID      string  `json:"tool_id"`
	ContentHash string  `json:"content_hash"`
	Passed      bool    `json:"passed"`
	Checks      []Check `json:"checks"`
	Score       float64 `json:"score"` // 0 to 1
	Risk        string  `json:"risk"`  // low, medium, high
	Coverage    float64 `json:"coverage"`
	TestsPassed int     `json:"tests_passed"`
	TestsFailed int     `json:"tests_failed"`
	// Agreements are tests that compared the tool with the original command.
	Agreements int `json:"agreements,omitempty"`
	// Mutants is how many broken tools the tests were shown, and Noticed how
	// many of them failed.
	Mutants int `json:"mutants,omitempty"`
	Noticed int `json:"mutants_noticed,omitempty"`
	// Medians and 95th percentiles of a call in a new process, and of one in a
	// process that is there.
	ColdMS       float64   `json:"cold_ms"`
	ColdP95MS    float64   `json:"cold_p95_ms,omitempty"`
	WarmMS       float64   `json:"warm_ms"`
	WarmP95MS    float64   `json:"warm_p95_ms,omitempty"`
	MemoryMB     float64   `json:"memory_mb"`
	Backend      string    `json:"backend"`
	Degradations []string  `json:"degradations,omitempty"` // limits that could not be had
	Seconds      float64   `json:"seconds"`
	Timestamp    time.Time `json:"timestamp"`
}

// ToolReviewRequest is what a person decides on.
type ToolReviewRequest struct {
	ReviewID         string           `json:"review_id"`
	Tool             ProposedTool     `json:"tool"`
	Validation       ValidationResult `json:"validation"`
	Diff             string           `json:"diff,omitempty"` // to the former version
	PermissionsWords string           `json:"permissions_in_words"`
	Summary          string           `json:"summary"`
	Rationale        string           `json:"rationale"`
	Evidence         []string         `json:"evidence,omitempty"`
	Origin           *ToolOrigin      `json:"origin,omitempty"` // of a tool that was pulled
}

// ToolOrigin says where a tool that was built elsewhere comes from.
type ToolOrigin struct {
	Reference string    `json:"reference"`          // in the registry, as it was asked for
	Digest    string    `json:"digest"`             // of the image
	Key       string    `json:"key"`                // id of the key that signed it
	Builder   string    `json:"builder"`            // id of the installation that built it
	Built     time.Time `json:"built"`              // as the builder says
	Reviewer  string    `json:"reviewer,omitempty"` // fingerprint of who approved it there
}
