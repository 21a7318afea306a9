package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// script is what the scripted model says: the first part whose key stands in a
// question answers it, its replies one after the other, the last for ever.
type script []scriptPart

type scriptPart struct {
	Key     string        `json:"key"`
	Replies []scriptReply `json:"replies"`
}

type scriptReply struct {
	Text    string            `json:"text,omitempty"`
	Status  int               `json:"status,omitempty"` // instead of an answer
	Header  map[string]string `json:"header,omitempty"`
	Raw     string            `json:"raw,omitempty"` // the whole body
	DelayMS int               `json:"delay_ms,omitempty"`
	Cut     bool              `json:"cut,omitempty"` // the connection breaks within the body
}

// scriptedModel is a program that speaks both providers' protocols and answers
// by a script, which its argument names. It prints its address.
func scriptedModel() {
	raw, err := os.ReadFile(os.Args[1])
	var s script
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	var ln net.Listener
	if err == nil {
		ln, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scripted-model:", err)
		os.Exit(1)
	}
	fmt.Println("http://" + ln.Addr().String())
	p := &scripted{script: s, used: map[string]int{}}
	fmt.Fprintln(os.Stderr, http.Serve(ln, p))
}

type scripted struct {
	script script
	mu     sync.Mutex
	used   map[string]int
	asked  []string // the bodies
}

func (p *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/asked":
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = json.NewEncoder(w).Encode(p.asked)
	case r.Method == http.MethodGet && r.URL.Path == "/v1/models":
		fmt.Fprint(w, `{"object":"list","data":[{"id":"tiny","object":"model"}]}`)
	case r.Method != http.MethodPost || r.URL.Path != "/v1/chat/completions" && r.URL.Path != "/v1/messages":
		http.NotFound(w, r)
	case r.Header.Get("Authorization") != "Bearer test-key" && r.Header.Get("X-Api-Key") != "test-key":
		http.Error(w, `{"error":{"message":"wrong key"}}`, http.StatusUnauthorized)
	default:
		p.reply(w, p.next(string(body)), r.URL.Path == "/v1/messages")
	}
}

func (p *scripted) next(body string) scriptReply {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, body)
	for _, part := range p.script {
		if strings.Contains(body, part.Key) {
			n := p.used[part.Key]
			p.used[part.Key]++
			return part.Replies[min(n, len(part.Replies)-1)]
		}
	}
	return scriptReply{Status: http.StatusTeapot, Raw: `{"error":{"message":"not in the script"}}`}
}

func (p *scripted) reply(w http.ResponseWriter, r scriptReply, anthropic bool) {
	<-time.After(time.Duration(r.DelayMS) * time.Millisecond) // a slow server
	for k, v := range r.Header {
		w.Header().Set(k, v)
	}
	if r.Status != 0 {
		w.WriteHeader(r.Status)
	}
	if r.Raw != "" || r.Status != 0 {
		_, _ = io.WriteString(w, r.Raw)
		return
	}
	type m = map[string]any
	answer := m{"model": "tiny", "choices": []m{{"message": m{"role": "assistant", "content": r.Text}, "finish_reason": "stop"}},
		"usage": m{"prompt_tokens": 100, "completion_tokens": 20}}
	if anthropic {
		content := m{"type": "text", "text": r.Text}
		if json.Valid([]byte(r.Text)) {
			content = m{"type": "tool_use", "id": "t1", "name": "answer", "input": json.RawMessage(r.Text)}
		}
		answer = m{"model": "tiny", "content": []m{content}, "stop_reason": "end_turn", "usage": m{"input_tokens": 100, "output_tokens": 20}}
	}
	raw, _ := json.Marshal(answer)
	if r.Cut {
		w.Header().Set("Content-Length", fmt.Sprint(len(raw)))
		_, _ = w.Write(raw[:len(raw)/2])
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(raw)
}

// startScripted runs the scripted model as a process and gives its address.
func startScripted(t *testing.T, s script) string {
	t.Helper()
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "script.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("scripted-model", file)
	cmd.Stderr = io.Discard
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// askedOf are the questions that a scripted model got.
func askedOf(t *testing.T, url string) []string {
	t.Helper()
	resp, err := http.Get(url + "/asked")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var asked []string
	if err := json.NewDecoder(resp.Body).Decode(&asked); err != nil {
		t.Fatal(err)
	}
	return asked
}
