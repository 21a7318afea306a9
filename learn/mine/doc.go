// Package mine finds what successful tasks do and failed ones do not.
//
// It has two parts. The first is a sequence miner without any knowledge of
// tasks: a Database of sequences (from ReadSPMF, or added one by one) and
// Database.Mine, which returns all frequent or all closed sequential patterns,
// with limits of gap and length. It follows PrefixSpan (Pei, Han et al. 2001)
// with pseudo-projection, and BIDE (Wang and Han 2004) for closure.
//
// The second is the learner "mine". Apply keeps for each finished task its
// bounded sequence of steps; Conclude looks for what separates success from
// failure, in each project and in all together, and makes proven strategies of
// it: a plan fragment with parameters, the conditions under which it applies,
// its cost, and the events that it was learned from. What is not proven is
// told too, the nearest first (Nearest), with the number of tasks that it
// would take.
//
// How a look goes, file by file: groups of tasks (group.go); in each, patterns
// of skeletons and of intents, immediate repeats taken as one (views.go,
// contrast.go), and a fixed list of habits such as a test after the last edit
// (habits.go). Candidates are found without knowing which tasks succeeded;
// those with the same tasks are one hypothesis. Each is tested by Fisher's
// exact test (1922), one-sided.
//
// The guarantee (correct.go): the level MaxQ is divided among families, one
// for each group and level; half goes to all projects together. A hypothesis
// that could not become significant whatever the outcomes is discarded before
// it costs anything (Tarone 1990; Terada et al. 2013; Gilbert 2005), and the
// rest of a family is corrected by Benjamini and Hochberg (1995) at the
// family's share. So at one look, among all that is found significant, the
// expected share of false ones is at most MaxQ, and when nothing separates
// success from failure, the chance that anything is found is at most MaxQ.
// This holds when hypotheses of a family are independent or positively
// dependent, as overlapping patterns are; a test permutes the outcomes of real
// recordings to see that it does. What it does not promise: it is about one
// look, and a log is looked at again and again while it grows; it says that
// tasks with the strategy succeed more often, not that the strategy is why;
// and in all projects together a pattern may stand for the projects that it is
// common in. Weak odds, and those that only repeat a stronger strategy, are
// dropped afterwards.
//
// What it promises beside that: results are exact and come in the same order
// on every run; a task counts once for a pattern; what is frequent in
// successes and failures alike is never a strategy; nothing is concluded twice
// from the same tasks; memory is bounded, and what is dropped to keep it so is
// counted.
package mine
