// Package mine finds the sequences of actions that successful tasks have and
// failed ones lack.
//
// It has two parts. The first is a sequence miner without any knowledge of
// tasks: a Database of sequences (from ReadSPMF, or added one by one) and
// Database.Mine, which returns all frequent or all closed sequential patterns,
// with limits of gap and length. It follows PrefixSpan (Pei, Han et al. 2001)
// with pseudo-projection, and BIDE (Wang and Han 2004) for closure.
//
// The second is the learner "mine". Apply keeps for each finished task its
// bounded sequence of steps; Conclude mines them at the level of skeletons and
// of intents, contrasts success against failure (Fisher's exact test, 1922;
// Benjamini and Hochberg, 1995) and turns what is left into proven strategies:
// a plan fragment with parameters, the conditions under which it applies, its
// cost, and the events that it was learned from.
//
// What it promises: results are exact and come in the same order on every run;
// a task counts once for a pattern; what is frequent in successes and failures
// alike is a habit and never a strategy; nothing is concluded twice from the
// same tasks; memory is bounded, and what is dropped to keep it so is counted.
package mine
