package recovery_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"lathe/fixtures"
	"lathe/learn"
	"lathe/learn/recovery"
)

// inContainer retells a recorded call as another agent in a container would
// have made it: its shell tool has another name and parameter, every command
// changes into the checkout first and cuts its output, interpreters go by other
// names, files lie elsewhere, files are edited with another tool, and output is
// one stream with the exit code in words.
func inContainer(ev learn.ActionOutcome) *learn.ActionOutcome {
	var p map[string]any
	if json.Unmarshal(ev.ToolParameters, &p) != nil {
		return &ev
	}
	moved := func(s string) string { return homes.ReplaceAllString(s, "/testbed/$1") }
	switch ev.ToolName {
	case "bash":
		command, _ := p["command"].(string)
		command = python3.ReplaceAllString(moved(command), "${1}python ")
		if !strings.ContainsAny(command, "\n|>") {
			command += " 2>&1 | tail -n 60"
		}
		dir := moved(ev.ContextSnapshot.CWD)
		if !strings.HasPrefix(command, "cd ") {
			command = "cd " + dir + " && " + command
		}
		ev.ToolName, p = "execute_command", map[string]any{"cmd": command, "working_dir": "/"}
	case "edit_file":
		ev.ToolName, p = "str_replace_editor", map[string]any{"command": "str_replace", "path": moved(p["path"].(string)), "old_str": p["old_string"], "new_str": p["new_string"]}
	case "read_file":
		ev.ToolName, p = "str_replace_editor", map[string]any{"command": "view", "path": moved(p["path"].(string))}
	}
	ev.ToolParameters, _ = json.Marshal(p)
	out := moved(ev.ToolOutput.Text())
	if code := ev.ToolOutput.ExitCode; code != nil && *code != 0 {
		out += "\n[The command completed with exit code 1.]"
	}
	ev.ToolOutput = learn.ToolOutput{Stdout: out}
	ev.ContextSnapshot.CWD = "/"
	ev.AgentID = "another"
	return &ev
}

var (
	homes   = regexp.MustCompile(`/home/dev/([a-z-]+)`)
	python3 = regexp.MustCompile(`(^|&& |; )python3 `)
)

// TestHeavyTransfer: what was learned from one agent's sessions is worth the
// same to another agent whose calls look different: the first half of the
// recordings as they are, the second half as the other agent's, and the other
// way round.
func TestHeavyTransfer(t *testing.T) {
	sessions := fixtures.Sessions()
	half := len(sessions) / 2
	learned := map[string]bool{}
	for _, s := range sessions[:half] {
		learned[s.SessionID] = true
	}
	measure := func(first, second func(learn.ActionOutcome) *learn.ActionOutcome) recovery.Measures {
		r := newReader(t)
		cases, err := recovery.Replay(recovery.ReplayOptions{
			Score: func(ev *learn.ActionOutcome) bool { return !learned[ev.SessionID] },
		}, func(yield func(*learn.Observation, error) bool) {
			for _, s := range sessions {
				recs, err := fixtures.Read(s)
				if err != nil {
					yield(nil, err)
					return
				}
				for _, rec := range recs {
					if rec.Action != nil && learned[s.SessionID] {
						rec.Action = first(*rec.Action)
					} else if rec.Action != nil {
						rec.Action = second(*rec.Action)
					}
					if !yield(r.read(rec), nil) {
						return
					}
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return recovery.Measure(cases, recovery.DefaultThreshold())
	}
	asIs := func(ev learn.ActionOutcome) *learn.ActionOutcome { return &ev }
	for name, m := range map[string]recovery.Measures{
		"one agent": measure(asIs, asIs), "to a container": measure(asIs, inContainer),
		"from a container": measure(inContainer, asIs), "within containers": measure(inContainer, inContainer),
	} {
		t.Logf("%s: %d cases, %d specific, hit@1 %.2f, hit@3 %.2f, %d answers, precision %.2f, to the word %.2f", name, m.Cases, m.Specific, m.Hit1, m.Hit3, m.Answered, m.Precision, m.WordsPrecision)
		if m.Specific < 30 || m.Hit1 < 0.35 || m.Precision < 0.7 {
			t.Errorf("%s: below the bar", name)
		}
	}
}
