package trial

import (
	"slices"
	"strings"
	"time"

	"lathe/learn"
)

// slack is how far the clocks of an agent and of the daemon may differ.
const slack = 2 * time.Second

// outcomeOf is the result of an assignment whose task ended.
func outcomeOf(r learn.TrialRecord, f *learn.Task) learn.TrialRecord {
	at, steps := since(&r, f.Steps)
	out := r
	out.Phase, out.Timestamp, out.TaskResult, out.Advised = learn.TrialResult, f.Finished, f.Outcome, nil
	out.Observable = observable(r.Advised) && (at >= 0 || r.AdviceKind != learn.AdviceRemedy)
	out.Taken = out.Observable && done(r.Advised, steps)
	if r.AdviceKind == learn.AdviceRemedy && at >= 0 {
		worked, end := resolution(&f.Steps[at], steps)
		out.Worked, steps = &worked, steps[:end]
	} else if r.AdviceKind != learn.AdviceRemedy {
		if f.Outcome == learn.OutcomeSuccess || f.Outcome == learn.OutcomeFailure {
			good := f.Outcome == learn.OutcomeSuccess
			out.Worked = &good
		}
		steps = f.Steps
	}
	out.Calls = float64(len(steps))
	for i := range steps {
		out.DurationMS += steps[i].DurationMS
		out.Tokens += float64(steps[i].Tokens)
	}
	return out
}

// since finds the step that something was served on, -1 if there is none, and
// the steps after it. For a failure that was not recorded under its id, as a
// gateway's, it is the last call that had failed by then.
func since(r *learn.TrialRecord, steps []learn.Step) (at int, later []learn.Step) {
	if r.EventID != "" {
		if at = slices.IndexFunc(steps, func(s learn.Step) bool { return s.EventID == r.EventID }); at >= 0 {
			return at, steps[at+1:]
		}
	}
	at = -1
	first := len(steps)
	for i := range steps {
		if steps[i].Timestamp.After(r.Timestamp.Add(slack)) {
			first = i
			break
		}
		if steps[i].Status.Failed() {
			at = i
		}
	}
	if r.AdviceKind == learn.AdviceRemedy && at >= 0 {
		first = at + 1
	}
	return at, steps[first:]
}

// resolution tells whether the first later call that says anything about a
// failure, one of the same intent about the same thing, succeeds; and at which
// step the failure was out of the world, or that the steps ended first.
func resolution(failed *learn.Step, later []learn.Step) (worked bool, end int) {
	back := false
	for i := range later {
		s := &later[i]
		if s.Intent != failed.Intent || !sameTarget(failed, s) {
			continue
		}
		if s.Status == learn.StatusSuccess {
			return !back, i + 1
		}
		if s.Status.Failed() && shares(failed.Signatures, s.Signatures) {
			back = true
		}
	}
	return false, len(later)
}

func shares(a, b []string) bool {
	return len(a) > 0 && slices.Contains(b, a[0])
}

// sameTarget reports whether a later call is about what an earlier one was
// about. What checks or builds a project says so whatever its arguments.
func sameTarget(a, b *learn.Step) bool {
	switch a.Intent {
	case learn.IntentTest, learn.IntentBuild, learn.IntentLint, learn.IntentTypecheck, learn.IntentFormat, learn.IntentInstall:
		return true
	}
	if a.Target != "" && b.Target != "" {
		return a.Target == b.Target || strings.HasSuffix(a.Target, "/"+b.Target) || strings.HasSuffix(b.Target, "/"+a.Target)
	}
	return a.Tool == b.Tool
}

// observable reports whether doing what was advised can be told from calls.
func observable(advised []learn.RemedyAction) bool {
	return len(advised) > 0 && !slices.ContainsFunc(advised, func(a learn.RemedyAction) bool {
		return a.Command == "" && a.ToolName == "" && a.Intent == "" || a.Command != "" && !constant(words(a.Command))
	})
}

// constant reports whether a command's template says anything: braces alone
// would fit every call.
func constant(template []string) bool {
	return slices.ContainsFunc(template, func(w string) bool { return !strings.Contains(w, "{") })
}

// done reports whether the advised actions follow each other in the steps.
func done(advised []learn.RemedyAction, steps []learn.Step) bool {
	next := 0
	for i := range steps {
		if next < len(advised) && does(&advised[next], &steps[i]) {
			next++
		}
	}
	return next > 0 && next == len(advised)
}

func does(a *learn.RemedyAction, s *learn.Step) bool {
	if a.Command != "" {
		return within(words(a.Command), words(s.Command))
	}
	if a.ToolName != "" && a.ToolName != s.Tool {
		return false
	}
	return a.Intent == "" || a.Intent == s.Intent
}

// within reports whether a template's words stand together in a command,
// where {name} stands for anything within a word.
func within(template, command []string) bool {
	for i := 0; i+len(template) <= len(command); i++ {
		fits := len(template) > 0
		for k := 0; fits && k < len(template); k++ {
			fits = fitsWord(template[k], command[i+k])
		}
		if fits {
			return true
		}
	}
	return false
}

func fitsWord(template, word string) bool {
	before, rest, open := strings.Cut(template, "{")
	if !open {
		return template == word
	}
	_, after, closed := strings.Cut(rest, "}")
	if !closed {
		return template == word
	}
	if i := strings.LastIndex(after, "}"); i >= 0 { // more parameters: what is between is free
		after = after[i+1:]
	}
	return len(word) > len(before)+len(after) && strings.HasPrefix(word, before) && strings.HasSuffix(word, after)
}

// separators stand between the commands of a line.
var separators = strings.NewReplacer(";", " ; ", "&&", " && ", "||", " || ", "|", " | ", "(", " ", ")", " ", "'", "", `"`, "", "\n", " ; ")

// words takes a command line apart, without its quotes.
func words(line string) []string { return strings.Fields(separators.Replace(line)) }
