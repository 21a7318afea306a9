// Package mcp is Lathe as agents see it: a Model Context Protocol server with
// a few tools, resources and prompts, and the generated tools that a person
// approved.
//
// A Server holds no state of its own but the list of generated tools. Every
// call goes to a Backend, which the composition in package server provides,
// together with the Scope that the connection has: its project and agent,
// never what the agent says of itself. A tool's failure is a result with
// isError, built from structured fields; only a malformed request is a
// protocol error.
//
// SetGenerated registers and removes generated tools in every live session at
// once; clients that ignore the list change reach them by run_tool.
//
// Arguments are checked against the schema that clients are told, nulls dropped
// first; answers never have null where their schema has a list or an object.
// Schemas close no object and name one type each, since real clients refuse
// more than that.
//
// A Sampler asks the calling client's own model, within its call only: by a
// request to the client in the older revisions, by a multi-round-trip result in
// that of 2026-07-28, where the handler runs again with the answer. A client
// that refuses costs the call nothing.
//
// Long work goes on in the background for clients that can follow it: as a task
// of the 2025-11-25 revision (tasks.go), or of the extension that the 2026-07-28
// revision has for it (longtasks.go and its neighbours), where who subscribes to
// a task is told how it stands.
//
// Bridge is the other half of `lathe mcp`: it carries one client's stdio to
// the daemon's Streamable HTTP endpoint, in both protocol eras, and survives
// the daemon's restart. What was asked before the client's input ended is
// answered. bridge.go takes the client's lines, bridge_wire.go reads
// and writes messages, bridge_http.go sends one and passes on what comes back,
// bridge_session.go makes the connection, restores it and holds its stream, and
// bridge_batch.go gathers the answers to several messages in one line.
package mcp
