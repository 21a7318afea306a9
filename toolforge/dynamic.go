package toolforge

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"lathe/learn"
)

// dynamicGates are the gates that execute the tool, by phase: breaking a tool
// says something only when its tests pass on the whole one.
func dynamicGates() [][]gate {
	return [][]gate{{{"tests", tests}, {"schema", returnsSchema}, {"benchmark", benchmark}}, {{"mutation", mutation}}}
}

// tests runs the tool's tests under coverage.
func tests(ctx context.Context, j *job) (learn.Check, error) {
	r, err := j.run(ctx, nil, nil, "python3", "-I", "gate/run_tests.py")
	if err != nil {
		return learn.Check{}, err
	}
	var a struct {
		ExitCode int    `json:"exit_code"`
		Output   string `json:"output"`
		Tests    int
		Failures int
		Errors   int
		Skipped  int
		Failing  []string
		Coverage float64
		Missing  []int
	}
	if r.ExitCode != 0 || json.Unmarshal(r.Stdout, &a) != nil {
		return failed("the tests", r), nil
	}
	j.result.TestsFailed = a.Failures + a.Errors
	j.result.TestsPassed = max(a.Tests-a.Failures-a.Errors-a.Skipped, 0)
	j.result.Coverage = a.Coverage
	c := learn.Check{Passed: a.ExitCode == 0 && j.result.TestsPassed > 0 && a.Coverage >= minCoverage,
		Summary: fmt.Sprintf("%d passed, %d failed, %d skipped; coverage %.0f %%, at least %.0f %% is asked for",
			j.result.TestsPassed, j.result.TestsFailed, a.Skipped, 100*a.Coverage, 100*minCoverage)}
	if a.ExitCode != 0 {
		c.Details = append(a.Failing, lastLines(a.Output, 30)...)
	} else if len(a.Missing) > 0 {
		c.Details = []string{fmt.Sprintf("lines of tool.py not run: %v", a.Missing)}
	}
	return c, nil
}

// mutation refuses tests that pass on broken tools.
func mutation(ctx context.Context, j *job) (learn.Check, error) {
	r, err := j.run(ctx, nil, nil, "python3", "-I", "gate/mutate.py", strconv.Itoa(mutants), "60")
	if err != nil {
		return learn.Check{}, err
	}
	var a struct {
		Total, Killed, Possible int
		Survivors               []string
	}
	if r.ExitCode != 0 || json.Unmarshal(r.Stdout, &a) != nil {
		return failed("the mutation check", r), nil
	}
	if a.Total == 0 {
		return learn.Check{Summary: "nothing in the tool could be broken: it does nothing"}, nil
	}
	j.killed = float64(a.Killed) / float64(a.Total)
	c := learn.Check{Passed: j.killed >= minMutants,
		Summary: fmt.Sprintf("the tests noticed %d of %d broken tools (of %d possible), at least %.0f %% is asked for", a.Killed, a.Total, a.Possible, 100*minMutants)}
	for _, s := range a.Survivors {
		c.Details = append(c.Details, "not noticed: "+s)
	}
	return c, nil
}

// sampleCalls are arguments to try the tool with, and the files they name.
func sampleCalls(m learn.ToolManifest) ([]map[string]any, map[string]string, error) {
	sch, err := readSchema(m.Parameters)
	if err != nil {
		return nil, nil, err
	}
	files := map[string]string{"work/sample.txt": strings.Repeat("alpha one 1\nbeta,two,2\nclass Gamma:\n", 200), "work/sub/inner.py": "def alpha():\n    return 1\n"}
	var recorded map[string]any
	if len(m.Examples) > 0 {
		// An example that is no object leaves the defaults.
		_ = json.Unmarshal(m.Examples[0].Arguments, &recorded)
	}
	call := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(sch.Properties)) {
		p := sch.Properties[name]
		value, ok := recorded[name]
		switch {
		case p.Format == "path" && strings.HasPrefix(name, "directory"):
			call[name] = "."
		case p.Format == "path":
			call[name] = "sample.txt"
		case ok:
			call[name] = value
		case p.Type == "integer" && p.Minimum != nil:
			call[name] = max(*p.Minimum, 1)
		case p.Type == "integer":
			call[name] = 1
		default:
			call[name] = "alpha"
		}
	}
	return []map[string]any{call}, files, nil
}

// measured is what guest/bench.py prints.
type measured struct {
	Answers   []programAnswer `json:"answers"`
	Refused   programAnswer   `json:"refused"`
	ColdMS    float64         `json:"cold_ms"`
	WarmMS    float64         `json:"warm_ms"`
	WarmCalls int             `json:"warm_calls"`
	WarmError string          `json:"warm_error"`
	MemoryMB  float64         `json:"memory_mb"`
}

type programAnswer struct {
	ExitCode int    `json:"exit_code"`
	Stdout   string `json:"stdout"`
	Stderr   string `json:"stderr"`
}

func (j *job) measure(ctx context.Context, cold, warm int) (measured, *learn.Check, error) {
	calls, files, err := sampleCalls(j.tool.Manifest)
	if err != nil {
		return measured{}, nil, err
	}
	request := map[string]any{"name": j.tool.Manifest.Name, "calls": calls, "cold": cold, "warm": warm}
	r, err := j.run(ctx, request, files, "python3", "-I", "gate/bench.py")
	if err != nil {
		return measured{}, nil, err
	}
	var m measured
	if r.ExitCode != 0 || json.Unmarshal(r.Stdout, &m) != nil || len(m.Answers) != len(calls) {
		c := failed("calling the tool", r)
		return m, &c, nil
	}
	return m, nil, nil
}

// returnsSchema calls the tool as a program: a good call must give what the
// manifest's schema says, a bad one an error as JSON and a status above 0.
func returnsSchema(ctx context.Context, j *job) (learn.Check, error) {
	m, bad, err := j.measure(ctx, 0, 0)
	if err != nil || bad != nil {
		return deref(bad), err
	}
	sch, err := compileSchema(j.tool.Manifest.Returns)
	if err != nil {
		return learn.Check{}, err
	}
	for _, a := range m.Answers {
		if a.ExitCode != 0 {
			return learn.Check{Summary: fmt.Sprintf("a sample call ended with %d", a.ExitCode), Details: lastLines(a.Stdout+"\n"+a.Stderr, 20)}, nil
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(a.Stdout)))
		if err != nil {
			return learn.Check{Summary: "the program's answer is not JSON: " + clip(err.Error(), 200), Details: lastLines(a.Stdout, 5)}, nil
		}
		if err := sch.Validate(doc); err != nil {
			return learn.Check{Summary: "the answer is not what the returns schema says", Details: lastLines(err.Error(), 20)}, nil
		}
	}
	if m.Refused.ExitCode == 0 || !json.Valid([]byte(m.Refused.Stdout)) {
		return learn.Check{Summary: "a call with an unknown argument must give an error as JSON and a status above 0", Details: lastLines(m.Refused.Stdout+"\n"+m.Refused.Stderr, 10)}, nil
	}
	return learn.Check{Passed: true, Summary: fmt.Sprintf("%d sample calls answered by the schema, a wrong one refused", len(m.Answers))}, nil
}

// benchmark measures the median of 5 cold and 20 warm calls and the memory,
// and holds them against the manifest's permissions.
func benchmark(ctx context.Context, j *job) (learn.Check, error) {
	m, bad, err := j.measure(ctx, 5, 20)
	if err != nil || bad != nil {
		return deref(bad), err
	}
	j.result.ColdMS, j.result.WarmMS, j.result.MemoryMB = m.ColdMS, m.WarmMS, m.MemoryMB
	p := j.tool.Manifest.Permissions
	c := learn.Check{Summary: fmt.Sprintf("median %.0f ms cold, %.1f ms warm, %.0f MB; allowed are %g s and %d MB", m.ColdMS, m.WarmMS, m.MemoryMB, p.Seconds, p.MemoryMB)}
	c.Passed = m.WarmCalls > 0 && m.ColdMS <= 1000*p.Seconds && m.MemoryMB <= float64(p.MemoryMB)
	if m.WarmCalls == 0 {
		c.Details = lastLines(m.WarmError, 10)
	}
	return c, nil
}

func deref(c *learn.Check) learn.Check {
	if c == nil {
		return learn.Check{}
	}
	return *c
}
