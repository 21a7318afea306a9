package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"lathe/index/graph"
	"lathe/learn"
	"lathe/server"
)

// codeSite is a daemon with a workspace in which a call failed.
func codeSite(t *testing.T) (s *site, root, project string) {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	root = t.TempDir()
	writeFile(t, filepath.Join(root, ".lathe", "x"), "")
	writeFile(t, filepath.Join(root, "shop", "__init__.py"), "")
	writeFile(t, filepath.Join(root, "shop", "price.py"), "def total(items):\n    return sum(items) / len(items)\n")
	writeFile(t, filepath.Join(root, "shop", "cart.py"), "from shop.price import total\n\n\ndef checkout(cart):\n    return total(cart)\n")
	writeFile(t, filepath.Join(root, "run.py"), "from shop.cart import checkout\n\ncheckout([])\n")
	s = newSite(t)
	s.start()
	return s, root, server.WorkspaceProject(root)
}

// fails reports a call that fails in total.
func (s *site) fails(a *agent, root, id string) {
	s.t.Helper()
	ev := outcome(id, "python3 run.py", "Traceback (most recent call last):\n  File \""+filepath.Join(root, "run.py")+"\", line 3, in <module>\n    checkout([])\n  File \""+
		filepath.Join(root, "shop", "price.py")+"\", line 2, in total\n    return sum(items) / len(items)\nZeroDivisionError: division by zero\n", 1)
	ev.ContextSnapshot = learn.ContextSnapshot{CWD: root}
	if text, failed := a.call("record_outcome", map[string]any{"outcomes": []any{ev}}); failed || !strings.Contains(text, `"accepted":1`) {
		s.t.Fatalf("record_outcome: %s", text)
	}
	s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
}

func (s *site) connected(project string) {
	s.t.Helper()
	var layer server.CodeLayer
	s.mustCall(http.MethodPost, "/v1/graph/code", server.GraphCall{Project: project}, &layer)
	if layer.State != learn.CodeReady {
		s.t.Fatalf("the code of %s: %+v", project, layer)
	}
}

// TestCodeIsPartOfTheKnowledgeGraph: a failing call in a workspace is connected
// with the code there, on every door; an edit is followed; after a restart, and
// after everything was made anew from the log, the answer is the same.
func TestCodeIsPartOfTheKnowledgeGraph(t *testing.T) {
	s, root, project := codeSite(t)
	a := s.agent(project, root, "session-1")
	s.fails(a, root, "one")
	s.connected(project)
	var errs []graph.Node
	s.mustCall(http.MethodPost, "/v1/graph/list", server.GraphCall{Kind: "Error", Project: project}, &errs)
	if len(errs) != 1 {
		t.Fatalf("errors: %+v", errs)
	}
	code := func(name string) string { return graph.ID(graph.CodeEntity, project, name) }
	ask := func() string {
		var all []any
		for _, to := range []string{"function/shop/price.py#total", "function/shop/cart.py#checkout", "module/run", "file/run.py"} {
			var path server.GraphPath
			s.mustCall(http.MethodPost, "/v1/graph/path", server.GraphCall{Node: errs[0].ID, To: code(to), Project: project}, &path)
			if !path.Found {
				t.Errorf("from the error to %s: %+v", to, path)
			}
			all = append(all, path)
		}
		var near graph.Subgraph
		s.mustCall(http.MethodPost, "/v1/graph", server.GraphCall{Node: errs[0].ID, Project: project, Hops: 3, Limit: 500}, &near)
		raw, err := json.Marshal(append(all, near))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	before := ask()
	var node server.GraphNode
	s.mustCall(http.MethodPost, "/v1/graph/node", server.GraphCall{Node: code("function/shop/price.py#total"), Project: project}, &node)
	if node.Properties.Get("line") != "1" || node.Degree["in CALLS"] != 1 {
		t.Errorf("total: %+v", node)
	}
	var req mcp.ReadResourceRequest
	req.Params.URI = "lathe://graph/" + url.QueryEscape(code("file/shop/price.py"))
	res, err := a.client.ReadResource(context.Background(), req)
	if err != nil || !strings.Contains(res.Contents[0].(mcp.TextResourceContents).Text, `"IMPORTS"`) && !strings.Contains(res.Contents[0].(mcp.TextResourceContents).Text, `"DEFINES"`) {
		t.Errorf("the resource: %v, %v", res, err)
	}
	if err := s.call(http.MethodPost, "/v1/graph/node", server.GraphCall{Node: code("function/shop/price.py#total"), Project: "another"}, &node); err == nil {
		t.Error("another project sees the code")
	}

	for ask, symbol := range map[string]string{"definition": "totl", "callers": "totl", "callees": "totl", "neighbourhood": "totl", "imports": "shop/crt.py", "importers": "shop.crt"} {
		err := s.call(http.MethodPost, "/v1/code", server.CodeCall{Workspace: root, Ask: ask, Symbol: symbol}, &struct{}{})
		if err == nil || !strings.Contains(err.Error(), "total") && !strings.Contains(err.Error(), "cart") {
			t.Errorf("%s of the unknown %s: %v", ask, symbol, err)
		}
	}
	s.stop()
	s.start()
	s.connected(project)
	if after := ask(); after != before {
		t.Errorf("before the restart:\n%s\nafter:\n%s", before, after)
	}
	s.stop()
	if err := server.Rebuild(t.Context(), s.cfg, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.connected(project)
	if after := ask(); after != before {
		t.Errorf("before the rebuild:\n%s\nafter:\n%s", before, after)
	}

	writeFile(t, filepath.Join(root, "shop", "price.py"), "def net(items):\n    return sum(items)\n")
	deadline := time.Now().Add(patience)
	for {
		err := s.call(http.MethodPost, "/v1/graph/node", server.GraphCall{Node: code("function/shop/price.py#net"), Project: project}, &node)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the edit is not followed: %v", err)
		}
		s.mustCall(http.MethodPost, "/v1/code", server.CodeCall{Workspace: root, Ask: "update"}, &struct{}{})
	}
	if err := s.call(http.MethodPost, "/v1/graph/node", server.GraphCall{Node: code("function/shop/price.py#total"), Project: project}, &node); err == nil && node.Degree["in CALLS"] > 0 {
		t.Errorf("a function that is gone is called: %+v", node)
	}
	var file graph.Subgraph
	s.mustCall(http.MethodPost, "/v1/graph", server.GraphCall{Node: errs[0].ID, Project: project, Hops: 1}, &file)
	if len(file.Edges) == 0 {
		t.Error("what was learned of the error went with the code")
	}
}

// TestDiagnosisKnowsWhatFailedNextToIt: a failure in a function is told of the
// one that was in its caller.
func TestDiagnosisKnowsWhatFailedNextToIt(t *testing.T) {
	s, root, project := codeSite(t)
	a := s.agent(project, root, "session-1")
	other := outcome("caller", "python3 check.py", "Traceback (most recent call last):\n  File \""+filepath.Join(root, "shop", "cart.py")+"\", line 5, in checkout\n    return total(cart)\nTypeError: 'NoneType' object is not iterable\n", 1)
	other.ContextSnapshot = learn.ContextSnapshot{CWD: root}
	if text, failed := a.call("record_outcome", map[string]any{"outcomes": []any{other}}); failed {
		t.Fatalf("record_outcome: %s", text)
	}
	s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
	attempts := func() (ids []string) {
		var nodes []graph.Node
		s.mustCall(http.MethodPost, "/v1/graph/list", server.GraphCall{Kind: "ExecutionAttempt", Project: project}, &nodes)
		for _, n := range nodes {
			ids = append(ids, strings.TrimPrefix(n.ID, graph.ID(graph.ExecutionAttempt, project, "")))
		}
		return ids
	}
	first := attempts()[0]
	s.connected(project)
	diagnose := func(id string) (r learn.FailureAnalysisReport) {
		text, failed := a.call("diagnose_failure", map[string]any{"event_id": id})
		if err := json.Unmarshal([]byte(text), &r); failed || err != nil {
			t.Fatalf("diagnose: %s (%v)", text, err)
		}
		s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
		return r
	}
	if r := diagnose(first); r.Code == nil || r.Code.State != learn.CodeReady {
		t.Fatalf("the code: %+v", r.Code)
	}
	s.fails(a, root, "two")
	id := slices.DeleteFunc(attempts(), func(id string) bool { return id == first })[0]
	waitFor(t, func() bool { // what a diagnosis found is learned when the ledger has it
		r := diagnose(id)
		return slices.Contains(r.RelevantEntities, learn.Entity{Kind: "function", Name: "shop/cart.py#checkout"}) && slices.Contains(r.Evidence, first)
	}, func() string { return fmt.Sprintf("%+v", diagnose(id)) })
}

// waitFor asks until something holds.
func waitFor(t *testing.T, holds func() bool, is func() string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatal(is())
		}
	}
}
