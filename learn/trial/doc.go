// Package trial answers whether advice, a strategy or a tool version really
// makes tasks go better.
//
// Data passes through it in a circle. Assign draws, for a task and a kind of
// advice, whether the advice is served or withheld (the control), by a hash, so
// that the draw can be repeated and a task is wholly in one group for a kind;
// the caller writes the assignment to the ledger. Apply sees the records as
// they are learned and emits a result for each assignment when its task ends:
// whether the advised was done (follow.go), what it came to, what it cost.
// ApplyLedger counts results, and Conclude emits a verdict, once, when the
// evidence suffices: promote, or retire; Retired tells the caller to serve it
// no more. All that is counted is made from the ledger, nothing from snapshots.
//
// The evidence is a bet (bet.go): before each result, on whether the task was
// treated, with odds that are fair if the advice does nothing. What the bets
// won so far is an e-process, so one may look after every task and stop at
// will (Ville 1939; Waudby-Smith and Ramdas, "Estimating means of bounded
// random variables by betting", JRSS B 2024). It rests on the draw alone: tasks
// may get harder or easier over time. Its inversion is a confidence sequence
// for an effect that does not change. Effects are pooled by kind, since one
// person never fills a control group for one remedy; objects are compared too,
// all of a kind at once by e-BH (Wang and Ramdas, "False discovery rate control
// with e-values", JRSS B 2022).
//
// What is promised of errors, for advice that does nothing: a kind is ever
// promoted or retired with probability at most Alpha, however long and often
// one looks; among a kind's objects, the expected share of wrong ones among
// those promoted or retired is at most Alpha. Tests hold it to that. A promoted
// kind is watched for harm; what helps still is so retired by mistake once in
// ten thousand tasks at most, on average.
//
// Among alternatives, Choose puts one first by Thompson sampling over Beta
// posteriors (Thompson 1933) with a floor of exploration, and says with what
// probability; from these, IPS and SNIPS estimate what another policy would
// have reached (offpolicy.go).
package trial
