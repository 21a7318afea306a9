package toolforge

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRulesSeeThroughDisguise holds guest/rules.py against ways to reach a
// denied function without writing its name where the rules look for it.
func TestRulesSeeThroughDisguise(t *testing.T) {
	script, err := filepath.Abs("guest/rules.py")
	if err != nil {
		t.Fatal(err)
	}
	body := func(head, line string) string { return head + "\n\n\ndef f(x: str) -> object:\n    " + line + "\n" }
	noTest := "def test_a():\n    assert 1 < 2\n"
	for _, c := range []struct{ name, tool, test, rule string }{
		{"fine", body("import os.path\nimport subprocess\nimport operator", `return [subprocess.run(["ls", os.path.basename(x)], check=False), operator.itemgetter(0)(x), getattr(x, "title")]`), noTest, ""},
		{"annotation", body("import subprocess", "run: subprocess.Popen[bytes] | None = None\n    return run"), noTest, ""},
		{"module in a variable", body("import os", "o = os\n    return o.system(x)"), noTest, "module-value"},
		{"module in a list", body("import os", "return [os][0].system(x)"), noTest, "module-value"},
		{"module by another", body("import shutil", "return shutil.os.system(x)"), noTest, "hidden-import"},
		{"module from another", body("from shutil import os", "return os.system(x)"), noTest, "hidden-import"},
		{"module below itself", body("import os.path as p", "return p.os.system(x)"), noTest, "hidden-import"},
		{"private module", body("import _posixsubprocess", "return _posixsubprocess.fork_exec(x)"), noTest, "denied-import"},
		{"import after the call", "def f(x):\n    return o.system(x)\n\n\nimport os as o\n", noTest, "denied-call"},
		{"one name twice", "def f(x):\n    import os as o\n    return o.system(x)\n\n\nimport json as o\n", noTest, "rebound-import"},
		{"getattr by another name", body("import os\ng = getattr", `return g(os, "sys" + "tem")(x)`), noTest, "denied-call"},
		{"match", body("import os", "match os:\n        case object(system=s):\n            return s(x)\n    return 0"), noTest, "module-value"},
		{"match a class", body("", "match x:\n        case object(__class__=s):\n            return s\n    return 0"), noTest, "dunder"},
		{"attrgetter", body("import operator", `return operator.attrgetter("a.__class__")(x)`), noTest, "denied-call"},
		{"format", body("", `return "{0.__class__}".format(x)`), noTest, "dunder"},
		{"run by another name", body("import subprocess\nrun = subprocess.run", "return run(x, shell=True)"), noTest, "denied-call"},
		{"tuple", body("import subprocess", `return subprocess.run(("sh", "-c", x))`), noTest, "interpreter"},
		{"words of a text", body("import subprocess", `return subprocess.run("sh -c id".split())`), noTest, "shell"},
		{"code from text", body("import timeit", "return timeit.timeit(x)"), noTest, "denied-import"},
		{"name from text", body("from unittest import mock", `return mock.patch("os.system").getter()(x)`), noTest, "denied-import"},
		{"annotation as code", body("from typing import get_type_hints", "return get_type_hints(x)"), noTest, "denied-import"},
		{"configured", body("import logging.config", "return logging.config.dictConfig({})"), noTest, "denied-import"},
		{"the tool's module in a test", body("import os", "return os.getcwd()"), "import tool\n\n\ndef test_a():\n    assert tool.os.system('id') == 0\n", "denied-call"},
		{"hook in a test", body("", "return x"), "pytest_plugins = ['test_tool']\n\n\ndef pytest_runtest_call(item):\n    pass\n\n\n" + noTest, "test-hook"},
		{"variable", body("import os", `return os.environ["TOKEN"] + os.getenv("PATH", "")`), noTest, "environment"},
		{"variable by its value", body("import os", `return os.environ.get(x)`), noTest, "environment"},
		{"variables of the sandbox", body("import os", `return os.environ["HOME"] + os.getenv("PATH", "")`), noTest, ""},
		{"end of the tests", body("", "return x"), "import os\n\n\ndef test_a():\n    assert 1 < 2\n    os._exit(0)\n", "denied-call"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range map[string]string{"tool.py": c.tool, "test_tool.py": c.test} {
				if err := os.MkdirAll(filepath.Join(dir, "tool"), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, "tool", name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "-I", script, "imports")
			cmd.Dir, cmd.Stdin = dir, strings.NewReader(`{"name":"f","permissions":{"filesystem":"none"},"parameters":["x"]}`)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			var a struct {
				Findings []struct{ Rule, Message string }
			}
			if err := json.Unmarshal(out, &a); err != nil {
				t.Fatal(err)
			}
			found := c.rule == "" && len(a.Findings) == 0
			for _, f := range a.Findings {
				found = found || f.Rule == c.rule
			}
			if !found {
				t.Errorf("want %q, found %+v", c.rule, a.Findings)
			}
		})
	}
}
