package lsp

import (
	"fmt"
	"io"
	"net"
	"os"
)

// pipeSocket names the environment variable that turns this test binary into
// the program that an editor starts: stdio to a Unix socket and back, as
// `lathe lsp` is to the daemon.
const pipeSocket = "LSP_TEST_PIPE_SOCKET"

// pipeMain is that program. It reports whether it ran.
func pipeMain() bool {
	socket := os.Getenv(pipeSocket)
	if socket == "" {
		return false
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		fmt.Fprintln(os.Stderr, "pipe:", err)
		os.Exit(3)
	}
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		_ = conn.(*net.UnixConn).CloseWrite()
	}()
	if _, err := io.Copy(os.Stdout, conn); err != nil {
		fmt.Fprintln(os.Stderr, "pipe:", err)
		os.Exit(1)
	}
	return true
}
