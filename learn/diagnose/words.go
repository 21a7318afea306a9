package diagnose

import (
	"fmt"
	"strconv"
	"strings"

	"lathe/learn"
)

// maxQuote is the number of bytes of foreign text that a report quotes.
const maxQuote = 80

// quote marks foreign text as such: cut, escaped, in quotation marks. Back
// quotes go too, so that it cannot end a code span where it is shown.
func quote(s string) string {
	if len(s) > maxQuote {
		s = strings.ToValidUTF8(s[:maxQuote], "") + "..."
	}
	return strings.ReplaceAll(strconv.QuoteToASCII(s), "`", `\x60`)
}

// rootCause says in words what is known of the cause.
func rootCause(r *Request, pattern *learn.ErrorPattern, c culprit) string {
	var b strings.Builder
	switch {
	case pattern != nil:
		if !explains(pattern) && !c.earlier() {
			b.WriteString("Not known why: ")
		}
		b.WriteString(pattern.Name)
		captures(&b, pattern.Captures, r.Signatures[0].Captures)
		b.WriteString(".")
		if len(pattern.CommonCauses) > 0 {
			b.WriteString(" Usual cause: " + strings.TrimSuffix(pattern.CommonCauses[0], ".") + ".")
		}
	case len(r.Signatures) > 0:
		fmt.Fprintf(&b, "Not known why: the tool reported %s.", quote(r.Signatures[0].Salient))
	default:
		b.WriteString("Not known: the output matches no known error")
		if code := r.Event.ToolOutput.ExitCode; code != nil {
			fmt.Fprintf(&b, " (exit code %d)", *code)
		}
		b.WriteString(".")
	}
	if c.earlier() {
		b.WriteString(" " + c.reason)
	}
	return b.String()
}

func captures(b *strings.Builder, names []string, values map[string]string) {
	sep := ": "
	for _, n := range names {
		if v := values[n]; v != "" {
			fmt.Fprintf(b, "%s%s %s", sep, n, quote(v))
			sep = ", "
		}
	}
}

// hints fills the pattern's canned hints where the request trusts the captured
// value and it can stand in a command; elsewhere the capture's name stays in
// braces.
func hints(r *Request, pattern *learn.ErrorPattern) []string {
	var out []string
	for _, h := range pattern.Hints[:min(len(pattern.Hints), maxHints)] {
		for name, value := range r.Signatures[0].Captures {
			if r.Trusted != nil && plain(value) && strings.Contains(h, "{"+name+"}") && r.Trusted(name, value) {
				h = strings.ReplaceAll(h, "{"+name+"}", value)
			}
		}
		out = append(out, h)
	}
	return out
}

func plain(v string) bool {
	return v != "" && len(v) <= 200 && v[0] != '-' &&
		strings.Trim(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@:+=-") == ""
}

// aboutHint says what a hint is not: covered by the report's confidence, and,
// when it has an open capture, ready to be run.
func aboutHint(hint string) string {
	open := ""
	if strings.Contains(hint, "{") {
		open = "; what stands in braces is as the output names it (see the signature's captures), which this project does not name itself: check it first"
	}
	return " (the report's confidence is in its diagnosis, not in this hint" + open + ")"
}

// proposal is the one thing to try first.
func proposal(report *learn.FailureAnalysisReport) string {
	switch {
	case len(report.Remedies) > 0:
		return report.Remedies[0].Description
	case report.ErrorPattern != nil && report.ErrorPattern.Transient:
		return "Hint, not seen to work here: wait a moment and repeat the call."
	case len(report.Hints) > 0:
		return "Hint, not seen to work here: " + report.Hints[0] + aboutHint(report.Hints[0])
	}
	return ""
}

// maxFacts bounds Facts.
const maxFacts = 20

// Facts are what the report's history and code context say, a line each, in
// Lathe's words with names quoted: what a model is told beside the report.
func Facts(report *learn.FailureAnalysisReport) []string {
	var out []string
	add := func(format string, args ...any) {
		if len(out) < maxFacts {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	if h := report.History; h != nil {
		add("This failure was seen %d times in this project and %d times in others.", h.TimesHere, h.TimesElsewhere)
	}
	if report.Code == nil {
		return out
	}
	for _, t := range report.Code.Touched {
		add("%s %s in %s, line %d: %s", t.Kind, quote(t.Name), quote(t.File), t.Line, t.Reason)
		if len(t.Imports) > 0 {
			add("%s imports %s", quote(t.File), quote(strings.Join(t.Imports, ", ")))
		}
		for _, c := range t.Callers {
			add("%s is called by %s in %s", quote(t.Name), quote(c.Caller.Name), quote(c.File))
		}
	}
	for _, dep := range report.Code.Dependencies {
		add("dependency %s: declared %t, installed %s", quote(dep.Name), dep.Declared, dep.Installed)
	}
	return out
}

// maxCall is the number of bytes of a call that a report repeats.
const maxCall = 200

// callWords is a call in a line: its command, or its tool and what it was
// about.
func callWords(tool, command, target string) string {
	line := command
	if line == "" {
		line = strings.TrimSpace(tool + " " + target)
	}
	if len(line) > maxCall {
		line = strings.ToValidUTF8(line[:maxCall], "") + "…"
	}
	return line
}
