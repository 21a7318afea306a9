package mcp

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
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

// official is a session of a client that others use, as `lathe setup --dev`
// installed it.
type official struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *json.Decoder
	era   string
}

// startOfficial starts a session: sdk or client, legacy or modern, on stdio
// through a bridge or on HTTP.
func startOfficial(t *testing.T, d *daemon, which, era, transport string) *official {
	t.Helper()
	dir := filepath.Join("..", "fixtures", "clients")
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		t.Fatalf("%v: `lathe setup --dev` installs the clients", err)
	}
	target, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if transport == "http" {
		web := httptest.NewServer(d.server)
		t.Cleanup(web.Close)
		target = web.URL + "/mcp"
	}
	o := &official{t: t, era: era, cmd: exec.CommandContext(t.Context(), "node", "session.mjs", which, era, target)}
	o.cmd.Dir, o.cmd.Stderr = dir, os.Stderr
	o.cmd.Env = append(os.Environ(), bridgeSocket+"="+d.socket)
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	o.lines = json.NewDecoder(bufio.NewReader(out))
	return o
}

// ready waits until the session has done everything but the deployed tool.
func (o *official) ready() {
	o.t.Helper()
	var first struct {
		Ready   []string
		Version string
		Absent  string // what the error said that is not there
	}
	if err := o.lines.Decode(&first); err != nil || len(first.Ready) != len(ownNames) || first.Absent != "lathe://strategy/absent" {
		o.t.Errorf("%v: %+v, want %d tools, and the address of what is absent", err, first, len(ownNames))
	}
	if o.era == "modern" && first.Version != mcp.ProtocolVersion20260728 {
		o.t.Errorf("it speaks %q, want the stateless revision", first.Version)
	}
}

// done waits until the session has called the deployed tool, and left.
func (o *official) done() {
	o.t.Helper()
	var second struct {
		Called struct {
			IsError           bool
			StructuredContent struct{ Lines int }
		}
	}
	if err := o.lines.Decode(&second); err != nil || second.Called.IsError || second.Called.StructuredContent.Lines != 3 {
		o.t.Errorf("%v: %+v", err, second)
	}
	if err := o.cmd.Wait(); err != nil {
		o.t.Error(err)
	}
}

// officialSessions are the clients, each in the eras that it has and on both
// transports.
var officialSessions = [][3]string{
	{"sdk", "legacy", "stdio"}, {"sdk", "legacy", "http"},
	{"client", "legacy", "stdio"}, {"client", "legacy", "http"},
	{"client", "modern", "stdio"}, {"client", "modern", "http"},
}

// TestHeavyOfficialClients drives the clients that others use, one by one.
func TestHeavyOfficialClients(t *testing.T) {
	for _, c := range officialSessions {
		t.Run(c[0]+" "+c[1]+" "+c[2], func(t *testing.T) {
			d := newDaemon(t, &testBackend{})
			if err := d.start(t.Context()); err != nil {
				t.Fatal(err)
			}
			o := startOfficial(t, d, c[0], c[1], c[2])
			o.ready()
			d.deploy("count_errors")
			o.done()
		})
	}
}

// TestHeavyAgentsTogether: all of them at once on one daemon, and one tool that
// is deployed into every session.
func TestHeavyAgentsTogether(t *testing.T) {
	d := newDaemon(t, &testBackend{})
	if err := d.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all []*official
	for _, c := range officialSessions {
		all = append(all, startOfficial(t, d, c[0], c[1], c[2]))
	}
	for _, o := range all {
		o.ready()
	}
	d.deploy("count_errors")
	for _, o := range all {
		o.done()
	}
	b := d.backend.(*testBackend)
	b.mu.Lock()
	defer b.mu.Unlock()
	ran := slices.DeleteFunc(slices.Clone(b.ran), func(call string) bool { return call != `count_errors {"word":"x"}` })
	// Each session calls the tool twice: by run_tool before it is deployed, by
	// its name afterwards.
	if len(ran) != 2*len(all) {
		t.Errorf("the tool ran %d times, want %d: %v", len(ran), 2*len(all), ran)
	}
}
