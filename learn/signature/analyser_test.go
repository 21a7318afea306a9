package signature

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"lathe/learn"
)

func newAnalyser(t testing.TB) *Analyser {
	t.Helper()
	a, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const traceback = "Traceback (most recent call last):\n  File \"/p/app.py\", line 7, in <module>\n    run()\n  File \"/opt/lib/python3.11/site-packages/x.py\", line 3, in run\n    import requestz\nModuleNotFoundError: No module named 'requestz'"

func TestMatch(t *testing.T) {
	a := newAnalyser(t)
	zero, one := 0, 1
	for _, tc := range []struct {
		name string
		ev   *learn.ActionOutcome
		act  learn.Action
		want string
	}{
		{"traceback", failure(traceback, 1), learn.Action{}, "[python/module-not-found]"},
		{"cause before summary", failure("npm error Missing script: \"x\"\nmake: *** [Makefile:2: all] Error 1", 2), learn.Action{}, "[npm/missing-script make/failed]"},
		{"summary printed first", failure("make: *** [Makefile:2: all] Error 1\nsh: 1: nosuch: not found", 2), learn.Action{}, "[shell/command-not-found make/failed]"},
		{"output between frames", failure("Traceback (most recent call last):\n  File \"a.py\", line 9, in <module>\nFactor: 3, Size: 4\n    go()\n  File \"a.py\", line 2, in go\n    return x\nNameError: name 'x' is not defined", 1), learn.Action{}, "[python/name-error]"},
		{"unusual class", failure("Traceback (most recent call last):\n  File \"a.py\", line 9, in <module>\n    go()\ngeo.Factor: 3", 1), learn.Action{}, "[python/exception:Factor]"},
		{"chained, first cause first", failure("Traceback (most recent call last):\n  File \"a.py\", line 2, in f\n    d[1]\nKeyError: 1\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"a.py\", line 4, in f\n    raise V(2)\nV1: 2", 1), learn.Action{}, "[python/key-error]"},
		{"exit code in words", &learn.ActionOutcome{ToolName: "Bash", Status: learn.StatusFailure, ToolOutput: learn.ToolOutput{Content: "Exit code 3"}}, learn.Action{Program: "tool"}, "[process/exit-status:tool:3]"},
		{"agent's wrapping", &learn.ActionOutcome{ToolName: "Edit", Status: learn.StatusFailure, ToolOutput: learn.ToolOutput{Content: "<tool_use_error>File has not been read yet. Read it first before writing to it.</tool_use_error>"}}, learn.Action{}, "[mcp/not-read]"},
		{"colours", failure("\x1b[31mZeroDivisionError: division by zero\x1b[0m", 1), learn.Action{}, "[python/zero-division]"},
		{"success that mentions errors", &learn.ActionOutcome{Status: learn.StatusSuccess, ToolOutput: learn.ToolOutput{Content: traceback, ExitCode: &zero}}, learn.Action{Intent: learn.IntentRead, Command: "cat log | tail"}, "[]"},
		{"success hidden by a pipe", &learn.ActionOutcome{Status: learn.StatusSuccess, ToolOutput: learn.ToolOutput{Content: traceback, ExitCode: &zero}}, learn.Action{Intent: learn.IntentRun, Command: "python a.py | tail -9"}, "[python/module-not-found]"},
		{"success without a pipe", &learn.ActionOutcome{Status: learn.StatusSuccess, ToolOutput: learn.ToolOutput{Content: traceback, ExitCode: &zero}}, learn.Action{Intent: learn.IntentRun, Command: "python a.py"}, "[]"},
		{"silent failure", failure("", 3), learn.Action{Program: "tool"}, "[process/exit-status:tool:3]"},
		{"search without result", failure("", 1), learn.Action{Program: "grep"}, "[filesystem/no-match]"},
		{"killed", failure("", 137), learn.Action{Program: "python"}, "[limits/killed]"},
		{"timeout", &learn.ActionOutcome{Status: learn.StatusTimeout, ToolName: "bash"}, learn.Action{Program: "sleep"}, "[limits/timeout]"},
		{"interrupted", &learn.ActionOutcome{Status: learn.StatusInterrupted, ToolOutput: learn.ToolOutput{ExitCode: &one, Content: traceback}}, learn.Action{}, "[]"},
		{"error details", &learn.ActionOutcome{Status: learn.StatusFailure, ErrorDetails: &learn.ErrorDetails{Code: "-32601", Message: "Method not found"}}, learn.Action{}, "[mcp/method-not-found]"},
	} {
		if got := ids(a.Match(tc.ev, tc.act)); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestCapturesAndPlace(t *testing.T) {
	sig := newAnalyser(t).Match(failure(traceback, 1), learn.Action{})[0]
	if sig.Captures["module"] != "requestz" || sig.File != "/p/app.py" || sig.Line != 7 || sig.Language != "python" || sig.Transient {
		t.Errorf("got %+v", sig)
	}
	if want := "ModuleNotFoundError: No module named '{module}'"; sig.Template != want {
		t.Errorf("template %q, want %q", sig.Template, want)
	}
	if len(sig.Entities) != 2 || sig.Entities[0] != (learn.Entity{Kind: "module", Name: "requestz"}) {
		t.Errorf("entities %v", sig.Entities)
	}
}

func TestMinedTemplates(t *testing.T) {
	a := newAnalyser(t)
	text := func(n int, unit string) *learn.ActionOutcome {
		return failure(fmt.Sprintf("frobnicator: failed to align widget %d with the %s rotor of plant", n, unit), 1)
	}
	first := a.Match(text(1, "amber"), learn.Action{})[0]
	learned := a.Learn(text(2, "amber"), learn.Action{})[0]
	if first.ID != learned.ID || !strings.HasPrefix(first.ID, "mined/") {
		t.Fatalf("Match gave %s, Learn %s", first.ID, learned.ID)
	}
	if other := a.Learn(text(3, "cobalt"), learn.Action{})[0]; other.ID != first.ID || !strings.Contains(other.Template, wildcard) {
		t.Errorf("generalised: %+v, want the identity %s", other, first.ID)
	}
	if _, ok := a.Pattern(first.ID); !ok {
		t.Error("the mined pattern is not found by its identity")
	}
	data, err := a.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	b := newAnalyser(t)
	if err := b.Restore(data); err != nil {
		t.Fatal(err)
	}
	if got := b.Match(text(4, "umber"), learn.Action{})[0]; got.ID != first.ID {
		t.Errorf("after a restart %s, want %s", got.ID, first.ID)
	}
	if err := b.Restore([]byte(`{"version":9}`)); err == nil {
		t.Error("an unknown version was restored")
	}
}

// TestIdentitiesLast: what a line was called is still known after any other
// lines, as long as nothing was evicted.
func TestIdentitiesLast(t *testing.T) {
	word := rapid.SampledFrom([]string{"error", "disk", "full", "node", "lost", "1", "/a/b", "0xff"})
	rapid.Check(t, func(t *rapid.T) {
		m := newMiner(maxTemplates)
		var seen []string
		for range rapid.IntRange(1, 60).Draw(t, "lines") {
			line := strings.Join(rapid.SliceOfN(word, 1, 5).Draw(t, "words"), " ")
			seen = append(seen, m.learn([]byte(line)).id)
		}
		for _, id := range seen {
			if m.resolve(id) == nil {
				t.Fatalf("%s leads nowhere", id)
			}
		}
	})
}

func FuzzMatch(f *testing.F) {
	a := newAnalyser(f)
	for _, r := range recordings(f) {
		f.Add(r.Output)
	}
	f.Fuzz(func(t *testing.T, s string) {
		sigs := a.Match(failure(s, 1), learn.Action{Program: "x"})
		if len(sigs) == 0 {
			t.Fatalf("a failure without a signature: %q", s)
		}
		for _, sig := range sigs {
			if sig.ID == "" || len(sig.Salient) > maxCapture {
				t.Fatalf("bad signature %+v", sig)
			}
		}
	})
}

func benchmarkLines() []string {
	var lines []string
	for i := range 2000 {
		lines = append(lines, fmt.Sprintf("worker %d: block blk_%d of size %d received from 10.0.0.%d", i%7, i*31, i*17, i%255),
			fmt.Sprintf("PacketResponder %d for /data/%d terminating", i%3, i))
	}
	return lines
}

func BenchmarkLibraryLines(b *testing.B) {
	a := newAnalyser(b)
	lines := benchmarkLines()
	for b.Loop() {
		a.lib.hits(lines)
	}
	b.ReportMetric(float64(b.N*len(lines))/b.Elapsed().Seconds(), "lines/s")
}

func BenchmarkLearnLine(b *testing.B) {
	a := newAnalyser(b)
	lines := benchmarkLines()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		a.LearnLine(lines[i%len(lines)])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
