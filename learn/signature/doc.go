// Package signature says what kind of failure an output shows.
//
//	output ── clean (ANSI, progress, timestamps) ── lines
//	   ├─ library: one Aho-Corasick pass over all literals picks the (line, pattern)
//	   │           pairs worth a regular expression; one pattern a line wins
//	   ├─ order:   causes before summaries, each in the order printed
//	   └─ nothing: the salient line, masked, goes to online templates (Drain);
//	               no such line: the exit status itself is the failure
//
// The library is data: patterns/*.yaml, embedded, one file an area. Each
// pattern has positive and near-miss examples, and the tests run them all.
//
// An ErrorSignature's ID is the kind of failure, as coarse as a person would
// name it: the pattern's kind (patterns that differ only in what helps share
// one: all TypeErrors) plus the captures that the pattern marks as grouping
// (the class of an otherwise unknown exception, an exit code). The other
// captures carry the instance and stay out of the ID: two missing modules are
// one kind of failure. Where tests ran and failed, whatever they raised is of
// the one kind "tests failed". PatternID is the finer of the two.
//
// What counts as a failure: a failing status, or an exit code other than zero.
// A success that mentions errors has no signatures. The one exception is a
// command that runs something (its intent is no reading, searching or listing)
// through a pipe or list and whose output ends in a complete Python traceback:
// the exit code was then that of "tail", and the last line is plainly the
// program's own end.
//
// Promises: Match changes nothing and Learn only the templates; both are safe
// for concurrent use and on hostile input (sizes capped, RE2 only). Template
// identities survive generalisation, merging (the former id maps forward),
// Snapshot and Restore.
package signature
