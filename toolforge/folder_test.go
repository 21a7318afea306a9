package toolforge

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"lathe/learn"
)

func TestFolderRoundTrip(t *testing.T) {
	for _, tool := range []learn.ProposedTool{forged(t, 0), handmade(t, "", "", "")} {
		dir := filepath.Join(t.TempDir(), "tool")
		for range 2 {
			if err := WriteFolder(dir, tool); err != nil {
				t.Fatal(err)
			}
		}
		back, err := LoadFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		if back.ContentHash != tool.ContentHash || back.ToolID != tool.ToolID {
			t.Errorf("hash %s became %s", tool.ContentHash, back.ContentHash)
		}
		if back.Spec.CommandTemplate != tool.Spec.CommandTemplate {
			t.Errorf("template %q became %q", tool.Spec.CommandTemplate, back.Spec.CommandTemplate)
		}
	}
}

func TestLoadFolderRefuses(t *testing.T) {
	write := func(name, content string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	manifest := func(from, to string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			raw, err := os.ReadFile(filepath.Join(dir, "tool.json"))
			if err != nil || !strings.Contains(string(raw), from) {
				t.Fatalf("no %q in %s (%v)", from, raw, err)
			}
			write("tool.json", strings.Replace(string(raw), from, to, 1))(t, dir)
		}
	}
	for name, spoil := range map[string]func(*testing.T, string){
		"conftest":        write("conftest.py", "import os\n"),
		"other name":      write("pytest.ini", ""),
		"binary":          write("tool.py", "\xff\xfe"),
		"zero byte":       write("tool.py", "a\x00"),
		"bidirectional":   write("tool.py", "# \u202e\n"),
		"large":           write("README.md", strings.Repeat("x", maxFile+1)),
		"not JSON":        write("tool.json", "{"),
		"two values":      write("tool.json", "{} {}"),
		"unknown field":   manifest(`"name"`, `"nmae"`),
		"name":            manifest(`"shout"`, `"../shout"`),
		"version":         manifest(`"1.0.0"`, `"v1"`),
		"language":        manifest(`"python"`, `"perl"`),
		"seconds":         manifest(`"seconds": 10`, `"seconds": 1e9`),
		"memory":          manifest(`"memory_mb": 128`, `"memory_mb": -1`),
		"network word":    manifest(`"network": "none"`, `"network": "all"`),
		"network host":    manifest(`"network": "none"`, `"network": ["a b"]`),
		"escape":          manifest(`"filesystem": "none"`, `"filesystem": "read", "paths": ["../x"]`),
		"git":             manifest(`"filesystem": "none"`, `"filesystem": "write", "paths": ["a/.git/hooks"]`),
		"whole workspace": manifest(`"filesystem": "none"`, `"filesystem": "write", "paths": ["."]`),
		"schema type":     manifest(`"type": "string"`, `"type": "thing"`),
		"remote schema":   manifest(`"loud": {`, `"x": {"$ref": "http://localhost/x"}, "loud": {`),
		"missing tool":    func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "tool.py")) },
		"missing tests":   func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "test_tool.py")) },
		"link": func(t *testing.T, dir string) {
			remove(t, filepath.Join(dir, "tool.py"))
			if err := os.Symlink("/etc/passwd", filepath.Join(dir, "tool.py")); err != nil {
				t.Fatal(err)
			}
		},
		"folder": func(t *testing.T, dir string) {
			remove(t, filepath.Join(dir, "tool.py"))
			if err := os.Mkdir(filepath.Join(dir, "tool.py"), 0o755); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := WriteFolder(dir, handmade(t, "", "", "")); err != nil {
				t.Fatal(err)
			}
			spoil(t, dir)
			if _, err := LoadFolder(dir); !errors.Is(err, ErrFolder) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func TestWriteFolderFollowsNoLink(t *testing.T) {
	dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(dir, "tool.py")); err != nil {
		t.Fatal(err)
	}
	if err := WriteFolder(dir, handmade(t, "", "", "")); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(victim); err != nil || string(b) != "mine" {
		t.Errorf("the link's target became %q (%v)", b, err)
	}
}

func TestContentHashCoversWhatIsApproved(t *testing.T) {
	base := handmade(t, "", "", "")
	for name, change := range map[string]func(*learn.ProposedTool){
		"code":        func(x *learn.ProposedTool) { x.Files["tool.py"] += "#" },
		"tests":       func(x *learn.ProposedTool) { x.Files["test_tool.py"] += "#" },
		"permissions": func(x *learn.ProposedTool) { x.Manifest.Permissions.Filesystem = "read" },
		"version":     func(x *learn.ProposedTool) { x.Manifest.Version = "1.0.1" },
		"schema":      func(x *learn.ProposedTool) { x.Manifest.Returns = json.RawMessage(`{"type":"object"}`) },
		"file":        func(x *learn.ProposedTool) { delete(x.Files, "README.md") },
	} {
		tool := handmade(t, "", "", "")
		change(&tool)
		if h, err := ContentHash(tool); err != nil || h == base.ContentHash {
			t.Errorf("%s: hash %s unchanged (%v)", name, h, err)
		}
	}
	tool := handmade(t, "", "", "")
	tool.Manifest.Parameters = json.RawMessage(" " + strings.ReplaceAll(string(tool.Manifest.Parameters), ":", " : "))
	tool.Manifest.Digest = "sha256:x"
	if h, err := ContentHash(tool); err != nil || h != base.ContentHash {
		t.Errorf("formatting and the image's digest changed the hash (%v)", err)
	}
}

func TestReviewRequestShowsTheDifference(t *testing.T) {
	before, after := handmade(t, "", "", ""), handmade(t, "tool.py", `+ "!"`, `+ "!!"`)
	after.Manifest.Version = "1.1.0"
	after.Manifest.Permissions = learn.Permissions{Filesystem: "read", Paths: []string{"docs"}, Network: []string{"example.org"}, Seconds: 5, MemoryMB: 64}
	after, err := Seal(after)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ReviewRequest(after, learn.ValidationResult{ContentHash: after.ContentHash}, &before)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`+    return {"loud": text.upper() + "!!"}`, `-  "version": "1.0.0"`, "--- 1.0.0/tool.py"} {
		if !strings.Contains(r.Diff, want) {
			t.Errorf("the diff has no %q:\n%s", want, r.Diff)
		}
	}
	if want := "reads in the workspace only: docs; writes nothing; network only to example.org; at most 5 seconds and 64 MB of memory."; r.PermissionsWords != want {
		t.Errorf("permissions %q", r.PermissionsWords)
	}
	if _, err := ReviewRequest(after, learn.ValidationResult{ContentHash: before.ContentHash}, nil); err == nil {
		t.Error("a validation of other content was accepted")
	}
}

// TestTemplateRoundTrip: what String writes, readTemplate reads.
func TestTemplateRoundTrip(t *testing.T) {
	word := rapid.StringMatching(`[a-z '"{}$*\\|;&<>()~#\n-]{1,8}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		command := func(n, file string) string {
			return "grep -e " + quote(a) + " " + quote(file) + " | head -n " + n + " | cut -d " + quote(b) + " -f 1"
		}
		g, err := generaliseExamples([]learn.ToolExample{{Command: command("3", "x")}, {Command: command("4", "y z")}})
		if err != nil {
			t.Fatal(err)
		}
		sch := schema{Type: "object", Properties: map[string]property{}}
		for _, p := range g.params {
			sch.Properties[p.name] = p.property()
		}
		raw, err := json.Marshal(sch)
		if err != nil {
			t.Fatal(err)
		}
		back, _, err := readTemplate(learn.ToolSpecification{CommandTemplate: g.String(), Parameters: raw})
		if err != nil {
			t.Fatalf("%s: %v", g, err)
		}
		if back.String() != g.String() || back.oracle() != g.oracle() {
			t.Fatalf("%s became %s", g, back)
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add(`{"name":"a","permissions":{"network":"none"}}`)
	f.Add(`{"permissions":{"network":["h"]},"parameters":{"type":"object","properties":{"a":{"type":"string"}}}}`)
	f.Fuzz(func(t *testing.T, raw string) {
		var m manifestFile
		if json.Unmarshal([]byte(raw), &m) != nil {
			return
		}
		manifest, err := m.manifest()
		if err != nil {
			return
		}
		if checkTool(learn.ProposedTool{Manifest: manifest}) == nil {
			if _, err := ContentHash(learn.ProposedTool{Manifest: manifest}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
