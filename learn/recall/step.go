package recall

import (
	"encoding/json"
	"strings"

	"lathe/learn"
	"lathe/learn/action"
)

// Step is a call at the detail at which plans and strategies are compared.
type Step struct {
	head   string // program and subcommand, or the tool; "" when only the intent is known
	intent learn.Intent
}

// StepOf reads a call, or a step of a plan, which may hold {parameters}.
func StepOf(tool string, arguments json.RawMessage) Step {
	var named struct {
		Intent learn.Intent `json:"intent"`
	}
	ev := learn.ActionOutcome{ToolName: tool, ToolParameters: arguments}
	if ev.Command() == "" && json.Unmarshal(arguments, &named) == nil && named.Intent != "" {
		return Step{intent: named.Intent}
	}
	a := action.Parse(&ev)
	return StepDone(tool, a.Skeleton, a.Intent)
}

// StepDone is the step of a call whose skeleton is known: the tool of a
// structured call, or program and subcommand.
func StepDone(tool, skeleton string, intent learn.Intent) Step {
	words := strings.Fields(skeleton)
	switch {
	case len(words) == 0 || strings.HasPrefix(skeleton, tool+"("):
		return Step{tool, intent}
	case len(words) > 1 && words[1][0] >= 'a' && words[1][0] <= 'z':
		return Step{words[0] + " " + strings.TrimSuffix(words[1], ";"), intent}
	}
	return Step{strings.TrimSuffix(words[0], ";"), intent}
}

// fits reports whether a call is this step of a strategy.
func (s Step) fits(call Step) bool {
	if s.head == "" {
		return s.intent != "" && s.intent == call.intent
	}
	return s.head == call.head
}

func (s Step) String() string {
	if s.head == "" {
		return string(s.intent)
	}
	return s.head
}

// Progress tells how far steps have come in a strategy: the number of its steps
// that are among them in order, from its first one on.
func Progress(strategy, steps []Step) int {
	n := 0
	for _, s := range steps {
		if n < len(strategy) && strategy[n].fits(s) {
			n++
		}
	}
	return n
}
