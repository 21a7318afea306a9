// Package conformance is what the public MCP conformance suite wants to find in
// a server: tools, prompts and resources with fixed names and answers, which
// ask the client for its model, a person and its roots, report progress, log,
// and change the tool list.
//
// They are for tests only. `lathe serve --conformance` puts them beside Lathe's
// own tools, in a data directory of their own, so that what the suite judges is
// the server that agents get. New returns the suite's part for mcp.Options; it
// keeps nothing on disk and reaches nothing but the client that calls.
package conformance
