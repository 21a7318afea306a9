// Package learn holds the words of Lathe: what an agent did (ActionOutcome,
// Task, Verification), what was concluded from it (ErrorSignature,
// FailureAnalysisReport, Remedy, ProvenStrategy), what is proposed
// (PlanModificationProposal, ToolOpportunity, ProposedTool) and what a person
// decided (Decision).
//
// The types are plain data with fixed JSON names in snake_case; they are what
// the log stores, what MCP and the command line print, and what every other
// package speaks. The package does no I/O and imports only the standard
// library, so that any package may import it.
//
// Data goes one way: a Record enters the event log; the pipeline turns it into
// an Observation (parsed once, seen by every learner); learners emit
// LedgerEntry values, each naming the events it was concluded from.
package learn
