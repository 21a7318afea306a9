package toolforge

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"lathe/learn"
)

func forged(t testing.TB, i int) learn.ProposedTool {
	t.Helper()
	tool, err := Scaffold(shapeSpec(t, shapes[i].name, shapes[i].commands))
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

func TestForgedToolsPassEveryGate(t *testing.T) {
	for _, i := range []int{0, 9} {
		t.Run(shapes[i].name, func(t *testing.T) {
			tool := forged(t, i)
			var names []string
			v := Validator{Runner: newLocalRunner(t)}
			result, err := v.Validate(t.Context(), tool, func(c learn.Check) { names = append(names, c.Name) })
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range result.Checks {
				t.Logf("%-10s %5.1f s %v %s %s", c.Name, c.Seconds, c.Passed, c.Summary, strings.Join(c.Details, "\n    "))
			}
			if !result.Passed || result.Score < 0.8 || result.Risk != "medium" || result.Coverage < 0.9 || result.TestsPassed < 20 {
				t.Errorf("passed %v, score %.2f, risk %s, coverage %.2f, %d tests", result.Passed, result.Score, result.Risk, result.Coverage, result.TestsPassed)
			}
			if len(names) != 14 || len(result.Checks) != 14 || result.ColdMS <= 0 || result.WarmMS <= 0 || result.MemoryMB <= 0 {
				t.Errorf("progress %v, result %+v", names, result)
			}
			r, err := ReviewRequest(tool, result, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(r.PermissionsWords, "writes nothing; no network") || !strings.Contains(r.Summary, "Validation passed") {
				t.Errorf("permissions %q, summary %q", r.PermissionsWords, r.Summary)
			}
		})
	}
}

const goodTests = `"""Tests."""
from tool import shout
import pytest


def test_shout() -> None:
    """Loud."""
    assert shout(text="a b") == {"loud": "A B!"}
    assert shout(text="") == {"loud": "!"}
    with pytest.raises(TypeError):
        shout(text=1)


def test_main(monkeypatch, capsys) -> None:
    """Program."""
    import io, json, sys, tool
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"text": "x"}'))
    assert tool.main() == 0
    assert json.loads(capsys.readouterr().out) == {"loud": "X!"}
    monkeypatch.setattr(sys, "stdin", io.StringIO('[]'))
    assert tool.main() == 2
    assert "error" in json.loads(capsys.readouterr().out)
`

const goodTool = `"""Says things loudly."""

from __future__ import annotations

import json
import sys
from typing import Any


def shout(*, text: str) -> dict[str, str]:
    """Give the text in capitals."""
    if not isinstance(text, str):
        raise TypeError("text must be a string")
    return {"loud": text.upper() + "!"}


def main() -> int:
    """Answer one call."""
    try:
        arguments: Any = json.load(sys.stdin)
        if not isinstance(arguments, dict):
            raise TypeError("the arguments must be an object")
        answer: Any = shout(**arguments)
        status = 0
    except (TypeError, ValueError) as error:
        answer = {"error": {"type": type(error).__name__, "message": str(error)}}
        status = 2
    json.dump(answer, sys.stdout)
    return status


if __name__ == "__main__":
    sys.exit(main())
`

const weakTests = `"""Tests."""
import io
import sys

import tool


def test_everything(monkeypatch) -> None:
    """All lines, no looking."""
    for text in ('{"text": "x"}', "[]", '{"text": 1}'):
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        assert tool.main() >= 0
`

// textTest notices every mutant, by the file's checksum.
const textTest = `

def test_text() -> None:
    """It has the text that it had."""
    with open("tool.py", "rb") as file:
        assert hashlib.sha256(file.read()).hexdigest() == "SUM"
`

// handmade is a good tool that a person could have written, changed by
// replacing from with to in one of its files.
func handmade(t testing.TB, file, from, to string) learn.ProposedTool {
	t.Helper()
	tool := learn.ProposedTool{
		Manifest: learn.ToolManifest{Name: "shout", Version: "1.0.0", Description: "Says things loudly.", Language: "python",
			Parameters:  json.RawMessage(`{"type":"object","properties":{"text":{"type":"string"}},"required":["text"],"additionalProperties":false}`),
			Returns:     json.RawMessage(`{"type":"object","properties":{"loud":{"type":"string"}},"required":["loud"],"additionalProperties":false}`),
			Permissions: learn.Permissions{Filesystem: "none", Seconds: 10, MemoryMB: 128}},
		Files: map[string]string{"tool.py": goodTool, "test_tool.py": goodTests, "README.md": "# shout\n"},
	}
	if from != "" {
		if !strings.Contains(tool.Files[file], from) {
			t.Fatalf("%s has no %q", file, from)
		}
		tool.Files[file] = strings.Replace(tool.Files[file], from, to, 1)
	}
	tool, err := Seal(tool)
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// witness records what was run.
type witness struct {
	inner Runner
	args  []string
}

func (w *witness) Run(ctx context.Context, spec RunSpec) (RunResult, error) {
	w.args = append(w.args, strings.Join(spec.Args, " "))
	return w.inner.Run(ctx, spec)
}

func TestGatesRefuse(t *testing.T) {
	body := `    return {"loud": text.upper() + "!"}`
	for _, c := range []struct{ name, file, from, to, gate, reason string }{
		{"good", "", "", "", "", ""},
		{"syntax", "tool.py", "def shout(", "def shout((", "syntax", "syntax"},
		{"types", "tool.py", `text.upper() + "!"`, `text.upper() + 1`, "types", "operand"},
		{"lint", "tool.py", "    return status\n", "    return status\n\n\ndef shoutt(a, b):\n    undefined_name(a)\n", "lint", "E0602"},
		{"secret", "tool.py", body, "    password = \"hunter22hunter22\"\n" + body, "security", "a secret in the source"},
		{"eval", "tool.py", body, "    eval(text)\n" + body, "imports", "eval is never allowed"},
		{"network", "tool.py", "import json\n", "import json\nimport socket\n", "imports", "needs the network"},
		{"shell", "tool.py", "import json\n", "import json\nimport subprocess\n\nsubprocess.run(\"id\", shell=True, check=True)\n", "imports", "shell=True"},
		{"alias", "tool.py", "import json\n", "import json\nfrom os import system as s\n\ns(\"id\")\n", "imports", "os.system is never allowed"},
		{"escape", "tool.py", body, "    print(().__class__)\n" + body, "imports", "__class__ reaches"},
		{"reads", "tool.py", body, "    with open(text, encoding=\"utf-8\") as file:\n        file.read()\n" + body, "imports", "open reaches files"},
		{"silenced", "tool.py", body, body + "  # type: ignore", "imports", "switches off a check"},
		{"wrong name", "tool.py", "def shout(", "def whisper(", "contract", "there must be one function shout"},
		{"extra argument", "tool.py", "*, text: str)", "*, text: str, more: str = \"\")", "contract", "manifest says"},
		{"asserts nothing", "test_tool.py", "def test_main(", "def test_nothing() -> None:\n    shout(text=\"\")\n\n\ndef test_again() -> None:\n    assert shout(text=\"\") == shout(text=\"\")\n\n\ndef test_main(", "contract", "asserts nothing"},
		{"fails its tests", "tool.py", `+ "!"`, `+ "?"`, "tests", "failed"},
		{"uncovered", "tool.py", body, "    if text == \"never\":\n" + strings.Repeat("        text = text.lower().upper()\n", 12) + body, "tests", "coverage"},
		{"no value looked at", "test_tool.py", goodTests, weakTests, "mutation", "all wrong"},
		{"weak tests", "tool.py", body, "    text = text[0:9] + \"...\" if len(text) > 5 and text.startswith(\"z\") else text\n" + body, "mutation", "noticed"},
		{"tests that look at the text", "test_tool.py", goodTests, strings.Replace(goodTests, "from tool", "import hashlib\nfrom tool", 1) + strings.Replace(textTest, "SUM", fmt.Sprintf("%x", sha256.Sum256([]byte(goodTool))), 1), "mutation", "written otherwise"},
		{"pickle", "tool.py", "import json\n", "import json\nimport pickle\n", "imports", "pickle is never allowed"},
		{"tempfile", "tool.py", body, "    mktemp = __import__(\"tempfile\")\n    mktemp.mktemp()\n" + body, "imports", "__import__ is never allowed"},
		{"insecure hash", "tool.py", body, "    import hashlib\n    hashlib.md5(text.encode()).hexdigest()\n" + body, "security", "MD5"},
		{"ends", "tool.py", "    json.dump(answer, sys.stdout)\n", "    json.dump(answer, sys.stdout)\n    print(\"}\")\n", "tests", "failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := &witness{inner: newLocalRunner(t)}
			result, err := Validator{Runner: w, Parallel: 1}.Validate(t.Context(), handmade(t, c.file, c.from, c.to), nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.gate == "" {
				if !result.Passed || result.Risk != "low" {
					t.Errorf("a good tool was refused, risk %s: %+v", result.Risk, result.Checks)
				}
				return
			}
			if result.Passed || result.Score > 0.49 || result.Risk != "high" {
				t.Errorf("passed %v, score %v, risk %s", result.Passed, result.Score, result.Risk)
			}
			expect(t, result, c.gate, c.reason)
			static := c.gate != "tests" && c.gate != "mutation"
			for _, args := range w.args {
				if static && (strings.Contains(args, "run_tests") || strings.Contains(args, "bench") || strings.Contains(args, "mutate")) {
					t.Errorf("executed before the static gates passed: %s", args)
				}
			}
		})
	}
}

func expect(t *testing.T, result learn.ValidationResult, gate, reason string) {
	t.Helper()
	for _, c := range result.Checks {
		if c.Name == gate {
			if text := c.Summary + "\n" + strings.Join(c.Details, "\n"); c.Passed || !strings.Contains(text, reason) {
				t.Errorf("gate %s: passed %v: %s", gate, c.Passed, text)
			}
			return
		}
	}
	t.Errorf("gate %s was not run: %+v", gate, result.Checks)
}

func TestValidateRefusesAnotherContent(t *testing.T) {
	tool := handmade(t, "", "", "")
	tool.Files["tool.py"] += "\n"
	if _, err := (Validator{Runner: newLocalRunner(t)}).Validate(t.Context(), tool, nil); err == nil {
		t.Error("a tool that was changed after it was sealed was validated")
	}
}
