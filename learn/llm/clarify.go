package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"lathe/learn"
)

const (
	maxFacts      = 30
	maxFact       = 400 // bytes
	maxQuestion   = 1000
	maxClarifying = 400 // bytes of an answer that are kept
)

const clarifyTask = "A reviewer asks about a proposal of a program. You answer from the listed facts alone. " + FenceRule + `
answer: one to three plain sentences; no commands, no addresses, no recommendation to approve or reject. If the facts do not answer the question, say so.
facts: the labels of the facts that the answer rests on.`

// Clarified is a model's answer to a reviewer's question.
type Clarified struct {
	Text  string
	Model string
}

type clarification struct {
	Answer string   `json:"answer"`
	Facts  []string `json:"facts"`
}

// Check refuses an answer of which nothing can be shown.
func (c *clarification) Check() error {
	if len(words(c.Answer, maxClarifying)) < 8 {
		return errors.New("answer holds no plain sentence: answer in your own words, without commands, addresses or instructions")
	}
	return nil
}

// Clarify asks a model to answer a reviewer's question from facts. Text is ""
// when it gave no valid answer; what it has to say is cleaned like everything
// that a model writes.
func Clarify(ctx context.Context, d *Desk, m Asked, question string, facts []string) (Clarified, error) {
	facts = facts[:min(len(facts), maxFacts)]
	if len(facts) == 0 {
		return Clarified{}, nil
	}
	var lines, labels []string
	for i, f := range facts {
		labels = append(labels, fmt.Sprintf("f%d", i+1))
		lines = append(lines, labels[i]+": "+clean(f, maxFact))
	}
	type obj = map[string]any
	schema, err := json.Marshal(obj{"type": "object", "additionalProperties": false, "required": []string{"answer", "facts"}, "properties": obj{
		"answer": obj{"type": "string", "minLength": 1, "maxLength": 900},
		"facts":  obj{"type": "array", "maxItems": maxFacts, "items": obj{"enum": labels}}}})
	if err != nil {
		return Clarified{}, fmt.Errorf("clarification: %w", err)
	}
	var c clarification
	a, err := d.Ask(ctx, Question{Use: learn.UseClarify, Source: m.Source, Model: m.Model, Name: m.Name, Schema: schema,
		Request: Request{System: clarifyTask, MaxTokens: 500, Temperature: new(float64), Messages: []Message{{User,
			"The question:\n" + Fence(clean(question, maxQuestion), maxQuestion+100) + "\nThe facts:\n" + Fence(strings.Join(lines, "\n"), maxFacts*(maxFact+8))}}}}, &c)
	if err != nil || a.Verdict != learn.ModelUsed {
		return Clarified{}, err
	}
	return Clarified{Text: words(c.Answer, maxClarifying), Model: a.Model}, nil
}
