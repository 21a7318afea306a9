package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lathe/learn"
)

// printReport shows a failure's report: the cause first, then who is to blame,
// what fixed it, and what else is known.
func (a *app) printReport(r learn.FailureAnalysisReport) {
	a.field("cause", r.RootCause)
	if r.ErrorPattern != nil {
		a.field("pattern", r.ErrorPattern.ID)
	}
	a.printCulprit(&r)
	if h := r.History; h != nil {
		a.field("seen", seenWords(h))
	}
	a.field("confidence", confidenceWords(&r))
	a.printRemedies(&r)
	if len(r.Hints) > 0 {
		fmt.Fprintln(a.out, "\nhints, not seen to work here")
	}
	for _, h := range r.Hints {
		fmt.Fprintf(a.out, "  - %s\n", clean(h))
	}
	if h := r.Hypothesis; h != nil {
		fmt.Fprintf(a.out, "\na model (%s, %s) thinks\n  %s\n", clean(h.Model), h.Source, clean(h.RootCause))
	}
	if r.Code != nil {
		a.printCode(r.Code)
	}
	fmt.Fprintf(a.out, "\nreport %s", clean(r.ReportID))
	if len(r.Evidence) > 0 {
		fmt.Fprintf(a.out, "; evidence %s", clean(strings.Join(r.Evidence[:min(4, len(r.Evidence))], " ")))
	}
	fmt.Fprintln(a.out)
}

func (a *app) field(name, text string) { fmt.Fprintf(a.out, "%-11s %s\n", name, clean(text)) }

func (a *app) printCulprit(r *learn.FailureAnalysisReport) {
	if r.CulpritAction == "" || r.CulpritAction == r.FailedEventID {
		if r.CulpritCall != "" {
			a.field("culprit", "the failing call itself: "+cut(r.CulpritCall, 120))
		}
		return
	}
	a.field("culprit", fmt.Sprintf("step %d of %d: %s", r.CulpritStep, r.FailedStep, cut(r.CulpritCall, 120)))
	a.field("", r.CulpritReason)
	a.field("", "event "+r.CulpritAction)
}

func seenWords(h *learn.FailureHistory) string {
	text := "never before in this project"
	if h.TimesHere > 0 {
		text = fmt.Sprintf("%s in %s of this project, last on %s", plural(h.TimesHere, "time"), plural(h.SessionsHere, "session"), h.LastHere.Format(time.DateOnly))
	}
	if h.TimesElsewhere > 0 {
		text += fmt.Sprintf("; %s in %s", plural(h.TimesElsewhere, "time"), plural(h.OtherProjects, "other project"))
	}
	return text
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// about says what a method's confidence is the confidence of.
var about = map[learn.Method]string{learn.MethodRecovery: "first remedy", learn.MethodRules: "culprit", learn.MethodLLM: "model"}

func confidenceWords(r *learn.FailureAnalysisReport) string {
	if r.ConfidenceOf == learn.ClaimNothing {
		return "none: this error is unknown"
	}
	text := fmt.Sprintf("%s, by %s, in the %s", percent(r.ConfidenceScore), r.Method, ofWords(r))
	var parts []string
	for _, m := range slices.Sorted(maps.Keys(r.MethodConfidence)) {
		parts = append(parts, fmt.Sprintf("%s %s", about[m], percent(r.MethodConfidence[m])))
	}
	if len(parts) > 1 {
		text += " (" + strings.Join(parts, ", ") + ")"
	}
	return text
}

// ofWords names what the confidence is the confidence of.
func ofWords(r *learn.FailureAnalysisReport) string {
	switch r.ConfidenceOf {
	case learn.ClaimHypothesis:
		return "model's guess"
	case learn.ClaimRemedy:
		return "first remedy"
	}
	return "culprit"
}

// printReliability shows what the confidence of past reports was worth.
func (a *app) printReliability(all map[learn.Method]learn.Reliability) {
	var rows [][]string
	var off []string
	for _, m := range slices.Sorted(maps.Keys(all)) {
		r := all[m]
		for i, b := range r.Bins {
			if b.N > 0 {
				rows = append(rows, []string{string(m), fmt.Sprintf("%.1f-%.1f", float64(i)/10, float64(i+1)/10), fmt.Sprint(b.N),
					fmt.Sprintf("%.2f", b.Claimed/float64(b.N)), rightWords(&b)})
			}
		}
		if r.N() > 0 {
			all := r.Total()
			rows = append(rows, []string{string(m), "all", fmt.Sprint(all.N), fmt.Sprintf("%.2f", all.Claimed/float64(all.N)), rightWords(&all)})
			off = append(off, fmt.Sprintf("%s: off by %.3f in the mean; claims that say exactly what they are worth would be by %.3f, by chance.", m, r.Error(), r.Chance()))
		}
	}
	if len(rows) == 0 {
		fmt.Fprintln(a.out, "No failure was resolved yet, so no claim could be checked.")
		return
	}
	a.table("METHOD CLAIMED REPORTS MEAN RIGHT", rows)
	fmt.Fprintf(a.out, "\n%s\n", strings.Join(off, "\n"))
	fmt.Fprintln(a.out, "Each claim was made when its failure came in, and judged by what resolved it.\nBehind the share that was right stands its 95 % interval.")
}

// rightWords is the share of a bin's claims that was right, with its interval.
func rightWords(b *learn.ReliabilityBin) string {
	low, high := b.Interval()
	return fmt.Sprintf("%.2f (%.2f to %.2f)", float64(b.Right)/float64(b.N), low, high)
}

func (a *app) printRemedies(r *learn.FailureAnalysisReport) {
	if len(r.Remedies) == 0 {
		a.field("remedy", "none is known to work")
		return
	}
	fmt.Fprintln(a.out, "\nwhat fixed it before")
	for i, o := range r.Remedies {
		fmt.Fprintf(a.out, "  %d. %s\n     %s sure that it helps here; it worked %s (%s)\n", i+1, clean(o.Description), percent(o.Confidence),
			percent(learn.Posterior(o.Successes, o.Failures)), plural(o.Support, "session"))
		for _, act := range o.Actions {
			if act.Command != "" {
				fmt.Fprintf(a.out, "       $ %s\n", clean(act.Command))
			}
		}
	}
}

// maxTouched bounds the code that is shown.
const maxTouched = 6

func (a *app) printCode(c *learn.CodeContext) {
	fmt.Fprintln(a.out, "\ncode")
	if c.State != learn.CodeReady {
		fmt.Fprintf(a.out, "  %s: %s\n", c.State, clean(c.Why))
		return
	}
	for _, t := range c.Touched[:min(maxTouched, len(c.Touched))] {
		fmt.Fprintf(a.out, "  %s:%d %s %s: %s\n", clean(t.File), t.Line, t.Kind, clean(t.Name), clean(t.Reason))
		if h := t.History; h != nil && !h.Changed.IsZero() {
			fmt.Fprintf(a.out, "    last changed %s by %s, %s\n", h.Changed.Format(time.DateOnly), clean(h.Author), plural(h.Changes, "commit"))
		}
		if len(t.Imports) > 0 {
			fmt.Fprintf(a.out, "    imports %s\n", cut(strings.Join(t.Imports, ", "), 160))
		}
		for _, call := range t.Callers[:min(3, len(t.Callers))] {
			fmt.Fprintf(a.out, "    called by %s, %s:%d\n", clean(call.Caller.Name), clean(call.File), call.Line)
		}
	}
	for _, d := range c.Dependencies {
		declared := "not declared"
		if d.Declared {
			declared = "declared in " + d.Manifest
		}
		fmt.Fprintf(a.out, "  dependency %s: %s, installed: %s %s\n", clean(d.Name), clean(declared), d.Installed, clean(d.Version))
	}
	if len(c.Touched)+len(c.Dependencies) == 0 {
		fmt.Fprintln(a.out, "  the error names nothing that the code graph knows")
	}
}
