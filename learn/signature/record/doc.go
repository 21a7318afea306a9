// Command record runs the commands that fail in scenarios/*.txt for real and
// stores what they printed in learn/signature/testdata/recorded, one JSON line a
// scenario; then it picks, for each pattern of the library, the line of another
// failure that resembles its own most and that it must not take
// (testdata/near.jsonl). The tests of package signature read both.
//
//	go run ./learn/signature/record                    # as root on Linux, about ten minutes
//	go run ./learn/signature/record -only '^git/'      # these scenarios, the rest is kept
//	go run ./learn/signature/record -near              # near misses only, nothing is run
//	go run ./learn/signature/record -npm DIR           # where npm install put the JavaScript tools
//
// # Scenarios
//
//	== PATTERN [FLAG...]
//	hidden set-up, run by bash in an empty folder
//	--
//	the command that is recorded
//
// PATTERN is the id of the pattern that must take the output first; a check that
// the tests make, not the recorder, so that recordings cannot be fitted to the
// library. Without a line "--" all of it is the command. Flags: root (not as an
// unprivileged user), npm (the JavaScript tools stand in node_modules),
// seconds=N (the call's time limit; its end is recorded as a timeout),
// near=PATTERN (this output is a near miss of that pattern), mcp (the command's
// lines are requests to the MCP server whose command line is the set-up's last
// line), any (no pattern: a near miss only, or a failure for the templates).
// "== begin" and "== end" are scripts before and after all of a file's
// scenarios: servers are started there.
//
// # What is real
//
// All outputs, exit codes and messages are what the installed tools printed on
// the files that the set-up writes. Servers are real too (PostgreSQL, MariaDB,
// Redis, the recorder's own HTTP server on loopback, which also stands in for
// package registries). Replaced are: the temporary folder (by /home/dev), the
// machine's name, and all but the first and last 3,000 bytes of long outputs.
package main
