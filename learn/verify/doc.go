// Package verify reads what test runners, linters, type checkers and builds
// printed, and decides from it how a task ended (the correlation engine).
//
// Read turns one recorded call into Verifications. The command line says which
// tools ran and which of them the exit code belongs to (a pipe into tail
// reports tail's); the output's own shape confirms it. An output that is no
// verdict - no such tool, wrong usage, no test collected, cut off before the
// summary - never reads as a success: either nothing is returned, or a
// Verification that is not OK and counts nothing, which decides nothing.
//
// The Tracker is the first learner of the pipeline. It collects each task's
// steps and verifications, and when the task ends applies Decide: user
// feedback first, then a benchmark's verdict, then the last verification of
// the strongest kind after the last edit, then what the agent says of itself,
// else unknown. The finished task goes to the other learners
// (Observation.Finished) and into the ledger, with the reason in a sentence.
//
// Everything is bounded: bytes read per output, names per verification, steps
// per task, open tasks. What a bound dropped is counted.
package verify
