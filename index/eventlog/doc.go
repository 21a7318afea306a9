// Package eventlog is the durable log: the stream "events" holds everything
// that happened, the stream "ledger" everything that was concluded, proposed
// and decided. All else in Lathe is a projection of it.
//
// # How data passes
//
// Append checks and marshals in the caller's goroutine and hands the records
// to the stream's group committer (commit.go). The committer takes what is
// there, waits a moment for calls that are known to be coming, drops records
// whose id is known (ids.go), and writes the rest as messages (frame.go draws
// the format): one project a message, its subject a hash of the project's
// name. Callers are answered when JetStream has the message on disk
// (SyncAlways), and readers waiting for the head wake up. Reading is by
// sequence number (fetch.go); named cursors (cursor.go) remember how far a
// reader has come.
//
// # What it promises
//
//   - An acknowledged record is on disk, once. It survives kill -9 and, as far
//     as the disk honours a sync, a power cut.
//   - Damage is noticed. JetStream starts without a word after a loss, so each
//     message proves itself and its writer's message before (chain.go), and a
//     high-water mark beside the stream (marker.go) knows its end: at most the
//     last 50 ms before a crash are not covered by it. Open verifies the tail
//     and returns a DamageError; Verify reads everything.
//   - Several daemons may share one server. Each has a chain of its own, and
//     states with every message which one must be the last before it, so that
//     an id is stored once among all of them, and a lost answer can be
//     retried.
//   - A record that a person has removed is gone, and everything else stays in
//     its place: CopyWithout writes the log anew with tombstones (tombstone.go).
//
// # Files in Options.Dir
//
//	lock                  flock of the process that has the directory
//	writer                the daemon's name in the chain
//	jetstream/            the embedded server's storage
//	events.mark, ledger.mark   high-water marks (slot.go draws the format)
//	events.ids, ledger.ids     where each id stands, as of the last checkpoint
//	accepted.json         damage that a person has accepted
//	cursors/              one slot file a cursor
package eventlog
