package gateway

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestSearchStandsForManyTools(t *testing.T) {
	m := &memory{}
	s := testServer(t, "s", "library")
	s.Deny, s.Always, s.Rename = []string{"st*"}, []string{"where"}, map[string]string{"fail": "broken"}
	r := newRig(t, Options{Config: Config{Servers: []ServerConfig{s}, SearchAbove: 3}, Recorder: m})
	var names []string
	for name := range r.tools() {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{"call_tool", "s__where", "search_tools"}; !slices.Equal(names, want) {
		t.Fatalf("listed: %q, want %q", names, want)
	}
	texts, failed := r.mustCall("search_tools", map[string]any{"query": "give back a text", "limit": 2})
	var found struct {
		Tools []found `json:"tools"`
	}
	if err := json.Unmarshal([]byte(texts[0]), &found); err != nil || failed || len(found.Tools) == 0 || found.Tools[0].Name != "s__echo" || !strings.Contains(string(found.Tools[0].InputSchema), "text") {
		t.Fatalf("found: %s, %v", texts, err)
	}
	if texts, failed := r.mustCall("call_tool", map[string]any{"name": "s__echo", "arguments": map[string]any{"text": "hello"}}); failed || texts[0] != "hello" {
		t.Errorf("called: %q", texts)
	}
	if _, failed := r.mustCall("broken", nil); !failed {
		t.Error("a renamed tool")
	}
	for _, name := range []string{"s__steps", "s__fail", "none"} {
		if _, failed := r.mustCall("call_tool", map[string]any{"name": name}); !failed {
			t.Errorf("%s was called", name)
		}
	}
	r.closed()
	if got := m.of("s__echo"); len(got) != 1 || string(got[0].ToolParameters) != `{"text":"hello"}` {
		t.Errorf("recorded: %+v", got)
	}
}

func TestFindRanks(t *testing.T) {
	c := &catalog{tools: map[string]*entry{}}
	for name, text := range map[string]string{"git__createPullRequest": "opens a pull request", "git__list_issues": "lists issues of a repository",
		"fs__read_file": "reads a file", "fs__write_file": "writes a file", "db__query": "runs SQL"} {
		c.tools[name] = &entry{name: name, def: encode(map[string]any{"description": text})}
	}
	for query, want := range map[string]string{"pull requests": "git__createPullRequest", "write files": "fs__write_file", "sql": "db__query", "issue list": "git__list_issues"} {
		if got := c.find(query, 3); len(got) == 0 || got[0].name != want {
			t.Errorf("%s: %v", query, got)
		}
	}
	if got := c.find("zebra", 3); len(got) != 0 {
		t.Errorf("found %v", got)
	}
}
