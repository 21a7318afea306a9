package verify

import (
	"strconv"

	"lathe/learn"
)

// jestReport is what jest --json and vitest --reporter=json write.
type jestReport struct {
	Total   *int `json:"numTotalTests"`
	Passed  int  `json:"numPassedTests"`
	Failed  int  `json:"numFailedTests"`
	Pending int  `json:"numPendingTests"`
	Todo    int  `json:"numTodoTests"`
	Broken  int  `json:"numRuntimeErrorTestSuites"`
	Results []struct {
		Name    string `json:"name"`
		Message string `json:"message"`
		Status  string `json:"status"`
		Cases   []struct {
			FullName string `json:"fullName"`
			Status   string `json:"status"`
		} `json:"assertionResults"`
	} `json:"testResults"`
}

// readJestJSON reads that report; a suite without cases that failed could not
// run.
func readJestJSON(out *output, tool string) []learn.Verification {
	var r jestReport
	if !jsonDocument(out.text, `"numTotalTests"`, &r) || r.Total == nil {
		return nil
	}
	v := learn.Verification{Kind: learn.VerifyTest, Tool: tool, Passed: clamp(r.Passed), Failed: clamp(r.Failed), Skipped: clamp(r.Pending) + clamp(r.Todo)}
	var failing names
	for _, suite := range r.Results {
		if suite.Status == "failed" && len(suite.Cases) == 0 {
			v.Errors++
			failing.add(suite.Name)
		}
		for _, c := range suite.Cases {
			if c.Status == "failed" {
				failing.add(c.FullName)
			}
		}
	}
	v.FailingNames = failing.list
	return []learn.Verification{conclude(v)}
}

// mochaReport is what mocha -R json writes.
type mochaReport struct {
	Stats *struct {
		Passes   int `json:"passes"`
		Pending  int `json:"pending"`
		Failures int `json:"failures"`
	} `json:"stats"`
	Failures []struct {
		FullTitle string `json:"fullTitle"`
	} `json:"failures"`
}

func readMochaJSON(out *output) []learn.Verification {
	var r mochaReport
	if !jsonDocument(out.text, `"stats"`, &r) || r.Stats == nil {
		return nil
	}
	v := learn.Verification{Kind: learn.VerifyTest, Tool: "mocha", Passed: clamp(r.Stats.Passes), Failed: clamp(r.Stats.Failures), Skipped: clamp(r.Stats.Pending)}
	var failing names
	for _, f := range r.Failures {
		failing.add(f.FullTitle)
	}
	v.FailingNames = failing.list
	return []learn.Verification{conclude(v)}
}

// eslintReport is what eslint -f json writes.
type eslintReport []struct {
	File     string `json:"filePath"`
	Errors   *int   `json:"errorCount"`
	Warnings int    `json:"warningCount"`
	Messages []struct {
		Severity int `json:"severity"`
		Line     int `json:"line"`
	} `json:"messages"`
}

func readESLintJSON(out *output, inv *invocation) []learn.Verification {
	var r eslintReport
	if !jsonDocument(out.text, `"errorCount"`, &r) || len(r) == 0 {
		return nil
	}
	v := learn.Verification{Kind: learn.VerifyLint, Tool: "eslint"}
	var places names
	for _, file := range r {
		if file.Errors == nil {
			return nil
		}
		v.Failed += clamp(*file.Errors)
		v.Skipped += clamp(file.Warnings)
		for _, m := range file.Messages {
			if m.Severity == 2 {
				places.add(file.File + ":" + strconv.Itoa(m.Line))
			}
		}
	}
	v.OK = v.Failed == 0 && (inv == nil || !inv.exitKnown || inv.exit == 0)
	v.FailingNames = places.list
	return []learn.Verification{v}
}

// clamp holds a count that a report claims within bounds.
func clamp(n int) int { return min(max(n, 0), maxCount) }
