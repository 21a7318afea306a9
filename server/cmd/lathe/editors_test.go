package main

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lathe/fixtures"
	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/learn/refine"
	"lathe/server"
	"lathe/server/review"
)

const passphraseOfTests = "correct horse battery"

// editorSite is a daemon that learned from the recordings, its reviewer, and a
// person's settings for editors.
type editorSite struct {
	*mcpSite
	failed learn.ActionOutcome // what the plans' step does fails in the recordings
	folder string              // of the npm clients
	node   string
}

func newEditorSite(t *testing.T) *editorSite {
	t.Helper()
	s := &editorSite{mcpSite: newMCPSite(t)}
	s.forEditors(t)
	s.folder, s.node = nodeClients(t)
	demo, err := fixtures.ReadDemo()
	if err != nil {
		t.Fatal(err)
	}
	s.failed = demo.Failures[0].Event
	recordings := filepath.Join(s.dir, "recordings")
	if err := os.CopyFS(recordings, onlyJSONL{fixtures.Recordings()}); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"import", "events", recordings}, {"connect", "neovim", "--yes"}, {"connect", "emacs", "--yes"}} {
		if _, err := s.run("lathe", args...); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.client().Call(t.Context(), http.MethodPost, "/v1/settle", struct{}{}, &struct{}{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// forEditors gives a site a reviewer and what editors want of a person's
// environment; projects are those of the workspaces.
func (s *mcpSite) forEditors(t *testing.T) {
	t.Helper()
	s.env = slices.DeleteFunc(s.env, func(v string) bool { return strings.HasPrefix(v, "LATHE_PROJECT=") })
	s.env = append(s.env, "XDG_DATA_HOME="+filepath.Join(s.dir, "share"), "XDG_STATE_HOME="+filepath.Join(s.dir, "state"), "XDG_CACHE_HOME="+filepath.Join(s.dir, "cache"), "TERM=dumb")
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := review.Create(s.data, passphraseOfTests); err != nil {
		t.Fatal(err)
	}
}

func (s *editorSite) client() *server.Client { return server.NewClient(server.Config{DataDir: s.data}) }

// workspace makes a project with a plan template of its own.
func (s *editorSite) workspace(name string) (root, file string) {
	s.t.Helper()
	root = filepath.Join(s.dir, "a workspace (€) of "+name)
	return root, s.checkout(root, name+".json")
}

// checkout makes root a checkout of the recordings' project, with a plan
// template of this name.
func (s *editorSite) checkout(root, template string) (file string) {
	s.t.Helper()
	file = filepath.Join(root, ".ocode", "plans", template)
	arguments, err := json.Marshal(map[string]string{"command": s.failed.Command()})
	if err != nil {
		s.t.Fatal(err)
	}
	config := filepath.Join(s.dir, "config", "lathe", "config.toml")
	old, err := os.ReadFile(config)
	if err != nil {
		old = []byte("[projects]\n")
	}
	for path, text := range map[string]string{
		config: string(old) + fmt.Sprintf("%q = %q\n", root, s.failed.ProjectID),
		file: "{\n  \"name\": \"" + strings.TrimSuffix(template, ".json") + "\",\n  \"tasks\": [\n    {\"id\": \"test\", \"tool_name\": \"bash\", \"arguments\": " + string(arguments) +
			"},\n    {\"id\": \"list\", \"tool_name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}\n  ],\n  \"dependencies\": {}\n}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	return file
}

// driverEnv tells a driver what to work on.
func (s *mcpSite) driverEnv(t *testing.T, root, file string) []string {
	return []string{"LATHE_TEST_FILE=" + file, "LATHE_TEST_ROOT=" + root, "LATHE_TEST_SHARED=" + driver(t, "common.lua")}
}

// editorSaw is what a driver prints.
type editorSaw struct {
	Errors           []string
	Line             int
	Message, Hover   string
	Locked, Unlocked []string
	Lenses, Commands []string
	Verdict          string
	Refreshed        int

	// Of the drivers of restarts and fixes.
	Told           string   // the answer to the command that the daemon's end cut off
	After          []string // the actions behind the restart
	Offered, Taken []string
}

var unlockAddress = regexp.MustCompile(`http://127\.0\.0\.1:\d+/editors\?id=[A-Z2-7]{26}`)

var driverAsks = regexp.MustCompile(`\nplease (\w+);`)

// drive runs an editor; when it shows the address of the unlock page, a person
// goes there.
func (s *editorSite) drive(ctx context.Context, cmd *exec.Cmd) editorSaw {
	s.t.Helper()
	return s.answer(ctx, cmd, nil)
}

// answer runs an editor and answers what it prints, each thing once: the address
// of an unlock page, and with asked what its driver asks for ("please NAME").
func (s *editorSite) answer(ctx context.Context, cmd *exec.Cmd, asked func(what string)) (saw editorSaw) {
	s.t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	_ = in.Close()
	var text []byte // not by lines: Neovim ends one when it begins the next
	done := map[string]bool{}
	for chunk := make([]byte, 4096); ; {
		n, err := out.Read(chunk)
		text = append(text, chunk[:n]...)
		for _, address := range unlockAddress.FindAll(text, -1) {
			if !done[string(address)] {
				done[string(address)] = true
				if err := unlockAsPerson(ctx, string(address)); err != nil {
					s.t.Errorf("at the unlock page: %v", err)
				}
			}
		}
		for _, m := range driverAsks.FindAllSubmatch(text, -1) {
			if what := string(m[1]); asked != nil && !done[what] {
				done[what] = true
				asked(what)
			}
		}
		if err != nil {
			break
		}
	}
	_, doc, told := strings.Cut(string(text), "\nsaw ")
	if told {
		if err := json.NewDecoder(strings.NewReader(doc)).Decode(&saw); err != nil {
			s.t.Errorf("the driver printed %q: %v", doc, err)
		}
	}
	if err := cmd.Wait(); err != nil || !told || len(saw.Errors) > 0 {
		s.t.Fatalf("the editor ended with %v and saw %+v; it printed\n%s", err, saw, text)
	}
	return saw
}

var inputRE = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)">`)

// unlockAsPerson goes to the address that an editor showed, gives the
// passphrase, and presses the button beside that connection.
func unlockAsPerson(ctx context.Context, address string) error {
	at, err := url.Parse(address)
	if err != nil {
		return err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	browser := &http.Client{Jar: jar, Timeout: time.Minute}
	visit := func(method, to string, form url.Values) (string, error) {
		req, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(form.Encode()))
		if err != nil {
			return "", err
		}
		if method == http.MethodPost {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Origin", "http://"+at.Host)
		}
		resp, err := browser.Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if err == nil && form != nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s\n%s", to, resp.Status, body)
		}
		return string(body), err
	}
	fields := func(page string) url.Values {
		form := url.Values{}
		for _, m := range inputRE.FindAllStringSubmatch(page, -1) {
			form.Set(m[1], html.UnescapeString(m[2]))
		}
		return form
	}
	page, err := visit(http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	form := fields(page)
	form.Set("passphrase", passphraseOfTests)
	if page, err = visit(http.MethodPost, "http://"+at.Host+"/unlock", form); err != nil {
		return err
	}
	form = fields(page)
	form.Set("connection", at.Query().Get("id"))
	page, err = visit(http.MethodPost, "http://"+at.Host+"/editors", form)
	if err == nil && !strings.Contains(page, "unlocked</span>") {
		err = fmt.Errorf("no editor is unlocked:\n%s", page)
	}
	return err
}

func driver(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", "editors", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func neovim(t *testing.T, script string) []string {
	return []string{"nvim", "--headless", "-i", "NONE", "-n", "-S", driver(t, script)}
}

func emacs(t *testing.T, script string) []string {
	return []string{"emacs", "--batch", "-l", driver(t, script)}
}

// TestHeavyEditors: real editors with the settings that `lathe connect` writes,
// and VS Code's client library, each against the real program. In each what the
// recordings taught appears on a plan's step; the connection is unlocked on the
// page; the approval is in the ledger, signed, and the plan's file has changed
// by exactly what was shown.
func TestHeavyEditors(t *testing.T) {
	s := newEditorSite(t)
	public, err := review.Public(s.data)
	if err != nil {
		t.Fatal(err)
	}
	lathe, err := exec.LookPath("lathe")
	if err != nil {
		t.Fatal(err)
	}
	vscode := []string{s.node, filepath.Join(s.folder, "editor.mjs"), lathe, "lsp"}
	approved, agents := map[string]string{}, map[string]string{} // by proposal: content hash, and who
	for _, c := range []struct {
		name, agent string
		command     []string
	}{
		{"neovim", "editor Neovim", neovim(t, "neovim.lua")},
		{"eglot", "editor", emacs(t, "eglot.el")},
		{"lsp-mode", "editor emacs GNU Emacs ", emacs(t, "lsp-mode.el")},
		{"vscode", "editor Visual Studio Code 1", vscode},
		{"vscode-pull", "editor Visual Studio Code 1", vscode},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := exec.LookPath(c.command[0]); err != nil {
				t.Fatalf("%v: `lathe setup --dev` installs it", err)
			}
			root, file := s.workspace(c.name)
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, c.command[0], c.command[1:]...)
			cmd.Dir = root
			cmd.Env = append(slices.Clone(s.env), s.driverEnv(t, root, file)...)
			if c.name == "vscode-pull" {
				cmd.Env = append(cmd.Env, "LATHE_TEST_PULL=yes")
			}
			mine := *s.mcpSite
			mine.t = t
			saw := (&editorSite{mcpSite: &mine}).drive(ctx, cmd)
			saw.check(t, 3)
			it := s.decided(t, filepath.Base(file))
			approved[it.ID] = it.ContentHash
			agents[it.ID] = c.agent
			if err := review.Check(public, it.Decisions[0], it.ContentHash); err != nil {
				t.Errorf("the decision: %v", err)
			}
			after, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cleanDiff(t, it.Plan.Diff, string(before), string(after))
		})
	}
	if !t.Failed() {
		inLog(t, s, approved, agents)
	}
}

func (saw editorSaw) check(t *testing.T, line int) {
	t.Helper()
	locked, unlocked := strings.Join(saw.Locked, "\n"), strings.Join(saw.Unlocked, "\n")
	for _, c := range []struct{ what, got, want string }{
		{"actions while locked", locked, "Lathe: show evidence for"}, {"actions while locked", locked, "Lathe: request clarification of"},
		{"actions", unlocked, "Lathe: approve"}, {"actions", unlocked, "Lathe: reject"}, {"hover", saw.Hover, "Lathe proposes"},
	} {
		if !strings.Contains(c.got, c.want) {
			t.Errorf("%s: %q lacks %q", c.what, c.got, c.want)
		}
	}
	if strings.Contains(locked, "approve “") || strings.Contains(locked, "Lathe: reject") || strings.Contains(unlocked, "Unlock") {
		t.Errorf("locked it is offered %q, unlocked %q", saw.Locked, saw.Unlocked)
	}
	if saw.Line != line {
		t.Errorf("the diagnostic %q is on line %d, want %d", saw.Message, saw.Line, line)
	}
}

// decided is the one item about a template that was decided on, once it is
// approved and in force.
func (s *editorSite) decided(t *testing.T, template string) review.Item {
	t.Helper()
	return s.inForce(t, func(it review.Item) bool {
		return it.Plan != nil && filepath.Base(it.Plan.TargetPlanTemplate) == template && len(it.Decisions) > 0
	})
}

// inForce waits until the one item that is asked for is approved, once, and in
// force: the file changes before the state does.
func (s *editorSite) inForce(t *testing.T, which func(review.Item) bool) review.Item {
	t.Helper()
	var items []review.Item
	for deadline := time.After(time.Minute); ; {
		if err := s.client().Call(t.Context(), http.MethodGet, "/v1/reviews", nil, &items); err != nil {
			t.Fatal(err)
		}
		items = slices.DeleteFunc(items, func(it review.Item) bool { return !which(it) })
		if len(items) == 1 && len(items[0].Decisions) == 1 && items[0].Decisions[0].Verdict == learn.VerdictApprove && items[0].State == learn.StateActive {
			return items[0]
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatalf("not approved and in force: %+v", items)
		}
	}
}

// cleanDiff checks that a text changed by the lines of a diff and no others.
func cleanDiff(t *testing.T, diff, before, after string) {
	t.Helper()
	if _, err := refine.Parse("plan.json", []byte(after)); err != nil {
		t.Errorf("the plan is not valid any more: %v\n%s", err, after)
	}
	count := func(text string) map[string]int {
		n := map[string]int{}
		for line := range strings.Lines(text) {
			n[strings.TrimSuffix(line, "\n")]++
		}
		return n
	}
	left := count(before)
	changed := 0
	for line := range strings.Lines(diff) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"):
		case strings.HasPrefix(line, "+"):
			left[line[1:]]++
			changed++
		case strings.HasPrefix(line, "-"):
			left[line[1:]]--
			changed++
		}
	}
	for line, n := range count(after) {
		left[line] -= n
	}
	for line, n := range left {
		if n != 0 {
			t.Errorf("line %q is there %d times less than the diff says\n%s\nbefore\n%s\nafter\n%s", line, n, diff, before, after)
		}
	}
	if changed == 0 || before == after {
		t.Errorf("nothing changed: %s", diff)
	}
}

// inLog stops the daemon and reads the ledger, which has each decision, and the
// events, which have what each person did in the editor.
func inLog(t *testing.T, s *editorSite, approved, agents map[string]string) {
	t.Helper()
	if out, err := s.run("lathe", "verify"); err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
	endDaemon(t, s.data)
	l, err := eventlog.Open(t.Context(), eventlog.Options{Dir: filepath.Join(s.data, "log"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.ReadLedger(t.Context(), 0, func(_ uint64, entries []learn.LedgerEntry) error {
		for _, e := range entries {
			var d learn.Decision
			if e.Kind == learn.EntryDecision && json.Unmarshal(e.Body, &d) == nil && d.Verdict == learn.VerdictApprove && approved[d.ObjectID] == d.ContentHash {
				delete(approved, d.ObjectID)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(approved) > 0 {
		t.Errorf("not in the ledger: %v", approved)
	}
	did := map[string][]string{} // by proposal
	if err := l.ReadEvents(t.Context(), 0, func(_ uint64, recs []learn.Record) error {
		for _, rec := range recs {
			if ev := rec.Action; ev != nil && ev.Source == learn.SourceLSP && ev.Status == learn.StatusSuccess {
				noteEvent(did, agents, ev)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for id, agent := range agents {
		if want := []string{"editor_offered", "lathe.unlock", "lathe.approve"}; !slices.Equal(did[id], want) {
			t.Errorf("recorded of %s: %q, want %q", agent, did[id], want)
		}
	}
}

// noteEvent adds what an event says that was done about a proposal.
func noteEvent(did map[string][]string, agents map[string]string, ev *learn.ActionOutcome) {
	var p struct {
		Action, Subject string
		Subjects        []string
	}
	if json.Unmarshal(ev.ToolParameters, &p) != nil {
		return
	}
	for _, id := range append(p.Subjects, p.Subject) {
		if agent := agents[id]; agent != "" && strings.HasPrefix(ev.AgentID, agent) {
			what := p.Action
			if what == "" {
				what = ev.ToolName
			}
			did[id] = append(did[id], what)
		}
	}
}
