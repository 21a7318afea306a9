package verify

import (
	"encoding/json"
	"strconv"
	"strings"

	"lathe/learn"
)

// sarifLog is what is read of SARIF 2.1.0 (OASIS, 2020).
type sarifLog struct {
	Version string `json:"version"`
	Runs    []struct {
		Tool struct {
			Driver struct {
				Name string `json:"name"`
			} `json:"driver"`
		} `json:"tool"`
		Invocations []struct {
			ExecutionSuccessful *bool `json:"executionSuccessful"`
		} `json:"invocations"`
		Results *[]sarifResult `json:"results"`
	} `json:"runs"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	Kind         string            `json:"kind"`
	Level        string            `json:"level"`
	Suppressions []json.RawMessage `json:"suppressions"`
	Locations    []struct {
		PhysicalLocation struct {
			ArtifactLocation struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
			Region struct {
				StartLine int `json:"startLine"`
			} `json:"region"`
		} `json:"physicalLocation"`
	} `json:"locations"`
}

// readSARIF reads a complete SARIF log, one verification for each run: errors
// and results without a level are failed; warnings and notes count as skipped,
// as those of the linters themselves do. A run without a list of results found
// nothing out.
func readSARIF(out *output, _ *invocation) []learn.Verification {
	var log sarifLog
	if !jsonDocument(out.text, "\"runs\"", &log) || !strings.HasPrefix(log.Version, "2.") {
		return nil
	}
	var found []learn.Verification
	for i, run := range log.Runs {
		if run.Results == nil || i == 100 {
			continue
		}
		v := learn.Verification{Kind: learn.VerifyLint, Tool: "SARIF"}
		var places names
		for _, r := range *run.Results {
			r.addTo(&v, &places)
		}
		v.OK = v.Failed == 0
		for _, inv := range run.Invocations {
			if inv.ExecutionSuccessful != nil && !*inv.ExecutionSuccessful {
				v.OK = false
				v.Errors = 1
			}
		}
		v.FailingNames = places.list
		found = append(found, v)
	}
	return found
}

func (r *sarifResult) addTo(v *learn.Verification, places *names) {
	if len(r.Suppressions) > 0 || (r.Kind != "" && r.Kind != "fail") {
		return
	}
	if r.Level != "error" && r.Level != "" {
		v.Skipped++
		return
	}
	v.Failed++
	if len(r.Locations) > 0 {
		at := r.Locations[0].PhysicalLocation
		places.add(at.ArtifactLocation.URI + ":" + strconv.Itoa(at.Region.StartLine) + " " + r.RuleID)
		return
	}
	places.add(r.RuleID)
}

// jsonDocument decodes the JSON object or array that holds the marker: it
// begins at a line that starts with a bracket. Reports whether a complete one
// was found.
func jsonDocument(text, marker string, into any) bool {
	at := strings.Index(text, marker)
	if at < 0 {
		return false
	}
	for tries := 0; tries < 8; tries++ {
		open := strings.LastIndexAny(text[:at], "{[")
		for open > 0 && text[open-1] != '\n' {
			open = strings.LastIndexAny(text[:open], "{[")
		}
		if open < 0 {
			return false
		}
		if json.NewDecoder(strings.NewReader(text[open:])).Decode(into) == nil {
			return true
		}
		at = open
	}
	return false
}
