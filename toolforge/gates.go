package toolforge

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
	"lathe/toolforge/wheel"
)

func staticGates(language string) []gate {
	if language == languageShell {
		return shellGates()
	}
	return []gate{
		{"syntax", rules("syntax")}, {"types", types}, {"lint", lint}, {"security", security},
		{"imports", rules("imports")}, {"complexity", rules("complexity")}, {"contract", rules("contract")},
		{"documentation", documentation},
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

// located is a finding as one line of text.
func located(f learn.Finding) string {
	where := f.File
	if f.Line > 0 {
		where += fmt.Sprintf(":%d", f.Line)
	}
	return fmt.Sprintf("%s: %s: %s", where, f.Rule, clip(f.Message, 300))
}

// rules gives what guest/rules.py, which parses the sources and executes
// nothing, says of one matter. All matters are looked at in one run.
func rules(which string) func(context.Context, *job) (learn.Check, error) {
	return func(ctx context.Context, j *job) (learn.Check, error) {
		j.ruling.Do(func() { j.ruled, j.ruleFailure, j.ruleErr = j.rule(ctx) })
		if j.ruleErr != nil || j.ruleFailure != nil {
			return deref(j.ruleFailure), j.ruleErr
		}
		return findings(j.ruled[which]), nil
	}
}

// rule runs the rules: findings by matter, or the check that says why there
// are none.
func (j *job) rule(ctx context.Context) (map[string][]learn.Finding, *learn.Check, error) {
	names, err := parameterNames(j.tool.Manifest.Parameters)
	if err != nil {
		return nil, nil, err
	}
	request := map[string]any{"name": j.tool.Manifest.Name, "permissions": j.tool.Manifest.Permissions, "parameters": names}
	if len(j.packages) > 0 {
		request["modules"] = wheel.Modules(j.packages)
	}
	if j.tool.Manifest.Language == languageShell {
		request["files"] = []string{"test_tool.py"}
	}
	r, err := j.run(ctx, request, nil, "python3", "-I", "gate/rules.py", "syntax", "imports", "secrets", "complexity", "contract")
	if err != nil {
		return nil, nil, err
	}
	answer := map[string][]learn.Finding{}
	if r.ExitCode != 0 || json.Unmarshal(r.Stdout, &answer) != nil {
		c := failed("the rules", r)
		return nil, &c, nil
	}
	return answer, nil, nil
}

// findings is the check of a gate that found these: it passes when none is an
// error.
func findings(all []learn.Finding) learn.Check {
	c := learn.Check{Passed: true, Summary: "nothing found"}
	for i := range all {
		if all[i].Severity == "" {
			all[i].Severity = learn.SeverityError
		}
		all[i].Message = clip(all[i].Message, 500)
		if all[i].Severity == learn.SeverityError {
			c.Passed = false
		}
		c.Details = append(c.Details, located(all[i]))
	}
	if len(all) > 0 {
		c.Summary = fmt.Sprintf("%d found, first: %s", len(all), c.Details[0])
	}
	c.Findings = all[:min(len(all), 50)]
	return c
}

var rated = lazyregexp.New(`rated at (-?[0-9.]+)/10`)

var pylintLine = lazyregexp.New(`^tool/([a-z_.]+):([0-9]+): ([A-Z])[0-9]+ ([a-z0-9-]+): (.*)$`)

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
		"no-member":                   "mypy knows types where pylint guesses them",
		"not-an-iterable":             "the same",
		"not-a-mapping":               "the same",
		"not-callable":                "the same",
		"unsubscriptable-object":      "the same",
		"unsupported-membership-test": "the same",
		"assignment-from-none":        "the same",
		"assignment-from-no-return":   "the same",
	}
}

// lintRating is pylint's own formula with other weights: what may be a mistake
// counts in full, matters of style little, and a short tool is rated as one of
// 20 statements, so that no single remark decides.
const lintRating = "max(0, 10 - 10 * (5 * error + warning + 0.2 * refactor + 0.1 * convention) / max(statement, 20))"

func lint(ctx context.Context, j *job) (learn.Check, error) {
	off := strings.Join(slices.Sorted(maps.Keys(pylintOff())), ",")
	r, err := j.run(ctx, nil, nil, "python3", "-I", "-m", "pylint", "--rcfile=/dev/null", "--persistent=n", "--jobs=1", "--evaluation="+lintRating,
		"--init-hook=import sys; sys.path.append('tool/"+DependencyFolder+"')", "--disable="+off, "--msg-template={path}:{line}: {msg_id} {symbol}: {msg}", "tool/tool.py")
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
	// Bits 1 and 2 of the exit status are fatal and error messages.
	c := learn.Check{Rating: max(score, 0), Passed: score >= minLint && r.ExitCode&3 == 0, Summary: fmt.Sprintf("pylint rates it %.2f, at least %.1f and no error is asked for", score, minLint)}
	for _, l := range lastLines(string(r.Stdout), 50) {
		if strings.HasPrefix(l, "tool/") {
			c.Details = append(c.Details, strings.TrimPrefix(l, "tool/"))
		}
		if m := pylintLine.FindStringSubmatch(l); m != nil {
			line, _ := strconv.Atoi(m[2])
			f := learn.Finding{File: m[1], Line: line, Rule: m[4], Severity: learn.SeverityWarning, Message: clip(m[5], 300)}
			if m[3] == "E" || m[3] == "F" || !c.Passed {
				f.Severity = learn.SeverityError
			}
			c.Findings = append(c.Findings, f)
		}
	}
	return c, nil
}

// banditFine are bandit's remarks on subprocess with argument lists, and on
// opening addresses where a person is asked for named hosts: the imports gate
// looks at those more closely, and the sandbox holds them. What is wrong with XML
// (B314 to B320: entities that grow) is memory and time, which have limits.
func banditFine(id string, p learn.Permissions) bool {
	return slices.Contains([]string{"B404", "B603", "B607", "B314", "B317", "B318", "B319"}, id) || id == "B310" && len(p.Network) > 0
}

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
	var all []learn.Finding
	for _, f := range report.Results {
		if !banditFine(f.ID, j.tool.Manifest.Permissions) {
			found := learn.Finding{File: strings.TrimPrefix(f.Filename, "tool/"), Line: f.Line, Rule: f.ID, Message: f.Text + " (" + strings.ToLower(f.Severity) + ")"}
			if f.Severity == "LOW" { // assert, random numbers, a pass in except: other gates see what comes of it
				found.Severity = learn.SeverityWarning
			}
			all = append(all, found)
		}
	}
	return findings(all), nil
}
