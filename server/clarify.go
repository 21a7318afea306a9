package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"lathe/learn"
	"lathe/learn/llm"
	"lathe/server/review"
)

// Bounds of an answer.
const (
	maxLooked   = 60 // evidence events that are read for one
	maxAnswered = 6  // sentences
	maxQuoted   = 3  // calls that are quoted
)

// fact is one sentence that the evidence says, with the events behind it.
// always is one that every answer begins with.
type fact struct {
	text   string
	events []string
	always bool
}

// clarify answers what a reviewer asked back, from the evidence and, where a
// model is configured, in its words before; the proposal is then in the queue
// with its answer.
func (d *Daemon) clarify(ctx context.Context, it *review.Item, question string) error {
	release, err := d.enter()
	if err != nil {
		return err
	}
	defer release()
	asked := ""
	for _, dec := range it.Decisions {
		if dec.Verdict == learn.VerdictRequestClarification && dec.Reason == question {
			asked = dec.DecisionID
		}
	}
	facts := append(d.plainFacts(it), d.recordedFacts(ctx, it, question)...)
	c := learn.Clarification{ClarificationID: learn.UUIDv8("clarification", it.ID, asked, question), ObjectID: it.ID, ContentHash: it.ContentHash,
		DecisionID: asked, Question: question, By: "evidence", Timestamp: d.now()}
	chosen := relevant(facts, question)
	for _, f := range chosen {
		c.Answer = append(c.Answer, f.text)
		c.Evidence = append(c.Evidence, f.events...)
	}
	slices.Sort(c.Evidence)
	c.Evidence = slices.Compact(c.Evidence)
	if words, model := d.askModel(ctx, question, facts); words != "" {
		c.Answer, c.By = append([]string{words}, c.Answer...), model
	}
	if err := d.writeLedger(ctx, learn.EntryClarification, c.ClarificationID, it.Project, c, c.Evidence); err != nil {
		return err
	}
	return d.ledgerSettled(ctx) // or it would be answered again
}

// askModel lets the configured model answer from the facts; "" without one.
func (d *Daemon) askModel(ctx context.Context, question string, facts []fact) (words, model string) {
	m := d.models
	if m.provider == nil {
		return "", ""
	}
	ctx, cancel := context.WithTimeout(ctx, modelTime)
	defer cancel()
	var lines []string
	for _, f := range facts {
		lines = append(lines, f.text)
	}
	answer, err := llm.Clarify(ctx, m.desk, llm.Asked{Model: m.provider, Source: learn.HypothesisProvider, Name: m.provider.Name()}, question, lines)
	if err != nil {
		d.logger.Warn("a model could not be asked about a reviewer's question", "err", err)
		return "", ""
	}
	return answer.Text, cmp.Or(answer.Model, m.provider.Name())
}

// plainFacts is what a proposal itself says.
func (d *Daemon) plainFacts(it *review.Item) []fact {
	var out []fact
	say := func(always bool, format string, args ...any) {
		out = append(out, fact{text: fmt.Sprintf(format, args...), always: always})
	}
	if p := it.Plan; p != nil {
		say(false, "It changes %s in %s: %s.", orWhole(p.TargetStep), learn.Shown(p.TargetPlanTemplate, 120), strings.ReplaceAll(string(p.Type), "_", " "))
		say(false, "%s", learn.Shown(p.Rationale, 400))
		say(false, "Its risk is %s, its confidence %.0f %%, its support %d.", learn.Shown(p.Risk, 20), 100*p.ConfidenceScore, p.Support)
		if r, ok := d.reports.find(p.SourceReportID); ok {
			say(false, "The failure behind it: %s", learn.Shown(r.RootCause, 300))
			for _, o := range r.Remedies[:min(len(r.Remedies), maxQuoted)] {
				say(false, "What fixed that before, in %d sessions: %s", o.Support, learn.Shown(o.Description, 300))
			}
		}
	}
	if t := it.Tool; t != nil {
		say(false, "It %s", learn.Shown(t.PermissionsWords, 300))
		say(false, "%s", learn.Shown(t.Rationale, 400))
		for _, c := range t.Validation.Checks {
			say(false, "The check %s %s: %s", c.Name, map[bool]string{true: "passed", false: "failed"}[c.Passed], learn.Shown(c.Summary, 240))
		}
		m := t.Tool.Manifest
		say(false, "It depends on: %s.", learn.Shown(cmp.Or(strings.Join(m.Dependencies, ", "), "nothing beside the standard library"), 200))
		say(false, "It measured %.0f ms cold, %.0f ms warm, %.0f MB of memory; it may take %.0f seconds and %d MB.", t.Validation.ColdMS, t.Validation.WarmMS,
			t.Validation.MemoryMB, m.Permissions.Seconds, m.Permissions.MemoryMB)
		say(false, "It does what this command does: %s", learn.Shown(t.Tool.Spec.CommandTemplate, 300))
	}
	for _, s := range d.acceptance.Stats() {
		if s.Judged > 0 && slices.Contains(review.GroupsOf(it), s.Group) {
			say(false, "People accepted %d of %d proposals with the %s %q before.", s.Accepted, s.Judged, s.Group.By, strings.ReplaceAll(s.Group.Value, "_", " "))
		}
	}
	return out
}

func orWhole(step string) string {
	if step == "" {
		return "the plan"
	}
	return "step " + learn.Shown(step, 60)
}

// recordedFacts is what the recorded calls behind a proposal say: how many,
// where and when, and those that mention what was asked about.
func (d *Daemon) recordedFacts(ctx context.Context, it *review.Item, question string) []fact {
	if len(it.Evidence) == 0 {
		return []fact{{text: "No recorded call is named as evidence: a person or another program made it.", always: true}}
	}
	var calls []*learn.ActionOutcome
	sessions, projects, failed := map[string]bool{}, map[string]bool{}, 0
	var first, last time.Time
	for _, id := range it.Evidence[:min(len(it.Evidence), maxLooked)] {
		rec, err := d.log.Record(ctx, id)
		if err != nil || rec.Action == nil {
			continue
		}
		a := rec.Action
		calls = append(calls, a)
		sessions[a.SessionID], projects[a.ProjectID] = true, true
		if a.Status.Failed() {
			failed++
		}
		if first.IsZero() || a.Timestamp.Before(first) {
			first = a.Timestamp
		}
		if a.Timestamp.After(last) {
			last = a.Timestamp
		}
	}
	if len(calls) == 0 {
		return []fact{{text: "The recorded calls behind it are not in the log any more.", always: true}}
	}
	out := []fact{{text: fmt.Sprintf("It rests on %d recorded calls (%d looked at, %d of them failed) of %d sessions in %d projects, from %s to %s.", len(it.Evidence),
		len(calls), failed, len(sessions), len(projects), first.UTC().Format(time.DateOnly), last.UTC().Format(time.DateOnly)), always: true}}
	asked := questionWords(question)
	slices.SortStableFunc(calls, func(a, b *learn.ActionOutcome) int {
		return cmp.Compare(overlap(recordedText(b), asked), overlap(recordedText(a), asked))
	})
	for _, a := range calls[:min(len(calls), maxQuoted)] {
		if overlap(recordedText(a), asked) == 0 {
			break
		}
		out = append(out, fact{events: []string{a.ID}, text: fmt.Sprintf("A recorded call mentions it (%s, %s): %s printed “%s”", a.Timestamp.UTC().Format(time.DateOnly),
			a.Status, learn.Shown(cmp.Or(a.Command(), a.ToolName), 160), learn.Shown(mentioning(a.ToolOutput.Text(), asked), 200))})
	}
	var missing []string
	for _, w := range asked {
		if !slices.ContainsFunc(calls, func(a *learn.ActionOutcome) bool { return overlap(recordedText(a), []string{w}) > 0 }) {
			missing = append(missing, "“"+learn.Shown(w, 40)+"”")
		}
	}
	if len(missing) > 0 {
		out = append(out, fact{always: true, text: "None of the calls looked at mentions " + strings.Join(missing[:min(len(missing), 5)], ", ") + "."})
	}
	return out
}

func recordedText(a *learn.ActionOutcome) string {
	text := string(a.ToolParameters) + "\n" + a.ToolOutput.Text()
	return text[:min(len(text), 32<<10)]
}

// mentioning is the first line with one of the words, or the first line.
func mentioning(text string, words []string) string {
	lines := strings.Split(text, "\n")
	for _, l := range lines {
		if overlap(l, words) > 0 {
			return strings.TrimSpace(l)
		}
	}
	return strings.TrimSpace(lines[0])
}

// relevant chooses the facts that share words with the question, those that
// every answer has among them.
func relevant(facts []fact, question string) []fact {
	asked := questionWords(question)
	var always, fitting []fact
	for _, f := range facts {
		switch {
		case f.always:
			always = append(always, f)
		case overlap(f.text, asked) > 0 || len(f.events) > 0:
			fitting = append(fitting, f)
		}
	}
	slices.SortStableFunc(fitting, func(a, b fact) int { return cmp.Compare(overlap(b.text, asked), overlap(a.text, asked)) })
	if len(fitting) == 0 { // the question's words are nowhere: what it is, at least
		for _, f := range facts {
			if !f.always && len(fitting) < 2 {
				fitting = append(fitting, f)
			}
		}
	}
	return append(fitting[:min(len(fitting), maxAnswered-len(always))], always...)
}

// filler are words of a question that ask for nothing in particular.
const filler = " about again also and any are because been before but can could does doing done for from get had has have how into isn its just know like make may mean might more much need not now only other our out over really said same say should show some such sure tell than that the their them then there these they thing this those too use used uses very want was way were what when where whether which while who whom whose why will with work works would yes you your "

// questionWords are the words of a question that evidence can mention.
func questionWords(question string) []string {
	var out []string
	for _, w := range strings.FieldsFunc(strings.ToLower(question), func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.' || r >= 0x80)
	}) {
		w = strings.Trim(w, ".-_")
		if len(w) >= 3 && !strings.Contains(filler, " "+w+" ") && !slices.Contains(out, w) && len(out) < 20 {
			out = append(out, w)
		}
	}
	return out
}

// overlap counts the words that a text mentions, in any form that begins alike.
func overlap(text string, words []string) int {
	text = strings.ToLower(text)
	n := 0
	for _, w := range words {
		if strings.Contains(text, stem(w)) {
			n++
		}
	}
	return n
}

// stem cuts an English ending, roughly: "retries" and "retry", "tests" and
// "test" are one word to a reader.
func stem(w string) string {
	for _, end := range []string{"ies", "ing", "ed", "es", "s", "y"} {
		if short, ok := strings.CutSuffix(w, end); ok && len(short) >= 4 {
			return short
		}
	}
	return w
}
