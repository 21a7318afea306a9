package llm

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"lathe/learn"
)

const (
	maxNamed  = 12 // templates a question
	maxName   = 48 // bytes
	namesTask = "You give short names to error messages. " + FenceRule + `
For each label give a name of two to six words, in lower case, made of words that stand in the message and plain words of the trade such as "missing", "not found" or "timeout". No commands, no addresses.`
)

// nameWords are what a name may say beyond the message's own words.
func nameWords() []string {
	return strings.Fields("a an and access already at build by cannot check client command compile config configuration connection corrupt denied dependency device directory disk duplicate " +
		"during empty error exceeded exists expired failed failure file for format full from host in input internal invalid is key limit lock locked lost memory mismatch missing module name " +
		"network no not of on option or out output overflow parse path permission port process query read refused request reset response runtime server service session signal size space state " +
		"syntax table test timeout to token too type undefined unexpected unknown unreachable unsupported value version while with without wrong write")
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_ -]*$`)

// goodName holds a suggested name against the pattern that it is for: its words
// are the template's own or plain ones, so that a name can say nothing that
// the message does not.
func goodName(name, template string) (string, bool) {
	name = strings.ToLower(strings.Join(strings.Fields(name), " "))
	parts := strings.Fields(name)
	if len(name) > maxName || len(parts) < 2 || len(parts) > 6 || !nameForm.MatchString(name) || hasOrder(name) || hasCommand(name) {
		return "", false
	}
	own := templateWords(template)
	plain := nameWords()
	for _, w := range parts {
		if !slices.Contains(own, w) && !slices.Contains(plain, w) {
			return "", false
		}
	}
	return name, true
}

var wordForm = regexp.MustCompile(`[a-z][a-z0-9_-]*`)

// templateWords are the constant words of a template.
func templateWords(template string) []string {
	var out []string
	for _, token := range strings.Fields(strings.ToLower(template)) {
		if strings.ContainsAny(token, "<>") { // a place-holder
			continue
		}
		out = append(out, wordForm.FindAllString(token, -1)...)
	}
	return out
}

// Names asks for names of the given patterns, at most twelve at once, and
// gives those that stand up to goodName.
func Names(ctx context.Context, d *Desk, m Asked, patterns []Mined) ([]learn.PatternName, error) {
	patterns = patterns[:min(len(patterns), maxNamed)]
	if len(patterns) == 0 {
		return nil, nil
	}
	var lines, labels []string
	for i, p := range patterns {
		labels = append(labels, fmt.Sprintf("t%d", i+1))
		lines = append(lines, labels[i]+": "+clean(p.Template, 200))
	}
	type obj = map[string]any
	schema, err := json.Marshal(obj{"type": "object", "additionalProperties": false, "required": []string{"names"}, "properties": obj{
		"names": obj{"type": "array", "maxItems": maxNamed, "items": obj{"type": "object", "additionalProperties": false, "required": []string{"label", "name"},
			"properties": obj{"label": obj{"enum": labels}, "name": obj{"type": "string", "maxLength": 80}}}}}})
	if err != nil {
		return nil, fmt.Errorf("names: %w", err)
	}
	var answer struct {
		Names []struct{ Label, Name string } `json:"names"`
	}
	a, err := d.Ask(ctx, Question{Use: learn.UseNames, Source: m.Source, Model: m.Model, Name: m.Name, Schema: schema,
		Request: Request{System: namesTask, MaxTokens: 600, Temperature: new(float64),
			Messages: []Message{{User, "The messages:\n" + Fence(strings.Join(lines, "\n"), maxNamed*220)}}}}, &answer)
	if err != nil {
		return nil, err
	}
	var out []learn.PatternName
	for _, n := range answer.Names {
		p := patterns[slices.Index(labels, n.Label)]
		if name, ok := goodName(n.Name, p.Template); ok {
			out = append(out, learn.PatternName{PatternID: p.ID, Name: name, Model: a.Model, AskID: a.AskID, Timestamp: d.now().UTC()})
		}
	}
	return out, nil
}
