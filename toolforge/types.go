package toolforge

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

// typeCache is where the validation image has mypy's cache of the standard
// library (image/typecache.py). It is read-only there; mypy does without where
// there is none, or one of other options.
const typeCache = "/usr/share/lathe/mypy"

// types is mypy --strict on the tool. What it says of types that nobody wrote
// down, or that it could not narrow, is a warning: see typeWarning. The tests
// are not typed strictly: their libraries' decorators are not.
func types(ctx context.Context, j *job) (learn.Check, error) {
	args := append([]string{"python3", "-I", "-m", "mypy", "--strict", "--config-file=", "--cache-dir=" + typeCache, "--skip-cache-mtime-checks",
		"--no-color-output", "--show-error-codes"}, j.typeOptions()...)
	r, err := j.run(ctx, nil, nil, append(args, "tool/tool.py")...)
	if err != nil {
		return learn.Check{}, err
	}
	if r.ExitCode == 0 {
		return learn.Check{Passed: true, Summary: "mypy --strict found nothing"}, nil
	}
	all := typeFindings(string(r.Stdout))
	if r.ExitCode != 1 || len(all) == 0 {
		return failed("mypy --strict", r), nil
	}
	c := findings(all)
	if c.Passed {
		c.Summary = fmt.Sprintf("mypy --strict: %d remarks on types that are not written or not narrowed", len(all))
	}
	return c, nil
}

var mypyLine = lazyregexp.New(`^tool/([a-z_.]+):([0-9]+): (error|note): (.*?)(?:\s+\[([a-z0-9-]+)\])?$`)

// typeFindings reads what mypy prints. A note belongs to the error before it.
func typeFindings(text string) []learn.Finding {
	var all []learn.Finding
	for l := range strings.SplitSeq(text, "\n") {
		m := mypyLine.FindStringSubmatch(strings.TrimSpace(l))
		if m == nil || len(all) >= 200 {
			continue
		}
		if m[3] == "note" {
			if len(all) > 0 && strings.Contains(m[4], "is invariant") {
				all[len(all)-1].Severity = learn.SeverityWarning
			}
			continue
		}
		line, _ := strconv.Atoi(m[2])
		f := learn.Finding{File: m[1], Line: line, Rule: m[5], Severity: learn.SeverityError, Message: clip(m[4], 300)}
		if typeWarning(f.Rule, f.Message) {
			f.Severity = learn.SeverityWarning
		}
		all = append(all, f)
	}
	return all
}

// typeWarning says that a message of mypy is no sign that a call can fail.
// Three kinds are not: annotations that are missing or incomplete; a value
// that is stored where one of another type was (only its use can fail, and is
// reported as well); and types that mypy joined or could not narrow itself
// ("object", a None that was ruled out elsewhere). Errors are what is left:
// names, attributes and arguments that there are not, operations that the
// types do not have, results of another type than the function says. What a
// warning is about is tried by the dynamic gates.
func typeWarning(code, message string) bool {
	return slices.Contains([]string{"no-untyped-def", "no-untyped-call", "type-arg", "no-any-return", "no-any-unimported", "var-annotated",
		"import", "import-untyped", "import-not-found", "unused-ignore", "redundant-cast", "comparison-overlap", "has-type", "misc",
		"untyped-decorator", "assignment", "dict-item", "list-item", "no-redef", "union-attr"}, code) ||
		joined.MatchString(message)
}

var joined = lazyregexp.New(`\bobject\b|\bNone\b|\bOptional\[`)
