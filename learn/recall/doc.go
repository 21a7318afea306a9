// Package recall ranks what was learned by how well it fits a task and how good
// it proved: strategies, errors with what fixed them, generated tools.
//
//	ledger entry ── card: what ranking needs of the object, and the object itself,
//	      │               compressed (card.go)
//	      └─ Memory: by project the surest strategies and the most frequent
//	                 errors, by error what fixed it, by word everything
//	                 (memory.go, lexicon.go)
//
//	Task ── Memory.Ask ── Query ── candidates: the project's surest, the errors
//	                        │      of the session, the best by BM25 for the
//	                        │      task's words (find.go)
//	                        └─ score: the sum of named reasons, of which one kind
//	                               says how good it is and the other how well it
//	                               fits; below a floor of either nothing is given
//	                               (score.go)
//
// Nothing is read from disk, and no query scans all objects, so that an answer
// takes milliseconds at a hundred thousand of them.
//
// Promises: what belongs to one project is never given, nor counted, for
// another; the same entries in the same order give the same answers; every
// answer carries its reasons. A Memory is safe for concurrent use. It is as
// large as what it keeps: the latest 150,000 reports, and all strategies and
// remedies, which their learners bound.
package recall
