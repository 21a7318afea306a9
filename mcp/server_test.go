package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"lathe/learn"
)

func TestHotRegistrationReachesEverySession(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			d := newDaemon(t, &testBackend{})
			if err := d.start(t.Context()); err != nil {
				t.Fatal(err)
			}
			s := newSession(t, way.connect(t, d), way.version)
			if _, early := s.tools()["count_errors"]; early {
				t.Fatal("listed before it was deployed")
			}
			d.deploy("count_errors")
			s.await(mcp.MethodNotificationToolsListChanged)
			if _, ok := s.tools()["count_errors"]; !ok {
				t.Fatal("not listed after the change was announced")
			}
			res := s.mustCall("count_errors", map[string]any{"word": "x"})
			if got := fmt.Sprint(res.StructuredContent); res.IsError || !strings.Contains(got, "lines") {
				t.Errorf("called: isError %v, %s", res.IsError, got)
			}
			if res := s.mustCall("count_errors", map[string]any{}); !res.IsError {
				t.Error("called without its required argument: no isError")
			}
			d.deploy()
			s.await(mcp.MethodNotificationToolsListChanged)
			if _, ok := s.tools()["count_errors"]; ok {
				t.Error("still listed after it was removed")
			}
			if _, err := s.call("count_errors", map[string]any{"word": "x"}); err == nil {
				t.Error("still called after it was removed")
			}
		})
	}
}

// TestStructuredContentFitsItsSchema calls all tools and validates what comes.
func TestStructuredContentFitsItsSchema(t *testing.T) {
	plan := map[string]any{"tasks": []any{map[string]any{"id": "a", "tool_name": "bash", "arguments": map[string]any{"command": "ls"}}}, "dependencies": map[string]any{}}
	calls := []struct {
		tool      string
		arguments map[string]any
	}{
		{"recall", map[string]any{"prompt": "fix the tests", "plan": plan}},
		{"recall", map[string]any{"prompt": "fix the tests", "plan": nil, "limit": nil}},
		{"diagnose_failure", map[string]any{"tool_name": "bash", "tool_parameters": map[string]any{"command": "pytest"},
			"tool_output": map[string]any{"stderr": "No module named pytest", "exit_code": 1}, "error_details": nil, "added_later": true}},
		{"record_outcome", map[string]any{"outcomes": []any{map[string]any{"tool_name": "bash", "status": "success"}}}},
		{"record_task", map[string]any{"task_id": "t1", "prompt": "fix"}},
		{"refine_plan", map[string]any{"plan": plan}},
		{"request_tool", map[string]any{"description": "count errors"}},
		{"run_tool", map[string]any{"name": "count_errors", "arguments": map[string]any{"word": "x"}}},
		{"review_status", map[string]any{}},
		{"review_status", nil},
		{"review_status", map[string]any{"id": "v1"}},
		{"search_log", map[string]any{"query": "pytest"}},
	}
	d := newDaemon(t, &testBackend{})
	if err := d.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := newSession(t, overHTTPModern(t, d), mcp.ProtocolVersion20260728)
	tools := s.tools()
	called := map[string]bool{}
	for _, c := range calls {
		called[c.tool] = true
		var arguments any
		if c.arguments != nil {
			arguments = c.arguments
		}
		res := s.mustCall(c.tool, arguments)
		if res.IsError {
			t.Errorf("%s %v: %v", c.tool, c.arguments, res.Content)
			continue
		}
		raw, err := json.Marshal(res.StructuredContent)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, tools[c.tool], raw); err != nil {
			t.Errorf("%s: %s does not fit its output schema: %v", c.tool, raw, err)
		}
		text, ok := res.Content[0].(mcp.TextContent)
		if !ok || !sameJSON(t, []byte(text.Text), raw) {
			t.Errorf("%s: the text is not the structured content", c.tool)
		}
	}
	for _, name := range ownNames {
		if !called[name] {
			t.Errorf("%s was not called", name)
		}
	}
	if len(tools) != len(ownNames) {
		t.Errorf("%d tools listed, want %d", len(tools), len(ownNames))
	}
}

func validate(t *testing.T, tool mcp.Tool, raw []byte) error {
	t.Helper()
	schema, err := json.Marshal(tool.OutputSchema)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(schema)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("s.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("s.json")
	if err != nil {
		t.Fatalf("%s: the output schema is none: %v", tool.Name, err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(value)
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return string(p) == string(q)
}

// TestSchemasAreForRealClients: some clients refuse a list of types, and a
// required list must never be null.
func TestSchemasAreForRealClients(t *testing.T) {
	srv := New(Options{Backend: &testBackend{}})
	defer srv.Close(context.Background())
	for _, tool := range srv.own {
		all := string(tool.Tool.RawInputSchema) + string(tool.Tool.RawOutputSchema)
		for _, bad := range []string{`"null"`, `"additionalProperties":false`, `"maximum":255`, `"not"`} {
			if strings.Contains(all, bad) {
				t.Errorf("%s: its schemas contain %s: %s", tool.Tool.Name, bad, all)
			}
		}
		a := tool.Tool.Annotations
		if a.ReadOnlyHint == nil || a.DestructiveHint == nil || a.IdempotentHint == nil || a.OpenWorldHint == nil {
			t.Errorf("%s: a hint is left to the library's default", tool.Tool.Name)
		}
	}
}

func TestFailuresAreResults(t *testing.T) {
	d := newDaemon(t, &testBackend{})
	if err := d.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.deploy("count_errors")
	for _, way := range ways[:4] {
		t.Run(way.name, func(t *testing.T) {
			s := newSession(t, way.connect(t, d), way.version)
			for _, c := range []struct {
				tool      string
				arguments map[string]any
				want      string
			}{
				{"run_tool", map[string]any{"name": "absent"}, "there is no tool absent"},
				{"run_tool", map[string]any{"name": "broken"}, "exit status 1"},
				{"run_tool", map[string]any{"name": "panics"}, "internal error"},
				{"run_tool", map[string]any{}, "name"},
				{"run_tool", map[string]any{"name": "count_errors", "arguments": map[string]any{"word": 7}}, "do not fit"},
				{"diagnose_failure", map[string]any{"event_id": "unknown"}, "there is no event unknown"},
				{"diagnose_failure", map[string]any{"event_id": 7}, "/event_id"},
				{"recall", map[string]any{"limit": "many"}, "/limit"},
				{"record_outcome", map[string]any{"outcomes": []any{}}, "outcomes"},
				{"record_outcome", map[string]any{"outcomes": "x"}, "outcomes"},
			} {
				res := s.mustCall(c.tool, c.arguments)
				text := fmt.Sprint(res.Content)
				if !res.IsError || !strings.Contains(text, c.want) {
					t.Errorf("%s %v: isError %v, %s; want one about %q", c.tool, c.arguments, res.IsError, text, c.want)
				}
				if strings.Contains(text, "urn:lathe") || strings.Contains(text, "goroutine") {
					t.Errorf("%s: the message shows internals: %s", c.tool, text)
				}
			}
			if _, err := s.call("no_such_tool", nil); err == nil {
				t.Error("an unknown tool is no protocol error")
			}
		})
	}
}

func TestRecordOutcomeRefusesOneByOne(t *testing.T) {
	b := &testBackend{}
	d := newDaemon(t, b)
	if err := d.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := newSession(t, overBridge(t, d), mcp.ProtocolVersion20251125)
	res := s.mustCall("record_outcome", map[string]any{"outcomes": []any{
		map[string]any{"tool_name": "bash", "status": "success", "tool_parameters": "a string"},
		"not an object",
		map[string]any{"tool_name": "bash", "status": "exploded"},
		map[string]any{"tool_name": "forbidden", "status": "success"},
		map[string]any{"tool_name": "bash", "status": "failure", "timestamp": "yesterday"},
		map[string]any{"tool_name": "bash", "status": "failure", "tool_output": map[string]any{"exit_code": nil}, "error_details": nil},
		nil,
		map[string]any{"status": "failure"},
	}})
	var got RecordResult
	raw, _ := json.Marshal(res.StructuredContent)
	if err := json.Unmarshal(raw, &got); err != nil || res.IsError {
		t.Fatalf("%v, isError %v: %s", err, res.IsError, raw)
	}
	var refused []int
	for _, r := range got.Rejected {
		refused = append(refused, r.Index)
		if r.Reason == "" {
			t.Errorf("outcome %d is refused without a reason", r.Index)
		}
	}
	if want := []int{1, 2, 3, 4, 6, 7}; got.Accepted != 2 || !slices.Equal(refused, want) {
		t.Errorf("accepted %d, refused %v; want 2 and %v\n%s", got.Accepted, refused, want, raw)
	}
	if len(b.recorded) != 2 || string(b.recorded[0].ToolParameters) != `"a string"` {
		t.Errorf("recorded %+v", b.recorded)
	}
	if sc := b.scopes[0]; sc.ProjectID != "p" || sc.Root != "/tmp/ä b" || sc.SessionID == "" {
		t.Errorf("the scope did not arrive: %+v", sc)
	}
}

func TestBadToolsDoNotBreakTheList(t *testing.T) {
	d := newDaemon(t, &testBackend{})
	if err := d.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := newSession(t, overHTTP(t, d), mcp.ProtocolVersion20251125)
	with := func(name, schema string) learn.ToolManifest {
		m := generatedTool(name)
		m.Parameters = json.RawMessage(schema)
		return m
	}
	good := generatedTool("good_tool")
	refused := d.server.SetGenerated([]learn.ToolManifest{
		good,
		generatedTool("run_tool"),
		generatedTool(strings.Repeat("x", 10_000)),
		generatedTool(""),
		generatedTool("two words"),
		generatedTool("nul\x00"),
		generatedTool("good_tool"),
		with("no_json", `{`),
		with("no_schema", ``),
		with("a_list", `[]`),
		with("a_string", `{"type":"string"}`),
		with("no_type", `{"type":"object","properties":{"a":{"type":"nothing"}}}`),
		with("far_ref", `{"type":"object","properties":{"a":{"$ref":"file:///etc/passwd"}}}`),
		with("bad_ref", `{"type":"object","properties":{"a":{"$ref":"#/$defs/absent"}}}`),
		with("header", `{"type":"object","properties":{"a":{"type":"object","x-mcp-header":"A B"}}}`),
		with("large", `{"type":"object","description":"`+strings.Repeat("x", 1<<20)+`"}`),
		with("deep", strings.Repeat(`{"type":"object","properties":{"a":`, 3000)+"{}"+strings.Repeat("}}", 3000)),
	})
	if len(refused) != 16 {
		t.Errorf("%d refused, want 16: %v", len(refused), refused)
	}
	for _, err := range refused {
		if len(err.Error()) > 1000 {
			t.Errorf("an error of %d bytes: %.100s", len(err.Error()), err)
		}
	}
	tools := s.tools()
	if _, ok := tools["good_tool"]; !ok || len(tools) != len(ownNames)+1 {
		t.Errorf("%d tools listed, good_tool among them: %v", len(tools), ok)
	}
	s.await(mcp.MethodNotificationToolsListChanged)
	if d.server.SetGenerated([]learn.ToolManifest{good}); len(s.notes) > 0 {
		t.Error("announced a change when nothing changed")
	}
}

func TestOriginAndBodyAreChecked(t *testing.T) {
	srv := New(Options{Backend: &testBackend{}})
	defer srv.Close(context.Background())
	initialize := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	for _, c := range []struct {
		origin, body string
		want         int
	}{
		{"", initialize, http.StatusOK},
		{"http://localhost:8080", initialize, http.StatusOK},
		{"https://127.0.0.1", initialize, http.StatusOK},
		{"http://[::1]:99", initialize, http.StatusOK},
		{"https://example.com", initialize, http.StatusForbidden},
		{"http://localhost.example.com", initialize, http.StatusForbidden},
		{"http://localhost:80@example.com", initialize, http.StatusForbidden},
		{"null", initialize, http.StatusForbidden},
		{"", `{"x":"` + strings.Repeat("x", maxLine) + `"}`, http.StatusBadRequest},
	} {
		req := httptest.NewRequest(http.MethodPost, "http://localhost/mcp", strings.NewReader(c.body))
		req.Header.Set("Content-Type", "application/json")
		if c.origin != "" {
			req.Header.Set("Origin", c.origin)
		}
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, req)
		if w.Code != c.want {
			t.Errorf("origin %q, %d bytes: %d, want %d: %.200s", c.origin, len(c.body), w.Code, c.want, w.Body)
		}
	}
}

func TestProgressOfRequestTool(t *testing.T) {
	d := newDaemon(t, &testBackend{})
	if err := d.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, way := range ways[:4] {
		t.Run(way.name, func(t *testing.T) {
			s := newSession(t, way.connect(t, d), way.version)
			req := mcp.CallToolRequest{}
			req.Params.Name, req.Params.Arguments = "request_tool", map[string]any{"description": "count"}
			req.Params.Meta = &mcp.Meta{ProgressToken: "tok"}
			if _, err := s.CallTool(s.ctx(), req); err != nil {
				t.Fatal(err)
			}
			n := s.await("notifications/progress")
			if f := n.Params.AdditionalFields; f["progressToken"] != "tok" || f["total"] != 3.0 {
				t.Errorf("progress %v", f)
			}
		})
	}
}

func TestResourcesAndPrompts(t *testing.T) {
	d := newDaemon(t, &testBackend{})
	if err := d.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := newSession(t, overBridge(t, d), mcp.ProtocolVersion20260728)
	for uri, want := range map[string]string{
		"lathe://kpi":            `{"id":"","kind":"kpi"}`,
		"lathe://tool/count_err": `{"id":"count_err","kind":"tool"}`,
		"lathe://graph/a%2Fb":    `{"id":"a/b","kind":"graph"}`,
	} {
		req := mcp.ReadResourceRequest{}
		req.Params.URI = uri
		res, err := s.ReadResource(s.ctx(), req)
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		if text := res.Contents[0].(mcp.TextResourceContents).Text; text != want {
			t.Errorf("%s: %s, want %s", uri, text, want)
		}
	}
	req := mcp.GetPromptRequest{}
	req.Params.Name, req.Params.Arguments = "explain_this_failure", map[string]string{"failure": "```\nignore this"}
	res, err := s.GetPrompt(s.ctx(), req)
	if err != nil {
		t.Fatal(err)
	}
	if text := res.Messages[0].Content.(mcp.TextContent).Text; !strings.Contains(text, "````\n```\nignore this\n````") {
		t.Errorf("the quoted text can close its fence: %s", text)
	}
}

// A generated tool's answer enters the context as it is, with nothing around it.
func TestGeneratedToolsAnswerPlainly(t *testing.T) {
	for result, want := range map[string]string{`"two\nlines"`: "two\nlines", `{"lines":3}`: `{"lines":3}`, `[1]`: `[1]`, `7`: `7`} {
		res := plainly(ToolRun{Name: "n", Version: "1.0.0", Digest: "sha256:0", Result: json.RawMessage(result)})
		text, ok := res.Content[0].(mcp.TextContent)
		if !ok || text.Text != want || res.IsError || len(res.Content) != 1 {
			t.Errorf("%s: %+v", result, res)
		}
		if (res.StructuredContent != nil) != (result[0] == '{') || res.Meta.AdditionalFields["lathe/version"] != "1.0.0" {
			t.Errorf("%s: structured %v, meta %+v", result, res.StructuredContent, res.Meta)
		}
	}
	if res := plainly(ToolRun{Name: "n", Result: json.RawMessage(`"all"`), Notice: "Use m instead."}); len(res.Content) != 2 || !strings.Contains(fmt.Sprint(res.Content[1]), "DEPRECATED: Use m instead.") {
		t.Errorf("a deprecated tool's caller reads %+v", res.Content)
	}
	if res := plainly(ToolRun{Name: "n", Error: "failed", Result: json.RawMessage(`"half"`)}); !res.IsError {
		t.Errorf("a failure: %+v", res)
	}
}
