package toolforge

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"lathe/learn"
)

// counting counts what is run, and in which files.
type counting struct {
	Runner
	mu   sync.Mutex
	runs []string
}

func (c *counting) Run(ctx context.Context, spec RunSpec) (RunResult, error) {
	c.mu.Lock()
	c.runs = append(c.runs, strings.Join(spec.Args, " "))
	c.mu.Unlock()
	return c.Runner.Run(ctx, spec)
}

// gatesOnly answers every gate from a script, so that what is looked at is
// which ones are run, not what they find.
type gatesOnly struct{}

func (gatesOnly) Run(_ context.Context, spec RunSpec) (RunResult, error) {
	args := strings.Join(spec.Args, " ")
	answer := `{"findings": []}`
	switch {
	case strings.Contains(args, "pylint"):
		answer = "Your code has been rated at 9.50/10"
	case strings.Contains(args, "bandit"):
		answer = `{"errors": [], "results": []}`
	case strings.Contains(args, "run_tests"):
		answer = `{"exit_code": 0, "tests": 7, "coverage": 0.9, "agreed": 3}`
	case strings.Contains(args, "mutate"):
		answer = `{"total": 8, "killed": 7, "possible": 20, "whole": true}`
	case strings.Contains(args, "bench"):
		answer = `{"answers": [{"stdout": "\"x\""}, {"stdout": "\"x\""}], "refused": {"exit_code": 2, "stdout": "{}"}, "cold_ms": 20, "warm_ms": 1, "warm_calls": 20, "memory_mb": 12}`
	}
	return RunResult{Stdout: []byte(answer), Backend: "script"}, nil
}

// A gate whose parts did not change is not run again; one whose parts did, is.
func TestUnchangedPartsAreNotRunAgain(t *testing.T) {
	spec, err := Specify(learn.ToolOpportunity{Name: opList, Operation: opList})
	if err != nil {
		t.Fatal(err)
	}
	tool, err := Scaffold(spec)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]learn.ValidationResult{}
	runner := &counting{Runner: gatesOnly{}}
	validate := func(where string, tool learn.ProposedTool) learn.ValidationResult {
		t.Helper()
		tool.ContentHash = ""
		runner.runs = nil
		r, err := Validator{Runner: runner, Where: where, Known: func(key string) (learn.ValidationResult, bool) {
			v, ok := known[key]
			return v, ok
		}}.Validate(t.Context(), tool, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Passed {
			t.Fatalf("not passed: %+v", r.Checks)
		}
		for _, c := range r.Checks {
			if c.Key != "" {
				known[c.Key] = r
			}
		}
		return r
	}
	ran := func(r learn.ValidationResult) (names []string) {
		for _, c := range r.Checks {
			if !c.Reused {
				names = append(names, c.Name)
			}
		}
		return names
	}
	first := validate("image a", tool)
	if len(ran(first)) != Gates {
		t.Errorf("ran %v, want all %d", ran(first), Gates)
	}
	again := validate("image a", tool)
	if len(ran(again)) != 0 || len(runner.runs) != 0 {
		t.Errorf("ran again: %v", ran(again))
	}
	if again.Score != first.Score || again.TestsPassed != 7 || again.Agreements != 3 || again.Noticed != 7 || again.ColdMS != 20 || again.Backend != "script" {
		t.Errorf("figures %+v, want those of %+v", again, first)
	}
	change := func(name, text string) learn.ProposedTool {
		changed := tool
		changed.Files = map[string]string{}
		for n, c := range tool.Files {
			changed.Files[n] = c
		}
		changed.Files[name] += text
		return changed
	}
	if got, want := ran(validate("image a", change("README.md", "\nmore\n"))), []string{"documentation", "examples", "properties"}; !slices.Equal(got, want) {
		t.Errorf("a changed README made %v run, want %v", got, want)
	}
	got := ran(validate("image a", change("test_tool.py", "\n# more\n")))
	if !slices.Contains(got, "tests") || !slices.Contains(got, "mutation") || slices.Contains(got, "types") || slices.Contains(got, "benchmark") {
		t.Errorf("changed tests made %v run", got)
	}
	if got := ran(validate("image a", change("tool.py", "\n# more\n"))); len(got) != Gates {
		t.Errorf("a changed tool made %v run only", got)
	}
	if got := ran(validate("image b", tool)); len(got) != Gates {
		t.Errorf("another image made %v run only", got)
	}
	if got := ran(validate("", tool)); len(got) != Gates {
		t.Errorf("an unknown image made %v run only", got)
	}
}
