package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lathe/learn"
	"lathe/learn/refine"
	"lathe/server/review"
)

// TestAutonomyIsRefused: off by default, and with any one ground missing.
func TestAutonomyIsRefused(t *testing.T) {
	on := AutonomyConfig{Plans: true, MaxRisk: "low", MinAcceptance: 0.8}
	low := learn.PlanModificationProposal{Type: learn.AddRetry, Risk: "low"}
	for _, c := range []struct {
		name  string
		cfg   AutonomyConfig
		risk  string
		past  acceptance
		today int
		want  string // of the refusal; "" is allowed
	}{
		{"all grounds", on, "low", acceptance{14, 14}, 0, ""},
		{"off by default", defaultAutonomy(), "low", acceptance{100, 100}, 0, "not switched on"},
		{"the zero configuration", AutonomyConfig{Plans: true}, "low", acceptance{100, 100}, 0, "max_risk"},
		{"riskier", on, "medium", acceptance{100, 100}, 0, "risk"},
		{"risk unknown", on, "", acceptance{100, 100}, 0, "risk"},
		{"high, whatever is allowed", AutonomyConfig{Plans: true, MaxRisk: "high", MinAcceptance: 0.8}, "high", acceptance{100, 100}, 0, "risk"},
		{"medium allowed", AutonomyConfig{Plans: true, MaxRisk: "medium", MinAcceptance: 0.8}, "medium", acceptance{100, 100}, 0, ""},
		{"few decisions", on, "low", acceptance{13, 13}, 0, "accepted 13 of 13"},
		{"none", on, "low", acceptance{}, 0, "accepted 0 of 0"},
		{"often rejected", on, "low", acceptance{80, 100}, 0, "accepted 80 of 100"},
		{"enough for today", on, "low", acceptance{100, 100}, maxAlone, "within a day"},
	} {
		p := low
		p.Risk = c.risk
		err := c.cfg.allows(p, c.past, c.today)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestAutonomyIsSwitchedOnByThePersonAlone: not by a workspace that an agent can
// write into, a variable of a program that it starts, or a flag.
func TestAutonomyIsSwitchedOnByThePersonAlone(t *testing.T) {
	own, work := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", own)
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	load := func() (Config, error) {
		c, _, err := LoadConfig(work, map[string]string{"autonomy.plans": "true"})
		return c, err
	}
	if c, err := load(); err != nil || c.Autonomy.Plans || c.Autonomy != defaultAutonomy() {
		t.Errorf("by default, or by a flag: %+v, %v", c.Autonomy, err)
	}
	put := func(dir, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	put(filepath.Join(work, ".lathe"), "[autonomy]\nplans = true\n")
	if _, err := load(); err == nil || !strings.Contains(err.Error(), "cannot be set by a workspace") {
		t.Errorf("a workspace switched it on: %v", err)
	}
	put(filepath.Join(work, ".lathe"), "")
	t.Setenv("LATHE_AUTONOMY_PLANS", "true")
	if c, err := load(); err == nil || c.Autonomy.Plans {
		t.Errorf("a variable switched it on: %+v, %v", c.Autonomy, err)
	}
	if err := os.Unsetenv("LATHE_AUTONOMY_PLANS"); err != nil {
		t.Fatal(err)
	}
	for text, good := range map[string]bool{"plans = true": true, "max_risk = \"high\"": false, "min_acceptance = 0.1": false, "plans = \"perhaps\"": false} {
		put(filepath.Join(own, "lathe"), "[autonomy]\n"+text+"\n")
		if c, err := load(); (err == nil) != good || good && !c.Autonomy.Plans {
			t.Errorf("%s: %+v, %v", text, c.Autonomy, err)
		}
	}
}

const releasePlan = `{
  "name": "release",
  "tasks": [ {"id": "a", "tool_name": "bash", "arguments": {"command": "make"}} ],
  "dependencies": {}
}
`

// alone is a running daemon with a workspace that has one plan template.
type alone struct {
	t    testing.TB
	d    *Daemon
	at   planPlace
	file string
	key  *review.Key
	log  *bytes.Buffer
}

func newAlone(t testing.TB, cfg AutonomyConfig) *alone {
	t.Helper()
	work := t.TempDir()
	a := &alone{t: t, at: planPlace{project: "p", workspace: work, template: plansDir + "/release.json"}, log: &bytes.Buffer{}}
	a.file = filepath.Join(work, filepath.FromSlash(a.at.template))
	if err := errors.Join(os.MkdirAll(filepath.Dir(a.file), 0o700), os.WriteFile(a.file, []byte(releasePlan), 0o600)); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var err error
	if a.key, err = review.Create(dir, "a passphrase"); err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(&locked{w: a.log}, nil))
	if a.d, err = Open(t.Context(), Config{DataDir: dir, HTTP: "off", Autonomy: cfg}, logger); err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan struct{}), make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	go func() { ended <- errors.Join(a.d.Run(ctx, func() { close(ready) }), a.d.Close()) }()
	<-ready
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return a
}

// locked is a writer for many goroutines.
type locked struct {
	mu sync.Mutex
	w  *bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// propose puts a change into the queue; one of the past has no file.
func (a *alone) propose(id string, kind learn.ModificationType, past bool) review.Item {
	a.t.Helper()
	p := learn.PlanModificationProposal{ProposalID: learn.UUIDv8("test", id), ProjectID: "p", Type: kind, TargetPlanTemplate: a.at.template, TargetStep: "a",
		Modifications: json.RawMessage(`[{"op":"test","path":"/tasks/0/id","value":"a"},{"op":"add","path":"/tasks/0/expected_output","value":{"exit_code":0}}]`),
		Rationale:     "it always ended with 0", Risk: "low", BaseHash: learn.ContentHash([]byte(releasePlan))}
	if !past {
		p.Workspace = a.at.workspace
	}
	p.Rationale += id
	p.ContentHash = refine.ContentHash(p)
	a.must(a.d.putProposal(a.t.Context(), p))
	a.must(a.d.ledgerSettled(a.t.Context()))
	it, err := a.d.queue.Get(p.ProposalID)
	a.must(err)
	return it
}

func (a *alone) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *alone) decide(it review.Item, v learn.Verdict) {
	a.t.Helper()
	_, err := a.d.decide(a.t.Context(), a.key.Decide(it.ID, it.ContentHash, v, "", time.Now()))
	a.must(err)
}

func (a *alone) text() string {
	a.t.Helper()
	raw, err := os.ReadFile(a.file)
	a.must(err)
	return string(raw)
}

func (a *alone) act() review.Item {
	a.t.Helper()
	it := a.propose("now", learn.SetExpectedOutput, false)
	a.must(a.d.actAlone(a.t.Context(), a.at))
	it, err := a.d.queue.Get(it.ID)
	a.must(err)
	return it
}

// TestAutonomousChange: with all grounds a change is made, announced in the
// ledger and the log, shown in the queue, and taken back by one command, which
// then speaks against the next.
func TestAutonomousChange(t *testing.T) {
	a := newAlone(t, AutonomyConfig{Plans: true, MaxRisk: "low", MinAcceptance: 0.8})
	for i := range 14 {
		a.decide(a.propose(fmt.Sprint(i), learn.SetExpectedOutput, true), learn.VerdictApprove)
	}
	it := a.act()
	if it.State != learn.StateActive || it.Alone == nil || it.Alone.Accepted != 14 || it.Alone.Bound < 0.8 || it.Alone.Reason == "" {
		t.Fatalf("%s: %+v", it.State, it.Alone)
	}
	if got := a.text(); !strings.Contains(got, `"expected_output"`) {
		t.Errorf("the file holds %s", got)
	}
	var order []learn.EntryKind
	a.must(a.d.log.ReadLedger(t.Context(), 0, func(_ uint64, entries []learn.LedgerEntry) error {
		for _, e := range entries {
			if e.Kind == learn.EntryAutonomy || e.Kind == learn.EntryPlanWrite {
				order = append(order, e.Kind)
			}
		}
		return nil
	}))
	if len(order) != 2 || order[0] != learn.EntryAutonomy {
		t.Errorf("the ledger has %v, want the announcement before the write", order)
	}
	if !strings.Contains(a.log.String(), "plan changed without a person") || !strings.Contains(a.log.String(), "lathe undo "+it.ID[:8]) {
		t.Errorf("the log says %s", a.log)
	}
	if n := a.d.today(); n != 1 {
		t.Errorf("%d changes today", n)
	}
	_, err := a.d.undo(t.Context(), UndoneCall{ID: it.ID[:8]})
	a.must(err)
	if a.text() != releasePlan {
		t.Errorf("taken back, the file holds %s", a.text())
	}
	if past := a.d.accepted(learn.SetExpectedOutput); past.accepted != 14 || past.judged != 15 {
		t.Errorf("after it was taken back: %+v", past)
	}
	a.must(a.d.actAlone(t.Context(), a.at))
	if a.text() != releasePlan {
		t.Error("what was taken back was done again")
	}
}

// TestAutonomyNeedsSignedAcceptance: the same change waits when it is switched
// off, when another type was accepted, when one was rejected, and when the
// approvals carry no signature.
func TestAutonomyNeedsSignedAcceptance(t *testing.T) {
	on := AutonomyConfig{Plans: true, MaxRisk: "low", MinAcceptance: 0.8}
	for _, c := range []struct {
		name string
		cfg  AutonomyConfig
		past func(a *alone)
	}{
		{"off", defaultAutonomy(), func(a *alone) { a.approve(14, learn.SetExpectedOutput) }},
		{"another type", on, func(a *alone) { a.approve(14, learn.AddRetry) }},
		{"one rejected", on, func(a *alone) {
			a.approve(14, learn.SetExpectedOutput)
			a.decide(a.propose("rejected", learn.SetExpectedOutput, true), learn.VerdictReject)
		}},
		{"no signature", on, func(a *alone) {
			for i := range 20 {
				it := a.propose(fmt.Sprint(i), learn.SetExpectedOutput, true)
				forged := learn.Decision{DecisionID: it.ID, ObjectID: it.ID, ContentHash: it.ContentHash, Verdict: learn.VerdictApprove, Nonce: it.ID}
				a.must(a.d.writeLedger(t.Context(), learn.EntryDecision, it.ID, "p", forged, nil))
				a.must(a.d.ledgerSettled(t.Context()))
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAlone(t, c.cfg)
			c.past(a)
			if it := a.act(); it.State != learn.StateInReview || it.Alone != nil || a.text() != releasePlan {
				t.Errorf("%s, %+v; the file holds %s", it.State, it.Alone, a.text())
			}
		})
	}
}

func (a *alone) approve(n int, kind learn.ModificationType) {
	a.t.Helper()
	for i := range n {
		a.decide(a.propose(fmt.Sprint(kind, i), kind, true), learn.VerdictApprove)
	}
}

// TestHarmfulRemedyIsServedNoMore: once the trials have retired a remedy, the
// doors are silent on it; a person's word brings it back.
func TestHarmfulRemedyIsServedNoMore(t *testing.T) {
	a := newAlone(t, defaultAutonomy())
	v := learn.TrialVerdict{VerdictID: learn.UUIDv8("v"), AdviceKind: learn.AdviceRemedy, ObjectID: "r1", Verdict: learn.TrialRetire, Timestamp: time.Now()}
	a.must(a.d.writeLedger(t.Context(), learn.EntryVerdict, v.VerdictID, "", v, nil))
	a.must(a.d.ledgerSettled(t.Context()))
	ev := &learn.ActionOutcome{ID: "e", ProjectID: "p", SessionID: "s"}
	offers := func() (ids []string) {
		r := learn.FailureAnalysisReport{ConfidenceScore: 0.9, Remedies: []learn.RemedyOffer{{RemedyID: "r1", Confidence: 0.9}, {RemedyID: "r2", Confidence: 0.8}}}
		a.d.tryRemedies(t.Context(), &r, ev, doorDiagnose)
		for _, o := range r.Remedies {
			ids = append(ids, o.RemedyID)
		}
		return ids
	}
	if got := offers(); len(got) != 1 || got[0] != "r2" {
		t.Errorf("with r1 retired %v are offered", got)
	}
	out, err := a.d.undo(t.Context(), UndoneCall{ID: v.VerdictID[:8]})
	a.must(err)
	if out.Verdict == nil || out.Verdict.Revokes != v.VerdictID || !strings.Contains(out.Line, "r1") {
		t.Errorf("undone %+v", out)
	}
	if got := offers(); len(got) != 2 {
		t.Errorf("taken back, %v are offered", got)
	}
	if _, err := a.d.undo(t.Context(), UndoneCall{ID: "no such id"}); err == nil {
		t.Error("something that is not there was taken back")
	}
}

// TestChoiceIsRecorded: one of several remedies comes first, and the record
// says among which and how likely that was.
func TestChoiceIsRecorded(t *testing.T) {
	a := newAlone(t, defaultAutonomy())
	l, err := newLearners(0.2, func(string) bool { return true }, nil)
	a.must(err)
	a.d.learners.trial = l.trial
	first := map[string]int{}
	for i := range 300 {
		r := learn.FailureAnalysisReport{ConfidenceScore: 0.9, Remedies: []learn.RemedyOffer{{RemedyID: "r1", Confidence: 0.8, Successes: 8, Failures: 2},
			{RemedyID: "r2", Confidence: 0.7, Successes: 7, Failures: 3}, {RemedyID: "r3", Confidence: 0.1}}}
		a.d.tryRemedies(t.Context(), &r, &learn.ActionOutcome{ID: "e", ProjectID: "p", SessionID: fmt.Sprint("s", i)}, doorRecord)
		if len(r.Remedies) > 0 {
			first[r.Remedies[0].RemedyID]++
			if r.Remedies[2].RemedyID != "r3" {
				t.Fatalf("what is below the threshold moved up: %+v", r.Remedies)
			}
		}
	}
	if first["r1"] < first["r2"] || first["r2"] < 15 || first["r3"] > 0 || first["r1"]+first["r2"] > 270 || first["r1"]+first["r2"] < 200 {
		t.Errorf("first came %v of 300", first)
	}
	a.must(a.d.assignments.flush(t.Context()))
	n := 0
	a.must(a.d.log.ReadLedger(t.Context(), 0, func(_ uint64, entries []learn.LedgerEntry) error {
		for _, e := range entries {
			var r learn.TrialRecord
			if e.Kind != learn.EntryTrial || json.Unmarshal(e.Body, &r) != nil {
				continue
			}
			n++
			if len(r.Alternatives) != 2 || r.ChoicePropensity < 0.05 || r.ChoicePropensity > 0.95 || r.Propensity != 0.2 && r.Propensity != 0.8 {
				t.Errorf("record %+v", r)
			}
		}
		return nil
	}))
	if n != 300 {
		t.Errorf("%d assignments in the ledger", n)
	}
}
