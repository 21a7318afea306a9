package graph

import (
	"strings"
	"time"

	"lathe/learn"
)

// NodeKind is what a node stands for.
type NodeKind string

const (
	Agent            NodeKind = "Agent"
	Tool             NodeKind = "Tool"
	Task             NodeKind = "Task"
	ExecutionAttempt NodeKind = "ExecutionAttempt"
	Error            NodeKind = "Error"
	ErrorPattern     NodeKind = "ErrorPattern"
	RecoveryStrategy NodeKind = "RecoveryStrategy"
	ProvenStrategy   NodeKind = "ProvenStrategy"
	ProblemType      NodeKind = "ProblemType"
	Precondition     NodeKind = "Precondition"
	PlanStep         NodeKind = "PlanStep"
	PlanFragment     NodeKind = "PlanFragment"
	Environment      NodeKind = "Environment"
	CodeEntity       NodeKind = "CodeEntity"
)

// NodeKinds lists every kind of node.
func NodeKinds() []NodeKind {
	return []NodeKind{Agent, Tool, Task, ExecutionAttempt, Error, ErrorPattern, RecoveryStrategy, ProvenStrategy,
		ProblemType, Precondition, PlanStep, PlanFragment, Environment, CodeEntity}
}

// EdgeKind is what an edge says. The direction of each is in the package's
// documentation.
type EdgeKind string

const (
	Performs          EdgeKind = "PERFORMS"
	Requires          EdgeKind = "REQUIRES"
	Initiates         EdgeKind = "INITIATES"
	PartOf            EdgeKind = "PART_OF"
	Uses              EdgeKind = "USES"
	OccurredIn        EdgeKind = "OCCURRED_IN"
	ResultedIn        EdgeKind = "RESULTED_IN"
	IsInstanceOf      EdgeKind = "IS_INSTANCE_OF"
	MitigatedBy       EdgeKind = "MITIGATED_BY"
	AppliesTo         EdgeKind = "APPLIES_TO"
	LearnedFrom       EdgeKind = "LEARNED_FROM"
	SucceededWith     EdgeKind = "SUCCEEDED_WITH"
	FailedWith        EdgeKind = "FAILED_WITH"
	Modifies          EdgeKind = "MODIFIES"
	References        EdgeKind = "REFERENCES"
	CausesFailure     EdgeKind = "CAUSES_FAILURE"
	SolvesEfficiently EdgeKind = "SOLVES_EFFICIENTLY"
	RequiredFor       EdgeKind = "REQUIRED_FOR"
	ComposedOf        EdgeKind = "COMPOSED_OF"
	Generated         EdgeKind = "GENERATED"

	// Edges of the code graph (index/codegraph).
	Imports      EdgeKind = "IMPORTS"
	Defines      EdgeKind = "DEFINES"
	Calls        EdgeKind = "CALLS"
	InheritsFrom EdgeKind = "INHERITS_FROM"
	HasParameter EdgeKind = "HAS_PARAMETER"
	Returns      EdgeKind = "RETURNS"
)

// EdgeKinds lists every kind of edge, those of the code graph last.
func EdgeKinds() []EdgeKind {
	return []EdgeKind{Performs, Requires, Initiates, PartOf, Uses, OccurredIn, ResultedIn, IsInstanceOf, MitigatedBy,
		AppliesTo, LearnedFrom, SucceededWith, FailedWith, Modifies, References, CausesFailure, SolvesEfficiently,
		RequiredFor, ComposedOf, Generated, Imports, Defines, Calls, InheritsFrom, HasParameter, Returns}
}

// maxKinds bounds the numbers of kinds, which begin with 1.
const maxKinds = 32

// The kinds by number, and their numbers.
var (
	nodeKinds  = append([]NodeKind{""}, NodeKinds()...)
	edgeKinds  = append([]EdgeKind{""}, EdgeKinds()...)
	kindNumber = numbers(nodeKinds)
	edgeNumber = numbers(edgeKinds)
)

func numbers[K ~string](kinds []K) map[K]uint8 {
	m := make(map[K]uint8, len(kinds))
	for i, k := range kinds[1:] {
		m[k] = uint8(i + 1)
	}
	return m
}

// Node is a thing. Weight is how often it was observed.
type Node struct {
	ID         string     `json:"id"`
	Kind       NodeKind   `json:"kind"`
	Label      string     `json:"label"`
	ProjectID  string     `json:"project_id,omitempty"` // "" belongs to all projects
	Weight     float64    `json:"weight,omitempty"`
	First      time.Time  `json:"first_seen,omitzero"`
	Last       time.Time  `json:"last_seen,omitzero"`
	Properties Properties `json:"properties,omitempty"`
}

// Edge connects two nodes. Weight counts observations, or is what the ledger
// says: a posterior, successes, failures. Between two nodes that belong to no
// project there is an edge for each project that observed it.
type Edge struct {
	From      string    `json:"from"`
	Kind      EdgeKind  `json:"kind"`
	To        string    `json:"to"`
	ProjectID string    `json:"project_id,omitempty"` // "" is known to all projects
	Weight    float64   `json:"weight"`
	Last      time.Time `json:"last_seen,omitzero"`
	Evidence  []EventID `json:"evidence,omitempty"` // the latest last
}

const (
	maxKey   = 160 // bytes of a name in an id; a longer name is hashed
	maxLabel = 200 // bytes of a label or property
)

// ID makes a node's identifier: "Kind:name", or "Kind:project:name" for what
// belongs to a project. A long name is replaced by its hash.
func ID(kind NodeKind, projectID, name string) string {
	if len(name) > maxKey {
		name = learn.UUIDv8("graph", name)
	}
	if projectID == "" {
		return string(kind) + ":" + name
	}
	if len(projectID) > maxKey {
		projectID = learn.UUIDv8("graph", projectID)
	}
	// Escaped, so that no two pairs of project and name share an id.
	if strings.ContainsAny(projectID, "%:") {
		projectID = strings.ReplaceAll(strings.ReplaceAll(projectID, "%", "%25"), ":", "%3A")
	}
	return string(kind) + ":" + projectID + ":" + name
}

// cut shortens s to maxLabel bytes of valid UTF-8 on one line.
func cut(s string) string {
	if len(s) > maxLabel {
		s = s[:maxLabel-3] + "..."
	}
	s = strings.ToValidUTF8(s, "")
	return strings.Clone(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)) // a copy, so that no long text is held by a part of it
}
