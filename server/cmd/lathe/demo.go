package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lathe/fixtures"
	"lathe/learn"
	"lathe/learn/monitor"
	"lathe/server"
	"lathe/server/intake"
	"lathe/server/review"
	"lathe/toolforge"
	"lathe/toolforge/image"
)

// demoResult is what `lathe demo --json` prints; everything in it comes from
// the run that printed it.
type demoResult struct {
	Events        int                     `json:"events"`
	Sessions      int                     `json:"sessions"`
	Failures      int64                   `json:"failures"`
	Signatures    int                     `json:"signatures"`
	Costly        []costlyFailure         `json:"costliest_failures"`
	Remedies      int                     `json:"remedies"`
	Strategies    int                     `json:"strategies"`
	Opportunities int                     `json:"opportunities"`
	Tool          demoTool                `json:"tool"`
	Hot           demoHot                 `json:"hot_registration"`
	Advice        demoAdvice              `json:"advice"`
	Seconds       float64                 `json:"seconds"`
	proven        []learn.ProvenStrategy  // for people
	opportunities []learn.ToolOpportunity // for people
}

type demoTool struct {
	Name       string                 `json:"name"`
	Digest     string                 `json:"digest"`
	Validation learn.ValidationResult `json:"validation"`
	Seconds    float64                `json:"seconds_to_validate"`
}

type demoHot struct {
	Notified     bool            `json:"notified"`
	Listed       bool            `json:"listed"`
	Called       bool            `json:"called"`
	Same         bool            `json:"same_as_pipeline"`
	Result       json.RawMessage `json:"result"`
	Pipeline     string          `json:"pipeline"`
	Milliseconds float64         `json:"milliseconds"` // approval to the client's list
}

type demoAdvice struct {
	Failure  string   `json:"failure"`
	Remedy   string   `json:"remedy"`
	Actions  []string `json:"actions"`
	Evidence []string `json:"evidence"`
}

func (a *app) demoCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "The whole loop on the shipped recordings, in a throwaway directory",
		Long: `Starts a daemon on a throwaway directory, imports the sessions that ship with
Lathe, shows what was learned, makes one tool, validates it in the sandbox,
approves it as the throwaway directory's own reviewer, and meets it, and a known
failure, in a real MCP session that was open all the time. Needs what
lathe setup builds, and nothing else.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context()) },
	}
}

// demo sets the stage, runs the acts, and takes everything away again.
func (a *app) demo(ctx context.Context) (err error) {
	began := time.Now()
	own, _, err := a.config()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "lathe-demo-")
	if err != nil {
		return fmt.Errorf("throwaway directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cfg := own
	cfg.DataDir, cfg.HTTP, cfg.LogURL = filepath.Join(dir, "data"), "off", ""
	cfg.ControlShare = 0 // nothing is withheld from a single run
	if alone, err := image.Open(server.ImagesDir(own.DataDir)); err == nil {
		if _, err := alone.Base(image.Runtime); err == nil { // set up with --data
			cfg.ImagesDir = alone.Dir()
		}
	}
	client := server.NewClient(cfg)
	if err := client.Ensure(ctx); err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		serr := client.Call(end, http.MethodPost, "/v1/stop", struct{}{}, &struct{}{})
		err = errors.Join(err, serr, waitGone(end, cfg))
	}()
	d := &demoRun{app: a, cfg: cfg, client: client, dir: dir}
	if err := d.acts(ctx); err != nil {
		return err
	}
	d.Seconds = time.Since(began).Seconds()
	if a.json {
		return a.print(d.demoResult)
	}
	d.say("\nthe whole loop took %.1f s", d.Seconds)
	return nil
}

type demoRun struct {
	*app
	demoResult
	cfg    server.Config
	client *server.Client
	dir    string
	script fixtures.Demo
	agent  *demoAgent
}

func (d *demoRun) say(format string, args ...any) {
	w := d.out
	if d.json {
		w = d.errs
	}
	fmt.Fprintf(w, format+"\n", args...)
}

func (d *demoRun) acts(ctx context.Context) (err error) {
	if d.script, err = fixtures.ReadDemo(); err != nil {
		return err
	}
	if err := d.openSession(ctx); err != nil {
		return fmt.Errorf("MCP session: %w", err)
	}
	defer func() { err = errors.Join(err, d.agent.close()) }()
	for _, act := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"import", d.importRecordings}, {"learn", d.showLearned}, {"forge", d.forgeTool},
		{"use the tool", d.useTool}, {"advice", d.meetFailure},
	} {
		if err := act.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", act.what, err)
		}
	}
	return nil
}

// openSession writes the fresh input and opens the agent's MCP session on it.
func (d *demoRun) openSession(ctx context.Context) error {
	workspace := filepath.Join(d.dir, "workspace")
	for name, content := range d.script.Pipeline.Files {
		path := filepath.Join(workspace, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	// The sandbox runs as another user, who must be able to come in.
	for _, p := range []string{d.dir, workspace} {
		if err := os.Chmod(p, 0o755); err != nil {
			return err
		}
	}
	agent, err := openAgent(ctx, d.cfg, workspace, d.script.Failures[0].ProjectID)
	if err != nil {
		return err
	}
	d.agent = agent
	tools, err := agent.tools(ctx)
	if err != nil {
		return err
	}
	d.say("An agent's MCP session is open (lathe mcp): %d tools.", len(tools))
	return nil
}

func (d *demoRun) importRecordings(ctx context.Context) error {
	path := filepath.Join(d.dir, "recordings")
	if err := os.CopyFS(path, onlyJSONL{fixtures.Recordings()}); err != nil {
		return err
	}
	began := time.Now()
	s, err := intake.Import(ctx, intake.ImportOptions{Format: "events", Paths: []string{path}}, d.client)
	if err != nil {
		return err
	}
	if s.Rejected > 0 {
		return fmt.Errorf("%d records were rejected: %v", s.Rejected, s.Problems)
	}
	d.Events, d.Sessions = s.Accepted, s.Sessions
	took := time.Since(began).Seconds()
	d.say("Imported %d recorded sessions, %d calls, in %.1f s (%.0f records a second, durable).", s.Sessions, s.Calls, took, float64(s.Accepted)/took)
	return d.client.Call(ctx, http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
}

// onlyJSONL leaves the manifest out, whose labels are for measuring.
type onlyJSONL struct{ fs.FS }

func (f onlyJSONL) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(f.FS, name)
	return slices.DeleteFunc(all, func(e fs.DirEntry) bool { return !e.IsDir() && !strings.HasSuffix(e.Name(), ".jsonl") }), err
}

func (d *demoRun) showLearned(ctx context.Context) error {
	var k monitor.KPIs
	if err := d.client.Call(ctx, http.MethodPost, "/v1/kpi", monitor.Filter{}, &k); err != nil {
		return err
	}
	d.Failures = k.Calls.Failures
	d.Signatures = len(k.SignaturesByCount)
	var err error
	if d.Costly, _, err = costly(ctx, d.client, k, 10); err != nil {
		return err
	}
	var remedies []learn.Remedy
	for path, into := range map[string]any{"/v1/remedies": &remedies, "/v1/strategies": &d.proven, "/v1/opportunities": &d.opportunities} {
		if err := d.client.Call(ctx, http.MethodGet, path, nil, into); err != nil {
			return err
		}
	}
	d.Remedies, d.Strategies, d.Opportunities = len(remedies), len(d.proven), len(d.opportunities)
	if d.json {
		return nil
	}
	d.say("\nKPIs")
	d.printKPIs(k)
	d.say("\nThe failures that cost most, and what fixed them")
	var rows [][]string
	for _, c := range d.Costly {
		rows = append(rows, []string{cut(c.Name, 56), fmt.Sprint(c.Count), c.Lost, cut(c.Fix, 90)})
	}
	d.table("FAILURE TIMES LOST WHAT-FIXED-IT", rows)
	d.say("\nProven strategies: what successful tasks do and failed ones do not")
	rows = nil
	for _, s := range d.proven[:min(5, len(d.proven))] {
		rows = append(rows, []string{orAll(cut(s.ProjectID, 14)), cut(s.Name, 80), fmt.Sprint(s.Support), percent(s.SuccessRate), fmt.Sprintf("%.1f", s.Contrast)})
	}
	d.table("PROJECT STRATEGY TASKS SUCCESS ODDS", rows)
	d.say("\nWhat should be a tool")
	d.printOpportunities(d.opportunities, 6)
	return nil
}

// forgeTool makes a tool of the scripted pipeline and approves it.
func (d *demoRun) forgeTool(ctx context.Context) error {
	i := slices.IndexFunc(d.opportunities, func(o learn.ToolOpportunity) bool {
		return o.Forgeable && slices.Equal(o.Programs, d.script.Pipeline.Programs)
	})
	if i < 0 {
		return fmt.Errorf("no opportunity was found for the pipeline of %s", strings.Join(d.script.Pipeline.Programs, ", "))
	}
	o := d.opportunities[i]
	d.say("\nMaking a tool of: %s", strings.Join(o.Skeletons, " ; "))
	progress := d.checkLine
	began := time.Now()
	forged, err := d.client.Forge(ctx, server.ForgeCall{OpportunityID: o.OpportunityID}, progress)
	if err != nil {
		return err
	}
	d.Tool = demoTool{Name: forged.Tool.Manifest.Name, Validation: forged.Validation, Seconds: time.Since(began).Seconds()}
	if forged.ReviewID == "" {
		return fmt.Errorf("%s did not pass its validation: %+v", d.Tool.Name, forged.Validation.Checks)
	}
	var items []review.Item
	if err := d.client.Call(ctx, http.MethodGet, "/v1/reviews", nil, &items); err != nil {
		return err
	}
	j := slices.IndexFunc(items, func(it review.Item) bool { return it.ID == forged.ReviewID })
	if j < 0 {
		return errors.New("the review request is not in the queue")
	}
	it := items[j]
	d.say("\nReview request %s: %s\n  %s\n  %s\n  permissions: %s", it.ID[:8], clean(it.Title), clean(it.Summary), clean(it.Tool.Tool.Spec.CommandTemplate), clean(it.Tool.PermissionsWords))
	return d.approve(ctx, it)
}

// approve decides as the throwaway directory's reviewer, who exists only there.
func (d *demoRun) approve(ctx context.Context, it review.Item) error {
	pass := make([]byte, 16)
	_, _ = rand.Read(pass)
	key, err := review.Create(d.cfg.DataDir, hex.EncodeToString(pass))
	if err != nil {
		return err
	}
	d.agent.expectChange()
	began := time.Now()
	var out server.Decided
	dec := key.Decide(it.ID, it.ContentHash, learn.VerdictApprove, "shown in the demo", time.Now())
	if err := d.client.Call(ctx, http.MethodPost, "/v1/decisions", dec, &out); err != nil {
		return err
	}
	if out.Deployed == nil {
		return fmt.Errorf("%s is %s, not deployed", it.Title, out.Item.State)
	}
	d.Tool.Digest = out.Deployed.Digest
	d.say("Approved by the demo's reviewer, deployed as %s.", d.Tool.Digest)
	wait, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if d.Hot.Notified = d.agent.changed(wait); !d.Hot.Notified {
		return errors.New("the open session was not told that its tool list changed")
	}
	tools, err := d.agent.tools(ctx)
	if err != nil {
		return err
	}
	if d.Hot.Listed = slices.Contains(tools, d.Tool.Name); !d.Hot.Listed {
		return fmt.Errorf("the open session's list lacks %s: %v", d.Tool.Name, tools)
	}
	d.Hot.Milliseconds = float64(time.Since(began).Microseconds()) / 1000
	d.say("The open session was told, and lists %s: %.1f ms after the approval was given.", d.Tool.Name, d.Hot.Milliseconds)
	return nil
}

// useTool calls the tool in the open session on input that no recording has,
// and compares with what the original pipeline prints for it.
func (d *demoRun) useTool(ctx context.Context) error {
	arguments, err := d.bind()
	if err != nil {
		return err
	}
	var answer json.RawMessage
	if err := d.agent.call(ctx, d.Tool.Name, arguments, &answer); err != nil {
		return err
	}
	d.Hot.Called, d.Hot.Result, d.Hot.Pipeline = true, answer, d.script.Pipeline.Command
	var result struct{ Stdout string }
	if err := json.Unmarshal(answer, &result); err != nil {
		return fmt.Errorf("result of %s: %w", d.Tool.Name, err)
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", d.script.Pipeline.Command)
	cmd.Dir = filepath.Join(d.dir, "workspace")
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	want, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("the original pipeline: %w", err)
	}
	if d.Hot.Same = result.Stdout == string(want); !d.Hot.Same {
		return fmt.Errorf("the tool printed %q, the pipeline %q", result.Stdout, want)
	}
	raw, err := json.Marshal(arguments)
	if err != nil {
		return err
	}
	d.say("\n%s(%s) in the open session printed\n\n%s\nand so did   %s", d.Tool.Name, raw, clip(cleanLines(result.Stdout)), clean(d.script.Pipeline.Command))
	return nil
}

func clip(s string) string { return strings.TrimRight(s, "\n") + "\n" }

// bind finds the arguments with which the tool does what the scripted command
// does: the command is generalised together with the recorded ones.
func (d *demoRun) bind() (map[string]any, error) {
	i := slices.IndexFunc(d.opportunities, func(o learn.ToolOpportunity) bool {
		return o.Forgeable && slices.Equal(o.Programs, d.script.Pipeline.Programs)
	})
	o := d.opportunities[i]
	o.Examples = append([]learn.ToolExample{{Command: d.script.Pipeline.Command}}, o.Examples...)
	spec, err := toolforge.Specify(o)
	if err != nil {
		return nil, err
	}
	for _, ex := range spec.Examples {
		if ex.Command == d.script.Pipeline.Command {
			var arguments map[string]any
			return arguments, json.Unmarshal(ex.Arguments, &arguments)
		}
	}
	return nil, fmt.Errorf("the command %q does not fit %q", d.script.Pipeline.Command, spec.CommandTemplate)
}

// meetFailure lets the session meet a failure of the recordings again.
func (d *demoRun) meetFailure(ctx context.Context) error {
	for _, f := range d.script.Failures {
		if f.ProjectID != d.script.Failures[0].ProjectID {
			continue
		}
		var report learn.FailureAnalysisReport
		ev := f.Event
		var params any
		if err := json.Unmarshal(ev.ToolParameters, &params); err != nil {
			return err
		}
		if err := d.agent.call(ctx, "diagnose_failure", map[string]any{"tool_name": ev.ToolName, "tool_parameters": params,
			"tool_output": ev.ToolOutput, "task_id": "demo"}, &report); err != nil {
			return err
		}
		if len(report.Remedies) == 0 {
			continue
		}
		r := report.Remedies[0]
		d.Advice = demoAdvice{Failure: report.RootCause, Remedy: r.Description, Evidence: r.Evidence, Actions: []string{}}
		d.say("\nThe same session meets a failure: %s\n  %s\nand is told: %s (confidence %.2f; %d sessions)", clean(ev.Command()), clean(report.RootCause), clean(r.Description), r.Confidence, r.Support)
		for _, act := range r.Actions {
			d.Advice.Actions = append(d.Advice.Actions, act.Command)
			d.say("  %s", clean(act.Command))
		}
		return nil
	}
	return errors.New("none of the failures met again had a known remedy")
}
