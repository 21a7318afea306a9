// Package graph keeps the knowledge graph of self-improvement in memory: which
// agent used which tool in which task, which errors came of it, what mitigates
// them, which strategies solve which problems.
//
// It is a projection of the log. The pipeline feeds it observations (Apply, as
// learn.Learner "graph"); whoever follows the ledger feeds it conclusions
// (ApplyLedger). Edges from observations count: a million calls of one tool in
// one environment are one edge with a weight. ExecutionAttempt nodes exist
// only for failures and for evidence of something learned. Edges from the
// ledger are set, not counted, so that applying an entry twice, or the whole
// ledger again from its start after Restore, changes nothing.
//
// Everything is bounded: nodes per kind (the one untouched for longest leaves
// first, with its edges), edges in all, evidence per edge. What the bounds
// dropped is counted.
//
// Nodes that belong to a project carry its id; a query that names a project
// sees those and the nodes that belong to none. Nodes hold no text copied from
// tool output: an error is its pattern's name, not its message.
//
// The direction of every edge kind:
//
//	Agent            PERFORMS Task, INITIATES ExecutionAttempt, USES Tool
//	Task             REQUIRES Tool, IS_INSTANCE_OF ProblemType, MODIFIES and REFERENCES CodeEntity
//	Task             SUCCEEDED_WITH and FAILED_WITH what a trial served to it
//	ExecutionAttempt PART_OF Task, USES Tool, OCCURRED_IN Environment, RESULTED_IN Error,
//	                 REFERENCES CodeEntity, GENERATED Error (the culprit of a diagnosis)
//	Tool             OCCURRED_IN Environment, FAILED_WITH Error, LEARNED_FROM ExecutionAttempt
//	Error            IS_INSTANCE_OF ErrorPattern, REFERENCES CodeEntity,
//	                 SUCCEEDED_WITH and FAILED_WITH RecoveryStrategy
//	ErrorPattern     MITIGATED_BY RecoveryStrategy, CAUSES_FAILURE CodeEntity
//	RecoveryStrategy APPLIES_TO Error, USES Tool, LEARNED_FROM ExecutionAttempt
//	ProvenStrategy   SOLVES_EFFICIENTLY ProblemType, COMPOSED_OF PlanFragment,
//	                 LEARNED_FROM ExecutionAttempt, GENERATED PlanFragment (a proposal)
//	ProblemType      SUCCEEDED_WITH and FAILED_WITH Tool
//	PlanFragment     COMPOSED_OF PlanStep, MODIFIES PlanFragment, LEARNED_FROM ExecutionAttempt
//	PlanStep         USES Tool, REQUIRES PlanStep
//	Precondition     REQUIRED_FOR PlanStep
package graph
