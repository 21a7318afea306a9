package server_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lathe/learn"
	lathemcp "lathe/mcp"
	"lathe/server"
	"lathe/toolforge"
	"lathe/toolforge/wheel/wheeltest"
)

// writtenTool is a tool of files that a test wrote.
func writtenTool(t *testing.T, files map[string]string) learn.ProposedTool {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tool, err := toolforge.LoadFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

func manifestText(name, language, dependencies string) string {
	return `{"name": "` + name + `", "version": "1.0.0", "description": "Yell a text.", "language": "` + language + `", "dependencies": ` + dependencies + `,
		"parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"], "additionalProperties": false},
		"returns": {"type": "string"}, "permissions": {"filesystem": "none", "network": "none", "seconds": 20, "memory_mb": 128}}`
}

// A script, and a tool with a package, are built, deployed and called like any
// other: cold first, and then by the interpreter that waits.
func TestHeavyOtherToolsAreCalled(t *testing.T) {
	raw, err := wheeltest.Build("shouting", "1.2", map[string]string{"shouting/__init__.py": "def shout(text: str) -> str:\n    return text.upper() + '!'\n"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := newPerson(t)
	p.cfg.Packages = t.TempDir()
	if err := os.WriteFile(filepath.Join(p.cfg.Packages, "shouting-1.2-py3-none-any.whl"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	script := writtenTool(t, map[string]string{"README.md": "# yell_sh\n", "test_tool.py": "", "tool.json": manifestText("yell_sh", "shell", "[]"),
		"tool.sh": "#!/bin/bash\n# Yells.\nset -eu\nif [ -z \"$ARG_TEXT\" ]; then\n  echo 'text must not be empty' >&2\n  exit 2\nfi\nprintf '%s!\\n' \"${ARG_TEXT^^}\"\n"})
	packaged := writtenTool(t, map[string]string{"README.md": "# yell_py\n", "test_tool.py": "",
		"tool.json": manifestText("yell_py", "python", `[{"name": "shouting", "version": "1.2", "sha256": "`+wheeltest.SHA256(raw)+`"}]`),
		"tool.py":   "\"\"\"Yells.\"\"\"\n\nfrom shouting import shout\n\n\ndef yell_py(*, text: str) -> str:\n    \"\"\"Yell.\"\"\"\n    return shout(text)\n"})
	first, second := p.plant(script), p.plant(packaged)
	if !strings.Contains(second.PermissionsWords, "shouting 1.2") {
		t.Errorf("the reviewer is not told of the package: %s", second.PermissionsWords)
	}
	p.start()
	p.deploys(first.ReviewID)
	p.deploys(second.ReviewID)
	call := func(name, text string) lathemcp.ToolRun {
		t.Helper()
		arguments, err := json.Marshal(map[string]string{"text": text})
		if err != nil {
			t.Fatal(err)
		}
		var out lathemcp.ToolRun
		p.mustCall(http.MethodPost, "/v1/run", server.RunCall{Name: name, Project: "p", Arguments: arguments}, &out)
		return out
	}
	for range 3 {
		for _, name := range []string{"yell_sh", "yell_py"} {
			if out := call(name, "it's $(id)"); string(out.Result) != `"IT'S $(ID)!"` {
				t.Errorf("%s gave %s %s", name, out.Result, out.Error)
			}
		}
	}
	if out := call("yell_sh", ""); !strings.Contains(out.Error, "text must not be empty") {
		t.Errorf("an error of a script: %+v", out)
	}
}
