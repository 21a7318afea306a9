package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"lathe/learn"
)

// Bounds of a written tool and of what is quoted for it, in bytes.
const (
	maxToolSource  = 24_000
	maxToolText    = 8_000
	maxToolProblem = 6_000
	maxToolExample = 1_500
)

// writeToolTask is the task in a language.
func writeToolTask(language string) string {
	if language == "shell" {
		return writeShellTask
	}
	return writePythonTask
}

const writePythonTask = `You write one small tool in Python as fields of a JSON object. ` + FenceRule + `
source: tool.py. One function named like the tool, keyword-only parameters with type hints as in the parameters schema; it returns what the returns schema says and raises TypeError, ValueError or OSError. A docstring with Arguments, Examples and what it raises. Python 3.11, standard library only; no network, no eval, no exec, no shell; programs only as argument lists. It must pass mypy --strict, pylint and bandit.
tests: test_tool.py for pytest and hypothesis, "from tool import NAME". Tests of ordinary, odd and wrong arguments that would fail on a wrong tool; where a command is given, it is the oracle: run it on files that the test makes, and compare.
readme: what it is for, in a few lines, with an example.
parameters, returns: JSON Schema. example: arguments of one call that works in a folder with sample.txt and sub/inner.py.
The tool reads its working directory and writes nothing.`

const writeShellTask = `You write one small tool in shell as fields of a JSON object. ` + FenceRule + `
source: tool.sh. First line #!/bin/bash, or #!/bin/sh for POSIX; then a comment that says what it does; then set -eu. Each argument that was given is a variable, ARG_ and the parameter's name in capitals: texts as they are, numbers and booleans as JSON, lists and objects as JSON; all of them are one JSON object on standard input, for jq. What it prints is the result: a text when the returns schema has the type string, else JSON. A status above 0 is an error, and standard error its message. Values in quotes, behind -- where they could be options, never within an awk, sed or jq program; no eval, source, trap, exec, interpreters or network. It must pass shellcheck.
tests: test_tool.py for pytest and hypothesis, "from tool import NAME" gives a Python function with the parameters as keyword arguments, which runs the script and raises ToolError (also in tool). Tests of ordinary, odd and wrong arguments that would fail on a wrong tool; where a command is given, it is the oracle: run it on files that the test makes, and compare.
readme: what it is for, in a few lines, with an example.
parameters, returns: JSON Schema. example: arguments of one call that works in a folder with sample.txt and sub/inner.py.
The tool reads its working directory and writes nothing.`

// WriteTool asks a model for a draft. The answer only fills the fields of the
// schema; what it holds is nobody's word before it was validated. The error is
// ErrDropped when there was no usable answer.
func WriteTool(ctx context.Context, d *Desk, m Asked, ask learn.ToolAsk) (learn.ToolDraft, error) {
	type obj = map[string]any
	text := func(n int) obj { return obj{"type": "string", "minLength": 1, "maxLength": n} }
	object := obj{"type": "object"}
	properties := obj{"description": text(300), "parameters": object, "returns": object, "example": object,
		"source": text(maxToolSource), "tests": text(maxToolSource), "readme": text(maxToolText)}
	required := []string{"description", "parameters", "returns", "example", "source", "tests", "readme"}
	if ask.Question {
		properties["unchanged"] = obj{"type": "boolean", "description": "true when what is asked needs no change"}
		required = append(required, "unchanged")
	}
	schema, err := json.Marshal(obj{"type": "object", "additionalProperties": false, "required": required, "properties": properties})
	if err != nil {
		return learn.ToolDraft{}, fmt.Errorf("write a tool: %w", err)
	}
	var draft toolDraft
	a, err := d.Ask(ctx, Question{Use: learn.UseTool, Source: m.Source, Model: m.Model, Name: m.Name, Schema: schema,
		Request: Request{System: writeToolTask(ask.Language), MaxTokens: 12_000, Temperature: new(float64), Messages: []Message{{User, toolQuestion(ask)}}}}, &draft)
	switch {
	case err != nil:
		return learn.ToolDraft{}, err
	case a.Verdict != learn.ModelUsed:
		return learn.ToolDraft{}, fmt.Errorf("%w: %s", ErrDropped, a.Problem)
	}
	return learn.ToolDraft(draft), nil
}

type toolDraft learn.ToolDraft

// Check refuses a draft that cannot be a tool at all.
func (t *toolDraft) Check() error {
	switch {
	case !strings.Contains(t.Source, "def ") && !strings.HasPrefix(t.Source, "#!"):
		return errors.New("source defines no function, and is no script with a first line #!")
	case !strings.Contains(t.Tests, "def test_"):
		return errors.New("tests holds no test")
	}
	return nil
}

// toolQuestion puts the specification and what is wrong into words; everything
// that was recorded or written by others is fenced.
func toolQuestion(ask learn.ToolAsk) string {
	var b strings.Builder
	s := ask.Spec
	fmt.Fprintf(&b, "The tool's name: %s\nWhat it is for:\n%s\n", clean(s.Name, 64), Fence(s.Description, 1000))
	if s.CommandTemplate != "" {
		fmt.Fprintf(&b, "The command that it takes the place of, parameters in braces:\n%s\n", Fence(s.CommandTemplate, 2000))
	}
	if len(s.Parameters) > 0 {
		fmt.Fprintf(&b, "Its parameters, to be kept:\n%s\n", Fence(string(s.Parameters), 4000))
	}
	for i, e := range s.Examples[:min(len(s.Examples), 3)] {
		fmt.Fprintf(&b, "Recorded call %d, with what it printed:\n%s\n", i+1, Fence(e.Command+"\n"+e.Result, maxToolExample))
	}
	if f := ask.Former; f != nil {
		fmt.Fprintf(&b, "Your former source:\n%s\nYour former test_tool.py:\n%s\n", Fence(f.Source, maxToolSource), Fence(f.Tests, maxToolSource))
		what := "What is wrong with it, to be mended:"
		if ask.Question {
			what = "What a reviewer asks of it; say unchanged when that needs no change:"
		}
		fmt.Fprintf(&b, "%s\n%s\n", what, Fence(strings.Join(ask.Problems, "\n"), maxToolProblem))
	}
	return b.String()
}
