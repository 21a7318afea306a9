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
// Bridge is the other half of `lathe mcp`: it carries one client's stdio to
// the daemon's Streamable HTTP endpoint, in both protocol eras, and survives
// the daemon's restart.
package mcp
