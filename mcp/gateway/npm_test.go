package gateway

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lathe/learn"
)

// npmServer is the program of a public server that `lathe setup --dev` installs.
func npmServer(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "fixtures", "clients", "node_modules", "@modelcontextprotocol", name, "dist", "index.js"))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("this test uses %s from npm: run `lathe setup --dev` (%v)", name, err)
	}
	return path
}

// everythingURL starts the reference server on HTTP.
func everythingURL(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	_, port, _ := net.SplitHostPort(addr)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "node", npmServer(t, "server-everything"), "streamableHttp")
	cmd.Env = append(os.Environ(), "PORT="+port)
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	for end := time.Now().Add(patience); ; <-time.After(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return "http://" + addr + "/mcp"
		}
		if time.Now().After(end) {
			t.Fatal("the reference server does not listen")
		}
	}
}

// The reference servers behind the gateway, on either transport, for an agent
// of either era: tools, resources, prompts, completions, progress, logging,
// sampling and elicitation.
func TestHeavyPublicServers(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	node := func(name, server string, args ...string) ServerConfig {
		return ServerConfig{Name: name, Command: "node", Args: append([]string{npmServer(t, server)}, args...)}
	}
	cfg := servers(node("all", "server-everything"), node("files", "server-filesystem", dir), node("memory", "server-memory"),
		ServerConfig{Name: "web", URL: everythingURL(t)})
	cfg.Servers[2].Env = map[string]string{"MEMORY_FILE_PATH": filepath.Join(dir, "memory.json")}
	for _, modern := range []bool{false, true} {
		t.Run(map[bool]string{false: "older era", true: "newer era"}[modern], func(t *testing.T) {
			m := &memory{}
			g, err := New(Options{Config: cfg, Env: os.Environ(), Dir: dir, Recorder: m, ProjectID: "p", SessionID: "s",
				Pins: OpenPins(filepath.Join(t.TempDir(), "pins.json"), nil)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(g.Close)
			a := newAgent(t, g, modern)
			a.ask("tools/list", `{}`)
			for _, st := range g.Status() {
				if st.State != "running" || len(st.Tools) < 9 {
					t.Errorf("status: %+v", st)
				}
			}
			if got := textOf(a.ask("tools/call", `{"name":"files__read_text_file","arguments":{"path":"`+filepath.Join(dir, "a.txt")+`"}}`)); got != "hello\n" {
				t.Errorf("the file has %q", got)
			}
			a.ask("tools/call", `{"name":"memory__create_entities","arguments":{"entities":[{"name":"Ada","entityType":"person","observations":["first"]}]}}`)
			if got := textOf(a.ask("tools/call", `{"name":"memory__search_nodes","arguments":{"query":"Ada"}}`)); !strings.Contains(got, "first") {
				t.Errorf("the memory has %q", got)
			}
			for _, server := range []string{"all", "web"} {
				everything(a, server)
			}
			if got := a.ask("completion/complete", `{"ref":{"type":"ref/prompt","name":"all__completable-prompt"},"argument":{"name":"department","value":"E"}}`); !strings.Contains(string(got), "Engineering") {
				t.Errorf("completion: %s", got)
			}
			if got := a.ask("resources/read", `{"uri":"demo://resource/dynamic/text/1"}`); !strings.Contains(string(got), "text") {
				t.Errorf("resource: %s", got)
			}
			failed := a.answerTo(a.request("tools/call", `{"name":"files__read_text_file","arguments":{"path":"/etc/hostname"}}`))
			if string(field(failed.result, "isError")) != "true" {
				t.Errorf("a file out of bounds: %s %s", failed.result, failed.err)
			}
			a.leave()
			g.Close()
			if got := m.of("files__read_text_file"); len(got) != 2 || got[0].Status != learn.StatusSuccess || got[1].Status != learn.StatusFailure {
				t.Errorf("recorded: %+v", got)
			}
		})
	}
}

// everything uses the reference server's tools.
func everything(a *agent, server string) {
	a.t.Helper()
	a.saying(a.ask("tools/call", fmt.Sprintf(`{"name":"%s__echo","arguments":{"message":"hi"}}`, server)), "Echo: hi")
	id := a.request("tools/call", fmt.Sprintf(`{"name":"%s__trigger-long-running-operation","arguments":{"duration":0.2,"steps":2},"_meta":{"progressToken":"%s"}}`, server, server))
	if p := a.notice("notifications/progress"); text(field(p.params, "progressToken")) != server {
		a.t.Errorf("progress: %s", p.params)
	}
	a.answerTo(id)
	if got := a.ask("prompts/get", fmt.Sprintf(`{"name":"%s__args-prompt","arguments":{"city":"Paris"}}`, server)); !strings.Contains(string(got), "Paris") {
		a.t.Errorf("prompt: %s", got)
	}
	// The server offers this one once it has seen what its client can do.
	for end := time.Now().Add(patience); !strings.Contains(string(a.ask("tools/list", `{}`)), server+"__trigger-sampling-request"); {
		if time.Now().After(end) {
			a.t.Fatalf("%s does not offer to sample", server)
		}
	}
	asked := fmt.Sprintf(`"name":"%s__trigger-sampling-request","arguments":{"prompt":"say yes","maxTokens":5}`, server)
	const answer = `{"role":"assistant","model":"none","content":{"type":"text","text":"YES-FROM-THE-AGENT"}}`
	id = a.request("tools/call", "{"+asked+"}")
	var result []byte
	if a.modern {
		need := a.answerTo(id).result
		key := ""
		eachField(field(need, "inputRequests"), func(k, _ []byte) { key = string(k) })
		result = a.ask("tools/call", fmt.Sprintf(`{%s,"requestState":%s,"inputResponses":{%q:%s}}`, asked, field(need, "requestState"), key, answer))
	} else {
		q := a.notice("sampling/createMessage")
		a.send(answerFrame(q.id, "result", []byte(answer)))
		result = a.answerTo(id).result
	}
	if !strings.Contains(textOf(result), "YES-FROM-THE-AGENT") {
		a.t.Errorf("sampling of %s: %s", server, result)
	}
}
