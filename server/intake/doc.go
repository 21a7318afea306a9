// Package intake is where records enter Lathe: it validates and completes what
// agents report, reads hook events, and imports recorded sessions of known
// agents.
//
// Two ways lead in. What is reported live goes through a Door: each record is
// validated, its identity and defaults are completed, secrets are redacted,
// and texts beyond the limits are cut with a mark that says how many bytes are
// gone. Recordings go through Import: a source (file, folder, .tar, .tar.gz,
// .zip) is streamed entry by entry, a format's parser turns each session into
// records (a task start, its actions, a task finish), and batches of them go to
// a Sink, behind which there is a Door again.
//
// Identity makes both repeatable: an event's id is made from session and call
// id, or from recording and position, so a second import adds nothing and a
// call seen by hook and transcript is one event.
//
// Input is hostile until validated. Memory is bounded by the size of one line
// or one session, whatever the input; archive entries never touch the disk; an
// archive is limited in entries, bytes and compression ratio. A malformed line
// or entry is counted and named by file and line, and the rest is imported.
package intake
