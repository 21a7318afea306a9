// Package gateway puts other MCP servers behind Lathe: `lathe gateway` is one
// MCP server on stdio for the agent, and a client of each server in its
// configuration, which it starts itself, in the agent's directory and with the
// agent's environment.
//
// A tool of a server appears as <server>__<tool>. A call goes to the server
// and its answer back; beside the reply, never before it, an ActionOutcome
// with the call's parameters, output, duration and status goes into a bounded
// queue, whose one owner hands batches to the Recorder. When a call failed, the
// Adviser is asked, and what it knows becomes one more text block of the
// answer if it comes within AdviceTime.
//
// Promises:
//   - A successful answer waits for nothing but its server.
//   - Schemas reach the agent as the server wrote them. A tool that would break
//     the list is left out, and said on the log; the others stand.
//   - Each server has its own process, connection and limit of open calls. One
//     that is slow, floods or crashes costs only its own calls; a crashed one is
//     started again with growing pauses, and its calls meanwhile fail as results
//     that say so.
//   - What is recorded is bounded; an outcome that finds the queue full, or
//     that the Recorder does not take, is dropped, counted and said at the end.
//     A crash of the gateway loses what is in the queue, at most queueRecords.
//   - Only programs of the configuration are started, and that is the person's
//     own file: a checkout cannot bring one along.
//
// Apart from that, CodeGraph asks an MCP server that keeps a code graph, for
// Lathe itself: it speaks stdio as the gateway does, or HTTP, takes of an answer
// only what is sound and within bounds, and fails soon rather than wait.
//
// Not there yet: servers over HTTP (left out with a message), servers that
// speak only the 2026-07-28 revision, adopting a client's configuration,
// filters and renames, resources, prompts, sampling and elicitation of the
// servers, pinned descriptions, and tool search.
package gateway
