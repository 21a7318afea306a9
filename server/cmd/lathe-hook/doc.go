// Command lathe-hook hands one hook event of an agent to the daemon.
//
//	lathe-hook [--data DIR] [FORMAT [before]]
//
// FORMAT is claude-code unless given; `lathe hook --help` lists them. The event
// on standard input goes to the daemon's Unix socket as it is, and what the
// daemon answers (advice in that agent's form) goes to standard output. Without
// a daemon the event goes to `lathe hook --spool` (the program beside this one,
// or on PATH), which removes its secrets and writes it down for the daemon;
// nobody waits for that. The word "before" says that the event is about a call
// to come: there is nothing to write down.
//
// It promises not to disturb the agent: it ends within two seconds, its exit
// code is always 0, and it starts no daemon. What went wrong is one line on
// standard error.
//
// It runs at every tool call, so it is small: it speaks to the socket by system
// calls, without net/http, and imports nothing that has to be set up at start.
//
// The environment: LATHE_SOCKET is the daemon's socket; otherwise it lies in
// the data directory, which is --data, LATHE_DATA_DIR, $XDG_DATA_HOME/lathe, or
// ~/.local/share/lathe. LATHE_PROJECT names the project, as it does for `lathe
// mcp` and `lathe gateway`; otherwise it is that of the folder the agent works in.
package main
