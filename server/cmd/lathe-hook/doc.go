// Command lathe-hook hands one hook event of an agent to the daemon.
//
//	lathe-hook [FORMAT]        FORMAT is claude-code unless given
//
// The event on standard input goes to the daemon's Unix socket as it is, and
// what the daemon answers (advice in that agent's form) goes to standard
// output. Without a daemon the event is parsed, its secrets are removed, and
// the records are spooled below the data directory, each event a file in the
// form that `lathe import events` reads.
//
// It promises not to disturb the agent: it ends within two seconds, its exit
// code is always 0, and it starts no daemon. What went wrong is one line on
// standard error. It is a program of its own because it runs at every tool
// call: the rules for secrets cost more to read than all the rest, so they are
// read only when there is something to spool.
//
// The environment: LATHE_SOCKET is the daemon's socket; otherwise it lies in
// the data directory, which is LATHE_DATA_DIR, or $XDG_DATA_HOME/lathe, or
// ~/.local/share/lathe.
package main
