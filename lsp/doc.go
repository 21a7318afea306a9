// Package lsp is Lathe as editors see it: a language server that shows
// proposals where the work they concern is, and carries a person's decision
// back.
//
// A Server serves any number of editor connections, each with Serve. What it
// shows comes from a Proposals, which the composition in package server
// provides. Data passes like this:
//
//	editor bytes -> stream (frames, bounds, survives junk)
//	  -> connection.handle, one message at a time and in order
//	       didOpen, didChange, ...  -> documents (lines in memory)
//	       hover, codeAction, ...   -> answered from documents and snapshot
//	       executeCommand           -> Proposals.Decide, off the reading path
//	Proposals.Watch -> publisher -> snapshot (proposals by file) -> diagnostics
//
// What it promises:
//
//   - Notifications are handled in the order in which they arrived, and a
//     request sees every notification before it. A message that is unknown,
//     malformed, nested too deep or too long is answered or dropped, logged,
//     and survived.
//   - Nothing on the path of a hover or a code action reads a disk, asks a
//     model, or searches: the proposals of a file are in a map, their places
//     in a document are computed once for each version of both.
//   - Documents, messages, queues and lists are bounded. An editor that stops
//     reading loses its connection; the daemon does not wait for it.
//   - A decision names the proposal and the content hash that the person saw;
//     another hash is refused. Every decision needs a Signer, which only the
//     review page can give to a connection (Unlock), and which ends with it.
//     What is refused is told (Options.Refused, or Proposals.Decide itself).
//   - Features are used only where the editor said that it has them.
//
// Lathe runs no command on the host, and edits no file, through this package.
package lsp
