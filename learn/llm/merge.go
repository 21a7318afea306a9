package llm

import (
	"maps"
	"math"
	"strconv"
	"strings"

	"lathe/learn"
)

// Merge adds a hypothesis to what rules and experience say. Neither is
// preferred blindly, and each confidence is discounted exactly once by how
// often such claims were right before: the report's own was when it was made
// (FailureAnalysisReport.ConfidenceScore), and is taken as it is; the model's
// says of itself what it likes, and is weighed here (weigh, between 0 and 1; see
// Judge.Weight). The report follows the model only where that is more; a report
// that claims nothing leaves it to the model to guess. What the rules found stays
// in the root cause in any case; the model's words follow, quoted and marked.
func Merge(r learn.FailureAnalysisReport, h *learn.Hypothesis, weigh func(method string) float64) learn.FailureAnalysisReport {
	if h == nil {
		return r
	}
	r.Hypothesis = h
	own, model := r.ConfidenceScore, round(h.Confidence*weigh(MethodOf(h.Source)))
	said := map[learn.Method]float64{r.Method: own}
	maps.Copy(said, r.MethodConfidence)
	said[learn.MethodLLM] = model
	r.MethodConfidence = said
	agree := h.Culprit != "" && h.Culprit == r.CulpritAction && h.Culprit != r.FailedEventID
	if model > own {
		follow(&r, h)
		r.ConfidenceScore, r.ConfidenceOf = model, learn.ClaimHypothesis
	}
	if agree {
		// Two methods that came to the same by different ways.
		r.ConfidenceScore = round(1 - (1-own)*(1-model))
	}
	return r
}

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
