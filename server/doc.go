// Package server puts Lathe together: configuration, the daemon's lifecycle,
// and the wiring between packages that do not know each other.
//
// Open takes the data directory and builds, bottom-up: the event log, the
// learners with their pipeline, the index, the review queue, the forge with its
// sandbox, and the MCP server. Records enter through accept (door, then log)
// and come back through two projections: the pipeline reads the event log, and
// the ledger follower reads what was concluded and decided. Nothing is passed
// from one to the other beside the log.
//
// Run serves a Unix socket, which has everything, and a loopback HTTP port,
// which has what a bearer token or the reviewer's passphrase opens. On the way
// down new work is refused, what was accepted is finished, and the learners
// leave a snapshot.
//
// Client is the other side of the socket, for the command line.
package server
