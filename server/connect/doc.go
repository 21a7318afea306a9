// Package connect puts Lathe into the settings of agents and editors, and takes
// it out again.
//
// One table (Clients) says for each of them which files hold its settings and
// what has to stand there: the MCP entry, the hooks where the agent has them,
// the language server. Everything else follows from it: what `lathe connect`
// writes, the snippets of the documentation (Page), and the description for the
// MCP registry (ServerJSON).
//
// A Plan is what would change: files with their text before and after, so that
// it can be shown before it is applied. An edit changes the text at its place
// and leaves every other byte alone, comments and formatting included; it is
// checked by reading the result again, and refused when anything else would
// mean something else than before. JSON, JSON with comments, TOML and YAML are
// edited so; marked blocks and files of our own are simpler.
//
// It promises: connecting twice changes nothing the second time; removing gives
// back the very bytes from before when nobody changed the file since, and takes
// out only Lathe's own parts when somebody did; a file that changed between
// showing and writing is not written; each write is one rename. What was there
// before is kept in the data directory, readable for its owner only, since
// settings hold secrets.
package connect
