package llm

import (
	"math"
	"strconv"
	"strings"

	"lathe/learn"
)

// Merge adds a hypothesis to what rules and experience say. Neither is
// preferred blindly: each method's claim is weighed by how often the method
// was right before (weigh, between 0 and 1; see Judge.Weight), and the report
// follows the model only where that is more. What the rules found stays in the
// root cause in any case; the model's words follow, quoted and marked.
func Merge(r learn.FailureAnalysisReport, h *learn.Hypothesis, weigh func(method string) float64) learn.FailureAnalysisReport {
	if h == nil {
		return r
	}
	r.Hypothesis = h
	rules := r.ConfidenceScore * weigh(string(r.Method))
	if !explained(&r) {
		rules *= unexplainedShare
	}
	model := h.Confidence * weigh(MethodOf(h.Source))
	r.MethodConfidence = map[learn.Method]float64{r.Method: round(rules), learn.MethodLLM: round(model)}
	agree := h.Culprit != "" && h.Culprit == r.CulpritAction && h.Culprit != r.FailedEventID
	switch {
	case model > rules:
		follow(&r, h)
		r.ConfidenceScore = round(model)
	case agree:
		// Two methods that came to the same by different ways.
		r.ConfidenceScore = round(1 - (1-r.ConfidenceScore)*(1-model))
	}
	return r
}

// unexplainedShare is what is left of the rules' confidence when all that they
// know is that something failed: they are sure of the call that failed, not of
// a cause.
const unexplainedShare = 0.4

// explained reports whether a written pattern that names a cause, or what
// worked before, speaks for the rules.
func explained(r *learn.FailureAnalysisReport) bool {
	return len(r.Remedies) > 0 || r.ErrorPattern != nil && r.ErrorPattern.Regexp != "" && !r.ErrorPattern.Generic
}

// follow makes the hypothesis the report's conclusion.
func follow(r *learn.FailureAnalysisReport, h *learn.Hypothesis) {
	r.Method = learn.MethodLLM
	r.RootCause = strings.TrimSpace(r.RootCause + " A model's guess, not verified: " + strconv.Quote(h.RootCause))
	if h.Culprit != "" && h.Culprit != r.CulpritAction {
		r.CulpritAction, r.CulpritReason = h.Culprit, "A model's guess, not verified."
	}
	if h.Remediation != "" && len(r.Remedies) == 0 {
		r.ProposedRemediationStrategy = "A model's guess, not seen to work here: " + h.Remediation
	}
}

// MethodOf is the name under which a source's models are judged.
func MethodOf(s learn.HypothesisSource) string { return string(learn.MethodLLM) + "/" + string(s) }

func round(x float64) float64 { return math.Round(x*1000) / 1000 }
