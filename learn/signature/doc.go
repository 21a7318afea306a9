// Package signature says what kind of failure an output shows.
//
//	output ── clean (ANSI, progress, timestamps) ── lines
//	   ├─ library: one Aho-Corasick pass over all literals picks the (line, pattern)
//	   │           pairs worth a regular expression; one pattern a line wins
//	   ├─ places:  the last line of a Python traceback and the line above
//	   │           JavaScript's frames are failures whatever their class is called
//	   ├─ order:   causes before summaries, each in the order printed, so that of a
//	   │           chained traceback the first cause comes first
//	   ├─ verdict: tests ran and failed: what they raised is of that kind, unless
//	   │           the tests could not be loaded: then the reason is the failure
//	   └─ nothing: the salient line goes to the online templates (below);
//	               no such line: the exit status itself is the failure
//
// What agents wrap around an output (an "Exit code 1" above it, tags) is taken
// off first.
//
// The library is data: patterns/*.yaml, embedded, one file an area. What a
// pattern is for is said by testdata, not by examples in it: recorded/*.jsonl
// holds what real tools printed when the scenarios of ./record made them fail,
// each with the pattern that must come first, and near.jsonl for each pattern
// the likest line of another failure, which it must refuse. The few patterns
// that nothing can provoke stand in unverified.yaml with the reason.
//
// An ErrorSignature's ID is the kind of failure, as coarse as a person would
// name it: the pattern's kind (patterns that differ only in what helps share
// one: all TypeErrors) plus the captures that the pattern marks as grouping
// (the class of an otherwise unknown exception, an exit code). The other
// captures carry the instance and stay out of the ID: two missing modules are
// one kind of failure. Where tests ran and failed, whatever they raised is of
// the one kind "tests failed". PatternID is the finer of the two.
//
// Coarser still is the Class (classes.yaml): the same for all tools, such as
// module-not-found, because the same sort of action mends it; where no pattern
// or only a catch-all one takes the line, what it says in words. It is no part
// of an identity. TestKinds measures both against failures that a person labelled.
//
// What counts as a failure: a failing status, or an exit code other than zero.
// A success that mentions errors has no signatures. The one exception is a
// command that runs something (its intent is no reading, searching or listing)
// through a pipe or list and whose output ends in a complete Python traceback:
// the exit code was then that of "tail", and the last line is plainly the
// program's own end.
//
// Online templates group lines of any log as they come (Online, LearnLine):
//
//	line ── scan: words, values, marks; one pass over its bytes
//	     ── join: dates, numbers with units and lists become one value each
//	     ── shape: the line without its values ── seen before: its template
//	                                           └─ new: place it among those of
//	                                              the same frame (marks, length)
//
// Only a new shape costs more than reading the line. What is a parameter among
// its words is a matter of price: the form and place of a word say how unlikely
// it is to be one (words.go), the number of different words seen in that place
// of otherwise equal lines lowers it (family.go), and the words that agree pay
// (budget). The tree of Drain (He et al., ICWS 2017) is here the frame, the
// column statistic is Brain's (Yu et al., IEEE TSC 2023), kept up online. A line
// judged alone (LearnLine, Learn) has less to go by than lines judged together;
// TestGrouping prints by how much.
//
// LearnLines is for many outputs of one line each (lathe signature): it leaves
// out what only a whole output needs, and reads the library on all cores; the
// answers are those of Learn.
//
// Promises: Match changes nothing and Learn only the templates; both are safe
// for concurrent use and on hostile input (sizes capped, RE2 only). Template
// identities survive generalisation, merging (the former id maps forward),
// Snapshot and Restore. Up to the bound on templates none is forgotten; above
// it the tenth unseen longest is, and gets its identity again when it comes back
// as it first came, since an identity is the hash of the first shape. A snapshot
// holds the templates and identities; what was counted of single words begins
// anew from the templates.
package signature
