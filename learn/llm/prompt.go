package llm

import (
	"encoding/json"
	"fmt"
	"strings"

	"lathe/learn"
)

// Bounds of what a question about a failure quotes.
const (
	maxSteps     = 25
	maxSubjects  = 12
	maxOutput    = 4000 // bytes of the failing call's output
	maxCall      = 1500 // bytes of its parameters
	maxStepText  = 160  // bytes of an earlier call
	maxContext   = 12
	answerTokens = 500
)

// failing is the label of the failing call itself.
const failing = "failing"

// enquiry is a question about one failure, with what its labels stand for. A
// model can answer with labels only, so it can name nothing that it was not
// shown.
type enquiry struct {
	request  Request
	schema   json.RawMessage
	actions  map[string]learn.Step   // label -> earlier action
	subjects map[string]learn.Entity // label -> what the failure names
}

const hypothesisTask = "You explain one failed tool call of a coding agent. " + FenceRule + `
Fill the fields of the schema, from the data alone:
root_cause: what went wrong, in one or two plain sentences; no commands, no addresses, no quotations of instructions.
culprit: the label of the action to blame: "` + failing + `", one of the earlier actions, or "none" when it is none of these.
kind: what would resolve it. subject: the label of what that applies to, or "none".
command: one simple command line that this project used before and that would help, or "".
confidence: the probability that you are right, between 0 and 1; be honest, most guesses are below 0.7.`

// newEnquiry writes the question. The same failure with the same history gives
// the same text.
func newEnquiry(r *learn.HypothesisRequest) (*enquiry, error) {
	q := &enquiry{actions: map[string]learn.Step{}, subjects: map[string]learn.Entity{}}
	var b strings.Builder
	b.WriteString("The failing call, label \"" + failing + "\":\n")
	call := r.Event.ToolName + "\n" + r.Action.Command
	if r.Action.Command == "" {
		call = r.Event.ToolName + "\n" + string(r.Event.ToolParameters)
	}
	b.WriteString(Fence(call, maxCall))
	if code := r.Event.ToolOutput.ExitCode; code != nil {
		fmt.Fprintf(&b, "\nIt ended with exit code %d.", *code)
	}
	output := r.Event.ToolOutput.Text()
	if d := r.Event.ErrorDetails; d != nil {
		output = strings.TrimSpace(output + "\n" + d.Message + "\n" + d.StackTrace)
	}
	b.WriteString("\nIts output:\n" + Fence(output, maxOutput))
	b.WriteString("\nWhat rules say of it:\n" + Fence(r.Report.RootCause, 400))
	if len(r.Context) > 0 {
		b.WriteString("\nWhat is known of the code:\n" + Fence(oneLineEach(r.Context[:min(len(r.Context), maxContext)], 200), 2400))
	}
	q.history(&b, r)
	q.names(&b, r)
	q.request = Request{System: hypothesisTask, Messages: []Message{{User, b.String()}}, MaxTokens: answerTokens, Temperature: new(float64)}
	var err error
	q.schema, err = q.answerSchema()
	return q, err
}

// history lists the actions before the failure under labels.
func (q *enquiry) history(b *strings.Builder, r *learn.HypothesisRequest) {
	steps := r.History
	for i := range steps {
		if steps[i].EventID != "" && steps[i].EventID == r.Event.ID {
			steps = steps[:i]
			break
		}
	}
	steps = steps[max(0, len(steps)-maxSteps):]
	if len(steps) == 0 {
		return
	}
	lines := make([]string, len(steps))
	for i, s := range steps {
		label := fmt.Sprintf("a%d", i+1)
		q.actions[label] = s
		text := s.Command
		if text == "" {
			text = s.Skeleton + " " + s.Target
		}
		lines[i] = fmt.Sprintf("%s [%s, %s] %s", label, s.Intent, s.Status, clean(text, maxStepText))
	}
	b.WriteString("\nThe actions before it, oldest first:\n" + Fence(strings.Join(lines, "\n"), maxSteps*(maxStepText+40)))
}

// names lists what the failure names under labels.
func (q *enquiry) names(b *strings.Builder, r *learn.HypothesisRequest) {
	all := r.Report.RelevantEntities
	if r.Action.Target != "" {
		all = append([]learn.Entity{{Kind: "target", Name: r.Action.Target}}, all...)
	}
	var lines []string
	for _, e := range all[:min(len(all), maxSubjects)] {
		label := fmt.Sprintf("e%d", len(lines)+1)
		q.subjects[label] = e
		lines = append(lines, fmt.Sprintf("%s [%s] %s", label, clean(e.Kind, 20), clean(e.Name, 120)))
	}
	if len(lines) > 0 {
		b.WriteString("\nWhat the failure names:\n" + Fence(strings.Join(lines, "\n"), maxSubjects*160))
	}
}

func oneLineEach(lines []string, n int) string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = clean(l, n)
	}
	return strings.Join(out, "\n")
}

func (q *enquiry) answerSchema() (json.RawMessage, error) {
	culprits, subjects := []string{"none", failing}, []string{"none"}
	for i := range len(q.actions) {
		culprits = append(culprits, fmt.Sprintf("a%d", i+1))
	}
	for i := range len(q.subjects) {
		subjects = append(subjects, fmt.Sprintf("e%d", i+1))
	}
	type m = map[string]any
	return json.Marshal(m{"type": "object", "additionalProperties": false,
		"required": []string{"root_cause", "culprit", "kind", "subject", "command", "confidence"},
		"properties": m{
			"root_cause": m{"type": "string", "minLength": 1, "maxLength": 600},
			"culprit":    m{"enum": culprits},
			"kind": m{"enum": []learn.RemediationKind{learn.RemedyInstall, learn.RemedyEdit, learn.RemedyCreate, learn.RemedyDelete, learn.RemedyArguments,
				learn.RemedyCommand, learn.RemedyConfigure, learn.RemedyRetry, learn.RemedyAsk, learn.RemedyUnknown}},
			"subject":    m{"enum": subjects},
			"command":    m{"type": "string", "maxLength": 300},
			"confidence": m{"type": "number", "minimum": 0, "maximum": 1},
		}})
}
