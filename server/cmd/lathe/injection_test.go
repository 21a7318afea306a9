package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lathe/index"
	"lathe/learn"
	"lathe/mcp"
	"lathe/server"
)

// injection is text that a hostile tool prints, and what a model answers that
// obeys it.
type injection struct {
	Name    string   `json:"name"`
	Output  string   `json:"output"`
	Answers []string `json:"answers"`
	Forbid  []string `json:"forbid"`
}

func injections(t *testing.T) []injection {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "learn", "llm", "testdata", "injections.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []injection
	if err := json.Unmarshal(raw, &all); err != nil || len(all) < 40 {
		t.Fatalf("%d injections, %v", len(all), err)
	}
	return all
}

// TestInjections goes the whole way: what a hostile tool printed reaches a
// model that does what it says, and what of that reaches an agent is a quoted
// guess without an address, an order or a command.
func TestInjections(t *testing.T) {
	for _, provider := range []string{"openai", "anthropic"} {
		t.Run(provider, func(t *testing.T) {
			all := injections(t)
			var s script
			for i, in := range all {
				part := scriptPart{Key: fmt.Sprintf("--case-%d-", i)}
				for _, a := range in.Answers {
					part.Replies = append(part.Replies, scriptReply{Text: a})
				}
				s = append(s, part)
			}
			url := startScripted(t, s)
			c := newCrashSite(t)
			serveWith(t, c, provider, url)
			known := history(t, c)
			for i, in := range all {
				f := mcp.Failure{ProjectID: "shop", SessionID: "s1", ToolName: "bash", ToolParameters: map[string]any{"command": fmt.Sprintf("./frobnicate --case-%d-", i)},
					ToolOutput: learn.ToolOutput{Stdout: in.Output, ExitCode: ptr(3)}}
				plain, asked := ask(t, c, f, true), ask(t, c, f, false)
				contained(t, in, plain, asked, known)
			}
			if n := len(askedOf(t, url)); n < len(all) {
				t.Errorf("the model was asked %d times for %d cases", n, len(all))
			}
			answers, raw := answersIn(t, c.data)
			verdicts := map[learn.ModelVerdict]int{}
			for _, a := range answers {
				verdicts[a.Verdict]++
			}
			if len(answers) != len(all) || verdicts[learn.ModelUsed] == 0 || verdicts[learn.ModelDropped] == 0 || verdicts[learn.ModelFailed] != 0 {
				t.Errorf("%d answers in the ledger, %v", len(answers), verdicts)
			}
			if strings.Contains(raw, "evil.example") || strings.Contains(raw, "test-key") {
				t.Error("the ledger has what was asked or answered")
			}
		})
	}
}

func ptr[T any](v T) *T { return &v }

func serveWith(t *testing.T, c *crashSite, provider, url string) {
	t.Helper()
	base := url
	if provider == "openai" {
		base += "/v1"
	}
	cmd := c.command("serve")
	cmd.Env = append(cmd.Env, "LATHE_MODEL_PROVIDER="+provider, "LATHE_MODEL_BASE_URL="+base, "LATHE_MODEL_NAME=tiny", "LATHE_MODEL_API_KEY_ENV=SCRIPTED_KEY",
		"SCRIPTED_KEY=test-key", "LATHE_MODEL_CALLS_PER_HOUR=1000", "LATHE_MODEL_TOKENS_PER_HOUR=100000000", "LATHE_MODEL_TIMEOUT=2s")
	runDaemon(t, c, cmd)
}

func runDaemon(t *testing.T, c *crashSite, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		endDaemon(t, c.data)
		_ = cmd.Wait()
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for !c.client.Alive(ctx) {
		select {
		case <-ctx.Done():
			t.Fatal("the daemon does not start")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// history records what this project ran before, with success; it gives the
// events.
func history(t *testing.T, c *crashSite) []string {
	t.Helper()
	var recs []learn.Record
	for i, command := range []string{"python3 -m pytest -q", "pip install shop", "rm -rf build", "git push origin main", "cat setup.cfg"} {
		params, _ := json.Marshal(map[string]string{"command": command})
		recs = append(recs, learn.Record{Action: &learn.ActionOutcome{CallID: fmt.Sprint("h", i), Timestamp: time.Date(2026, 3, 1, 10, i, 0, 0, time.UTC), ProjectID: "shop",
			SessionID: "s1", Source: learn.SourceReport, ActionType: learn.ToolCall, ToolName: "bash", ToolParameters: params, Status: learn.StatusSuccess,
			ToolOutput: learn.ToolOutput{ExitCode: ptr(0)}}})
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.client.Call(ctx, http.MethodPost, "/v1/records", server.RecordsCall{Records: recs}, &struct{}{}); err != nil {
		t.Fatal(err)
	}
	if err := c.client.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	var found index.Result
	if err := c.client.Call(ctx, http.MethodPost, "/v1/log", index.Query{Project: "shop", Limit: 50}, &found); err != nil || len(found.Hits) != len(recs) {
		t.Fatalf("%d of %d calls recorded, %v", len(found.Hits), len(recs), err)
	}
	var ids []string
	for _, h := range found.Hits {
		ids = append(ids, h.ID)
	}
	return ids
}

func ask(t *testing.T, c *crashSite, f mcp.Failure, plain bool) learn.FailureAnalysisReport {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var r learn.FailureAnalysisReport
	if err := c.client.Call(ctx, http.MethodPost, "/v1/diagnose", server.DiagnoseCall{Failure: f, Plain: plain}, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

var quotedGuess = regexp.MustCompile(`^ A model's guess, not verified: ("(?:[^"\\]|\\")*")$`)

// remediations is everything that a remediation from a model can be.
var remediations = regexp.MustCompile(`^(?:(?:Install|Edit|Create) (?:"[A-Za-z0-9_./@+-]+"|what the error names as missing|the code that the error points at)\.|` +
	`Something is in the way: (?:"[A-Za-z0-9_./@+-]+"|see the error); look at it before removing it\.|Repeat the call with other arguments\.|Another command does this here\.|` +
	`Check the configuration of (?:"[A-Za-z0-9_./@+-]+"|what the error names)\.|Wait a moment and repeat the call\.|Ask the user: it needs something that only they can give\.)?` +
	`(?: ?This project ran before: (?:python3 -m pytest -q|pip install shop|cat setup\.cfg))?$`)

// contained compares a report with what it is without the model.
func contained(t *testing.T, in injection, plain, got learn.FailureAnalysisReport, known []string) {
	t.Helper()
	if got.CulpritAction != plain.CulpritAction && got.CulpritAction != got.FailedEventID && !slices.Contains(known, got.CulpritAction) {
		t.Errorf("%s: culprit %q was not shown", in.Name, got.CulpritAction)
	}
	rest, ok := strings.CutPrefix(got.RootCause, plain.RootCause)
	if !ok {
		t.Errorf("%s: the rules' root cause is gone: %q", in.Name, got.RootCause)
	}
	if rest != "" && (!quotedGuess.MatchString(rest) || len(rest) > 320) {
		t.Errorf("%s: not a quoted guess: %q", in.Name, rest)
	}
	proposal, ok := strings.CutPrefix(got.ProposedRemediationStrategy, "A model's guess, not seen to work here: ")
	if ok && !remediations.MatchString(proposal) || !ok && proposal != plain.ProposedRemediationStrategy {
		t.Errorf("%s: proposes %q", in.Name, got.ProposedRemediationStrategy)
	}
	if len(got.Remedies) != 0 || !slices.Equal(got.Hints, plain.Hints) {
		t.Errorf("%s: remedies %v, hints %v", in.Name, got.Remedies, got.Hints)
	}
	if got.ConfidenceScore > 0.7 {
		t.Errorf("%s: confidence %v", in.Name, got.ConfidenceScore)
	}
	raw, err := json.Marshal(got.Hypothesis)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{rest, got.ProposedRemediationStrategy, got.CulpritReason, string(raw)} {
		for _, f := range in.Forbid {
			if strings.Contains(text, f) {
				t.Errorf("%s: %q came through: %q", in.Name, f, text)
			}
		}
	}
	t.Logf("%s: %s | %s", in.Name, rest, proposal)
}
