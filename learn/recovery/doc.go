// Package recovery learns what fixed which failure, and offers it again.
//
// Data passes through it once, in log order. Apply keeps, for each live
// session, the failures that are still open (by signature, intent and target)
// and a bounded window of the actions since. The first later success of the
// same intent (and target, when there is one) before the same signature
// returns resolves a failure; extract turns what lies between into a form:
//
//	changed_command    another program or subcommand did it
//	changed_parameter  the same call with other arguments did it
//	inserted_actions   something was done first (install, create, delete)
//	edit               the code was edited (recorded as where, never as what)
//	retry              nothing changed, and the pattern is transient
//
// Forms are counted in buckets, one for each of three scopes (project,
// language, all) and two levels (signature, pattern). Within a bucket the
// forms of many sessions are one template: constants that agree stay, those
// that differ become parameters (anti-unification: Plotkin 1970, Reynolds
// 1970), and those that equal a capture of the pattern are bound to it.
//
// An attempt that fails without the signature got past it: what was done until
// then is the remedy, and what came after dealt with the other failure.
//
// Beside its counts, a form keeps them by context: which call failed, and over
// what value (the module, the path). The confidence of an offer is that of the
// context at hand, shrunk to the rates of wider ones, so a remedy that works
// here goes before one that worked elsewhere, and one that something else
// replaced here is not offered. Commands that could not be run are not, either.
// Replay measures all this.
//
// What it promises: a session counts once for and once against a remedy;
// evidence decays by event time, not by the clock; memory is bounded and what
// is dropped is counted (Stats); a remedy leaves its project only when all of
// its constants are public vocabulary; text from tool output never becomes
// part of a remedy, and a captured value enters a command only when the
// caller's Trusted says so; the same log gives the same ledger entries. With
// thin evidence nothing is offered.
package recovery
