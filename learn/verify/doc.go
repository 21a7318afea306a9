// Package verify reads what test runners, linters, type checkers and builds
// printed, and decides from it how a task ended (the correlation engine).
//
// Read turns one recorded call into Verifications. The command line says which
// tools ran and which of them the exit code belongs to (a pipe into tail
// reports tail's; "cmd; echo $?" tells cmd's); the output's own shape confirms
// it. An output that is no verdict - no such tool, wrong usage, no test
// collected, cut off before the summary, filtered so that failures would not be
// seen - never reads as a success: either nothing is returned, or a
// Verification that is not OK and counts nothing, which decides nothing. Tools
// names what is read; testdata holds what the real tools printed.
//
// The Tracker is the first learner of the pipeline. It collects each task's
// steps and verifications, and when the task ends decides its outcome: user
// feedback first, then a benchmark's verdict, then what the tools say of the
// state after the last edit, else unknown. The finished task goes to the other
// learners (Observation.Finished) and into the ledger, with the reason in a
// sentence, its basis in a word, and the ids of the events that decided.
//
// What tools say is worth what it rests on (basis.go): tests that the task
// added to the project's own and that pass are strong evidence, tests that pass
// but may have passed before are weaker, and a task's own throw-away scripts, a
// build that passes, or a few failures that may be old decide nothing. Each
// basis has a confidence, which starts from a stated judgement and follows the
// verdicts of users and benchmarks on tasks of the same installation. An
// outcome needs TrackerOptions.LeastConfidence; below, it is unknown, and the
// task says what it leans to, so that consumers may choose (learn.Task.Likely).
//
// Everything is bounded: bytes read per output, names per verification, steps
// per task, open tasks. What a bound dropped is counted.
package verify
