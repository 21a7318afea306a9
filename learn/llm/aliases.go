package llm

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"lathe/learn"
)

const (
	maxPairs     = 8   // pairs a question
	maxCompared  = 300 // patterns that are compared with each other
	minAlike     = 0.6 // of the words, for two templates to be one error
	aliasesTask  = "You compare error messages. " + FenceRule + "\nFor each pair say whether both messages report the same error, so that what resolves one resolves the other. When in doubt they differ."
	negationList = "not no never none without cannot can't isn't doesn't won't failed succeeded passed missing unexpected invalid"
)

// Pair is two mined patterns that may be the same error. Into is the commoner.
type Pair struct {
	From, Into Mined
	Similarity float64
}

// Alike lists the pairs of patterns that are alike enough to ask about, the
// most alike first. known tells of pairs that were asked before.
func Alike(patterns []Mined, known func(a, b string) bool) []Pair {
	patterns = patterns[:min(len(patterns), maxCompared)]
	words := make([][]string, len(patterns))
	for i, p := range patterns {
		words[i] = slices.Compact(slices.Sorted(slices.Values(templateWords(p.Template))))
	}
	var out []Pair
	for i := range patterns {
		for j := range i { // patterns[j] is the commoner
			if s, ok := alike(words[i], words[j], &patterns[i], &patterns[j]); ok && !known(patterns[i].ID, patterns[j].ID) {
				out = append(out, Pair{From: patterns[i], Into: patterns[j], Similarity: s})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Pair) int { return cmp.Compare(b.Similarity, a.Similarity) })
	return out
}

// alike is the check that a model cannot talk its way around: most words are
// shared (Jaccard), none that differs turns the meaning around, and the
// languages do not contradict each other.
func alike(a, b []string, p, q *Mined) (float64, bool) {
	if len(a) < 2 || len(b) < 2 || p.Language != "" && q.Language != "" && p.Language != q.Language {
		return 0, false
	}
	turning := strings.Fields(negationList)
	shared, total := 0, len(b)
	for _, w := range a {
		switch {
		case slices.Contains(b, w):
			shared++
		case slices.Contains(turning, w):
			return 0, false
		default:
			total++
		}
	}
	for _, w := range b {
		if !slices.Contains(a, w) && slices.Contains(turning, w) {
			return 0, false
		}
	}
	s := float64(shared) / float64(total)
	return s, s >= minAlike
}

// Aliases asks about at most eight pairs and gives a verdict on each that the
// model spoke of.
func Aliases(ctx context.Context, d *Desk, m Asked, pairs []Pair) ([]learn.PatternAlias, error) {
	pairs = pairs[:min(len(pairs), maxPairs)]
	if len(pairs) == 0 {
		return nil, nil
	}
	var lines, labels []string
	for i, p := range pairs {
		labels = append(labels, fmt.Sprintf("p%d", i+1))
		lines = append(lines, labels[i]+" first: "+clean(p.From.Template, 200), labels[i]+" second: "+clean(p.Into.Template, 200))
	}
	type obj = map[string]any
	schema, err := json.Marshal(obj{"type": "object", "additionalProperties": false, "required": []string{"pairs"}, "properties": obj{
		"pairs": obj{"type": "array", "maxItems": maxPairs, "items": obj{"type": "object", "additionalProperties": false, "required": []string{"label", "same"},
			"properties": obj{"label": obj{"enum": labels}, "same": obj{"type": "boolean"}}}}}})
	if err != nil {
		return nil, fmt.Errorf("duplicates: %w", err)
	}
	var answer struct {
		Pairs []struct {
			Label string `json:"label"`
			Same  bool   `json:"same"`
		} `json:"pairs"`
	}
	a, err := d.Ask(ctx, Question{Use: learn.UseAliases, Source: m.Source, Model: m.Model, Name: m.Name, Schema: schema,
		Request: Request{System: aliasesTask, MaxTokens: 400, Temperature: new(float64),
			Messages: []Message{{User, "The pairs:\n" + Fence(strings.Join(lines, "\n"), maxPairs*440)}}}}, &answer)
	if err != nil {
		return nil, err
	}
	var out []learn.PatternAlias
	said := map[string]bool{}
	for _, v := range answer.Pairs {
		if said[v.Label] {
			continue // the first word counts
		}
		said[v.Label] = true
		p := pairs[slices.Index(labels, v.Label)]
		out = append(out, learn.PatternAlias{From: p.From.ID, Into: p.Into.ID, Same: v.Same, Similarity: round(p.Similarity),
			By: a.Model, AskID: a.AskID, Timestamp: d.now().UTC()})
	}
	return out, nil
}
