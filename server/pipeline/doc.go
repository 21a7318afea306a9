// Package pipeline runs the learners over the event log.
//
// One goroutine reads the log in order, makes an Observation of each record
// and hands it to every learner in turn; the first learners fill the
// observation in (action, signatures, verifications, finished task), the later
// ones learn from it. Ledger entries that the learners emit are written to the
// ledger before a snapshot says that their records were applied, and carry
// identities made from their content, so a crash between the two concludes
// nothing twice.
//
// Back-pressure needs no queue: the log is the queue, and the runner reads it
// at its own pace. A learner that fails or panics on a record is reported and
// counted; the record is not lost and the others go on.
//
// Snapshots are checksummed files named by the sequence that they include. A
// snapshot that cannot be used (damaged, another version, another set of
// learners) is set aside and the log replayed from its start.
package pipeline
