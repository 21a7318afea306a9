package toolforge

import (
	"errors"
	"strings"

	"lathe/learn"
)

// Verdict is a validation as a document for programs: what `lathe tool
// validate --json` prints.
type Verdict struct {
	Verdict     string           `json:"verdict"` // pass, refuse
	Reasons     []Reason         `json:"reasons"` // empty when it passed; warnings are in the stages
	Stages      map[string]Stage `json:"stages"`  // by gate; what was not run is not there
	Risk        string           `json:"risk"`    // low, medium, high
	Score       float64          `json:"score"`   // 0 to 1
	Name        string           `json:"name,omitempty"`
	Version     string           `json:"version,omitempty"`
	ContentHash string           `json:"content_hash,omitempty"`
	Coverage    float64          `json:"coverage"`
	ColdMS      float64          `json:"cold_ms"`
	WarmMS      float64          `json:"warm_ms"`
	ColdP95MS   float64          `json:"cold_p95_ms"`
	WarmP95MS   float64          `json:"warm_p95_ms"`
	MemoryMB    float64          `json:"memory_mb"`
	Backend     string           `json:"backend,omitempty"`
	// Degradations are limits that this machine could not enforce meanwhile.
	Degradations []string `json:"degradations,omitempty"`
	Seconds      float64  `json:"seconds"`
}

// Reason is one finding for which a tool is refused.
type Reason struct {
	Stage string `json:"stage"`
	learn.Finding
}

// Stage is how one gate ended.
type Stage struct {
	OK       bool            `json:"ok"`
	Seconds  float64         `json:"seconds"`
	Summary  string          `json:"summary"`
	Findings []learn.Finding `json:"findings,omitempty"`
	Details  []string        `json:"details,omitempty"`
	Reused   bool            `json:"reused,omitempty"` // an earlier result on the same parts was taken
}

// VerdictOf makes the document of a validation.
func VerdictOf(tool learn.ProposedTool, r learn.ValidationResult) Verdict {
	v := Verdict{Verdict: "pass", Reasons: []Reason{}, Stages: map[string]Stage{}, Risk: r.Risk, Score: r.Score,
		Name: tool.Manifest.Name, Version: tool.Manifest.Version, ContentHash: r.ContentHash, Coverage: r.Coverage,
		ColdMS: r.ColdMS, WarmMS: r.WarmMS, ColdP95MS: r.ColdP95MS, WarmP95MS: r.WarmP95MS, MemoryMB: r.MemoryMB, Backend: r.Backend, Degradations: r.Degradations, Seconds: r.Seconds}
	if !r.Passed {
		v.Verdict = "refuse"
	}
	for _, c := range r.Checks {
		v.Stages[c.Name] = Stage{OK: c.Passed, Seconds: c.Seconds, Summary: c.Summary, Findings: c.Findings, Details: c.Details, Reused: c.Reused}
		if c.Passed {
			continue
		}
		before := len(v.Reasons)
		for _, f := range c.Findings {
			if f.Severity == learn.SeverityError {
				v.Reasons = append(v.Reasons, Reason{c.Name, f})
			}
		}
		if len(v.Reasons) == before {
			v.Reasons = append(v.Reasons, Reason{c.Name, learn.Finding{File: blamed(c.Name, tool.Manifest.Language), Rule: c.Name, Severity: learn.SeverityError, Message: whole(c)}})
		}
	}
	return v
}

// blamed is the file that a gate without a place speaks of.
func blamed(gate, language string) string {
	if gate == "tests" || gate == "mutation" {
		return "test_tool.py"
	}
	if gate == gateDependencies {
		return "tool.json"
	}
	return SourceName(language)
}

// whole is a check's summary with the first of its details.
func whole(c learn.Check) string {
	if len(c.Details) == 0 {
		return c.Summary
	}
	return c.Summary + ": " + clip(strings.Join(c.Details[:min(len(c.Details), 5)], "; "), 500)
}

// Refusal is the verdict on a folder that is no tool: it could not be read,
// or its manifest is wrong. The second result says whether err is about that.
func Refusal(err error) (Verdict, bool) {
	if !errors.Is(err, ErrFolder) && !errors.Is(err, errSchema) {
		return Verdict{}, false
	}
	file := "tool.json"
	for _, name := range fileNames() {
		if strings.Contains(err.Error(), name) {
			file = name
			break // test_tool.py comes before tool.py, which is in its name
		}
	}
	return Verdict{Verdict: "refuse", Risk: "high", Stages: map[string]Stage{"folder": {Summary: err.Error()}},
		Reasons: []Reason{{"folder", learn.Finding{File: file, Rule: "folder", Severity: learn.SeverityError, Message: err.Error()}}}}, true
}
