// Package lazyregexp holds regular expressions that are compiled when they are
// first used. Hundreds of them as package variables would cost every start of
// the program, that of each sandbox included, most of its time.
//
// In tests all are compiled at once, so that a pattern which does not compile
// fails there and not in a user's hands.
package lazyregexp
