package lsp

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
)

// plansOf is a language of plans: what is wrong is the word "wrong".
type plansOf struct{}

func (plansOf) Check(_ string, text []byte) []Fault {
	for i, line := range strings.Split(string(text), "\n") {
		if at := strings.Index(line, `"wrong"`); at >= 0 {
			return []Fault{{Line: i + 1, Column: len([]rune(line[:at])) + 1, What: "this is wrong: right it"}}
		}
	}
	return nil
}

func (plansOf) Schema() []byte {
	return []byte(`{"type": "object", "required": ["tasks"], "properties": {"name": {"type": "string"},
 "tasks": {"type": "array", "items": {"$ref": "#/$defs/task"}},
 "dependencies": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}},
 "$defs": {"task": {"type": "object", "required": ["id", "tool_name"], "properties": {"id": {"type": "string", "description": "Unique."},
  "tool_name": {"type": "string"}, "arguments": {"type": "object"}, "priority": {"enum": ["high", "normal"]}, "fallback": {"type": "array", "items": {"type": "string"}},
  "preconditions": {"type": "array", "items": {"type": "object", "properties": {"kind": {"type": "string"}, "argument": {"type": "string"}}}}}}}}`)
}

func (plansOf) Tools(string) []PlanTool {
	return []PlanTool{{Name: "bash", Detail: "a shell", Arguments: []string{"command"}}, {Name: "count_words", Arguments: []string{"path", "limit"}}}
}

func (plansOf) Values(_, member string) []string {
	if member == "tasks/*/preconditions/*/kind" {
		return []string{"file_exists", "port_open"}
	}
	return nil
}

// TestComplete: at the bar, these can be written; the first one, written,
// gives the text.
func TestComplete(t *testing.T) {
	root := t.TempDir()
	const steps = `{"tasks": [{"id": "a", "tool_name": "bash"}, {"id": "b", "tool_name": "count_words", "arguments": {"pa|th": 1}}], "dependencies": {}}`
	for _, c := range []struct{ name, text, want, first string }{
		{"members of the plan", `{|}`, "tasks dependencies name", `{"tasks": }`},
		{"members, a string begun", "{\n  \"ta|\n}", "tasks dependencies name", "{\n  \"tasks\": \n}"},
		{"members of a step", `{"tasks": [{"id": "a", |}]}`, "tool_name arguments fallback preconditions priority", `{"tasks": [{"id": "a", "tool_name": }]}`},
		{"those behind the cursor too", `{"tasks": [{|, "id": "a", "tool_name": "x"}]}`, "arguments fallback preconditions priority", `{"tasks": [{"arguments": , "id": "a", "tool_name": "x"}]}`},
		{"a name that has its colon", `{"tasks": [{"i|": "a"}]}`, "id tool_name arguments fallback preconditions priority", `{"tasks": [{"id": "a"}]}`},
		{"tools", `{"tasks": [{"tool_name": "ba|"}]}`, "bash count_words", `{"tasks": [{"tool_name": "bash"}]}`},
		{"tools without quotes", `{"tasks": [{"tool_name": |}]}`, "bash count_words", `{"tasks": [{"tool_name": "bash"}]}`},
		{"enumerated", `{"tasks": [{"priority": "|"}]}`, "high normal", `{"tasks": [{"priority": "high"}]}`},
		{"kinds", `{"tasks": [{"preconditions": [{"kind": "|"}]}]}`, "file_exists port_open", `{"tasks": [{"preconditions": [{"kind": "file_exists"}]}]}`},
		{"fallback: other steps", `{"tasks": [{"id": "a", "fallback": ["|"]}, {"id": "b"}, {"id": "c"}]}`, "b c", `{"tasks": [{"id": "a", "fallback": ["b"]}, {"id": "b"}, {"id": "c"}]}`},
		{"dependencies: steps", `{"tasks": [{"id": "a"}, {"id": "b"}], "dependencies": {"a": ["b"], |}}`, "b", `{"tasks": [{"id": "a"}, {"id": "b"}], "dependencies": {"a": ["b"], "b": }}`},
		{"dependencies: the others", `{"tasks": [{"id": "a"}, {"id": "b"}], "dependencies": {"a": [|]}}`, "b", `{"tasks": [{"id": "a"}, {"id": "b"}], "dependencies": {"a": ["b"]}}`},
		{"arguments of the tool", steps, "path limit", strings.Replace(steps, `pa|th`, `path`, 1)},
		{"free text", `{"name": "|"}`, "", ""},
		{"outside", `|{}`, "", ""},
		{"behind a wide character", `{"name": "😀", "tasks": [{"priority": "|"}]}`, "high normal", `{"name": "😀", "tasks": [{"priority": "high"}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := connect(t, knowing(newQueue(), newMemory()))
			e.initialize(modern(), root)
			before, after, _ := strings.Cut(c.text, "|")
			e.open(planPath(root), before+after)
			p := &protocol.CompletionParams{}
			p.TextDocument.URI = uri.File(planPath(root))
			p.Position = protocol.Position{Line: uint32(strings.Count(before, "\n")), Character: uint32(len(before[strings.LastIndexByte(before, '\n')+1:]))} // UTF-8
			var list protocol.CompletionList
			e.must(protocol.MethodTextDocumentCompletion, p, &list)
			var labels []string
			for _, it := range list.Items {
				labels = append(labels, it.Label)
			}
			if got := strings.Join(labels, " "); got != c.want {
				t.Fatalf("offered %q, want %q", got, c.want)
			}
			if c.first == "" {
				return
			}
			var d document
			d.setText(before + after)
			te := list.Items[0].TextEdit.(*protocol.TextEdit)
			d.change(te.Range, te.NewText, utf8Units)
			if d.text() != c.first {
				t.Errorf("written: %q, want %q", d.text(), c.first)
			}
		})
	}
}

// FuzzPlaceInJSON: any text, any place: the token is in the text, and on the
// cursor.
func FuzzPlaceInJSON(f *testing.F) {
	f.Add(`{"tasks": [{"id": "a", "x": [1, {`, 20)
	f.Add("{\"a\n\"b\\\"", 5)
	f.Fuzz(func(t *testing.T, text string, at int) {
		if at < 0 || at > len(text) {
			return
		}
		p, ok := placeInJSON(text, at)
		if ok && (p.start < 0 || p.start > at || p.end < at || p.end > len(text) || len(p.path) > maxFrames) {
			t.Fatalf("%+v at %d of %q", p, at, text)
		}
	})
}

// TestFaults: what is wrong with a plan is shown while it is, pushed or pulled,
// and only in plan templates.
func TestFaults(t *testing.T) {
	root := t.TempDir()
	e := connect(t, knowing(newQueue(), newMemory()))
	e.initialize(modern(), root)
	e.open(planPath(root), "{\n  \"é\": \"wrong\"\n}")
	e.open(filepath.Join(root, "other.json"), `"wrong"`)
	d := e.shown(planPath(root), 1)[0]
	if d.Severity != protocol.DiagnosticSeverityError || d.Range.Start != (protocol.Position{Line: 1, Character: 8}) || d.Range.End.Character != 15 {
		t.Errorf("diagnostic %+v", d)
	}
	e.change(planPath(root), 2, edit(1, 9, 14, "right"))
	e.shown(planPath(root), 0)
	e.mu.Lock()
	defer e.mu.Unlock()
	if other := e.diagnostics[string(uri.File(filepath.Join(root, "other.json")))]; len(other) != 0 {
		t.Errorf("another file: %+v", other)
	}
}

// TestDefinitions: the line that defines a name, in several languages.
func TestDefinitions(t *testing.T) {
	for _, c := range []struct {
		text, symbol string
		line, start  int
	}{
		{"x = load()\ndef load():\n", "load", 1, 4},
		{"// func Put(\nfunc (s *Store) Put(k string) error {\n", "Store.Put", 1, 16},
		{"export async function main() {}\n", "main", 0, 22},
		{"  public static void run(String[] a) {\n", "App.run", 0, 21},
		{"pub(crate) fn parse(x: &str) {\n", "parse", 0, 14},
		{"const handler = () => {}\n", "handler", 0, 6},
	} {
		got, ok := definitions(splitLines(c.text), []*Fact{{Symbol: c.symbol}})[c.symbol]
		if !ok || got.line != c.line || got.start != c.start || c.text == "" {
			t.Errorf("%s in %q: %+v, %v", c.symbol, c.text, got, ok)
		}
	}
	if got := definitions([]string{"load = call(load)\n", "\"def load\"\n"}, []*Fact{{Symbol: "load"}}); len(got) != 0 {
		t.Errorf("uses are taken for definitions: %v", got)
	}
}

// TestOrder: suggestions for required members come first.
func TestOrder(t *testing.T) {
	n := schemaNode{Properties: map[string]*schemaNode{"a": {}, "b": {}, "c": {}}, Required: []string{"c"}}
	if got := n.names(); !slices.Equal(got, []string{"c", "a", "b"}) {
		t.Errorf("%v", got)
	}
}
