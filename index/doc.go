// Package index keeps what was learned, and recent events, in Bleve so that
// they can be searched and looked up.
//
// Both indexes are projections of the log: each holds, as an internal key, the
// sequence of the last message that it includes, written in the same batch as
// the documents. An index that cannot be opened, that was made for another
// mapping, or whose document count does not fit is deleted and made again from
// the log; nothing is lost with it.
//
// Query results are cached (ristretto) under a key that contains the index's
// generation, which moves with every committed batch, so a cached answer is
// never older than the index.
package index
