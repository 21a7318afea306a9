package learn

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of an Advice: what goes unasked into an agent's context is short.
const (
	MaxAdvice         = 600 // runes of its text
	MaxAdviceRemedies = 3
)

// AdviceThreshold is the confidence, of a remedy and of its report, below which
// nothing is said unasked: what is more likely wrong than right is soon not
// read any more.
const AdviceThreshold = 0.5

// Advice is what an agent is told, unasked, when a known failure comes in.
type Advice struct {
	EventID  string          `json:"event_id,omitempty"`
	ReportID string          `json:"report_id"`
	Text     string          `json:"text"`     // at most MaxAdvice runes, safe to show
	Evidence int             `json:"evidence"` // sessions behind the first remedy
	Remedies []AdvisedRemedy `json:"remedies"`
}

// AdvisedRemedy is one remedy of an Advice, those of its text.
type AdvisedRemedy struct {
	RemedyID    string  `json:"remedy_id"`
	Description string  `json:"description"`
	Command     string  `json:"command,omitempty"` // what to run, when it is one command
	Confidence  float64 `json:"confidence"`
	Support     int     `json:"support"` // sessions
}

// AdviceOf makes advice of a report: its first remedies whose confidence, and
// whose report's confidence, reach threshold. It is none, and false, when no
// remedy does: no advice beats wrong advice.
func AdviceOf(r FailureAnalysisReport, threshold float64) (Advice, bool) {
	a := Advice{EventID: r.FailedEventID, ReportID: r.ReportID}
	if len(r.Remedies) == 0 || r.ConfidenceScore < threshold {
		return a, false
	}
	name := "this failure"
	if r.ErrorPattern != nil {
		name = "this failure (" + Shown(r.ErrorPattern.Name, 60) + ")"
	}
	text := "Lathe knows " + name + ". What fixed it before:"
	for _, o := range r.Remedies {
		if o.Confidence < threshold || len(a.Remedies) == MaxAdviceRemedies {
			continue
		}
		proof := fmt.Sprintf(" (%.0f %%, %d sessions)", 100*o.Confidence, o.Support)
		lead := fmt.Sprintf("\n%d. ", len(a.Remedies)+1)
		room := MaxAdvice - utf8.RuneCountInString(text+lead+proof)
		description := Shown(o.Description, MaxAdvice)
		if utf8.RuneCountInString(description) > room {
			if len(a.Remedies) > 0 {
				continue // half a remedy is none; the next may be shorter
			}
			description = Shown(o.Description, room)
		}
		text += lead + description + proof
		a.Remedies = append(a.Remedies, AdvisedRemedy{RemedyID: o.RemedyID, Description: description, Command: onlyCommand(o.Actions),
			Confidence: o.Confidence, Support: o.Support})
	}
	if len(a.Remedies) == 0 {
		return a, false
	}
	a.Text, a.Evidence = text, a.Remedies[0].Support
	return a, true
}

// maxAdvisedCommand is the number of bytes of a command that an Advice holds;
// a longer one is left out, since a cut one must not be run.
const maxAdvisedCommand = 300

func onlyCommand(actions []RemedyAction) string {
	if len(actions) != 1 || len(actions[0].Command) > maxAdvisedCommand || strings.ContainsFunc(actions[0].Command, Hidden) {
		return ""
	}
	return actions[0].Command
}
