package toolforge

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lathe/learn"
)

func TestPermissionsAreChecked(t *testing.T) {
	ok := learn.Permissions{Filesystem: "read", Seconds: 1, MemoryMB: 64}
	for name, c := range map[string]struct {
		change func(*learn.Permissions)
		want   string // in the error; "" is none
	}{
		"as it is": {func(*learn.Permissions) {}, ""},
		"write":    {func(p *learn.Permissions) { p.Filesystem, p.Paths = "write", []string{"src", "a/b"} }, ""},
		"write of many": {func(p *learn.Permissions) {
			p.Filesystem, p.Paths = "write", strings.Split(strings.Repeat("a ", 24)+"a", " ")
		}, "at most"},
		"hooks":               {func(p *learn.Permissions) { p.Filesystem, p.Paths = "write", []string{"x/.GitHub"} }, "may not be written"},
		"settings":            {func(p *learn.Permissions) { p.Filesystem, p.Paths = "write", []string{".vscode"} }, "may not be written"},
		"read of settings":    {func(p *learn.Permissions) { p.Paths = []string{".vscode"} }, ""},
		"hosts":               {func(p *learn.Permissions) { p.Network = []string{"example.org", "example.org:8443"} }, ""},
		"a URL":               {func(p *learn.Permissions) { p.Network = []string{"http://example.org"} }, "no host name"},
		"any host":            {func(p *learn.Permissions) { p.Network = []string{"*.example.org"} }, "no host name"},
		"a port too high":     {func(p *learn.Permissions) { p.Network = []string{"example.org:65536"} }, "no host name"},
		"an address":          {func(p *learn.Permissions) { p.Network = []string{"127.0.0.1:80", "[::1]:80"} }, ""},
		"variables":           {func(p *learn.Permissions) { p.Environment, p.Secrets = []string{"REGION"}, []string{"API_TOKEN"} }, ""},
		"a variable twice":    {func(p *learn.Permissions) { p.Environment, p.Secrets = []string{"A"}, []string{"A"} }, "variable"},
		"loader":              {func(p *learn.Permissions) { p.Environment = []string{"LD_PRELOAD"} }, "variable"},
		"path":                {func(p *learn.Permissions) { p.Environment = []string{"PATH"} }, "variable"},
		"proxy":               {func(p *learn.Permissions) { p.Environment = []string{"HTTPS_PROXY"} }, "variable"},
		"value in the name":   {func(p *learn.Permissions) { p.Secrets = []string{"A=b"} }, "variable"},
		"Lathe's own setting": {func(p *learn.Permissions) { p.Secrets = []string{"LATHE_DATA_DIR"} }, "variable"},
	} {
		p := ok
		c.change(&p)
		if err := checkPermissions(p); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestPermissionsInWords(t *testing.T) {
	p := learn.Permissions{Filesystem: "write", Paths: []string{"src"}, Network: []string{"example.org", "10.0.0.1:80"}, Environment: []string{"REGION"},
		Secrets: []string{"API_TOKEN"}, Seconds: 2, MemoryMB: 64}
	want := "reads the workspace; writes in it only: src (never .git, .lathe, .ocode, .vscode, .envrc and the like, and nothing unless the call succeeds); " +
		"network only to example.org, 10.0.0.1:80 (THIS MACHINE OR A PRIVATE NETWORK); is given the variables REGION; is given the SECRETS API_TOKEN; at most 2 seconds and 64 MB of memory."
	if got := PermissionsInWords(p); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Names of variables survive the way through a folder.
func TestVariablesAreInTheFolder(t *testing.T) {
	tool := handmade(t, "", "", "")
	tool.Manifest.Permissions.Environment, tool.Manifest.Permissions.Secrets = []string{"REGION"}, []string{"API_TOKEN"}
	dir := filepath.Join(t.TempDir(), "tool")
	if err := WriteFolder(dir, tool); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "tool.json"))
	if err != nil || !strings.Contains(string(raw), `"secrets": [`) {
		t.Fatalf("%s %v", raw, err)
	}
	back, err := LoadFolder(dir)
	if got, _ := json.Marshal(back.Manifest.Permissions); err != nil || !strings.Contains(string(got), `"environment":["REGION"],"secrets":["API_TOKEN"]`) {
		t.Errorf("%s %v", got, err)
	}
}

// TestToolsThatWriteAreTried: the gates let a tool write that asks for it, and
// refuse one that does not.
func TestToolsThatWriteAreTried(t *testing.T) {
	body := `    return {"loud": text.upper() + "!"}`
	writes := "    with open(\"out/last.txt\", \"w\", encoding=\"utf-8\") as file:\n        file.write(text.replace(\"\\x00\", \"\").encode(\"ascii\", \"replace\").decode())\n" + body
	tool := handmade(t, "tool.py", body, writes)
	tool.Files["test_tool.py"] = "\"\"\"Tests.\"\"\"\nimport os\n\nimport pytest\n\n\n@pytest.fixture(autouse=True)\ndef place(tmp_path, monkeypatch):\n    \"\"\"A folder to write in.\"\"\"\n" +
		"    monkeypatch.chdir(tmp_path)\n    os.mkdir(\"out\")\n\n\ndef test_written() -> None:\n    \"\"\"What is kept.\"\"\"\n    shout(text=\"abc\")\n    with open(\"out/last.txt\", encoding=\"utf-8\") as file:\n        assert file.read() == \"abc\"\n\n" +
		strings.TrimPrefix(strings.Replace(goodTests, "import pytest\n", "", 1), "\"\"\"Tests.\"\"\"\n")
	tool.Files["test_tool.py"] = strings.Replace(tool.Files["test_tool.py"], "import pytest\n", "import pytest\nfrom tool import shout\n", 1)
	for _, filesystem := range []string{"none", "write"} {
		tool.Manifest.Permissions.Filesystem, tool.Manifest.Permissions.Paths = filesystem, nil
		if filesystem == "write" {
			tool.Manifest.Permissions.Paths = []string{"out"}
		}
		sealed, err := Seal(tool)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Validator{Runner: newLocalRunner(t)}.Validate(t.Context(), sealed, nil)
		if err != nil {
			t.Fatal(err)
		}
		if filesystem == "none" {
			expect(t, r, "imports", "open for writing")
		} else if !r.Passed || r.Risk != "high" {
			t.Errorf("passed %v, risk %s: %+v", r.Passed, r.Risk, r.Checks)
		}
	}
}
