// Package graph keeps the knowledge graph of self-improvement in memory: which
// agent used which tool in which task, which errors came of it, what mitigates
// them, which strategies solve which problems.
//
// It is a projection of the log. The pipeline feeds it observations (Apply, as
// learn.Learner "graph"); whoever follows the ledger feeds it conclusions
// (ApplyLedger).
// Edges from observations count: a million calls of one tool in one environment
// are one edge with a weight. Edges from the ledger are set, not counted, so
// that applying an entry twice, or the whole ledger again from its start after
// Restore, changes nothing. Observations may come in any order: but for the
// evidence, of which each edge keeps the latest, the same graph comes of it.
//
// The code of a workspace lies beneath, as a layer of its own in the same
// nodes, file by file (SetCode): so that there is a path from an error over
// the function that it touches to whoever calls that. It is a projection of
// the workspace: whoever reads the code brings it, after a restart again. A
// snapshot does not carry it, no bound of what is learned counts it, and when
// it goes (ForgetCode) all that was learned is there as before.
//
// # Whose it is
//
// A node belongs to a project, or, like a tool or an error's signature, to
// none; then it is noted which projects observed it, how often and when. An
// edge belongs to a project too: between two nodes that belong to none there is
// one edge for each project that observed it. A query that names a project
// sees that project's nodes and edges, those that the ledger concluded for all,
// and of a node that belongs to none only its own observations: just what it
// would see if it were alone. Forget removes a project as if it had never been.
// Nodes hold no text copied from tool output: an error is its pattern's name,
// not its message.
//
// # What is dropped
//
// ExecutionAttempt nodes exist only for failures and for evidence of something
// learned. Everything is bounded: nodes per kind (the one untouched for longest
// leaves first, with its edges), edges in all (the oldest attempts, tasks and
// code entities make room), evidence per edge. What an attempt said of agent,
// tool, task, environment and code is counted at its error and tool as well,
// and so outlives it. What the bounds dropped is counted (Stats).
//
// # How it is kept
//
// Nodes and edges lie in pages and name each other by number; an edge is 40
// bytes. Each node has its edges in order, the heaviest first and of equals the
// newest: a sorted list while there are few, and for a hub sorted shelves by
// project, kind and direction, in chunks, so that a change costs the logarithm
// of the degree and the top of any query is at the top of a few shelves. Around
// merges these orders and so looks at little more than it returns.
//
// The direction of every edge kind:
//
//	Agent            PERFORMS Task, INITIATES ExecutionAttempt, USES Tool
//	Task             REQUIRES Tool, PERFORMS PlanStep, RESULTED_IN Error, IS_INSTANCE_OF ProblemType,
//	                 MODIFIES and REFERENCES CodeEntity
//	Task             SUCCEEDED_WITH and FAILED_WITH what a trial served to it
//	ExecutionAttempt PART_OF Task and PlanStep, USES Tool, OCCURRED_IN Environment, RESULTED_IN Error,
//	                 REFERENCES CodeEntity, GENERATED Error (the culprit of a diagnosis)
//	Tool             OCCURRED_IN Environment, FAILED_WITH Error, LEARNED_FROM ExecutionAttempt
//	Error            IS_INSTANCE_OF ErrorPattern, OCCURRED_IN Environment, REFERENCES CodeEntity,
//	                 SUCCEEDED_WITH and FAILED_WITH RecoveryStrategy
//	ErrorPattern     MITIGATED_BY RecoveryStrategy, CAUSES_FAILURE CodeEntity
//	RecoveryStrategy APPLIES_TO Error and Environment, USES Tool, MODIFIES CodeEntity,
//	                 LEARNED_FROM ExecutionAttempt
//	ProvenStrategy   SOLVES_EFFICIENTLY ProblemType, COMPOSED_OF PlanFragment,
//	                 LEARNED_FROM ExecutionAttempt, GENERATED PlanFragment (a proposal)
//	ProblemType      SUCCEEDED_WITH and FAILED_WITH Tool
//	PlanFragment     COMPOSED_OF PlanStep, MODIFIES PlanFragment and PlanStep, LEARNED_FROM ExecutionAttempt,
//	                 GENERATED Tool (calls that repeat, of which a tool was made)
//	PlanStep         USES Tool, REQUIRES PlanStep
//	Precondition     REQUIRED_FOR PlanStep
//	CodeEntity       IMPORTS, DEFINES, CALLS, INHERITS_FROM, HAS_PARAMETER and RETURNS CodeEntity;
//	                 a name, as calls and errors have it, REFERENCES the CodeEntity that it means
package graph
