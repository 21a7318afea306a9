package mcp

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// bridgeSocket names the variable that makes this test binary a bridge on its
// own stdio to the daemon on the socket that it holds.
const bridgeSocket = "LATHE_TEST_BRIDGE_SOCKET"

func bridgeOnStdio(socket string) error {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return Bridge(context.Background(), BridgeOptions{In: os.Stdin, Out: os.Stdout, URL: "http://lathe/mcp",
		Client: &http.Client{Transport: &http.Transport{DialContext: dial}}})
}

// TestHeavyOfficialClients drives the clients that others use, as `lathe setup
// --dev` installed them.
func TestHeavyOfficialClients(t *testing.T) {
	dir := filepath.Join("..", "fixtures", "clients")
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		t.Fatalf("%v: `lathe setup --dev` installs the clients", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][]string{{"sdk", "legacy"}, {"client", "legacy"}, {"client", "modern"}} {
		t.Run(c[0]+" "+c[1], func(t *testing.T) {
			d := newDaemon(t, &testBackend{})
			if err := d.start(t.Context()); err != nil {
				t.Fatal(err)
			}
			session := exec.CommandContext(t.Context(), "node", "session.mjs", c[0], c[1], self)
			session.Dir, session.Stderr = dir, os.Stderr
			session.Env = append(os.Environ(), bridgeSocket+"="+d.socket)
			out, err := session.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := session.Start(); err != nil {
				t.Fatal(err)
			}
			lines := json.NewDecoder(bufio.NewReader(out))
			var first struct {
				Ready   []string
				Version string
			}
			if err := lines.Decode(&first); err != nil || len(first.Ready) != len(ownNames) {
				t.Errorf("%v: %+v", err, first)
			}
			if c[1] == "modern" && first.Version != "2026-07-28" {
				t.Errorf("it speaks %q, want the stateless revision", first.Version)
			}
			d.deploy("count_errors")
			var second struct {
				Called struct {
					IsError           bool
					StructuredContent ToolRun
				}
			}
			if err := lines.Decode(&second); err != nil || second.Called.IsError || second.Called.StructuredContent.Name != "count_errors" {
				t.Errorf("%v: %+v", err, second)
			}
			if err := session.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}
