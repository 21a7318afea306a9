package toolforge

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"lathe/learn"
)

func staticGates() []gate {
	return []gate{
		{"syntax", rules("syntax")}, {"types", types}, {"lint", lint}, {"security", security},
		{"imports", rules("imports")}, {"complexity", rules("complexity")}, {"contract", rules("contract")},
	}
}

// failed is a check that could not be finished, with what the program said.
func failed(what string, r RunResult) learn.Check {
	c := learn.Check{Summary: fmt.Sprintf("%s ended with %d", what, r.ExitCode)}
	if r.Limit != "" {
		c.Summary = fmt.Sprintf("%s hit a limit: %s", what, r.Limit)
	}
	c.Details = lastLines(string(r.Stdout)+"\n"+string(r.Stderr), 20)
	return c
}

func lastLines(s string, n int) []string {
	var lines []string
	for l := range strings.SplitSeq(s, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, clip(l, 300))
		}
	}
	return lines[max(0, len(lines)-n):]
}

// finding is what a rule found in a source.
type finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
}

func (f finding) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, f.Rule, clip(f.Message, 300))
}

// rules runs guest/rules.py, which parses the sources and executes nothing.
func rules(which string) func(context.Context, *job) (learn.Check, error) {
	return func(ctx context.Context, j *job) (learn.Check, error) {
		sch, err := readSchema(j.tool.Manifest.Parameters)
		if err != nil {
			return learn.Check{}, err
		}
		request := map[string]any{"name": j.tool.Manifest.Name, "permissions": j.tool.Manifest.Permissions,
			"parameters": slices.Sorted(maps.Keys(sch.Properties))}
		r, err := j.run(ctx, request, nil, "python3", "-I", "gate/rules.py", which)
		if err != nil {
			return learn.Check{}, err
		}
		var answer struct{ Findings []finding }
		if r.ExitCode != 0 || json.Unmarshal(r.Stdout, &answer) != nil {
			return failed("the rules", r), nil
		}
		return findings(answer.Findings), nil
	}
}

func findings(all []finding) learn.Check {
	c := learn.Check{Passed: len(all) == 0, Summary: "nothing found"}
	if !c.Passed {
		c.Summary = fmt.Sprintf("%d found, first: %s", len(all), all[0])
	}
	for _, f := range all {
		c.Details = append(c.Details, f.String())
	}
	return c
}

// types is mypy --strict on the tool. The tests are not typed strictly: their
// libraries' decorators are not.
func types(ctx context.Context, j *job) (learn.Check, error) {
	r, err := j.run(ctx, nil, nil, "python3", "-I", "-m", "mypy", "--strict", "--config-file=", "--cache-dir=/dev/null",
		"--no-color-output", "--show-error-codes", "tool/tool.py")
	switch {
	case err != nil:
		return learn.Check{}, err
	case r.ExitCode != 0:
		return failed("mypy --strict", r), nil
	}
	return learn.Check{Passed: true, Summary: "mypy --strict found nothing"}, nil
}

var rated = regexp.MustCompile(`rated at (-?[0-9.]+)/10`)

// pylintOff are the messages that are not asked for, with the reason.
func pylintOff() map[string]string {
	return map[string]string{
		"line-too-long":               "documentation quotes commands as they were typed",
		"too-many-arguments":          "the parameters are the schema's",
		"too-many-positional":         "the same",
		"too-many-locals":             "follows from the parameters",
		"consider-using-with":         "a context manager further out is not seen",
		"unknown-option-value":        "versions of pylint know different messages",
		"useless-option-value":        "the same",
		"missing-module-docstring":    "a tool is documented by its README and its function",
		"redefined-outer-name":        "a parameter may be named like a function",
		"subprocess-run-check":        "an exit status is part of the result",
		"too-few-public-methods":      "a result class has fields only",
		"unspecified-encoding":        "the sandbox's locale is UTF-8",
		"too-many-return-statements":  "the complexity gate counts branches",
		"too-many-branches":           "the same",
		"too-many-statements":         "the same",
		"too-many-instance-attribute": "the same",
	}
}

func lint(ctx context.Context, j *job) (learn.Check, error) {
	off := strings.Join(slices.Sorted(maps.Keys(pylintOff())), ",")
	r, err := j.run(ctx, nil, nil, "python3", "-I", "-m", "pylint", "--rcfile=/dev/null", "--persistent=n", "--jobs=1",
		"--disable="+off, "--msg-template={path}:{line}: {msg_id} {symbol}: {msg}", "tool/tool.py")
	if err != nil {
		return learn.Check{}, err
	}
	m := rated.FindSubmatch(r.Stdout)
	if m == nil || r.ExitCode&32 != 0 {
		return failed("pylint", r), nil
	}
	score, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		return failed("pylint", r), nil
	}
	j.mu.Lock()
	j.lint = max(score, 0)
	j.mu.Unlock()
	// Bits 1 and 2 of the exit status are fatal and error messages.
	c := learn.Check{Passed: score >= minLint && r.ExitCode&3 == 0, Summary: fmt.Sprintf("pylint rates it %.2f, at least %.1f and no error is asked for", score, minLint)}
	for _, l := range lastLines(string(r.Stdout), 50) {
		if strings.HasPrefix(l, "tool/") {
			c.Details = append(c.Details, strings.TrimPrefix(l, "tool/"))
		}
	}
	return c, nil
}

// banditFine are bandit's remarks on subprocess with argument lists: the
// imports gate looks at those more closely, and the sandbox holds them.
func banditFine(id string) bool { return slices.Contains([]string{"B404", "B603", "B607"}, id) }

// security looks for secrets in the source and then asks bandit.
func security(ctx context.Context, j *job) (learn.Check, error) {
	own, err := rules("secrets")(ctx, j)
	if err != nil || !own.Passed {
		return own, err
	}
	r, err := j.run(ctx, nil, nil, "python3", "-I", "-m", "bandit", "-q", "--ignore-nosec", "-f", "json", "tool/tool.py")
	if err != nil {
		return learn.Check{}, err
	}
	var report struct {
		Errors  []struct{ Filename, Reason string }
		Results []struct {
			Filename string `json:"filename"`
			Line     int    `json:"line_number"`
			ID       string `json:"test_id"`
			Text     string `json:"issue_text"`
			Severity string `json:"issue_severity"`
		}
	}
	if r.ExitCode > 1 || json.Unmarshal(r.Stdout, &report) != nil || len(report.Errors) > 0 {
		return failed("bandit", r), nil
	}
	var all []finding
	for _, f := range report.Results {
		if !banditFine(f.ID) {
			all = append(all, finding{strings.TrimPrefix(f.Filename, "tool/"), f.Line, f.ID + " " + f.Severity, f.Text})
		}
	}
	return findings(all), nil
}
