package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// BenchmarkGatewayOverhead prints what the gateway costs: the same calls,
// directly and through it, to the same server, over stdio and over HTTP, with
// one caller and with eight, in rounds that take turns. The gateway is the
// built program with a daemon that records every call.
//
// With LATHE_BENCH_GATEWAYS set to a folder that has the programs mcp-proxy and
// supergateway (npm's node_modules/.bin) these are measured in the same rounds.
//
//	go test ./server/cmd/lathe -run '^$' -bench GatewayOverhead -benchtime 1x
func BenchmarkGatewayOverhead(b *testing.B) {
	for range b.N {
		bench := newOverhead(b)
		for _, p := range bench.paths {
			bench.check(p)
		}
		for _, callers := range []int{1, 8} {
			for range benchRounds {
				for _, p := range bench.paths {
					bench.round(p, callers)
				}
			}
		}
		bench.print()
	}
}

const (
	benchRounds = 7
	benchCalls  = 1500 // of a round
	benchText   = 300  // bytes of a call's argument and of its answer
)

// benchEcho is the server that is called: the library as anyone uses it. With
// an argument it listens there, and else speaks on stdio.
func benchEcho() {
	s := server.NewMCPServer("echo", "1", server.WithToolCapabilities(true))
	s.AddTool(mcp.NewTool("echo", mcp.WithString("text", mcp.Required())), func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(req.GetString("text", "")), nil
	})
	var err error
	if len(os.Args) > 1 {
		err = http.ListenAndServe(os.Args[1], server.NewStreamableHTTPServer(s))
	} else {
		err = server.ServeStdio(s, server.WithWorkerPoolSize(8))
	}
	if err != nil {
		os.Exit(1)
	}
}

// benchPath is one way to the server.
type benchPath struct {
	name, route, base string // base is the direct path that it is compared with
	tool              string
	call              func(frame []byte, id string) error
	pids              []int // whose memory counts

	rates map[int][]float64
	times map[int][]time.Duration
	rss   float64
}

type overhead struct {
	b      testing.TB
	paths  []*benchPath
	lastID atomic.Int64
}

func (o *overhead) frame(tool string) (id string, frame []byte) {
	id = strconv.FormatInt(o.lastID.Add(1), 10)
	return id, []byte(`{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"` + tool + `","arguments":{"text":"` + strings.Repeat("x", benchText) + `"}}}`)
}

func (o *overhead) check(p *benchPath) {
	id, frame := o.frame(p.tool)
	if err := p.call(frame, id); err != nil {
		o.b.Fatalf("%s %s: %v", p.name, p.route, err)
	}
}

// round makes benchCalls calls with so many callers.
func (o *overhead) round(p *benchPath, callers int) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	began := time.Now()
	for range callers {
		wg.Go(func() {
			var took []time.Duration
			for range benchCalls / callers {
				id, frame := o.frame(p.tool)
				at := time.Now()
				if err := p.call(frame, id); err != nil {
					o.b.Errorf("%s %s: %v", p.name, p.route, err)
					return
				}
				took = append(took, time.Since(at))
			}
			mu.Lock()
			defer mu.Unlock()
			p.times[callers] = append(p.times[callers], took...)
		})
	}
	wg.Wait()
	p.rates[callers] = append(p.rates[callers], float64(benchCalls/callers*callers)/time.Since(began).Seconds())
	for _, pid := range p.pids {
		p.rss = max(p.rss, rssOf(pid))
	}
}

// print shows the medians over all rounds, and what they are of the direct
// path's.
func (o *overhead) print() {
	var w bytes.Buffer
	fmt.Fprintf(&w, "\n%-13s %-14s %7s %9s %9s %7s %9s %7s %7s\n", "VIA", "ROUTE", "CALLERS", "MEDIAN-US", "P95-US", "TIMES", "CALLS/S", "SHARE", "RSS-MB")
	for _, callers := range []int{1, 8} {
		for _, p := range o.paths {
			var base *benchPath
			for _, q := range o.paths {
				if q.name == "direct" && q.route == p.base {
					base = q
				}
			}
			fmt.Fprintf(&w, "%-13s %-14s %7d %9.0f %9.0f %7.2f %9.0f %7.2f %7.0f\n", p.name, p.route, callers, quantile(p.times[callers], 0.5), quantile(p.times[callers], 0.95),
				quantile(p.times[callers], 0.5)/quantile(base.times[callers], 0.5), median(p.rates[callers]), median(p.rates[callers])/median(base.rates[callers]), p.rss)
		}
	}
	fmt.Print(w.String())
}

func quantile(d []time.Duration, q float64) float64 {
	if len(d) == 0 {
		return math.NaN()
	}
	s := slices.Clone(d)
	slices.Sort(s)
	return float64(s[int(q*float64(len(s)-1))].Nanoseconds()) / 1e3
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	s := slices.Clone(v)
	slices.Sort(s)
	return s[len(s)/2]
}

// rssOf is a process's resident memory, in MB.
func rssOf(pid int) float64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			kb, _ := strconv.ParseFloat(f[1], 64) // 0 when the kernel writes it otherwise
			return kb / 1024
		}
	}
	return 0
}

// newOverhead starts everything.
func newOverhead(b *testing.B) *overhead {
	b.Helper()
	o := &overhead{b: b}
	dir := b.TempDir()
	lathe := filepath.Join(dir, "lathe")
	if out, err := exec.Command("go", "build", "-o", lathe, ".").CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	echo := filepath.Join(dir, "bench-echo")
	if err := os.Symlink(self, echo); err != nil {
		b.Fatal(err)
	}
	url := "http://" + freeAddr(b)
	o.start(dir, nil, echo, strings.TrimPrefix(url, "http://"))
	url += "/mcp"
	env := append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "LATHE_DATA_DIR="+filepath.Join(dir, "data"), "LATHE_HTTP=off", "LATHE_GATEWAY_TOKEN=a-token-for-this-benchmark")
	b.Cleanup(func() {
		stop := exec.Command(lathe, "stop")
		stop.Env = env
		_ = stop.Run()
	})
	config := filepath.Join(dir, "gateway.json")
	text := fmt.Sprintf(`{"mcpServers":{"pipe":{"command":%q},"web":{"url":%q}}}`, echo, url)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	gatewayURL := freeAddr(b)
	face := o.start(dir, env, lathe, "gateway", "--config", config, "--http", gatewayURL)
	gatewayURL = "http://" + gatewayURL + "/mcp"
	o.stdio("direct", "stdio", "stdio", "echo", dir, nil, echo)
	pipe := o.stdio("lathe", "stdio>stdio", "stdio", "pipe__echo", dir, env, lathe, "gateway", "--config", config)
	o.paths = append(o.paths, &benchPath{name: "lathe", route: "stdio>http", base: "http", tool: "web__echo", call: pipe.call, pids: pipe.pids})
	token := map[string]string{"Authorization": "Bearer a-token-for-this-benchmark"}
	o.http("direct", "http", "http", "echo", url, nil, nil)
	o.http("lathe", "http>http", "http", "web__echo", gatewayURL, token, []int{face})
	o.http("lathe", "http>stdio", "stdio", "pipe__echo", gatewayURL, token, []int{face})
	if bin := os.Getenv("LATHE_BENCH_GATEWAYS"); bin != "" {
		addr := freeAddr(b)
		_, port, _ := net.SplitHostPort(addr)
		pid := o.start(dir, nil, filepath.Join(bin, "mcp-proxy"), "--server", "stream", "--host", "127.0.0.1", "--port", port, "--", echo)
		o.http("mcp-proxy", "http>stdio", "stdio", "echo", "http://"+addr+"/mcp", nil, []int{pid})
		addr = freeAddr(b)
		_, port, _ = net.SplitHostPort(addr)
		pid = o.start(dir, nil, filepath.Join(bin, "supergateway"), "--stdio", echo, "--outputTransport", "streamableHttp", "--stateful", "--port", port, "--logLevel", "none")
		o.http("supergateway", "http>stdio", "stdio", "echo", "http://"+addr+"/mcp", nil, []int{pid})
		o.stdio("supergateway", "stdio>http", "http", "echo", dir, nil, filepath.Join(bin, "supergateway"), "--streamableHttp", url, "--logLevel", "none")
	}
	for _, p := range o.paths {
		p.rates, p.times = map[int][]float64{}, map[int][]time.Duration{}
	}
	return o
}

func freeAddr(b *testing.B) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// start runs a program until the benchmark ends.
func (o *overhead) start(dir string, env []string, name string, args ...string) (pid int) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, env
	if err := cmd.Start(); err != nil {
		o.b.Fatal(err)
	}
	o.b.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		late := time.AfterFunc(15*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		late.Stop()
	})
	return cmd.Process.Pid
}

const benchHello = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}`
const benchReady = `{"jsonrpc":"2.0","method":"notifications/initialized"}`

// sound reports whether a frame is the answer that is wanted.
func sound(frame []byte, id string) error {
	var m struct {
		ID     json.RawMessage `json:"id"`
		Result struct {
			Content []struct {
				Text string `json:"text"`
			} `json:"content"`
			IsError bool `json:"isError"`
		} `json:"result"`
		Error json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(frame, &m); err != nil {
		return fmt.Errorf("%w: %.200q", err, frame)
	}
	if string(m.ID) != id || m.Error != nil || m.Result.IsError || len(m.Result.Content) != 1 || len(m.Result.Content[0].Text) != benchText {
		return fmt.Errorf("not the answer to %s: %.300s", id, frame)
	}
	return nil
}

// stdio adds a path through a program's stdio.
func (o *overhead) stdio(name, route, base, tool, dir string, env []string, program string, args ...string) *benchPath {
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = dir, env
	in, err := cmd.StdinPipe()
	if err != nil {
		o.b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		o.b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		o.b.Fatal(err)
	}
	var mu, writing sync.Mutex
	waiting := map[string]chan []byte{}
	read := make(chan struct{})
	go func() {
		defer close(read)
		r := bufio.NewReaderSize(out, 1<<20)
		for {
			line, err := r.ReadBytes('\n')
			if err != nil {
				return
			}
			var m struct {
				ID json.RawMessage `json:"id"`
			}
			if json.Unmarshal(line, &m) != nil {
				continue
			}
			mu.Lock()
			ch := waiting[string(m.ID)]
			delete(waiting, string(m.ID))
			mu.Unlock()
			if ch != nil {
				ch <- line
			}
		}
	}()
	o.b.Cleanup(func() {
		_ = in.Close()
		<-read
		_ = cmd.Wait()
	})
	send := func(frame, id string) chan []byte {
		ch := make(chan []byte, 1)
		mu.Lock()
		waiting[id] = ch
		mu.Unlock()
		writing.Lock()
		defer writing.Unlock()
		_, _ = io.WriteString(in, frame+"\n") // who waits sees it
		return ch
	}
	<-send(benchHello, "0")
	send(benchReady, "")
	p := &benchPath{name: name, route: route, base: base, tool: tool, pids: []int{cmd.Process.Pid}}
	p.call = func(frame []byte, id string) error {
		select {
		case line := <-send(string(frame), id):
			return sound(line, id)
		case <-read:
			return io.EOF
		}
	}
	o.paths = append(o.paths, p)
	return p
}

// http adds a path to a URL.
func (o *overhead) http(name, route, base, tool, url string, header map[string]string, pids []int) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 16
	c := &http.Client{Transport: t}
	o.b.Cleanup(c.CloseIdleConnections)
	session := ""
	post := func(frame []byte) (*http.Response, error) {
		req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(frame))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		for k, v := range header {
			req.Header.Set(k, v)
		}
		if session != "" {
			req.Header.Set("Mcp-Session-Id", session)
			req.Header.Set("Mcp-Protocol-Version", "2025-11-25")
		}
		return c.Do(req)
	}
	var resp *http.Response
	for end := time.Now().Add(time.Minute); ; <-time.After(50 * time.Millisecond) { // it is starting
		var err error
		if resp, err = post([]byte(benchHello)); err == nil && resp.StatusCode == http.StatusOK {
			break
		}
		if time.Now().After(end) {
			o.b.Fatalf("%s: %v", url, err)
		}
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	session = resp.Header.Get("Mcp-Session-Id")
	if resp, err := post([]byte(benchReady)); err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	p := &benchPath{name: name, route: route, base: base, tool: tool, pids: pids}
	p.call = func(frame []byte, id string) error {
		resp, err := post(frame)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
			for line := range bytes.Lines(body) { // the answer is the last event
				if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok && len(bytes.TrimSpace(data)) > 0 {
					body = data
				}
			}
		}
		return sound(body, id)
	}
	o.paths = append(o.paths, p)
}
