// Package gateway puts other MCP servers behind Lathe: `lathe gateway` is one
// MCP server for the agent, on stdio or over Streamable HTTP, and a client of
// each server in its configuration. It starts those that are programs itself,
// in the agent's directory and with the agent's environment, and reaches the
// others by their URL. Either side may be of either protocol era.
//
// A tool of a server appears as <server>__<tool>, or as the configuration names
// it. A call goes to the server and its answer back as it was written; beside
// the reply, never before it, what came of it goes into a bounded queue, whose
// one owner hands batches to the Recorder. When a call failed, the Adviser is
// asked, and what it knows becomes one more text block of the answer if it comes
// in time. Resources, prompts, completions, progress, cancellation, log
// messages, list changes, and the servers' questions to the agent (sampling,
// elicitation, roots) pass through in both directions; where the eras differ,
// a question becomes a multi-round-trip result and the other way round.
//
// Data's way in the code: stdio.go, face.go and batch.go take the agent's
// messages, dispatch.go and call.go serve them from catalog.go's lists,
// flight.go carries one request through an upstream, on conn.go (stdio) or
// httplink.go, and record.go and outcome.go write down what came of it.
//
// Promises:
//   - A successful answer waits for nothing but its server; in strict mode also
//     for its record, and no call is made while recording does not work.
//   - What the agent asked before its input ended is answered, if only by an
//     error when Options.Drain is over.
//   - Schemas reach the agent as the server wrote them. A tool that would break
//     the list is left out, and said on the log; the others stand. A description,
//     be it a tool's, prompt's or resource's, is pinned when it is first seen
//     (pins.go): one that changes, or looks like an attack (suspect.go), is not
//     told before a person approved it.
//   - Each server has its own process, connection and limit of open calls. One
//     that is slow, floods or crashes costs only its own calls; a crashed one is
//     started again with growing pauses, and its calls meanwhile fail as results
//     that say so.
//   - Secrets of the configuration reach their server alone: not the agent, the
//     records, or another server.
//   - What is recorded is bounded; an outcome that finds the queue full, or
//     that the Recorder does not take, is dropped, counted and said at the end.
//     A crash of the gateway loses what is in the queue, at most queueRecords.
//   - Only programs of the configuration are started, and that is the person's
//     own file: a checkout cannot bring one along.
//
// Tasks of servers are not passed on: a call waits for its end.
//
// Apart from that, CodeGraph asks an MCP server that keeps a code graph, for
// Lathe itself: it speaks stdio as the gateway does, or HTTP, takes of an answer
// only what is sound and within bounds, and fails soon rather than wait.
package gateway
