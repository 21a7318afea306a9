package recall

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"lathe/learn"
)

// card is what recall keeps in memory of a learned object, to rank it without
// reading it.
type card struct {
	kind    learn.EntryKind
	id      string
	project string // "" for all
	served  bool
	at      time.Time // last confirmed or seen
	words   []uint32  // hashes of its words, sorted
	// gain is the lower bound of what it adds: of a strategy, to the rate of
	// success without it; of a remedy, the lower bound that it works.
	gain       float64
	support    int
	conditions []condition
	problems   []string
	steps      []Step
	signature  string // of a remedy or report
	slot       int32  // in the lexicon
	// body is the object, compressed, so that an answer need not wait for the
	// index; nil of a report that is not its error's surest one.
	body []byte
}

// condition is a feature that tasks with a strategy have in common.
type condition struct{ kind, value string }

// strategyCard reads a strategy. One without a state is of a time when only
// proven ones were told.
func strategyCard(e learn.LedgerEntry) (*card, error) {
	var b learn.ProvenStrategy
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return nil, fmt.Errorf("strategy %s: %w", e.ObjectID, err)
	}
	c := &card{kind: e.Kind, id: e.ObjectID, project: b.ProjectID, served: b.Served(), at: b.LastConfirmed, support: b.Support,
		problems: b.RelatedProblemTypes, gain: b.SuccessInterval.Low - baselineOf(&b)}
	text := []string{b.Name, b.Description}
	text = append(text, b.RelatedProblemTypes...)
	for _, s := range b.ApplicabilityConditions {
		kind, value, _ := strings.Cut(s, ": ")
		value, _, _ = strings.Cut(value, " (lift ")
		c.conditions = append(c.conditions, condition{kind, value})
		text = append(text, value)
	}
	for _, t := range b.TemplatePlanFragment.Tasks {
		c.steps = append(c.steps, StepOf(t.ToolName, t.Arguments))
		text = append(text, t.ToolName, string(t.Arguments))
	}
	c.words = wordsOf(text...)
	return c, nil
}

// baselineOf is the rate of success without the strategy: as told, or, in older
// entries, from the odds ratio.
func baselineOf(b *learn.ProvenStrategy) float64 {
	if b.BaselineRate > 0 || b.Strata > 0 {
		return b.BaselineRate
	}
	n := float64(b.Support)
	rate := (b.SuccessRate*n + 0.5) / (n + 1) // Haldane (1956): odds stay finite
	odds := rate / (1 - rate) / max(b.Contrast, 1)
	return odds / (1 + odds)
}

func remedyCard(e learn.LedgerEntry) (*card, error) {
	var r learn.Remedy
	if err := json.Unmarshal(e.Body, &r); err != nil {
		return nil, fmt.Errorf("remedy %s: %w", e.ObjectID, err)
	}
	c := &card{kind: e.Kind, id: e.ObjectID, project: r.ProjectID, served: r.Support >= 2, at: r.LastSeen, support: r.Support,
		signature: r.SignatureID, gain: lowerBound(r.Successes, r.Failures)}
	text := []string{r.Description, r.PatternID}
	for _, a := range r.Actions {
		text = append(text, a.ToolName, a.Command)
	}
	c.words = wordsOf(text...)
	return c, nil
}

func reportCard(e learn.LedgerEntry) (*card, error) {
	var r learn.FailureAnalysisReport
	if err := json.Unmarshal(e.Body, &r); err != nil {
		return nil, fmt.Errorf("report %s: %w", e.ObjectID, err)
	}
	c := &card{kind: e.Kind, id: e.ObjectID, project: r.ProjectID, served: true, at: r.Timestamp, gain: r.ConfidenceScore, support: 1}
	text := []string{r.RootCause, r.CulpritCall}
	for i, s := range r.Signatures {
		if i == 0 {
			c.signature = s.ID
		}
		text = append(text, s.Name, s.Salient)
	}
	c.words = wordsOf(text...)
	return c, nil
}

// lowerBound is the lower end of the 90 % interval of a rate (Wilson 1927),
// with one success and one failure put in as prior.
func lowerBound(successes, failures float64) float64 {
	const z = 1.645
	n := successes + failures + 2
	p := (successes + 1) / n
	return max(0, (p+z*z/(2*n)-z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n)))/(1+z*z/n))
}

// maxCardWords bounds the words of a card.
const maxCardWords = 96

// wordsOf hashes the distinct words of texts, sorted.
func wordsOf(texts ...string) []uint32 {
	var out []uint32
	for _, t := range texts {
		for _, w := range splitWords(t) {
			if len(out) < 4*maxCardWords {
				out = append(out, hashWord(w))
			}
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return slices.Clone(out[:min(len(out), maxCardWords)])
}

// splitWords are the words of a text in lower case, of two letters and more,
// without those that tell nothing.
func splitWords(text string) []string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' })
	return slices.DeleteFunc(words, func(w string) bool { return len(w) < 2 || isCommon(w) })
}

// isCommon reports English words that stand in any prompt.
func isCommon(w string) bool {
	switch w {
	case "the", "an", "and", "or", "of", "to", "in", "on", "at", "is", "it", "its", "be", "are", "was", "for", "with", "this", "that", "these",
		"as", "by", "from", "not", "no", "so", "if", "we", "you", "your", "my", "me", "our", "all", "can", "do", "does", "should", "would",
		"please", "have", "has", "had", "there", "then", "than", "when", "which", "what", "how", "but", "into", "out", "up", "will", "some", "any":
		return true
	}
	return false
}

func hashWord(w string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(w)) // never fails
	return h.Sum32()
}
