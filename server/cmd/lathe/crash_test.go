package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/learn/monitor"
	"lathe/server"
)

const (
	kills           = 20
	crashSessions   = 120
	callsPerSession = 100
)

// makeLong writes sessions that fail and recover, several thousand records in
// all, and returns how many.
func makeLong(t *testing.T, dir string) (records int) {
	t.Helper()
	random := rand.New(rand.NewPCG(3, 9))
	commands := []string{"git status --short", "pytest -q", "pip install requests", "go build ./...", "ls -la src", "grep -rn TODO src"}
	for s := range crashSessions {
		var body bytes.Buffer
		for c := range callsPerSession {
			command, status, exit, out := commands[random.IntN(len(commands))], "success", 0, fmt.Sprintf("%x", random.Uint64())
			if random.IntN(6) == 0 {
				status, exit, out = "failure", 1, "ModuleNotFoundError: No module named 'requests'"
			}
			fmt.Fprintf(&body, `{"call_id":"c%d","task_id":"t%d","timestamp":"2026-02-%02dT10:%02d:%02dZ","action_type":"tool_call","tool_name":"bash","tool_parameters":{"command":%q},"tool_output":{"stdout":%q,"exit_code":%d},"status":%q,"resource_metrics":{"duration_ms":%d}}`+"\n",
				c, s, 1+s%28, c/60, c%60, command, out, exit, status, 1+random.IntN(5000))
		}
		fmt.Fprintf(&body, `{"phase":"finish","task_id":"t%d","timestamp":"2026-02-%02dT11:00:00Z","outcome":%q,"outcome_kind":"benchmark"}`+"\n",
			s, 1+s%28, []string{"success", "failure"}[s%2])
		project := filepath.Join(dir, fmt.Sprintf("project%d", s%3))
		if err := os.MkdirAll(project, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(project, fmt.Sprintf("s%03d.jsonl", s)), body.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return crashSessions * (callsPerSession + 1)
}

// crashSite is one data directory with the program on it.
type crashSite struct {
	t      *testing.T
	data   string
	client *server.Client
}

func newCrashSite(t *testing.T) *crashSite {
	data := filepath.Join(t.TempDir(), "d")
	t.Cleanup(func() { endDaemon(t, data) })
	return &crashSite{t, data, server.NewClient(server.Config{DataDir: data})}
}

func (c *crashSite) command(args ...string) *exec.Cmd {
	cmd := exec.Command("lathe", args...)
	cmd.Env = append(os.Environ(), "LATHE_DATA_DIR="+c.data, "LATHE_HTTP=off", "LATHE_IMAGES_DIR=")
	return cmd
}

func (c *crashSite) kpis() string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.client.Settle(ctx); err != nil {
		c.t.Fatal(err)
	}
	var k monitor.KPIs
	if err := c.client.Call(ctx, http.MethodPost, "/v1/kpi", monitor.Filter{}, &k); err != nil {
		c.t.Fatal(err)
	}
	raw, err := json.MarshalIndent(k, "", " ")
	if err != nil {
		c.t.Fatal(err)
	}
	return string(raw)
}

// kill waits until the daemon has stored more than before, a random moment
// longer, and kills it. It reports what the daemon had stored, and false when
// the import ended first.
func (c *crashSite) kill(stored uint64, random *rand.Rand, ended <-chan struct{}) (uint64, bool) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		var s server.Status
		err := c.client.Call(ctx, http.MethodGet, "/v1/status", nil, &s)
		cancel()
		wait := 2 * time.Millisecond
		hit := err == nil && s.Events > stored
		if hit {
			wait = time.Duration(random.IntN(25_000)) * time.Microsecond
		}
		select {
		case <-time.After(wait):
		case <-ended:
			return stored, false
		}
		if hit {
			if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
				c.t.Fatalf("kill the daemon: %v", err)
			}
			return s.Events, true
		}
	}
}

// TestHeavyKillInMidImport kills the daemon twenty times while `lathe import`
// runs. The import starts it again and goes on; nothing that was acknowledged is
// lost, nothing is there twice, and what was learned is what a calm import
// learns.
func TestHeavyKillInMidImport(t *testing.T) {
	input := t.TempDir()
	records := makeLong(t, input)
	calm := newCrashSite(t)
	if out, err := calm.command("import", "events", input).CombinedOutput(); err != nil {
		t.Fatalf("calm import: %v\n%s", err, out)
	}
	want := calm.kpis()

	site := newCrashSite(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	cmd := site.command("import", "events", input, "--json")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended, result := make(chan struct{}), error(nil)
	go func() { result = cmd.Wait(); close(ended) }()
	n, going, stored := 0, true, uint64(0)
	for n < kills && going {
		if stored, going = site.kill(stored, random, ended); going {
			n++
		}
	}
	<-ended
	if result != nil {
		t.Fatalf("the import did not survive kill %d: %v\n%s", n, result, errs.String())
	}
	if n < kills {
		t.Fatalf("the import was done after %d kills: it needs more records", n)
	}
	var sum struct{ Accepted, Duplicates, Rejected int }
	if err := json.Unmarshal(out.Bytes(), &sum); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	// A batch whose acknowledgement was lost comes back as duplicates.
	if sum.Rejected != 0 || sum.Accepted+sum.Duplicates != records {
		t.Errorf("import of %d records: %+v", records, sum)
	}
	if got := site.kpis(); got != want {
		t.Errorf("the figures differ from a calm import's:\n%s", diffLines(want, got))
	}
	if out, err := site.command("verify", "--json").Output(); err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
	endDaemon(t, site.data)
	exactlyOnce(t, site.data, records)
}

// exactlyOnce reads the log itself and counts each record.
func exactlyOnce(t *testing.T, data string, records int) {
	t.Helper()
	ctx := context.Background()
	l, err := eventlog.Open(ctx, eventlog.Options{Dir: filepath.Join(data, "log"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	seen := map[string]int{}
	err = l.ReadEvents(ctx, 0, func(_ uint64, recs []learn.Record) error {
		for _, r := range recs {
			if r.Action != nil {
				seen[r.Action.SessionID+"/"+r.Action.CallID]++
			} else {
				seen[r.Task.SessionID+"/"+string(r.Task.Phase)]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s is there %d times", id, n)
		}
	}
	if len(seen) != records {
		t.Errorf("%d records are there, %d were imported", len(seen), records)
	}
}

func diffLines(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	var out []string
	for i := 0; i < max(len(a), len(b)) && len(out) < 20; i++ {
		x, y := "", ""
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			out = append(out, fmt.Sprintf("line %d: calm %q, after crashes %q", i+1, x, y))
		}
	}
	return strings.Join(out, "\n")
}
