package verify_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/verify"
)

// recording is one file of testdata: a command, its code and what it printed.
func recording(t testing.TB, file string) *learn.ActionOutcome {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(raw), "\nexit ")
	code, output, ok2 := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(code)
	if !ok || !ok2 || err != nil || !strings.HasPrefix(head, "$ ") {
		t.Fatalf("%s has no \"$ command\" and \"exit code\" lines; re-record it with testdata/record.sh", file)
	}
	return shellEvent(head[2:], n, output)
}

func shellEvent(command string, code int, output string) *learn.ActionOutcome {
	params, _ := json.Marshal(map[string]string{"command": command})
	status := learn.StatusSuccess
	if code != 0 {
		status = learn.StatusFailure
	}
	return &learn.ActionOutcome{
		ID: learn.EventID("s", command), ToolName: "bash", ToolParameters: params, Status: status,
		ToolOutput: learn.ToolOutput{Stdout: output, ExitCode: &code},
	}
}

// brief writes a verification in one line.
func brief(v learn.Verification) string {
	verdict := "bad"
	if v.OK {
		verdict = "OK"
	}
	s := fmt.Sprintf("%s %s %s %d/%d/%d/%d", v.Kind, v.Tool, verdict, v.Passed, v.Failed, v.Errors, v.Skipped)
	if len(v.FailingNames) > 0 {
		s += " " + strings.Join(v.FailingNames, ", ")
	}
	return s
}

func briefs(vs []learn.Verification) []string {
	var out []string
	for _, v := range vs {
		out = append(out, brief(v))
	}
	return out
}

// TestReadRecordings reads what the real tools printed. Each line of
// testdata/want.txt is "recording: verification; verification", the
// verification as kind, tool, verdict, passed/failed/errors/skipped, failing
// names; it was checked by hand against the recording. Every recording must
// be there.
func TestReadRecordings(t *testing.T) {
	want := readWant(t)
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		if name == "want" || name == "versions" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			ev := recording(t, file)
			vs := verify.Read(ev, action.Parse(ev))
			got := strings.Join(briefs(vs), "; ")
			line, ok := want[name]
			if !ok || anyOrder(got) != anyOrder(line) {
				t.Errorf("%s: %s\n want %s", name, got, line)
			}
			for _, v := range vs {
				if v.EventID != ev.ID {
					t.Errorf("event id %q, want %q", v.EventID, ev.ID)
				}
			}
			delete(want, name)
		})
	}
	for name := range want {
		t.Errorf("want.txt names %s, which was not recorded", name)
	}
}

// anyOrder sorts the names of verifications: tools that run tests in parallel
// or in random order name them so.
func anyOrder(line string) string {
	vs := strings.Split(line, "; ")
	for i, v := range vs {
		if head, names, ok := strings.Cut(v, "/"); ok {
			counts, list, _ := strings.Cut(names, " ")
			sorted := strings.Split(list, ", ")
			slices.Sort(sorted)
			vs[i] = head + "/" + counts + " " + strings.Join(sorted, ", ")
		}
	}
	return strings.Join(vs, "; ")
}

func readWant(t *testing.T) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("testdata/want.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		name, rest, _ := strings.Cut(line, ":")
		want[name] = strings.TrimSpace(rest)
	}
	return want
}

// TestReadColoured: escape codes and Windows line ends change nothing.
func TestReadColoured(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		if b := filepath.Base(file); b == "want.txt" || b == "versions.txt" {
			continue
		}
		ev := recording(t, file)
		act := action.Parse(ev)
		plain := briefs(verify.Read(ev, act))
		var b strings.Builder
		for line := range strings.Lines(ev.ToolOutput.Stdout) {
			line = strings.TrimSuffix(line, "\n")
			b.WriteString("\x1b[1;31m" + line + "\x1b[0m\r\n")
		}
		ev.ToolOutput.Stdout = b.String()
		if ev.ToolOutput.Stdout == "" {
			continue
		}
		if got := briefs(verify.Read(ev, act)); !slices.Equal(got, plain) {
			t.Errorf("%s: coloured %v, plain %v", file, got, plain)
		}
	}
}
