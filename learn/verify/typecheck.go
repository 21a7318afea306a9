package verify

import (
	"strconv"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	mypyGood = lazyregexp.New(`^Success: no issues found in (\d+) source files?$`)
	mypyBad  = lazyregexp.New(`^Found (\d+) errors? in \d+ files? \(.*\)$`)
	mypyLine = lazyregexp.New(`^(\S.*?\.pyi?):(\d+)(?::\d+)?: error: `)
	tscTotal = lazyregexp.New(`^Found (\d+) errors?(?: in |\.)`) // under --pretty
	tscLine  = lazyregexp.New(`^(\S.*?)(?:\((\d+),\d+\)|:(\d+):\d+ -):? error TS\d+: `)
)

// readMypy reads mypy's closing line: one verification for each. Without one
// its error lines count. Passed counts files.
func readMypy(out *output, inv *invocation) []learn.Verification {
	var found []learn.Verification
	var places names
	lines := 0
	for _, line := range out.lines {
		if m := mypyLine.FindStringSubmatch(line); m != nil {
			lines++
			places.add(m[1] + ":" + m[2])
			continue
		}
		if m := mypyGood.FindStringSubmatch(line); m != nil {
			found = append(found, learn.Verification{Kind: learn.VerifyTypecheck, Tool: "mypy", Passed: count(m[1]), OK: true})
			continue
		}
		if m := mypyBad.FindStringSubmatch(line); m != nil {
			found = append(found, learn.Verification{
				Kind: learn.VerifyTypecheck, Tool: "mypy", Failed: count(m[1]), FailingNames: places.list,
			})
			places, lines = names{}, 0
		}
	}
	if lines > 0 && inv != nil {
		found = append(found, learn.Verification{
			Kind: learn.VerifyTypecheck, Tool: "mypy", Failed: lines, FailingNames: places.list,
		})
	}
	return found
}

// readTsc counts the errors of the TypeScript compiler that stand in files.
// An error without a file (wrong option, no such project) is no verdict.
func readTsc(out *output, inv *invocation) []learn.Verification {
	v := learn.Verification{Kind: learn.VerifyTypecheck, Tool: "tsc"}
	var places names
	total := 0
	for _, line := range out.lines {
		if m := tscTotal.FindStringSubmatch(line); m != nil && inv != nil {
			total += count(m[1])
		}
		if m := tscLine.FindStringSubmatch(line); m != nil {
			v.Failed++
			places.add(m[1] + ":" + m[2] + m[3])
		}
	}
	v.Failed = max(v.Failed, total)
	if v.Failed == 0 && !silent(out, inv) {
		return nil
	}
	v.OK = v.Failed == 0
	v.FailingNames = places.list
	return []learn.Verification{v}
}

var (
	pyrightEnd  = lazyregexp.New(`^(\d+) errors?, (\d+) warnings?, (\d+) (?:informations?|notes?)`)
	pyrightLine = lazyregexp.New(`^ {2}(\S.*?):(\d+):\d+ - error: `)
)

// pyrightReport is what is read of pyright --outputjson.
type pyrightReport struct {
	Diagnostics []struct {
		File     string `json:"file"`
		Severity string `json:"severity"`
		Range    struct {
			Start struct {
				Line int `json:"line"` // from 0
			} `json:"start"`
		} `json:"range"`
	} `json:"generalDiagnostics"`
	Summary *struct {
		Files    int `json:"filesAnalyzed"`
		Errors   int `json:"errorCount"`
		Warnings int `json:"warningCount"`
	} `json:"summary"`
}

// readPyright reads pyright's closing line, or its JSON. Warnings count as
// skipped. Without a source file there is no verdict.
func readPyright(out *output, inv *invocation) []learn.Verification {
	v := learn.Verification{Kind: learn.VerifyTypecheck, Tool: "pyright"}
	var places names
	ended, lines := false, 0
	for _, line := range out.lines {
		if strings.HasPrefix(line, "No source files found") {
			return nil
		}
		if m := pyrightLine.FindStringSubmatch(line); m != nil {
			lines++
			places.add(m[1] + ":" + m[2])
		} else if m := pyrightEnd.FindStringSubmatch(line); m != nil {
			ended = true
			v.Failed += count(m[1])
			v.Skipped += count(m[2])
		}
	}
	if !ended {
		if r := (pyrightReport{}); jsonDocument(out.text, "generalDiagnostics", &r) && r.Summary != nil && r.Summary.Files > 0 {
			ended = true
			v.Failed, v.Skipped = r.Summary.Errors, r.Summary.Warnings
			for _, d := range r.Diagnostics {
				if d.Severity == "error" {
					places.add(d.File + ":" + strconv.Itoa(d.Range.Start.Line+1))
				}
			}
		}
	}
	if !ended {
		if lines == 0 || inv == nil {
			return nil
		}
		v.Failed = lines
	}
	v.OK = v.Failed == 0 && (inv == nil || !inv.exitKnown || inv.exit == 0)
	v.FailingNames = places.list
	return []learn.Verification{v}
}
