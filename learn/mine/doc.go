// Package mine finds what successful tasks do and failed ones do not.
//
// It has two parts. The first is a sequence miner without any knowledge of
// tasks: a Database of sequences (from ReadSPMF, or added one by one) and
// Database.Mine, which returns all frequent or all closed sequential patterns,
// with limits of gap and length. It follows PrefixSpan (Pei, Han et al. 2001),
// with projections that lose what is infrequent in them (reduce.go), and BIDE
// (Wang and Han 2004) for closure. A Stream (stream.go) keeps the same patterns
// up to date while sequences are added.
//
// The second is the learner "mine", which finds what separates success from
// failure and makes proven strategies of it: a plan fragment with parameters,
// the conditions under which it applies, its cost, and the events that it was
// learned from. What is not proven is told too, the nearest first (Nearest).
//
// How a finished task passes through, file by file:
//
//   - flow.go has looked at its calls as they came, for their parameters and
//     for arguments that an earlier call had printed.
//   - strata.go: it waits in the open block of its stratum, the tasks of one
//     project and problem type.
//   - close.go: when the block is complete, its tasks get their place in the
//     window of kept tasks (window.go) and are counted in a Stream, the
//     incremental pattern state, at three levels of detail (hypotheses.go):
//     skeletons, programs, intents. Beside these there is a fixed list of
//     habits, such as a test after the last edit (habits.go).
//   - evidence.go: each hypothesis gets the block's evidence.
//   - hypotheses.go: frequent patterns become hypotheses, those first that can
//     tell most, at most one a task in the long run, whatever the outcomes.
//   - declare.go: what is declared now; life.go: what that changes in the life
//     of a strategy, which the ledger is told once; generalise.go and
//     strategy.go make the object.
//
// A task costs what its own patterns cost and a part of its block's closing,
// which is bounded; no look reads the log again.
//
// # The guarantee
//
// Each hypothesis says: within its stratum, tasks with the pattern succeed more
// often. Its evidence is an e-process: it starts at 1, and every block
// multiplies it by the likelihood of the block's two-by-two table under an
// effect relative to none, both given the table's margins (evidence.go). Under
// no effect the factor has expectation 1 whatever the rate of success in the
// stratum is, and however that changes from block to block; only within one
// block must tasks be exchangeable. So a pattern that stands for easy projects
// or easy kinds of problem gathers nothing, and the chance that the evidence
// ever reaches 1/a is at most a (Ville 1939), however often one looks.
//
// A pattern that becomes frequent late gains nothing by it. Which patterns
// become hypotheses, and when, depends on which closed tasks have them, never
// on outcomes; a hypothesis starts with evidence 1 and is judged only by blocks
// that close after it was chosen. Choice and declaration both look at closed
// blocks only, so that in the order in which blocks close, the evidence of all
// hypotheses are e-processes of one filtration. What the tasks before say of
// it is told as its support and rate, and is no evidence.
//
// Across hypotheses, weighted e-BH (Wang and Ramdas 2022): each has a share of
// the level that was fixed before it was known which hypothesis takes it, by
// the order of being chosen (slotWeight); the shares of all that could ever be
// chosen add up to at most 1. So at every look, and at whatever time one
// chooses to stop, the expected share of false ones among what is declared is
// at most MaxQ, whatever depends on whatever; and when nothing separates
// success from failure, the chance that anything is ever declared is at most
// MaxQ, over all looks together. For the set of all that was declared at any
// time the bound is MaxQ when the hypotheses are positively dependent, as
// overlapping patterns are, and MaxQ times the harmonic number of the
// hypotheses in general. What is left out because its contrast is small, or
// because it repeats a stronger one, is left out before the correction.
//
// The price: with few tasks much stays unproven that one planned look would
// show. Look is that look, for a set of tasks that is complete: the exact
// conditional test within the same strata, with the corrections of correct.go
// (contrast.go, report.go).
//
// What neither promises: that the strategy is why. Tasks with it succeed more
// often than others of their project and kind; agents that are better for
// other reasons, or tasks that are easier within their kind, may be why they
// have it. Only a trial (learn/trial) can tell. A verdict that changes after
// its block closed is counted anew as long as the block is kept.
//
// # Lives
//
// A declared strategy is confirmed and served. Later it may be contradicted
// (its evidence fell, well below what is needed), decayed (not seen for some
// half-lives, by the events' clock), superseded (another says the same with
// more evidence, or does it for less), and retired: when an e-process of its
// own, from blocks after it was confirmed, shows that tasks with it fail more
// often, or when it is forgotten. Retired ones never come back. Each change is
// a ledger entry with its reason and numbers, and depends on the log alone.
//
// What the package promises beside that: results come the same on every run; a
// task counts once for a pattern; memory is bounded, and what is dropped to
// keep it so is counted.
package mine
