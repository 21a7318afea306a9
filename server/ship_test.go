package server_test

import (
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"lathe/learn"
	lathemcp "lathe/mcp"
	"lathe/server"
	"lathe/server/review"
	"lathe/toolforge"
	"lathe/toolforge/image"
)

// person is a site with its reviewer.
type person struct {
	*site
	key *review.Key
}

func newPerson(t *testing.T) *person {
	t.Helper()
	s := newSite(t)
	s.withImages()
	if err := os.MkdirAll(s.cfg.DataDir, 0o700); err != nil {
		t.Fatal(err)
	}
	key, err := review.Create(s.cfg.DataDir, testPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	return &person{s, key}
}

func (p *person) publicKey() image.PublicKey {
	p.t.Helper()
	_, keys, err := server.OpenToolKeys(p.cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	k, err := image.ParsePublicKey(keys.Public)
	if err != nil {
		p.t.Fatal(err)
	}
	return k
}

// approves signs for what is in review now, whoever brought it.
func (p *person) approves(id string) (out server.Decided, err error) {
	p.t.Helper()
	var items []review.Item
	p.mustCall(http.MethodGet, "/v1/reviews", nil, &items)
	for _, it := range items {
		if it.ID == id {
			err = p.call(http.MethodPost, "/v1/decisions", p.key.Decide(id, it.ContentHash, learn.VerdictApprove, "", time.Now()), &out)
			return out, err
		}
	}
	p.t.Fatalf("no proposal %s", id)
	return out, nil
}

func (p *person) deploys(id string) learn.ToolManifest {
	p.t.Helper()
	out, err := p.approves(id)
	if err != nil || out.Deployed == nil {
		p.t.Fatalf("not deployed: %+v, %v", out, err)
	}
	return *out.Deployed
}

func (p *person) run(workspace string) (lathemcp.ToolRun, error) {
	var out lathemcp.ToolRun
	err := p.call(http.MethodPost, "/v1/run", server.RunCall{Name: "count_words", Workspace: workspace, Project: "p", Arguments: json.RawMessage(`{}`)}, &out)
	return out, err
}

func (p *person) versions() []server.ToolVersionInfo {
	p.t.Helper()
	var out []server.ToolVersionInfo
	p.mustCall(http.MethodPost, "/v1/tools/versions", server.ToolStateCall{Name: "count_words"}, &out)
	return out
}

// changed is a tool with another program, as another version.
func changed(t *testing.T, tool learn.ProposedTool, version, source string) learn.ProposedTool {
	t.Helper()
	tool.Files = maps.Clone(tool.Files)
	tool.Files["tool.py"], tool.Manifest.Version, tool.ContentHash = source, version, ""
	out, err := toolforge.Seal(tool)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func workspaceWithWords(t *testing.T) string {
	t.Helper()
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
	return workspace
}

const brokenSource = "\"\"\"Count words.\"\"\"\n\n\ndef count_words(**_arguments: object) -> str:\n    \"\"\"Fail.\"\"\"\n    raise ValueError(\"broken\")\n"

// A tool made, approved and signed in one installation comes to another over a
// registry, waits for its reviewer, and runs there as long as its maker is
// trusted. What is older, or by somebody else, does not come.
func TestHeavyToolBetweenInstallations(t *testing.T) {
	srv := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)))
	defer srv.Close()
	host := strings.TrimPrefix(srv.URL, "http://")
	workspace := workspaceWithWords(t)
	maker, taker := newPerson(t), newPerson(t)
	tool := forgedTool(t)
	newer := changed(t, tool, "0.2.0", tool.Files["tool.py"]+"\n# the same\n")
	first, second := maker.plant(tool), maker.plant(newer)
	maker.start()
	taker.start()
	old := maker.deploys(first.ReviewID)
	push := func(version string) string {
		t.Helper()
		var out server.Pushed
		maker.mustCall(http.MethodPost, "/v1/tools/push", server.PushCall{Name: "count_words", Version: version, Reference: host + "/team/count_words"}, &out)
		return out.Reference
	}
	pull := func(c server.PullCall) (out server.Pulled, err error) {
		t.Helper()
		err = taker.call(http.MethodPost, "/v1/tools/pull", c, &out)
		return out, err
	}
	if ref := push(""); ref != host+"/team/count_words@"+old.Digest {
		t.Errorf("pushed as %s, deployed as %s", ref, old.Digest)
	}
	if _, err := pull(server.PullCall{Reference: host + "/team/count_words:0.1.0"}); err == nil || !strings.Contains(err.Error(), "lathe tool keys") {
		t.Fatalf("a stranger's tool: %v", err)
	}
	taker.stop()
	taker.cfg.TrustedKeys = []image.PublicKey{maker.publicKey()}
	taker.start()
	if got := maker.deploys(second.ReviewID); got.Version != "0.2.0" {
		t.Errorf("deployed %s", got.Version)
	}
	push("0.2.0")
	got, err := pull(server.PullCall{Reference: host + "/team/count_words:0.2.0"})
	if err != nil || got.State != learn.StateInReview {
		t.Fatalf("pulled: %+v, %v", got, err)
	}
	if _, err := taker.run(workspace); err == nil {
		t.Fatal("a tool ran that nobody here approved")
	}
	var items []review.Item
	taker.mustCall(http.MethodGet, "/v1/reviews", nil, &items)
	if len(items) != 1 || items[0].Tool.Origin == nil || !strings.Contains(items[0].Summary, maker.publicKey().ID()) ||
		!strings.Contains(items[0].Summary, "validated again here, and passed") || items[0].Tool.Validation.Backend == "" {
		t.Errorf("what the reviewer sees: %+v", items)
	}
	if m := taker.deploys(got.ReviewID); m.Digest != got.Provenance.Digest {
		t.Errorf("deployed %s, pulled %s", m.Digest, got.Provenance.Digest)
	}
	if out, err := taker.run(workspace); err != nil || !strings.Contains(string(out.Result), "3 b") {
		t.Errorf("it printed %s %s, %v", out.Result, out.Error, err)
	}
	if _, err := pull(server.PullCall{Reference: host + "/team/count_words:0.1.0"}); err == nil || !strings.Contains(err.Error(), "--allow-downgrade") {
		t.Errorf("a downgrade: %v", err)
	}
	if out, err := pull(server.PullCall{Reference: host + "/team/count_words:0.1.0", AllowDowngrade: true}); err != nil || out.State != learn.StateInReview {
		t.Errorf("a downgrade that a person allows: %+v, %v", out, err)
	}
	taker.stop() // who is trusted no more, whose tools do not run
	taker.cfg.TrustedKeys = nil
	taker.start()
	if _, err := taker.run(workspace); err == nil || !strings.Contains(err.Error(), "trusted") {
		t.Errorf("a tool of nobody who is trusted: %v", err)
	}
}

// A new version that fails gets few calls, loses them by itself, and the log
// read again says the same.
func TestHeavyBadVersionIsRolledBack(t *testing.T) {
	workspace := workspaceWithWords(t)
	p := newPerson(t)
	tool := forgedTool(t)
	good, bad := p.plant(tool), p.plant(changed(t, tool, "0.1.1", brokenSource))
	p.start()
	p.deploys(good.ReviewID)
	p.deploys(bad.ReviewID)
	if v := p.versions(); len(v) != 2 || v[0].Version != "0.1.1" || v[0].Share != 0.1 || v[0].Current || !v[1].Current {
		t.Fatalf("after its approval: %+v", v)
	}
	failed, calls := 0, 0
	for state := learn.StateActive; state == learn.StateActive; calls++ {
		if calls == 1500 {
			t.Fatalf("%d calls, %d failed, and it still has its share: %+v", calls, failed, p.versions())
		}
		out, err := p.run(workspace)
		if err != nil {
			t.Fatal(err)
		}
		if out.Error != "" {
			failed++
			p.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
		}
		state = p.versions()[0].State // it may lose its share a moment later
	}
	t.Logf("rolled back after %d calls, of which %d failed", calls, failed)
	before := p.versions()
	if before[0].State != learn.StateRolledBack || before[0].Use == nil || before[0].Use.Calls != failed || !before[1].Current {
		t.Errorf("%+v", before)
	}
	for range 20 {
		if out, err := p.run(workspace); err != nil || out.Error != "" {
			t.Fatalf("a call went to it: %+v, %v", out, err)
		}
	}
	p.stop()
	if err := server.Rebuild(t.Context(), p.cfg, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	p.start()
	after := p.versions()
	for i := range after {
		if after[i].State != before[i].State || after[i].Current != before[i].Current || after[i].Reason != before[i].Reason {
			t.Errorf("before the rebuild %+v, after it %+v", before[i], after[i])
		}
	}
	if after[0].Use == nil || after[0].Use.Calls != failed {
		t.Errorf("use after the rebuild: %+v", after[0].Use)
	}
}

// What an agent reports of versions is not believed: it could have a tool
// withdrawn that it does not like.
func TestReportedVersionsAreTakenOff(t *testing.T) {
	s := newSite(t)
	s.start()
	ev := learn.ActionOutcome{CallID: "c", Timestamp: time.Now().UTC(), ProjectID: "p", SessionID: "s", Source: learn.SourceGateway, ActionType: learn.ToolCall,
		ToolName: "count_words", Status: learn.StatusFailure, Generated: &learn.GeneratedCall{ToolVersion: learn.ToolVersion{Version: "1.0.0", Digest: "d", ReviewID: "r", Tenure: "t"}}}
	s.mustCall(http.MethodPost, "/v1/records", server.RecordsCall{Records: []learn.Record{{Action: &ev}}}, &struct{}{})
	s.stop()
	records, _ := s.stored()
	if len(records) != 1 || records[0].Action.Generated != nil {
		t.Errorf("stored: %+v", records)
	}
}

// A name that something else has is refused before anything is made.
func TestToolNameClashes(t *testing.T) {
	s := newSite(t)
	s.start()
	ev := learn.ActionOutcome{CallID: "c", Timestamp: time.Now().UTC(), ProjectID: "p", SessionID: "s", Source: learn.SourceHook, ActionType: learn.ToolCall,
		ToolName: "read_file", Status: learn.StatusSuccess, ToolParameters: json.RawMessage(`{"path":"x"}`)}
	s.mustCall(http.MethodPost, "/v1/records", server.RecordsCall{Records: []learn.Record{{Action: &ev}}}, &struct{}{})
	s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
	for name, want := range map[string]string{"recall": "Lathe's own", "git__status": "behind the gateway", "read_file": "agents here have a tool read_file"} {
		tool := forgedTool(t)
		tool.Manifest.Name, tool.ContentHash = name, ""
		tool.Files = maps.Clone(tool.Files)
		sealed, err := toolforge.Seal(tool)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.client.Forge(t.Context(), server.ForgeCall{Tool: &sealed}, func(learn.Check) {}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}
