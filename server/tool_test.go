package server_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"lathe/index/eventlog"
	"lathe/learn"
	lathemcp "lathe/mcp"
	"lathe/server"
	"lathe/server/review"
	"lathe/toolforge"
	"lathe/toolforge/image"
)

const testPassphrase = "correct horse battery"

// forgedTool is a tool as the forge makes it from a command.
func forgedTool(t *testing.T) learn.ProposedTool {
	t.Helper()
	finder := toolforge.NewFinder(toolforge.Options{Available: func(string) bool { return true }})
	o := finder.Request("p", "count_words", "count the commonest words of a file", "sort words.txt | uniq -c | sort -rn | head -n 3", time.Now().UTC())
	spec, err := toolforge.Specify(o)
	if err != nil {
		t.Fatal(err)
	}
	tool, err := toolforge.Scaffold(spec)
	if err != nil {
		t.Fatal(err)
	}
	if tool, err = toolforge.Seal(tool); err != nil {
		t.Fatal(err)
	}
	return tool
}

// plant puts a review request into the ledger of a daemon that does not run.
func (s *site) plant(tool learn.ProposedTool) learn.ToolReviewRequest {
	s.t.Helper()
	request, err := toolforge.ReviewRequest(tool, learn.ValidationResult{ToolID: tool.ToolID, ContentHash: tool.ContentHash, Passed: true}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	entry, err := learn.NewEntry(learn.EntryReview, request.ReviewID, "p", time.Now().UTC(), request, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx := context.Background()
	l, err := eventlog.Open(ctx, eventlog.Options{Dir: filepath.Join(s.cfg.DataDir, "log"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := l.AppendLedger(ctx, []learn.LedgerEntry{entry}); err != nil {
		s.t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		s.t.Fatal(err)
	}
	return request
}

func (s *site) state(id string) learn.State {
	s.t.Helper()
	var items []review.Item
	s.mustCall(http.MethodGet, "/v1/reviews", nil, &items)
	for _, it := range items {
		if it.ID == id {
			return it.State
		}
	}
	s.t.Fatalf("no proposal %s", id)
	return ""
}

// Only the reviewer's own signature over exactly this content decides.
func TestUnsignedApprovalIsRefused(t *testing.T) {
	s := newSite(t)
	request := s.plant(forgedTool(t))
	hash := request.Tool.ContentHash
	s.start()
	stranger, err := review.Create(t.TempDir(), testPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	plain := learn.Decision{DecisionID: "d1", ObjectID: request.ReviewID, ContentHash: hash, Verdict: learn.VerdictApprove, Timestamp: now.UTC()}
	refuse := func(what, want string, d learn.Decision) {
		t.Helper()
		var out server.Decided
		err := s.call(http.MethodPost, "/v1/decisions", d, &out)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error that says %q", what, err, want)
		}
		if state := s.state(request.ReviewID); state != learn.StateInReview {
			t.Fatalf("%s: the tool is %s", what, state)
		}
	}
	refuse("no reviewer is set up", "lathe reviewer init", plain)
	key, err := review.Create(s.cfg.DataDir, testPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	good := key.Decide(request.ReviewID, hash, learn.VerdictApprove, "", now)
	forged := good
	forged.Reason = "changed after signing"
	rejected := key.Decide(request.ReviewID, hash, learn.VerdictReject, "", now)
	rejected.Verdict = learn.VerdictApprove
	refuse("no signature", "not by this installation's reviewer", plain)
	refuse("a stranger's signature", "not by this installation's reviewer", stranger.Decide(request.ReviewID, hash, learn.VerdictApprove, "", now))
	refuse("another content", "", key.Decide(request.ReviewID, learn.ContentHash([]byte("x")), learn.VerdictApprove, "", now))
	refuse("another object", "", key.Decide("00000000-0000-8000-8000-000000000000", hash, learn.VerdictApprove, "", now))
	refuse("a reason changed after signing", "sign", forged)
	refuse("a rejection turned into an approval", "sign", rejected)
	var tools []learn.ToolManifest
	if s.mustCall(http.MethodGet, "/v1/tools", nil, &tools); len(tools) != 0 {
		t.Errorf("deployed: %v", tools)
	}
	var out server.Decided
	s.mustCall(http.MethodPost, "/v1/decisions", key.Decide(request.ReviewID, hash, learn.VerdictReject, "no need", now), &out)
	if state := s.state(request.ReviewID); state != learn.StateRejected {
		t.Errorf("the reviewer's own rejection left it %s", state)
	}
	if err := s.call(http.MethodPost, "/v1/decisions", good, &out); err == nil {
		t.Error("a second decision was taken")
	}
}

// withImages gives the site the base images that `lathe setup` built.
func (s *site) withImages() {
	s.t.Helper()
	own, _, err := server.LoadConfig("", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.cfg.ImagesDir = own.ImagesDir
	store, err := image.Open(own.ImagesDir)
	if err == nil {
		_, err = store.Base(image.Validation)
	}
	if err != nil {
		s.t.Fatalf("this test runs sandboxes: %v; leave such tests out with -skip '^TestHeavy'", err)
	}
}

func (a *agent) tools() []string {
	a.t.Helper()
	res, err := a.client.ListTools(context.Background(), mcp.ListToolsRequest{})
	if err != nil {
		a.t.Fatal(err)
	}
	var names []string
	for _, tool := range res.Tools {
		names = append(names, tool.Name)
	}
	return names
}

// The whole life of a tool: asked for by an agent, approved by a person, at
// once in every live session, the same as its command, and never run changed.
func TestHeavyToolLife(t *testing.T) {
	s := newSite(t)
	s.withImages()
	s.start()
	workspace := filepath.Join(t.TempDir(), "w")
	for dir := workspace; dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o755); err != nil { // the sandbox is another user
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(workspace, "words.txt"), []byte("b\na\nb\nc\nb\na\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	first, second := s.agent("p", workspace, "one"), s.agent("p", workspace, "two")
	before := first.tools()
	text, failed := first.call("request_tool", map[string]any{"name": "count_words", "description": "count the commonest words of a file",
		"command": "sort words.txt | uniq -c | sort -rn | head -n 3"})
	var asked lathemcp.ToolRequestResult
	if err := json.Unmarshal([]byte(text), &asked); failed || err != nil || asked.ReviewID == "" {
		t.Fatalf("request_tool: %v: %s", err, text)
	}
	if slices.Contains(second.tools(), "count_words") {
		t.Fatal("the tool is there before anybody approved it")
	}
	if text, failed := first.call("run_tool", map[string]any{"name": "count_words", "arguments": map[string]any{}}); !failed {
		t.Fatalf("an unapproved tool ran: %s", text)
	}
	m := s.approve(asked.ReviewID)
	for _, a := range []*agent{first, second} {
		select {
		case <-a.change:
		case <-time.After(patience):
			t.Fatal("no session heard of the new tool")
		}
		if got := a.tools(); !slices.Contains(got, m.Name) || len(got) != len(before)+1 {
			t.Errorf("tools: %v", got)
		}
	}
	for i, a := range []*agent{first, second} {
		if text, failed := a.call(m.Name, arguments(t, m)); failed || !strings.Contains(text, "3 b") {
			t.Errorf("session %d calls it: %s", i+1, text)
		}
	}
	s.tampering(first, m)
}

// arguments are those of the tool's own example, or none: the command's values
// are the defaults.
func arguments(t *testing.T, m learn.ToolManifest) map[string]any {
	t.Helper()
	args := map[string]any{}
	if len(m.Examples) > 0 && len(m.Examples[0].Arguments) > 0 {
		if err := json.Unmarshal(m.Examples[0].Arguments, &args); err != nil {
			t.Fatal(err)
		}
	}
	return args
}

func (s *site) approve(id string) learn.ToolManifest {
	s.t.Helper()
	key, err := review.Create(s.cfg.DataDir, testPassphrase)
	if err != nil {
		s.t.Fatal(err)
	}
	var items []review.Item
	s.mustCall(http.MethodGet, "/v1/reviews", nil, &items)
	for _, it := range items {
		if it.ID == id {
			var out server.Decided
			s.mustCall(http.MethodPost, "/v1/decisions", key.Decide(id, it.ContentHash, learn.VerdictApprove, "", time.Now()), &out)
			if out.Deployed == nil {
				s.t.Fatalf("not deployed: %+v", out)
			}
			return *out.Deployed
		}
	}
	s.t.Fatalf("no proposal %s", id)
	return learn.ToolManifest{}
}

// tampering changes the deployed tool in each place where it lies.
func (s *site) tampering(a *agent, m learn.ToolManifest) {
	t := s.t
	t.Helper()
	run := func() (string, bool) {
		return a.call("run_tool", map[string]any{"name": m.Name, "arguments": arguments(t, m)})
	}
	unpacked := s.find(func(path string) bool { return filepath.Base(path) == "tool.py" })
	good := flip(t, unpacked)
	if text, failed := run(); !failed || !strings.Contains(text, "approved") {
		t.Errorf("a changed tool.py ran: %s", text)
	}
	restore(t, unpacked, good)
	if text, failed := run(); failed {
		t.Errorf("the restored tool does not run: %s", text)
	}
	s.stop()
	// At the next start the image itself is read too.
	blob := s.find(func(path string) bool {
		return strings.HasPrefix(filepath.Base(filepath.Dir(path)), "sha256") && strings.Contains(path, "/blobs/")
	})
	good = flip(t, blob)
	s.start()
	var out lathemcp.ToolRun
	call := server.RunCall{Name: m.Name, Workspace: "/", Project: "p", Arguments: json.RawMessage(`{}`)}
	if err := s.call(http.MethodPost, "/v1/run", call, &out); err == nil {
		t.Errorf("a tool with a damaged image ran: %+v", out)
	} else {
		t.Logf("damaged image: %v", err)
	}
	restore(t, blob, good)
}

func (s *site) find(want func(path string) bool) string {
	s.t.Helper()
	var found string
	err := filepath.WalkDir(filepath.Join(s.cfg.DataDir, "images"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && found == "" && want(path) {
			found = path
		}
		return err
	})
	if err != nil || found == "" {
		s.t.Fatalf("nothing found in the image store: %v", err)
	}
	return found
}

// flip changes one byte of a file and returns what it was.
func flip(t *testing.T, path string) []byte {
	t.Helper()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := slices.Clone(good)
	bad[len(bad)/2] ^= 1
	restore(t, path, bad)
	return good
}

func restore(t *testing.T, path string, raw []byte) {
	t.Helper()
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
}
