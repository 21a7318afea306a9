package action

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"lathe/learn"
)

func FuzzParseCommand(f *testing.F) {
	for _, s := range []string{"grep -rn x .", "cat > f <<'E'\n$(rm x)\nE", "bash -c \"bash -c 'x $(y)'\"", "a=(1 2) b[$x]=3",
		"for i in $(ls); do :; done", "case x in a) b;; esac", "((((", "\uE0F00\uE0F1", "$((1+`a`))", "[[ a == b ]] && f() { x; }", "sudo", "timeout 5", "find . -exec", "\\", "cat <<EOF", "env -u", "git -C", "<(x) >(y)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a := ParseCommand(s)
		if a.Intent == "" {
			t.Fatal("no intent")
		}
		if len(a.Skeleton) > 2*maxSkeleton || !utf8.ValidString(a.Skeleton) {
			t.Fatalf("bad skeleton %q", a.Skeleton)
		}
		if strings.ContainsRune(a.Skeleton, markOpen) && !strings.ContainsRune(s, markOpen) {
			t.Fatalf("mark left in %q", a.Skeleton)
		}
		if b := ParseCommand(s); b.Skeleton != a.Skeleton {
			t.Fatalf("not deterministic: %q, %q", a.Skeleton, b.Skeleton)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("Bash", `{"command":["sh","-c","x"]}`)
	f.Add("mcp__a__b", `{"path":1,"a":{"b":[null]}}`)
	f.Add("", `"x"`)
	f.Fuzz(func(t *testing.T, tool, params string) {
		a := Parse(&learn.ActionOutcome{ToolName: tool, ToolParameters: json.RawMessage(params)})
		if a.Intent == "" || a.Tool != tool {
			t.Fatalf("got %+v", a)
		}
	})
}

func BenchmarkParseCommand(b *testing.B) {
	commands := []string{"cd /repo && python -m pytest -xvs tests/test_a.py::test_b 2>&1 | tail -20", `grep -rn "def foo" src/ | head -5`,
		"cat > a/b.py <<'EOF'\nimport os\nprint(os.getcwd())\nEOF", "sed -n '1,20p' x.py"}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		ParseCommand(commands[i%len(commands)])
	}
}
