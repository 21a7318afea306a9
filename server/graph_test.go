package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"lathe/fixtures"
	"lathe/index/codegraph"
	"lathe/index/eventlog"
	"lathe/index/graph"
	"lathe/learn"
	"lathe/server"
	"lathe/server/intake"
	"lathe/toolforge"
)

// The design's lists, written out here so that the code cannot agree with
// itself.
const (
	designNodes = `Agent, Tool, Task, ExecutionAttempt, Error, ErrorPattern, RecoveryStrategy, ProvenStrategy, ProblemType,
		Precondition, PlanStep, PlanFragment, Environment, CodeEntity`
	designEdges = `PERFORMS, REQUIRES, INITIATES, PART_OF, USES, OCCURRED_IN, RESULTED_IN, IS_INSTANCE_OF, MITIGATED_BY, APPLIES_TO,
		LEARNED_FROM, SUCCEEDED_WITH, FAILED_WITH, MODIFIES, REFERENCES, CAUSES_FAILURE, SOLVES_EFFICIENTLY, REQUIRED_FOR, COMPOSED_OF, GENERATED`
	designCode = `IMPORTS, DEFINES, CALLS, INHERITS_FROM, HAS_PARAMETER, RETURNS`
)

func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' })
}

// recorded is a daemon that learned from this repository's recordings.
func recorded(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.start()
	for _, info := range fixtures.Sessions() {
		recs, err := fixtures.Read(info)
		if err != nil {
			t.Fatal(err)
		}
		var r intake.Receipt
		s.mustCall(http.MethodPost, "/v1/records", server.RecordsCall{Records: recs}, &r)
	}
	s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
	return s
}

// write puts entries into the ledger of a daemon that does not run.
func (s *site) write(entries []learn.LedgerEntry) {
	s.t.Helper()
	l, err := eventlog.Open(context.Background(), eventlog.Options{Dir: filepath.Join(s.cfg.DataDir, "log"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := l.AppendLedger(context.Background(), entries); err != nil {
		s.t.Error(err)
	}
	if err := l.Close(); err != nil {
		s.t.Error(err)
	}
}

// concluded are ledger entries of the kinds that the recordings alone do not
// lead to, made by the parts that make them: proposals for a plan that fails
// as it did before, a tool scaffolded from an opportunity, its deployment, and
// a trial's result.
func (s *site) concluded() []learn.LedgerEntry {
	s.t.Helper()
	var entries []learn.LedgerEntry
	add := func(kind learn.EntryKind, object, project string, body any) {
		e, err := learn.NewEntry(kind, object, project, time.Now().UTC(), body, nil)
		if err != nil {
			s.t.Fatal(err)
		}
		entries = append(entries, e)
	}
	const project = "shop-api"
	plan := `{"name": "release", "tasks": [
		{"id": "test", "tool_name": "bash", "arguments": {"command":"python3 -m pytest -q tests/test_stock.py"}},
		{"id": "again", "tool_name": "bash", "arguments": {"command":"python3 run_tests.py"}},
		{"id": "log", "tool_name": "bash", "arguments": {"command":"git log --oneline"}}],
		"dependencies": {"log": ["test"]}}`
	var refined server.Refined
	s.mustCall(http.MethodPost, "/v1/refine", server.RefineCall{ProjectID: project, Name: "release.json", Text: plan}, &refined)
	if len(refined.Proposals) == 0 {
		s.t.Error("no proposal for a plan that failed before")
	}
	for _, p := range refined.Proposals {
		add(learn.EntryProposal, p.ProposalID, project, p)
	}
	var opportunities []learn.ToolOpportunity
	s.mustCall(http.MethodGet, "/v1/opportunities", nil, &opportunities)
	i := slices.IndexFunc(opportunities, func(o learn.ToolOpportunity) bool { return o.Forgeable })
	if i < 0 {
		s.t.Fatal("the recordings hold no opportunity for a tool")
	}
	spec, err := toolforge.Specify(opportunities[i])
	if err != nil {
		s.t.Fatal(err)
	}
	tool, err := toolforge.Scaffold(spec)
	if err != nil {
		s.t.Fatal(err)
	}
	tool.Manifest.Provenance.OpportunityID = opportunities[i].OpportunityID
	add(learn.EntryTool, tool.ToolID, opportunities[i].ProjectID, tool)
	add(learn.EntryValidation, tool.ToolID, opportunities[i].ProjectID, learn.ValidationResult{ToolID: tool.ToolID, ContentHash: tool.ContentHash, Passed: true, ColdMS: 80, Risk: "low"})
	add(learn.EntryState, tool.ToolID, "", learn.StateChange{ObjectID: tool.ToolID, ToolName: tool.Manifest.Name, To: learn.StateActive})
	var remedies []graph.Node
	s.mustCall(http.MethodPost, "/v1/graph/list", server.GraphCall{Kind: "RecoveryStrategy", Project: project, Limit: 1}, &remedies)
	worked := true
	add(learn.EntryTrial, "trial", project, learn.TrialRecord{Phase: learn.TrialResult, ObjectID: remedies[0].Properties.Get("remedy_id"),
		TaskID: "a task", ProjectID: project, Taken: true, Worked: &worked})
	return entries
}

func TestGraphHasEveryKind(t *testing.T) {
	s := recorded(t)
	var failed []graph.Node
	s.mustCall(http.MethodPost, "/v1/graph/list", server.GraphCall{Kind: "ExecutionAttempt", Project: "shop-api", Properties: map[string]string{"status": "failure"}}, &failed)
	a := s.agent("shop-api", "", "session-1")
	for _, n := range failed[:min(len(failed), 40)] { // a diagnosis that is asked for is concluded
		id := strings.TrimPrefix(n.ID, graph.ID(graph.ExecutionAttempt, "shop-api", ""))
		if text, bad := a.call("diagnose_failure", map[string]any{"event_id": id}); bad {
			t.Fatalf("diagnose %s: %s", id, text)
		}
	}
	entries := s.concluded()
	s.stop()
	s.write(entries)
	s.start()
	s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
	var stats graph.Stats
	s.mustCall(http.MethodGet, "/v1/graph/stats", nil, &stats)
	for _, k := range words(designNodes) {
		if stats.Nodes[graph.NodeKind(k)] == 0 {
			t.Errorf("no node of kind %s", k)
		}
	}
	for _, k := range words(designEdges) {
		if stats.ByKind[graph.EdgeKind(k)] == 0 {
			t.Errorf("no edge of kind %s", k)
		}
	}
	if n, m := len(words(designNodes)), len(words(designEdges))+len(words(designCode)); n != len(graph.NodeKinds()) || m != len(graph.EdgeKinds()) {
		t.Errorf("the design has %d and %d kinds, the graph %d and %d", n, m, len(graph.NodeKinds()), len(graph.EdgeKinds()))
	}
	var tools []graph.Node
	s.mustCall(http.MethodPost, "/v1/graph/list", server.GraphCall{Kind: "Tool", Properties: map[string]string{"generated": "true"}}, &tools)
	if len(tools) != 1 {
		t.Fatalf("tools that were made: %+v", tools)
	}
	for _, p := range []string{"signature", "usage", "description", "permissions", "cold_ms", "risk", "method", "opportunity_id", "version", "content_hash", "state"} {
		if tools[0].Properties.Get(p) == "" {
			t.Errorf("the tool's node has no %s: %v", p, tools[0].Properties)
		}
	}
	if sig := tools[0].Properties.Get("signature"); !strings.HasPrefix(sig, tools[0].Label+"(") || !strings.Contains(sig, ": ") {
		t.Errorf("signature %q", sig)
	}
	t.Run("queries", s.graphQueries)
	t.Run("export", s.graphExport)
}

func (s *site) graphQueries(t *testing.T) {
	var found []graph.Mitigation
	s.mustCall(http.MethodPost, "/v1/graph/mitigates", server.GraphCall{Node: "python/module-not-found", Project: "shop-api"}, &found)
	if len(found) == 0 || !strings.Contains(found[0].Description, "run_tests.py") || found[0].Score <= 0.5 || len(found[0].Evidence) == 0 {
		t.Errorf("what mitigates a missing module: %+v", found)
	}
	for i, m := range found {
		if m.ProjectID != "" && m.ProjectID != "shop-api" || i > 0 && m.Score > found[i-1].Score {
			t.Errorf("mitigation %d is of another project or out of order: %+v", i, m)
		}
	}
	var path server.GraphPath
	s.mustCall(http.MethodPost, "/v1/graph/path", server.GraphCall{Node: "Tool:bash", To: "ErrorPattern:python/module-not-found"}, &path)
	if !path.Found || len(path.Steps) != 2 || path.Steps[0].Edge.Kind != graph.FailedWith {
		t.Errorf("from the shell to the pattern: %+v", path)
	}
	for path, c := range map[string]server.GraphCall{
		"/v1/graph":           {Node: "Tool:bash", Edges: []string{"LIKES"}},
		"/v1/graph/list":      {Kind: "Thing"},
		"/v1/graph/node":      {Node: "no such node anywhere"},
		"/v1/graph/path":      {Node: "Tool:bash"},
		"/v1/graph/mitigates": {Node: "Tool:bash"},
		"/v1/graph/export":    {Format: "xls"},
	} {
		if err := s.call(http.MethodPost, path, c, &struct{}{}); err == nil {
			t.Errorf("%s took %+v", path, c)
		}
	}
}

func (s *site) graphExport(t *testing.T) {
	export := func(format string) []byte {
		var b bytes.Buffer
		if err := s.client.Copy(context.Background(), http.MethodPost, "/v1/graph/export", server.GraphCall{Format: format}, &b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	var all graph.Subgraph
	if err := json.Unmarshal(export("json"), &all); err != nil || len(all.Nodes) < 500 {
		t.Fatalf("JSON: %d nodes, %v", len(all.Nodes), err)
	}
	var doc struct {
		XMLName xml.Name
		Graph   struct {
			Node []struct {
				ID string `xml:"id,attr"`
			} `xml:"node"`
			Edge []struct{} `xml:"edge"`
		} `xml:"graph"`
	}
	if err := xml.Unmarshal(export("graphml"), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Graph.Node) != len(all.Nodes) || len(doc.Graph.Edge) != len(all.Edges) || doc.Graph.Node[0].ID != all.Nodes[0].ID {
		t.Errorf("GraphML has %d nodes and %d edges, JSON %d and %d", len(doc.Graph.Node), len(doc.Graph.Edge), len(all.Nodes), len(all.Edges))
	}
}

// TestCodeGraphMeetsKnowledgeGraph: what the code graph exports, the knowledge
// graph takes in, with every kind of edge.
func TestCodeGraphMeetsKnowledgeGraph(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"base.py": "class Base:\n    pass\n",
		"shop.py": "from base import Base\n\nclass Shop(Base):\n    def price(self, item: str) -> int:\n        return total(item)\n\ndef total(item):\n    return 1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, err := codegraph.New(dir, codegraph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := code.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	g := graph.New(graph.Options{})
	g.Observe(&learn.Observation{Record: learn.Record{Action: &learn.ActionOutcome{ID: learn.UUIDv8("e"), ProjectID: "p", ToolName: "bash", Status: learn.StatusFailure}},
		Signatures: []learn.ErrorSignature{{ID: "sig", Name: "a name", File: "shop.py"}}})
	if _, err := codegraph.NewLayer(code, g, "p", 0).Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, k := range words(designCode) {
		if g.Stats().ByKind[graph.EdgeKind(k)] == 0 {
			t.Errorf("no edge of kind %s", k)
		}
	}
	// From the error over the file that it names into the code.
	path, _ := g.Path("Error:sig", graph.ID(graph.CodeEntity, "p", "class/base.py#Base"), 8, graph.Query{ProjectID: "p"})
	if len(path) == 0 || path[0].Edge.Kind != graph.References {
		t.Errorf("no path from the error into the code: %+v", path)
	}
}

// TestAgentSeesItsOwnGraph: the resource shows a project nothing of another,
// whatever id is asked for, and is bounded.
func TestAgentSeesItsOwnGraph(t *testing.T) {
	s := newSite(t)
	s.start()
	ours, theirs, nobody := s.agent("ours", "", "session-a"), s.agent("theirs", "", "session-b"), s.agent("", "", "session-c")
	var outcomes []any
	for i := range 60 {
		ev := outcome("call-"+string(rune('a'+i%26))+string(rune('a'+i/26)), "pytest -q tests/test_zanzibar.py", "E   ModuleNotFoundError: No module named 'zanzibar'", 1)
		ev.TaskID = "task-" + ev.CallID
		outcomes = append(outcomes, ev)
	}
	if text, failed := ours.call("record_outcome", map[string]any{"outcomes": outcomes}); failed || !strings.Contains(text, `"accepted":60`) {
		t.Fatalf("record_outcome: %s", text)
	}
	other := outcome("other", "ls", "", 0)
	if text, failed := theirs.call("record_outcome", map[string]any{"outcomes": []any{other}}); failed {
		t.Fatalf("record_outcome: %s", text)
	}
	s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
	read := func(a *agent, node string) (string, error) {
		var req mcp.ReadResourceRequest
		req.Params.URI = "lathe://graph/" + strings.ReplaceAll(url.QueryEscape(node), "+", "%20")
		res, err := a.client.ReadResource(context.Background(), req)
		if err != nil {
			return "", err
		}
		return res.Contents[0].(mcp.TextResourceContents).Text, nil
	}
	var failing []graph.Node
	s.mustCall(http.MethodPost, "/v1/graph/list", server.GraphCall{Project: "ours", Limit: 500}, &failing)
	if len(failing) < 120 {
		t.Fatalf("%d nodes of 60 failures", len(failing))
	}
	for _, n := range failing {
		text, err := read(ours, n.ID)
		var resource struct {
			Node  graph.Node   `json:"node"`
			Nodes []graph.Node `json:"nodes"`
		}
		if err == nil {
			err = json.Unmarshal([]byte(text), &resource)
		}
		if err != nil || len(text) > 64<<10 || resource.Node.ID != n.ID || len(resource.Nodes) == 0 {
			t.Fatalf("its own node %s: %d bytes, %v", n.ID, len(text), err)
		}
		text, err = read(theirs, n.ID)
		if shared := n.Kind == graph.Tool || n.Kind == graph.Agent; shared != (err == nil) {
			t.Errorf("another project's node %s: %v", n.ID, err)
		}
		if strings.Contains(text, "ours") || strings.Contains(text, "zanzibar") || strings.Contains(text, "not-found") {
			t.Errorf("node %s shows another project's: %s", n.ID, text)
		}
		if _, err := read(nobody, n.ID); err == nil {
			t.Errorf("a connection without a project reads %s", n.ID)
		}
	}
}
