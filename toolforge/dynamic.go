package toolforge

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

// dynamicGates are the gates that execute the tool, by phase: breaking a tool
// says something only when its tests pass on the whole one.
func dynamicGates() [][]gate {
	return [][]gate{
		{{"tests", tests}, {"examples", examples}, {"schema", returnsSchema}, {"properties", properties}, {"benchmark", benchmark}},
		{{"mutation", mutation}},
	}
}

// tests runs the tool's tests under coverage.
func tests(ctx context.Context, j *job) (learn.Check, error) {
	r, err := j.run(ctx, nil, nil, "python3", "-I", "gate/run_tests.py", j.tool.Manifest.Name)
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
		Agreed   int
		Coverage float64
		Missing  []int
		Ran      []int // lines of a script
	}
	if r.ExitCode != 0 || json.Unmarshal(r.Stdout, &a) != nil {
		return failed("the tests", r), nil
	}
	source := SourceName(j.tool.Manifest.Language)
	if source == sourceShell {
		a.Coverage, a.Missing = shellCoverage(j.tool.Files[source], a.Ran)
	}
	j.result.TestsFailed = a.Failures + a.Errors
	j.result.TestsPassed = max(a.Tests-a.Failures-a.Errors-a.Skipped, 0)
	j.result.Coverage, j.result.Agreements = a.Coverage, a.Agreed
	c := learn.Check{Passed: a.ExitCode == 0 && j.result.TestsPassed > 0 && a.Coverage >= minCoverage,
		Summary: fmt.Sprintf("%d passed, %d failed, %d skipped; coverage %.0f %%, at least %.0f %% is asked for",
			j.result.TestsPassed, j.result.TestsFailed, a.Skipped, 100*a.Coverage, 100*minCoverage)}
	if a.ExitCode != 0 {
		c.Details = append(a.Failing, lastLines(a.Output, 30)...)
	} else if len(a.Missing) > 0 {
		c.Details = []string{fmt.Sprintf("lines of %s not run: %v", source, a.Missing)}
	}
	return c, nil
}

// mutation refuses tests that pass on broken tools.
func mutation(ctx context.Context, j *job) (learn.Check, error) {
	if j.tool.Manifest.Language == languageShell {
		return shellMutation(ctx, j)
	}
	r, err := j.run(ctx, nil, nil, "python3", "-I", "gate/mutate.py", strconv.Itoa(mutants), "60", j.tool.Manifest.Name)
	if err != nil {
		return learn.Check{}, err
	}
	var a mutationAnswer
	if r.ExitCode != 0 || json.Unmarshal(r.Stdout, &a) != nil {
		return failed("the mutation check", r), nil
	}
	return j.mutated(a), nil
}

// sampleFiles lie in the working directory of calls that try a tool out.
func sampleFiles() map[string]string {
	return map[string]string{"work/sample.txt": strings.Repeat("alpha one 1\nbeta,two,2\nclass Gamma:\n", 200), "work/sub/inner.py": "def alpha():\n    return 1\n"}
}

// sampleCalls are arguments to try the tool with: those of its examples, and
// values that its schema allows.
func sampleCalls(m learn.ToolManifest) (calls []map[string]any, examples int, err error) {
	var recorded map[string]any
	for _, e := range m.Examples {
		var call map[string]any
		if json.Unmarshal(e.Arguments, &call) == nil && call != nil && CheckArguments(m, e.Arguments) == nil && len(calls) < maxSampleCalls {
			calls = append(calls, call)
			recorded = call
		}
	}
	var sch struct {
		Properties map[string]map[string]any `json:"properties"`
		Required   []string                  `json:"required"`
	}
	if err := json.Unmarshal(m.Parameters, &sch); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errSchema, err)
	}
	examples = len(calls)
	call := map[string]any{}
	for name, p := range sch.Properties {
		place := samplePlace(m, name, p)
		switch value, ok := recorded[name]; {
		case place != "":
			call[name] = place
		case ok:
			call[name] = value
		case slices.Contains(sch.Required, name):
			call[name] = sampleValue(p)
		}
	}
	if raw, err := json.Marshal(call); err == nil && CheckArguments(m, raw) == nil {
		calls = append(calls, call)
	}
	return calls, examples, nil
}

const maxSampleCalls = 5

// samplePlace is the folder or file among sampleFiles that a parameter gets
// which names one, by its format or its name; "" for other parameters.
func samplePlace(m learn.ToolManifest, name string, schema map[string]any) string {
	format, _ := schema["format"].(string)
	kind, _ := schema["type"].(string)
	switch {
	case format == "path" && strings.HasPrefix(name, "directory"):
		return "."
	case format == "path":
		return "sample.txt"
	case m.Permissions.Filesystem == "none" || kind != "string":
		return ""
	case folderLike.MatchString(name):
		return "."
	case fileLike.MatchString(name):
		return "sample.txt"
	}
	return ""
}

var (
	folderLike = lazyregexp.New(`^(\w+_)?(dir|directory|folder|root)$`)
	fileLike   = lazyregexp.New(`^(\w+_)?(file|path|filename|file_?name|file_?path)$`)
)

// sampleValue is a value for a parameter without an example.
func sampleValue(schema map[string]any) any {
	for _, word := range []string{"default", "const"} {
		if v, ok := schema[word]; ok {
			return v
		}
	}
	if list, ok := schema["enum"].([]any); ok && len(list) > 0 {
		return list[0]
	}
	switch schema["type"] {
	case "integer", "number":
		low, _ := schema["minimum"].(float64)
		return max(low, 1)
	case "boolean":
		return true
	case "array":
		return []any{}
	case "object":
		return map[string]any{}
	case "null":
		return nil
	}
	return "alpha"
}

// measured is what guest/bench.py prints.
type measured struct {
	Answers   []programAnswer `json:"answers"`
	Shown     int             `json:"-"` // how many of the answers are to the manifest's examples
	Refused   programAnswer   `json:"refused"`
	ColdMS    float64         `json:"cold_ms"`
	ColdP95MS float64         `json:"cold_p95_ms"`
	WarmMS    float64         `json:"warm_ms"`
	WarmP95MS float64         `json:"warm_p95_ms"`
	WarmCalls int             `json:"warm_calls"`
	WarmError string          `json:"warm_error"`
	GrowthMB  float64         `json:"growth_mb"` // of the process over GrownCalls further calls
	Grown     int             `json:"grown_calls"`
	MemoryMB  float64         `json:"memory_mb"`
}

type programAnswer struct {
	ExitCode int    `json:"exit_code"`
	Stdout   string `json:"stdout"`
	Stderr   string `json:"stderr"`
	Slow     bool   `json:"slow"`
}

// missingFile says that a call ended because the files that it speaks of are
// not here.
func (a programAnswer) missingFile() bool {
	var said struct {
		Error struct{ Type, Message string }
	}
	if json.Unmarshal([]byte(a.Stdout), &said) != nil {
		return false
	}
	// A script's error is what its programs said.
	return slices.Contains([]string{"FileNotFoundError", "NotADirectoryError", "IsADirectoryError"}, said.Error.Type) ||
		said.Error.Type == "ToolError" && strings.Contains(said.Error.Message, "No such file or directory")
}

// raised says that a call ended with an exception, not otherwise.
func (a programAnswer) raised() bool {
	var said struct{ Error struct{ Type string } }
	return a.ExitCode == 1 && json.Unmarshal([]byte(a.Stdout), &said) == nil && said.Error.Type != ""
}

// unreachable says that a call ended because validation has no network and no
// values for variables.
func (a programAnswer) unreachable(p learn.Permissions) bool {
	var said struct{ Error struct{ Type string } }
	if json.Unmarshal([]byte(a.Stdout), &said) != nil {
		return false
	}
	t := said.Error.Type
	return len(p.Network) > 0 && slices.Contains([]string{"URLError", "ConnectionRefusedError", "ConnectionError", "OSError", "TimeoutError", "gaierror"}, t) ||
		len(p.Environment)+len(p.Secrets) > 0 && t == "KeyError"
}

func (j *job) measure(ctx context.Context, cold, warm int) (measured, *learn.Check, error) {
	calls, shown, err := sampleCalls(j.tool.Manifest)
	if err != nil {
		return measured{}, nil, err
	}
	if len(calls) == 0 { // as where the parameters have a pattern; its tests call it
		c := findings([]learn.Finding{{File: "tool.json", Rule: "no-example", Severity: learn.SeverityWarning,
			Message: "there is nothing to call it with: give an example whose arguments fit the parameters"}})
		return measured{}, &c, nil
	}
	request := map[string]any{"name": j.tool.Manifest.Name, "calls": calls, "cold": cold, "warm": warm, "seconds": j.seconds()}
	r, err := j.try(ctx, request, "bench.py")
	if err != nil {
		return measured{}, nil, err
	}
	var m measured
	if r.ExitCode != 0 || json.Unmarshal(r.Stdout, &m) != nil || len(m.Answers) != len(calls) {
		c := failed("calling the tool", r)
		return m, &c, nil
	}
	m.Shown = shown
	return m, nil, nil
}

// try runs one of guest/ that calls the tool, in a folder with samples, which
// can be written when the tool may write.
func (j *job) try(ctx context.Context, request any, script string) (RunResult, error) {
	args := []string{"python3", "-I", "gate/" + script}
	if p := j.tool.Manifest.Permissions; p.Filesystem == "write" {
		folders, err := json.Marshal(p.Paths)
		if err != nil {
			return RunResult{}, err
		}
		args = append([]string{"python3", "-I", "gate/writable.py", string(folders)}, args...)
	}
	return j.run(ctx, request, sampleFiles(), args...)
}

// seconds is how long one call of a gate may take: what the manifest asks
// for, and not longer than a gate can wait.
func (j *job) seconds() float64 { return min(j.tool.Manifest.Permissions.Seconds, 20) }

// ask runs one of guest/ that answers with findings.
func (j *job) ask(ctx context.Context, what, script string, request, answer any) (*learn.Check, error) {
	r, err := j.try(ctx, request, script)
	if err != nil {
		return nil, err
	}
	if r.ExitCode != 0 || json.Unmarshal(r.Stdout, answer) != nil {
		c := failed(what, r)
		return &c, nil
	}
	return nil, nil
}

// examples compares what the tool gives with what its examples and its
// documentation say. An example of a recorded command has no result of the
// function, and one that speaks of files that are not here cannot be checked.
func examples(ctx context.Context, j *job) (learn.Check, error) {
	type example struct {
		Arguments json.RawMessage `json:"arguments"`
		Result    json.RawMessage `json:"result"`
	}
	list := []example{}
	var all []learn.Finding
	for i, e := range j.tool.Manifest.Examples {
		if len(e.Arguments) > 0 {
			if err := CheckArguments(j.tool.Manifest, e.Arguments); err != nil {
				all = append(all, learn.Finding{File: "tool.json", Rule: "bad-example", Message: fmt.Sprintf("example %d: %v", i+1, err)})
				continue
			}
		}
		if e.Command == "" && e.Result != "" && json.Valid([]byte(e.Result)) && len(e.Arguments) > 0 {
			list = append(list, example{e.Arguments, json.RawMessage(e.Result)})
		}
	}
	var answer struct {
		Checked  int
		Findings []learn.Finding
	}
	p := j.tool.Manifest.Permissions
	request := map[string]any{"name": j.tool.Manifest.Name, "examples": list[:min(len(list), 20)], "seconds": j.seconds(),
		"files": p.Filesystem != "none", "network": len(p.Network) > 0, "variables": len(p.Environment)+len(p.Secrets) > 0}
	if bad, err := j.ask(ctx, "the examples", "examples.py", request, &answer); err != nil || bad != nil {
		return deref(bad), err
	}
	c := findings(append(all, answer.Findings...))
	if c.Passed {
		c.Summary = fmt.Sprintf("%d results that are said are what the tool gives", answer.Checked)
		if answer.Checked == 0 {
			c.Summary = "no result is said that could be checked"
		}
	}
	return c, nil
}

// returnsSchema calls the tool: a good call must give what the manifest's
// schema says, a bad one an error as JSON and a status above 0.
func returnsSchema(ctx context.Context, j *job) (learn.Check, error) {
	m, bad, err := j.measure(ctx, 0, 0)
	if err != nil || bad != nil {
		return deref(bad), err
	}
	good := 0
	for i, a := range m.Answers {
		switch {
		case a.Slow:
			return learn.Check{Summary: fmt.Sprintf("sample call %d did not end within %g seconds", i+1, j.seconds())}, nil
		case a.ExitCode != 0 && (a.missingFile() || a.unreachable(j.tool.Manifest.Permissions)):
			continue
		case a.raised() && (i >= m.Shown || j.tool.Manifest.Permissions.Filesystem != "none"):
			continue // what it asks of arguments beyond the schema, or of files, we do not know
		case a.ExitCode != 0:
			return learn.Check{Summary: fmt.Sprintf("sample call %d ended with %d", i+1, a.ExitCode), Details: lastLines(a.Stdout+"\n"+a.Stderr, 20)}, nil
		}
		if err := fits(j.tool.Manifest.Returns, json.RawMessage(a.Stdout), "answers"); err != nil {
			return learn.Check{Summary: "not what the returns schema says: " + err.Error(), Details: lastLines(a.Stdout, 5)}, nil
		}
		good++
	}
	if m.Refused.ExitCode == 0 || !json.Valid([]byte(m.Refused.Stdout)) {
		return learn.Check{Summary: "a call with an unknown argument must give an error as JSON and a status above 0", Details: lastLines(m.Refused.Stdout+"\n"+m.Refused.Stderr, 10)}, nil
	}
	c := learn.Check{Passed: true, Summary: fmt.Sprintf("%d sample calls answered by the schema, a wrong one refused", good)}
	if left := len(m.Answers) - good; left > 0 {
		c.Details = []string{fmt.Sprintf("%d more were refused by the tool, or name files or hosts that are not here", left)}
	}
	return c, nil
}

// propertyCalls is how many random calls a tool gets.
const propertyCalls = 60

// properties calls the tool with arguments that its schema allows: each call
// ends in time, raises only what its documentation names or what is no sign of
// a fault, and gives what the returns schema says.
func properties(ctx context.Context, j *job) (learn.Check, error) {
	m := j.tool.Manifest
	var answer struct {
		Calls    int
		Findings []learn.Finding
		Results  []struct{ Arguments, Result json.RawMessage }
	}
	documented := append([]string{}, exceptionName.FindAllString(sourceText(j.tool)+" "+j.tool.Files["README.md"], 100)...)
	for _, expected := range raisesCall.FindAllString(j.tool.Files["test_tool.py"], 100) {
		documented = append(documented, exceptionName.FindAllString(expected, 10)...)
	}
	request := map[string]any{"name": m.Name, "parameters": m.Parameters, "seconds": j.seconds(), "count": propertyCalls, "documented": documented,
		"steady": m.Permissions.Filesystem != "write" && len(m.Permissions.Network) == 0 && !saysChance.MatchString(m.Description+" "+j.tool.Files["README.md"])}
	if bad, err := j.ask(ctx, "the random calls", "properties.py", request, &answer); err != nil || bad != nil {
		return deref(bad), err
	}
	all := answer.Findings
	for _, r := range answer.Results {
		if CheckArguments(m, r.Arguments) != nil {
			continue // beyond the keywords that the generator keeps to
		}
		if err := fits(m.Returns, r.Result, "results"); err != nil {
			all = append(all, learn.Finding{File: SourceName(m.Language), Rule: "wrong-type", Message: fmt.Sprintf("for %s: %v", clip(string(r.Arguments), 200), err)})
			break
		}
	}
	c := findings(all)
	if c.Passed {
		c.Summary = fmt.Sprintf("%d random calls ended as they may", answer.Calls)
	}
	return c, nil
}

// saysChance are words of a tool whose result may differ from call to call.
var saysChance = lazyregexp.New(`(?i)\b(random\w*|shuffl\w*|sampl\w+|current|now|today\w*|time|clock|elapsed|duration|seconds|age|uuid\w*|unique|temporary|benchmark\w*|nondeterministic)\b`)

// raisesCall is what a test expects to be raised.
var raisesCall = lazyregexp.New(`(?:\braises|assertRaises\w*)\([^)]*\)`)

var exceptionName = lazyregexp.New(`\b[A-Z]\w*(?:Error|Exception|Exit)\b`)

// Bounds of what a tool may keep from call to call.
const (
	maxGrowthMB     = 8.0
	maxGrowthByCall = 0.005 // MB
)

// benchmark measures 5 cold and 20 warm calls and the memory,
// holds them against the manifest's permissions, and looks whether memory
// grows from call to call.
func benchmark(ctx context.Context, j *job) (learn.Check, error) {
	m, bad, err := j.measure(ctx, 5, 20)
	if err != nil || bad != nil {
		return deref(bad), err
	}
	j.result.ColdMS, j.result.WarmMS, j.result.MemoryMB = m.ColdMS, m.WarmMS, m.MemoryMB
	j.result.ColdP95MS, j.result.WarmP95MS = m.ColdP95MS, m.WarmP95MS
	p := j.tool.Manifest.Permissions
	var all []learn.Finding
	add := func(rule, format string, args ...any) {
		all = append(all, learn.Finding{File: SourceName(j.tool.Manifest.Language), Rule: rule, Message: fmt.Sprintf(format, args...)})
	}
	if m.WarmCalls == 0 {
		add("not-callable", "calls in a row did not end: %s", clip(m.WarmError, 300))
	}
	if m.ColdMS >= 1000*j.seconds() {
		add("slow", "a call takes %.1f s, allowed are %g s", m.ColdMS/1000, p.Seconds)
	}
	if m.MemoryMB > float64(p.MemoryMB) {
		add("memory", "a call takes %.0f MB, allowed are %d MB", m.MemoryMB, p.MemoryMB)
	}
	if m.GrowthMB > maxGrowthMB && m.GrowthMB/float64(max(m.Grown, 1)) > maxGrowthByCall {
		add("leak", "%d calls made the process %.0f MB larger", m.Grown, m.GrowthMB)
	}
	c := findings(all)
	if c.Passed {
		c.Summary = fmt.Sprintf("median %.0f ms cold (95 %% within %.0f), %.1f ms warm (95 %% within %.1f), %.0f MB; allowed are %g s and %d MB", m.ColdMS, m.ColdP95MS, m.WarmMS, m.WarmP95MS, m.MemoryMB, p.Seconds, p.MemoryMB)
	}
	return c, nil
}

func deref(c *learn.Check) learn.Check {
	if c == nil {
		return learn.Check{}
	}
	return *c
}
