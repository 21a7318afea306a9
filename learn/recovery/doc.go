// Package recovery learns what fixed which failure, and offers it again.
//
// Data passes through it once, in log order. Apply keeps, for each live
// session, the failures that are still open (by signature, intent and target)
// and a bounded window of the actions since. The first later success of the
// same intent (and target, when there is one) before the same signature
// returns resolves a failure. Compound commands are taken apart (split), and
// extract turns what lies between into a form:
//
//	changed_command    another program or subcommand did it
//	changed_parameter  the same call with other arguments, options, variables
//	inserted_actions   something was done first (install, create, delete)
//	edit               the code was edited (recorded as where, never as what)
//	retry              nothing changed, and the pattern is transient
//
// A form has a class (class.go), which is what makes the resolutions of two
// sessions the same advice. Classes are counted in contexts (memory.go) from
// "anywhere" down to "this command, with this error, about this value, in this
// project"; an offer's probability backs off from the narrow to the wide ones
// by how varied each was (Witten and Bell 1991), and is calibrated by how often
// such guesses proved right, in all and of their kind (record.go). What a
// command is to its project, the runner that its sessions use, travels to
// other projects where the command's name does not (habit.go). Edits, scripts
// of the agent's own making and other looks around are counted so that offers
// know how often they were the answer instead, but are never offered: a project
// learns nothing from being told to edit.
//
// What is said comes from buckets, one for each of three scopes (project,
// language, all) and levels (signature, pattern, any). Within a bucket the
// forms of many sessions are one template: constants that agree stay, those
// that differ become parameters (anti-unification: Plotkin 1970, Reynolds
// 1970), and those that equal a capture of the pattern are bound to it.
//
// Some things are not said however usual they are (caution.go): what never
// resolved this kind of error; fixed words that only dealt with something else
// than this error is about; and to make what only the session itself names, which
// is as often corrected as made. Nobody is told either (harm.go) what cannot be
// taken back or reaches beyond the checkout, and to install a package whose name
// is what the error names and something more: a few invented sessions would be
// enough to have that said to all.
//
// Offers are ordered by how likely each is to be the answer, not by likelihood
// times the calls that it saved before. How many calls a failure took to resolve
// is a property of the failure, the same whichever offer is the right one; what
// an offer itself costs is a wrong try. Trying in the order of probability per
// call of the try takes the fewest calls in expectation (Smith's rule, 1956), and
// since tries cost one to three calls, that is nearly always the order of
// probability. On replay of two sets of recordings, ordering by calls saved ranks
// the right one first in fewer cases and saves no call more; `lathe eval` prints
// both.
//
// An attempt that fails without the signature got past it: what was done until
// then is the remedy, and what came after dealt with the other failure. A run
// of fewer tests, or of the test file by itself, resolves nothing.
//
// Replay measures all this on recorded sessions, beside simple methods
// (baseline.go, measure.go); `lathe eval` prints it.
//
// What the package promises: a session counts once for and once against a
// remedy; evidence decays by event time, not by the clock; memory is bounded
// and what is dropped is counted (Stats); a remedy leaves its project only when
// all of its constants are public vocabulary; text from tool output never
// becomes part of a remedy, and a captured value enters a command only when the
// caller's Trusted says so; the same log gives the same ledger entries. With
// thin evidence nothing is offered.
package recovery
