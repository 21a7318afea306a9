package connect

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the documentation's page anew")

var testLathe = Lathe{Program: "/opt/la the/lathe", Hook: "/opt/la the/lathe-hook", DataDir: "/data"}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// settings that people have: comments, odd layouts, other servers and hooks.
var settings = map[string]string{
	".claude.json":                 `{"numStartups":5,"mcpServers":{"other":{"command":"x"}},"projects":{}}`,
	".claude/settings.json":        "{\r\n\t\"model\": \"m\",\r\n\t\"hooks\": {\r\n\t\t\"PostToolUse\": [\r\n\t\t\t{\"matcher\": \"Edit\", \"hooks\": [{\"type\": \"command\", \"command\": \"fmt\"}]}\r\n\t\t]\r\n\t}\r\n}\r\n",
	".codex/config.toml":           "model = \"x\" # mine\n\n[mcp_servers.other]\ncommand = \"y\"\n\n[tui]\na = 1",
	".gemini/settings.json":        "// settings\n{\n    \"theme\": \"x\", // nice\n    /* none yet */\n    \"mcpServers\": { }, \n}\n",
	".cursor/mcp.json":             "{}",
	".cursor/hooks.json":           "{\n  \"version\": 1,\n  \"hooks\": {\n    \"afterFileEdit\": [{ \"command\": \"fmt\" }]\n  }\n}\n",
	".ocode/settings.json":         "{\n  \"model\": \"llama3.2:latest\",\n  \"mcp_servers\": {}\n}",
	".config/goose/config.yaml":    "# goose\nextensions:\n    developer:\n        enabled: true # yes\n\n    # the last one\n    memory:\n        enabled: false\nGOOSE_MODEL: x\n",
	".config/zed/settings.json":    "{\n    // my theme\n    \"theme\": \"One\", // nice\n    \"context_servers\": {}, /* none */\n}\n",
	".config/helix/languages.toml": "[[language]]\nname = \"python\"\nlanguage-servers = [\"pylsp\"]\n",
	".emacs.d/init.el":             "(setq a 1)",
}

func home(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		must(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640))
	}
	return dir
}

// tree is what lies below a folder: a file's text and mode, "dir" for a folder.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			out[path] = "dir"
			return err
		}
		raw, err := os.ReadFile(path)
		info, serr := d.Info()
		if serr == nil {
			out[path] = info.Mode().String() + " " + string(raw)
		}
		return errors.Join(err, serr)
	}))
	return out
}

func apply(t *testing.T, c Client, dir, store string, remove bool) Plan {
	t.Helper()
	p, err := NewPlan(c, testLathe, Where{Home: dir, GOOS: "linux"}, store, remove)
	must(t, err)
	must(t, p.Apply())
	return p
}

// Connecting changes files once; removing gives every byte back, and the
// folders too.
func TestRemoveUndoesExactly(t *testing.T) {
	for _, files := range []map[string]string{settings, {}} {
		for _, c := range Clients() {
			t.Run(fmt.Sprintf("%s %d", c.Name, len(files)), func(t *testing.T) {
				dir, store := home(t, files), filepath.Join(t.TempDir(), "connect")
				before := tree(t, dir)
				first := apply(t, c, dir, store, false)
				if len(first.Changes) != len(c.files(testLathe, Where{Home: dir})) || first.Changes[0].Diff == "" {
					t.Errorf("%d changes", len(first.Changes))
				}
				connected := tree(t, dir)
				if again := apply(t, c, dir, store, false); len(again.Changes) > 0 {
					t.Errorf("connected twice: %+v", again.Changes)
				}
				if reflect.DeepEqual(before, connected) || !reflect.DeepEqual(connected, tree(t, dir)) {
					t.Error("nothing changed, or changed again")
				}
				if info, err := os.Stat(filepath.Join(store, c.Name+".json")); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("what was there before is kept with mode %v, %v", info, err)
				}
				apply(t, c, dir, store, true)
				if after := tree(t, dir); !reflect.DeepEqual(before, after) {
					t.Errorf("removed: %q, before: %q", after, before)
				}
				if left := apply(t, c, dir, store, true); len(left.Changes) > 0 {
					t.Errorf("removed twice: %+v", left.Changes)
				}
				if _, err := os.Stat(filepath.Join(store, c.Name+".json")); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("something is kept still: %v", err)
				}
			})
		}
	}
}

// When somebody changed the file since, only Lathe's own goes. Without what was
// kept it works the same.
func TestRemoveLeavesOthersChanges(t *testing.T) {
	for _, forget := range []bool{false, true} {
		dir, store := home(t, settings), filepath.Join(t.TempDir(), "connect")
		change := map[string][2]string{
			"claude-code": {"fmt", "gofmt"}, "codex": {"# mine", "# yours"}, "gemini": {"nice", "nicer"}, "cursor": {"fmt", "gofmt"}, "ocode": {"llama", "alpaca"},
			"goose": {"# yes", "# no"}, "zed": {"my theme", "a theme"}, "helix": {"pylsp", "ruff"}, "emacs": {"setq a", "setq b"},
		}
		for name, words := range change {
			c, err := Find(name)
			must(t, err)
			apply(t, c, dir, store, false)
			for _, f := range c.files(testLathe, Where{Home: dir}) {
				raw, err := os.ReadFile(f.path)
				must(t, err)
				must(t, os.WriteFile(f.path, []byte(strings.ReplaceAll(string(raw), words[0], words[1])), 0o640))
			}
			if forget {
				must(t, os.RemoveAll(store))
			}
			apply(t, c, dir, store, true)
			for _, f := range c.files(testLathe, Where{Home: dir}) {
				raw, err := os.ReadFile(f.path)
				rel, _ := filepath.Rel(dir, f.path)
				want, ok := settings[rel]
				if !ok {
					continue
				}
				must(t, err)
				if strings.Contains(string(raw), "lathe") {
					t.Errorf("%s: Lathe is there still:\n%s", rel, raw)
				}
				want = strings.ReplaceAll(want, words[0], words[1])
				if a, b := squeeze(string(raw)), squeeze(want); a != b {
					t.Errorf("%s:\n%s\nwant\n%s", rel, a, b)
				}
			}
		}
	}
}

// squeeze leaves out white space and empty containers, which may differ.
func squeeze(s string) string {
	s = strings.Join(strings.Fields(s), "")
	for _, empty := range []string{`"mcpServers":{},`, `,"mcp_servers":{}`, `"context_servers":{},`} {
		s = strings.ReplaceAll(s, empty, "")
	}
	return s
}

// A path that changed is brought up to date, not added again.
func TestConnectAgainWithAnotherProgram(t *testing.T) {
	for _, c := range Clients() {
		dir, store := home(t, settings), filepath.Join(t.TempDir(), "connect")
		before := tree(t, dir)
		apply(t, c, dir, store, false)
		moved := Lathe{Program: "/usr/bin/lathe"}
		p, err := NewPlan(c, moved, Where{Home: dir, GOOS: "linux"}, store, false)
		must(t, err)
		must(t, p.Apply())
		for path, text := range tree(t, dir) {
			if strings.Contains(text, "/opt/") {
				t.Errorf("%s: %s has the former path:\n%s", c.Name, path, text)
			}
			if n := strings.Count(text, "PreToolUse"); n > 1 {
				t.Errorf("%s: %s has the hook %d times", c.Name, path, n)
			}
		}
		apply(t, c, dir, store, true)
		if after := tree(t, dir); !reflect.DeepEqual(before, after) {
			t.Errorf("%s: removed: %q, before: %q", c.Name, after, before)
		}
	}
}

func TestAFileThatChangedMeanwhileIsNotWritten(t *testing.T) {
	dir, store := home(t, settings), t.TempDir()
	c, err := Find("ocode")
	must(t, err)
	p, err := NewPlan(c, testLathe, Where{Home: dir}, store, false)
	must(t, err)
	path := filepath.Join(dir, ".ocode", "settings.json")
	must(t, os.WriteFile(path, []byte(`{"model":"y"}`), 0o600))
	if err := p.Apply(); err == nil || !strings.Contains(err.Error(), "changed by somebody else") {
		t.Errorf("apply: %v", err)
	}
	if raw, err := os.ReadFile(path); err != nil || string(raw) != `{"model":"y"}` {
		t.Errorf("%s, %v", raw, err)
	}
}

// A link to a file in another folder stays a link.
func TestALinkStaysALink(t *testing.T) {
	dir, store, dots := t.TempDir(), t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(dots, "ocode.json"), []byte(`{"a":1}`), 0o600))
	must(t, os.MkdirAll(filepath.Join(dir, ".ocode"), 0o700))
	must(t, os.Symlink(filepath.Join(dots, "ocode.json"), filepath.Join(dir, ".ocode", "settings.json")))
	c, err := Find("ocode")
	must(t, err)
	apply(t, c, dir, store, false)
	info, err := os.Lstat(filepath.Join(dir, ".ocode", "settings.json"))
	must(t, err)
	raw, err := os.ReadFile(filepath.Join(dots, "ocode.json"))
	must(t, err)
	if info.Mode()&fs.ModeSymlink == 0 || !strings.Contains(string(raw), "lathe") {
		t.Errorf("%v, %s", info.Mode(), raw)
	}
}

// What cannot be edited is named, and left alone.
func TestOddSettingsAreRefused(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"ocode":       {".ocode/settings.json": `{"mcp_servers": [1]}`},
		"cursor":      {".cursor/mcp.json": `{"mcpServers": {}`},
		"claude-code": {".claude/settings.json": `[]`},
		"codex":       {".codex/config.toml": "mcp_servers = { lathe = { command = \"x\" } }\n"},
		"helix":       {".config/helix/languages.toml": "a = [\n"},
		"goose":       {".config/goose/config.yaml": "extensions: {developer: {enabled: true}}\n"},
		"neovim":      {".config/nvim/plugin/lathe.lua": "print('mine')\n"},
	} {
		dir := home(t, files)
		before := tree(t, dir)
		c, err := Find(name)
		must(t, err)
		if _, err := NewPlan(c, testLathe, Where{Home: dir}, t.TempDir(), false); err == nil {
			t.Errorf("%s: no error", name)
		}
		if !reflect.DeepEqual(before, tree(t, dir)) {
			t.Errorf("%s: something changed", name)
		}
	}
}

// A hook that a person put into a group of their own is found, and taken out of
// it without the others.
func TestHooksOfAGroupThatOthersShare(t *testing.T) {
	const text = `{"hooks":{"PostToolUse":[{"matcher":"*","hooks":[{"command":"fmt"},{"command":"lathe-hook claude-code"}]}]}}`
	where := []string{"hooks", "PostToolUse"}
	out, err := setHook(text, where, group("*", "/x/lathe-hook claude-code", 5))
	must(t, err)
	if out != text {
		t.Errorf("set: %s", out)
	}
	out, err = dropHook(text, where, func([]string) bool { return false })
	must(t, err)
	if v, err := decodeJSONC(out); err != nil || strings.Contains(out, "lathe") || !strings.Contains(fmt.Sprint(v), "fmt") {
		t.Errorf("dropped: %s, %v", out, err)
	}
}

func TestIsOurs(t *testing.T) {
	for command, want := range map[string]bool{
		"lathe-hook": true, "/a/lathe-hook claude-code before": true, "'/a b/lathe-hook' codex": true, "lathe hook gemini": true, "/x/lathe hook --data /d gemini": true,
		"": false, "lathe mcp": false, "my-lathe-hook x": false, "fmt && lint": false,
	} {
		if isOurs(command) != want {
			t.Errorf("%q: %v", command, !want)
		}
	}
}

// The documentation shows what is written.
func TestThePageIsMadeFromTheTable(t *testing.T) {
	page, err := Page()
	must(t, err)
	path := filepath.Join("..", "docs", "connect.md")
	if *update {
		must(t, os.WriteFile(path, []byte(page), 0o644))
	}
	raw, err := os.ReadFile(path)
	must(t, err)
	if string(raw) != page {
		t.Errorf("%s is not what the table makes: run go test ./server/connect -update", path)
	}
	for _, c := range Clients() {
		if !strings.Contains(page, "`lathe connect "+c.Name+"` writes") {
			t.Errorf("%s is missing", c.Name)
		}
	}
}

func TestServerJSON(t *testing.T) {
	raw, err := ServerJSON(Registered{Name: "io.github.someone/lathe", Version: "0.1.0", Image: "ghcr.io/someone/lathe:0.1.0"})
	must(t, err)
	var doc struct {
		Schema      string `json:"$schema"`
		Name        string
		Description string
		Version     string
		Packages    []struct {
			RegistryType, Identifier string
			Transport                struct{ Type string }
			PackageArguments         []struct{ Type, Value string }
		}
	}
	must(t, json.Unmarshal(raw, &doc))
	if doc.Name != "io.github.someone/lathe" || doc.Version != "0.1.0" || doc.Description == "" || len(doc.Description) > 100 || len(doc.Packages) != 1 ||
		doc.Packages[0].Transport.Type != "stdio" || doc.Packages[0].PackageArguments[0].Value != "mcp" || !strings.HasSuffix(doc.Schema, "server.schema.json") {
		t.Errorf("%s", raw)
	}
	for _, bad := range []Registered{{Name: "lathe", Version: "1"}, {Name: "a/b", Version: "^1.0"}, {Name: "a/b", Version: "1", Image: "x"}, {Name: "a/b"}} {
		if _, err := ServerJSON(bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// document is a random JSON document with comments and trailing commas.
func document(rt *rapid.T) string {
	blank := rapid.SampledFrom([]string{"", " ", "\n  ", " // note\n", "/* x */", "\n\t", "\r\n"})
	var value func(depth int) string
	value = func(depth int) string {
		kind := rapid.IntRange(0, 4).Draw(rt, "kind")
		if depth > 3 || kind < 2 {
			return rapid.SampledFrom([]string{"1", `"a,b}"`, "null", "true", "-2.5e3", `"// no comment"`, "[]", "{}"}).Draw(rt, "leaf")
		}
		open, end := "[", "]"
		if kind > 2 {
			open, end = "{", "}"
		}
		out := open
		n := rapid.IntRange(0, 3).Draw(rt, "n")
		for i := range n {
			out += blank.Draw(rt, "blank")
			if open == "{" {
				out += fmt.Sprintf("%q:", rapid.SampledFrom([]string{"a", "b", "servers", "hooks", "E"}).Draw(rt, "key"))
			}
			out += value(depth+1) + blank.Draw(rt, "blank")
			if i < n-1 || rapid.Bool().Draw(rt, "trailing") {
				out += ","
			}
		}
		return out + blank.Draw(rt, "blank") + end
	}
	body := ""
	for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "servers", "hooks", "z"}), 0, 4, rapid.ID[string]).Draw(rt, "keys") {
		body += blank.Draw(rt, "blank") + fmt.Sprintf("%q:%s", key, value(1)) + ","
	}
	return blank.Draw(rt, "blank") + "{" + body + blank.Draw(rt, "blank") + "}"
}

// Whatever stands in a document: the edit puts its part there, changes nothing
// else, is not repeated, and can be taken out.
func TestEditsOfAnyDocument(t *testing.T) {
	e := jsonEdit{set: setAt(object(pair{"command", "lathe"}), "servers", "lathe"), hooks: events(pair{"E", group("*", "lathe-hook x", 5)})}
	rapid.Check(t, func(rt *rapid.T) { checkEdit(rt, e, document(rt)) })
}

type fataler interface {
	Fatalf(format string, args ...any)
}

// checkEdit checks what every edit promises, on any text.
func checkEdit(t fataler, e edit, text string) {
	out, err := e.apply(text)
	if err != nil {
		return
	}
	again, err := e.apply(out)
	if err != nil || again != out {
		t.Fatalf("%q became %q, then %q, %v", text, out, again, err)
	}
	back, err := e.remove(out, text)
	if err != nil && strings.Contains(err.Error(), "by hand") && strings.Contains(text, `"""`+"\n") {
		return // a text of several lines that looks like what is looked for
	}
	if err != nil {
		t.Fatalf("%q became %q, which cannot be undone: %v", text, out, err)
	}
	if twice, err := e.remove(back, text); err != nil || twice != back {
		t.Fatalf("%q: removed is %q, removed again %q, %v", text, back, twice, err)
	}
	if strings.Contains(back, "lathe-hook x") && !strings.Contains(text, "lathe-hook x") {
		t.Fatalf("%q: %q holds the hook still", text, back)
	}
}

func FuzzJSONEdit(f *testing.F) {
	for name, text := range settings {
		if strings.HasSuffix(name, ".json") {
			f.Add(text)
		}
	}
	f.Add("{// x\n\"servers\":{\"lathe\":1,},\"hooks\":{\"E\":[{\"command\":\"lathe-hook\"},]}}")
	e := jsonEdit{set: setAt(object(pair{"command", "lathe"}), "servers", "lathe"), hooks: events(pair{"E", group("*", "lathe-hook x", 5)})}
	f.Fuzz(func(t *testing.T, text string) { checkEdit(t, e, text) })
}

func FuzzTOMLEdit(f *testing.F) {
	f.Add(settings[".codex/config.toml"])
	f.Add("[a]\nb = \"\"\"\n[s.lathe]\n\"\"\"\n[s.lathe.env]\nX = 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		checkEdit(t, tomlEdit{[]string{"s", "lathe"}, "command = \"lathe\"\nargs = [\"mcp\"]\n"}, text)
	})
}

func FuzzYAMLEdit(f *testing.F) {
	f.Add(settings[".config/goose/config.yaml"])
	f.Add("extensions: {}\na: |\n  extensions:\n    lathe: x\n")
	f.Fuzz(func(t *testing.T, text string) {
		checkEdit(t, yamlEdit{"extensions", "lathe", "cmd: lathe\nargs: [mcp]\n"}, text)
	})
}
