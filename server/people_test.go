package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"lathe/learn"
	lathemcp "lathe/mcp"
	"lathe/server"
	"lathe/server/review"
)

// diagnosed is what is known of the failure that taught knows.
func (s *site) diagnosed(project string) learn.FailureAnalysisReport {
	s.t.Helper()
	var r learn.FailureAnalysisReport
	s.mustCall(http.MethodPost, "/v1/diagnose", map[string]any{"project_id": project, "session_id": "asks", "tool_name": "bash",
		"tool_parameters": map[string]string{"command": "python3 -m pytest -q tests/test_price.py"},
		"tool_output":     map[string]any{"stderr": wrongRunner, "exit_code": 1}}, &r)
	return r
}

func (s *site) say(id string, good bool) server.Feedback {
	s.t.Helper()
	var out server.Feedback
	s.mustCall(http.MethodPost, "/v1/feedback", server.FeedbackCall{ID: id, Good: good}, &out)
	s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
	return out
}

// "It did not work" changes what is offered, "it worked" brings it back, and a
// restart counts neither twice.
func TestAPersonsWordOnARemedyTeaches(t *testing.T) {
	s := taught(t, "shop")
	before := s.diagnosed("shop")
	if len(before.Remedies) == 0 {
		t.Fatal("nothing is offered")
	}
	first := before.Remedies[0]
	confidence := func() float64 {
		for _, o := range s.diagnosed("shop").Remedies {
			if o.RemedyID == first.RemedyID {
				return o.Confidence
			}
		}
		return 0
	}
	if out := s.say(first.RemedyID[:8], false); out.RemedyID != first.RemedyID {
		t.Fatalf("%+v", out)
	}
	s.say(first.RemedyID, false)
	bad := confidence()
	if bad >= first.Confidence {
		t.Errorf("confidence %v, %v before a person said twice that it did not work", bad, first.Confidence)
	}
	s.stop()
	s.start()
	if now := confidence(); now > bad+0.02 || now < bad-0.02 {
		t.Errorf("after a restart %v, before it %v", now, bad)
	}
	for range 4 {
		s.say(first.RemedyID, true)
	}
	if now := confidence(); now <= bad {
		t.Errorf("confidence %v, %v before a person said that it worked", now, bad)
	}
}

func TestAPersonsWordOnATaskOutranksTheAgents(t *testing.T) {
	s := newSite(t)
	s.start()
	a := s.agent("shop", "", "now")
	a.call("record_task", map[string]any{"task_id": "t1", "prompt": "mend it"})
	a.call("record_outcome", map[string]any{"outcomes": []any{map[string]any{"call_id": "1", "task_id": "t1", "tool_name": "bash", "status": "success"}}})
	a.call("record_task", map[string]any{"task_id": "t1", "outcome": "success"})
	s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
	s.say("t1", false)
	var found struct {
		Hits []struct{ Entry learn.LedgerEntry }
	}
	s.mustCall(http.MethodPost, "/v1/objects", map[string]any{"kinds": []string{"task"}}, &found)
	var task learn.Task
	if len(found.Hits) != 1 || json.Unmarshal(found.Hits[0].Entry.Body, &task) != nil || task.Outcome != learn.OutcomeFailure || !strings.Contains(task.OutcomeReason, "user") {
		t.Errorf("%+v", task)
	}
	if err := s.call(http.MethodPost, "/v1/feedback", server.FeedbackCall{ID: "nobody's"}, &server.Feedback{}); err == nil {
		t.Error("a word on nothing was taken")
	}
}

// What is muted is not said unasked; who asks is answered; a mute ends.
func TestMutedAdviceIsNotSaid(t *testing.T) {
	s := taught(t, "shop")
	a := s.agent("shop", "", "now")
	n := 0
	advised := func() bool {
		n++
		text, failed := a.call("record_outcome", map[string]any{"outcomes": []any{outcome(fmt.Sprint("m", n), "python3 -m pytest -q tests/test_price.py", wrongRunner, 1)}})
		var r lathemcp.RecordResult
		if err := json.Unmarshal([]byte(text), &r); failed || err != nil {
			t.Fatalf("%s, %v", text, err)
		}
		return len(r.Advice) > 0
	}
	if !advised() {
		t.Fatal("no advice to mute")
	}
	pattern := s.diagnosed("shop").ErrorPattern.ID
	for name, c := range map[string]struct {
		call   server.MuteCall
		silent bool
	}{
		"the pattern":                    {server.MuteCall{SignatureID: pattern}, true},
		"another pattern":                {server.MuteCall{SignatureID: "go/test-failed"}, false},
		"the project":                    {server.MuteCall{ProjectID: "shop", For: time.Hour}, true},
		"another project":                {server.MuteCall{ProjectID: "elsewhere"}, false},
		"everything":                     {server.MuteCall{For: time.Hour}, true},
		"the pattern in another project": {server.MuteCall{SignatureID: pattern, ProjectID: "elsewhere"}, false},
		"for no time at all":             {server.MuteCall{For: time.Nanosecond}, false},
	} {
		var in []learn.Mute
		s.mustCall(http.MethodPost, "/v1/mutes", c.call, &in)
		if advised() == c.silent {
			t.Errorf("%s is muted: silent %v", name, !c.silent)
		}
		if len(s.diagnosed("shop").Remedies) == 0 {
			t.Errorf("%s is muted: who asks is not answered", name)
		}
		s.mustCall(http.MethodPost, "/v1/mutes", server.MuteCall{Lift: "all"}, &in)
		if len(in) != 0 {
			t.Fatalf("left: %+v", in)
		}
	}
	if !advised() {
		t.Error("lifted, but still silent")
	}
	if err := s.call(http.MethodPost, "/v1/mutes", server.MuteCall{For: -1}, &[]learn.Mute{}); err == nil {
		t.Error("a mute of negative length")
	}
	err := s.call(http.MethodPost, "/v1/mutes", server.MuteCall{SignatureID: "python/modul-not-found"}, &[]learn.Mute{})
	if err == nil || !strings.Contains(err.Error(), "python/module-not-found") {
		t.Errorf("a mute of a failure that nobody knows: %v", err)
	}
	var muted []learn.Mute
	s.mustCall(http.MethodPost, "/v1/mutes", server.MuteCall{ProjectID: "shop"}, &muted)
	s.stop()
	s.start()
	s.mustCall(http.MethodGet, "/v1/mutes", nil, &muted)
	if len(muted) != 1 {
		t.Fatalf("after a restart: %+v", muted)
	}
	var undone server.Undone
	s.mustCall(http.MethodPost, "/v1/undo", server.UndoneCall{ID: muted[0].MuteID[:8]}, &undone)
	if len(undone.Mutes) != 1 {
		t.Errorf("%+v", undone)
	}
}

// until waits for a condition that another goroutine of the daemon brings about.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); {
		if time.Now().After(end) {
			t.Fatalf("it does not come about: %s", what)
		}
	}
}

// A question is answered from the evidence and the proposal is in the queue
// with its answer; a question that a crash cut off is answered after it.
func TestHeavyAskedBackIsAnswered(t *testing.T) {
	p := newPlanned(t, releasePlan)
	m := p.proposal(learn.ReplaceFragment)
	dec := p.key.Decide(m.ProposalID, m.ContentHash, learn.VerdictRequestClarification, "Does run_tests.py work on Windows?", time.Now())
	p.mustCall(http.MethodPost, "/v1/decisions", dec, &server.Decided{})
	item := func() (found review.Item) {
		var all []review.Item
		p.mustCall(http.MethodGet, "/v1/reviews", nil, &all)
		for _, it := range all {
			if it.ID == m.ProposalID {
				found = it
			}
		}
		return found
	}
	until(t, "an answer", func() bool { return len(item().Answers) > 0 })
	it := item()
	text := strings.Join(it.Answers[0].Answer, "\n")
	if it.State != learn.StateInReview || len(it.Questions) != 0 || len(it.Answers) != 1 || it.Answers[0].By != "evidence" || it.Answers[0].DecisionID != dec.DecisionID {
		t.Errorf("%+v", it.Answers)
	}
	for _, want := range []string{"run_tests.py", "recorded calls", "None of the calls looked at mentions “windows”"} {
		if !strings.Contains(text, want) {
			t.Errorf("the answer lacks %q:\n%s", want, text)
		}
	}
	if len(it.Answers[0].Evidence) == 0 {
		t.Error("the answer names no event")
	}
	p.stop()
	crashed := p.key.Decide(m.ProposalID, m.ContentHash, learn.VerdictRequestClarification, "And which sessions?", time.Now())
	e, err := learn.NewEntry(learn.EntryDecision, m.ProposalID, "", crashed.Timestamp, crashed, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.write([]learn.LedgerEntry{e})
	p.start()
	until(t, "an answer after a restart", func() bool { return len(item().Answers) == 2 })
	if len(item().Questions) != 0 {
		t.Errorf("%+v", item().Questions)
	}
}

// A kind that is always rejected is proposed no more, until a person takes that
// back; what was proposed already stays for a person to decide.
func TestHeavyAKindThatIsAlwaysRejectedStops(t *testing.T) {
	p := newPlanned(t, releasePlan)
	proposed := func() (n int) {
		for _, m := range p.refine().Proposals {
			if m.Type == learn.AddRetry {
				n++
			}
		}
		return n
	}
	if proposed() == 0 {
		t.Fatal("the recordings call for no retry; the test would prove nothing")
	}
	p.stop()
	var entries []learn.LedgerEntry
	for i := range 5 {
		m := learn.PlanModificationProposal{ProposalID: learn.UUIDv8("rejected", fmt.Sprint(i)), Type: learn.AddRetry, TargetPlanTemplate: ".ocode/plans/other.json", ContentHash: fmt.Sprint("sha256:", i)}
		at := time.Date(2026, 3, 1, 10, i, 0, 0, time.UTC)
		made, err := learn.NewEntry(learn.EntryProposal, m.ProposalID, "shop-api", at, m, nil)
		if err != nil {
			t.Fatal(err)
		}
		d := p.key.Decide(m.ProposalID, m.ContentHash, learn.VerdictReject, "no", at)
		rejected, err := learn.NewEntry(learn.EntryDecision, m.ProposalID, "", at, d, nil)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, made, rejected)
	}
	p.write(entries)
	p.start()
	stop := func() (out *learn.AcceptanceChange) {
		var groups []server.GroupAcceptance
		p.mustCall(http.MethodGet, "/v1/acceptance", nil, &groups)
		for _, g := range groups {
			if g.Group.Value == "add_retry" {
				out = g.Stop
			}
		}
		return out
	}
	until(t, "the stop", func() bool { return stop() != nil })
	if n := proposed(); n != 0 {
		t.Errorf("%d retries are proposed after five of five were rejected", n)
	}
	if c := stop(); c.Judged != 5 || c.Interval.High >= 0.5 {
		t.Errorf("%+v", c)
	}
	var undone server.Undone
	p.mustCall(http.MethodPost, "/v1/undo", server.UndoneCall{ID: stop().ChangeID[:8]}, &undone)
	if undone.Acceptance == nil || proposed() == 0 {
		t.Errorf("taken back: %+v, but nothing is proposed", undone)
	}
	p.stop()
	kinds := map[bool]int{}
	_, all := p.stored()
	for _, e := range all {
		var c learn.AcceptanceChange
		if e.Kind == learn.EntryAcceptance && json.Unmarshal(e.Body, &c) == nil {
			kinds[c.Stopped]++
		}
	}
	if kinds[true] != 1 || kinds[false] != 1 {
		t.Errorf("the ledger has %v", kinds)
	}
}

// What is no person's decision is refused and in the ledger: forged, stale,
// replayed (after a restart too), unsigned, changed after signing; and an agent
// has no tool to decide with.
func TestHeavyDecisionsThatAreNoPersonsAreRefused(t *testing.T) {
	p := newPlanned(t, releasePlan)
	m := p.proposal(learn.ReplaceFragment)
	stranger, err := review.Create(t.TempDir(), testPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	ask := p.key.Decide(m.ProposalID, m.ContentHash, learn.VerdictRequestClarification, "why?", time.Now())
	p.mustCall(http.MethodPost, "/v1/decisions", ask, &server.Decided{})
	changed := p.key.Decide(m.ProposalID, m.ContentHash, learn.VerdictReject, "no", time.Now())
	changed.Verdict = learn.VerdictApprove
	bad := []learn.Decision{
		stranger.Decide(m.ProposalID, m.ContentHash, learn.VerdictApprove, "", time.Now()),
		p.key.Decide(m.ProposalID, learn.ContentHash([]byte("before")), learn.VerdictApprove, "", time.Now()),
		ask,
		changed,
		{DecisionID: "agent", ObjectID: m.ProposalID, ContentHash: m.ContentHash, Verdict: learn.VerdictApprove, Reviewer: "agent", Timestamp: time.Now().UTC(), Nonce: "0"},
		{ObjectID: "no such proposal", Verdict: learn.VerdictApprove},
	}
	refuse := func(d learn.Decision) {
		t.Helper()
		if err := p.call(http.MethodPost, "/v1/decisions", d, &server.Decided{}); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%s by %q: %v", d.Verdict, d.Reviewer, err)
		}
	}
	for _, d := range bad {
		refuse(d)
	}
	tools := p.agent("shop-api", p.root, "now").tools()
	if len(tools) == 0 || slices.ContainsFunc(tools, func(name string) bool {
		return strings.Contains(name, "approve") || strings.Contains(name, "decide") || strings.Contains(name, "reject")
	}) {
		t.Errorf("an agent's tools: %v", tools)
	}
	p.stop()
	p.start()
	refuse(ask)
	if p.readFile() != releasePlan {
		t.Error("the plan was written")
	}
	p.stop()
	refused, decided := 0, 0
	_, all := p.stored()
	for _, e := range all {
		switch e.Kind {
		case learn.EntryRefused:
			refused++
		case learn.EntryDecision:
			decided++
		}
	}
	// A replay that is repeated word for word is one entry of the ledger.
	if refused != len(bad) || decided != 1 {
		t.Errorf("the ledger has %d refusals of %d, %d decisions", refused, len(bad), decided)
	}
}

func TestDigest(t *testing.T) {
	s := taught(t, "shop")
	var d server.Digest
	s.mustCall(http.MethodPost, "/v1/digest", server.DigestCall{}, &d)
	if len(d.Lines) == 0 || !strings.Contains(d.Lines[0], "Nothing was recorded") || !strings.Contains(d.Lines[0], "2026-03-08") {
		t.Errorf("an old log: %q", d.Lines)
	}
	a := s.agent("shop", "", "now")
	for i := range 3 {
		ev := outcome(fmt.Sprint(i), "python3 -m pytest -q tests/test_price.py", wrongRunner, 1)
		ev.Timestamp = time.Now().UTC()
		a.call("record_outcome", map[string]any{"outcomes": []any{ev}})
	}
	s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
	s.mustCall(http.MethodPost, "/v1/digest", server.DigestCall{}, &d)
	text := strings.Join(d.Lines, "\n")
	for _, want := range []string{"3 calls", "Failed most: Python module not found, 3 times", "run_tests.py", "Nothing was proposed; nothing waits for you."} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	if len(d.Lines) > 10 {
		t.Errorf("%d lines", len(d.Lines))
	}
	if err := s.call(http.MethodPost, "/v1/digest", server.DigestCall{Days: 999}, &d); err == nil {
		t.Error("a digest of 999 days")
	}
}
