package verify_test

import (
	"path/filepath"
	"testing"

	"lathe/learn"
	"lathe/learn/verify"
)

// FuzzRead: no output or command makes Read panic, report nonsense, or find a
// success in an interrupted call.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*-*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		ev := recording(f, file)
		f.Add(ev.Command(), *ev.ToolOutput.ExitCode, ev.ToolOutput.Stdout)
	}
	f.Add("((((((((((((((", 0, "")
	f.Add("bash -c 'bash -c \"pytest\"'", 0, "\x1b[\x1b]\r\r== 99999999999999999999 passed in 1s ==")
	f.Fuzz(func(t *testing.T, command string, code int, output string) {
		ev := shellEvent(command, code, output)
		act := learn.Action{Tool: "bash", Command: command, Intent: learn.IntentTest}
		for _, v := range verify.Read(ev, act) {
			if problem := nonsense(v); problem != "" {
				t.Fatalf("%s: %+v", problem, v)
			}
		}
		ev.Status = learn.StatusTimeout
		for _, v := range verify.Read(ev, act) {
			if v.OK {
				t.Fatalf("a call that timed out is good: %+v", v)
			}
		}
	})
}
