package trial_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"lathe/learn"
	"lathe/learn/trial"
)

var at = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newTrial(t testing.TB, share float64) *trial.Trial {
	t.Helper()
	tr, err := trial.New(trial.Options{ControlShare: share, Seed: "seed"})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func remedyFor(task, object string) learn.TrialRecord {
	return learn.TrialRecord{AdviceKind: learn.AdviceRemedy, ObjectID: object, ProjectID: "p", TaskID: task, EventID: "e", Timestamp: at}
}

func TestAssign(t *testing.T) {
	tr := newTrial(t, 0.1)
	controls, both := 0, 0
	for i := range 10_000 {
		task := fmt.Sprint("t", i)
		r, fresh := tr.Assign(remedyFor(task, "r1"))
		again, twice := tr.Assign(remedyFor(task, "r1"))
		other, _ := tr.Assign(remedyFor(task, "r2"))
		if !fresh || twice || again.TrialID != r.TrialID {
			t.Fatalf("assigned %v, then %v", fresh, twice)
		}
		if other.Arm != r.Arm || other.Propensity != r.Propensity {
			t.Fatalf("task %d is in both groups", i)
		}
		s, _ := tr.Assign(learn.TrialRecord{AdviceKind: learn.AdviceStrategy, ObjectID: "s1", ProjectID: "p", TaskID: task})
		want := 0.9
		if r.Arm == learn.TrialControl {
			controls++
			want = 0.1
			if s.Arm == learn.TrialControl {
				both++
			}
		}
		if r.Propensity != want {
			t.Fatalf("propensity %v in %s", r.Propensity, r.Arm)
		}
	}
	if controls < 900 || controls > 1100 {
		t.Errorf("%d of 10,000 tasks are controls, want about 1,000", controls)
	}
	if both < 60 || both > 140 {
		t.Errorf("%d tasks are controls of both kinds; drawn apart, about 100 would be", both)
	}
	if r, _ := tr.Assign(remedyFor("", "r1")); r.Arm != learn.TrialTreatment || r.Propensity != 1 {
		t.Errorf("without a task %+v", r)
	}
	off := newTrial(t, 0)
	if r, _ := off.Assign(remedyFor("t1", "r1")); off.Measures() || r.Arm != learn.TrialTreatment || r.Propensity != 1 {
		t.Errorf("switched off: %+v", r)
	}
	if note := off.Report().Note; !strings.Contains(note, "switched off") {
		t.Errorf("switched off, the report says %q", note)
	}
	for _, o := range []trial.Options{{ControlShare: -1}, {ControlShare: 0.6}, {ControlShare: math.NaN()}, {Alpha: 2}} {
		if _, err := trial.New(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

// ledger is a list of entries as the daemon's ledger would hold them.
type ledger []learn.LedgerEntry

func (l *ledger) emit(e learn.LedgerEntry) { *l = append(*l, e) }

func (l *ledger) assign(t testing.TB, tr *trial.Trial, r learn.TrialRecord) learn.TrialRecord {
	t.Helper()
	r, fresh := tr.Assign(r)
	if fresh {
		e, err := learn.NewEntry(learn.EntryTrial, r.TrialID, r.ProjectID, r.Timestamp, r, nil)
		if err != nil {
			t.Fatal(err)
		}
		l.emit(e)
	}
	return r
}

func apply(t testing.TB, tr *trial.Trial, entries []learn.LedgerEntry) {
	t.Helper()
	for _, e := range entries {
		if err := tr.ApplyLedger(e); err != nil {
			t.Fatal(err)
		}
	}
}

func kind(t testing.TB, tr *trial.Trial, name string) trial.Effect {
	t.Helper()
	for _, k := range tr.Report().Kinds {
		if k.AdviceKind == name {
			return k
		}
	}
	t.Fatalf("%s is not in the report %+v", name, tr.Report())
	return trial.Effect{}
}

// feed runs n strategy tasks through the trial, the ledger echoing what was
// emitted, and gives the ledger.
func feed(t testing.TB, tr *trial.Trial, n int, success func(arm string, i int) bool) ledger {
	t.Helper()
	var l ledger
	read := 0
	for i := range n {
		task := fmt.Sprint("task", i)
		r := l.assign(t, tr, learn.TrialRecord{AdviceKind: learn.AdviceStrategy, ObjectID: fmt.Sprint("s", i%2), ProjectID: "p", TaskID: task, Timestamp: at})
		o := &learn.Observation{Seq: uint64(i + 1), Finished: &learn.Task{TaskID: task, ProjectID: "p", Finished: at, Outcome: learn.OutcomeFailure, Steps: make([]learn.Step, 4)}}
		if success(r.Arm, i) {
			o.Finished.Outcome = learn.OutcomeSuccess
		}
		for range 2 { // a task that ends again says nothing new
			if err := tr.Apply(o, l.emit); err != nil {
				t.Fatal(err)
			}
		}
		if err := tr.Conclude(l.emit); err != nil {
			t.Fatal(err)
		}
		apply(t, tr, l[read:])
		read = len(l)
	}
	return l
}

func helps(arm string, i int) bool { return arm == learn.TrialTreatment && i%10 != 0 || i%5 == 1 }

// TestLedgerIsEnough: what is known after a restart, from the ledger alone, is
// what was known before it; and a verdict is written once.
func TestLedgerIsEnough(t *testing.T) {
	tr := newTrial(t, 0.3)
	l := feed(t, tr, 400, helps)
	k := kind(t, tr, learn.AdviceStrategy)
	if k.Verdict != learn.TrialPromote || !k.Enough || k.Difference == nil || k.Difference.Low <= 0 || k.Treatment.N()+k.Control.N() != 400 {
		t.Errorf("effect %+v", k)
	}
	again := newTrial(t, 0.3)
	apply(t, again, l)
	if err := again.Conclude(func(e learn.LedgerEntry) { t.Errorf("a restart concludes anew: %s", e.Body) }); err != nil {
		t.Fatal(err)
	}
	if a, b := tr.Report(), again.Report(); !reflect.DeepEqual(a, b) {
		t.Errorf("before %+v\nafter %+v", a, b)
	}
	verdicts := 0
	for _, e := range l {
		if e.Kind == learn.EntryVerdict {
			verdicts++
			var v learn.TrialVerdict
			if err := json.Unmarshal(e.Body, &v); err != nil || v.ObjectID == "" && v.Verdict != learn.TrialPromote {
				t.Errorf("verdict %s, %v", e.Body, err)
			}
		}
	}
	if verdicts == 0 || verdicts > 3 {
		t.Errorf("%d verdicts in the ledger, want one on the kind and at most one on each object", verdicts)
	}
}

// TestHarmIsRetiredAndRevoked: what harms is served no more, until a person
// takes that back; then measuring begins anew.
func TestHarmIsRetiredAndRevoked(t *testing.T) {
	tr := newTrial(t, 0.5)
	l := feed(t, tr, 300, func(arm string, i int) bool { return arm == learn.TrialControl && i%10 != 0 || i%10 == 1 })
	k := kind(t, tr, learn.AdviceStrategy)
	if k.Verdict != learn.TrialRetire || k.VerdictID == "" || !tr.Retired(learn.AdviceStrategy, "s0") || !tr.Retired(learn.AdviceStrategy, "unheard of") {
		t.Fatalf("effect %+v", k)
	}
	if tr.Retired(learn.AdviceRemedy, "s0") {
		t.Error("another kind is retired too")
	}
	if _, err := tr.Revocation("no such id", "a person", at); err == nil {
		t.Error("a verdict that is not there was taken back")
	}
	v, err := tr.Revocation(k.VerdictID[:12], "a person", at)
	if err != nil {
		t.Fatal(err)
	}
	e, err := learn.NewEntry(learn.EntryVerdict, v.VerdictID, "", at, v, nil)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, tr, []learn.LedgerEntry{e})
	if k := kind(t, tr, learn.AdviceStrategy); k.Verdict != "keep" || k.Treatment.N() != 0 || tr.Retired(learn.AdviceStrategy, "unheard of") {
		t.Errorf("after it was taken back %+v", k)
	}
	again := newTrial(t, 0.5)
	apply(t, again, append(l, e))
	if again.Retired(learn.AdviceStrategy, "unheard of") {
		t.Error("retired again after a restart")
	}
	if _, err := tr.Revocation(k.VerdictID, "a person", at); err == nil {
		t.Error("a verdict was taken back twice")
	}
}

// TestPromotedKeepsASmallerControl: the group that goes without is smaller once
// a kind is proven, and the propensities say so.
func TestPromotedKeepsASmallerControl(t *testing.T) {
	tr := newTrial(t, 0.3)
	feed(t, tr, 400, helps)
	controls := 0
	for i := range 5000 {
		r, _ := tr.Assign(learn.TrialRecord{AdviceKind: learn.AdviceStrategy, ObjectID: "s0", ProjectID: "p", TaskID: fmt.Sprint("new", i)})
		want := 1 - 0.3*0.5
		if r.Arm == learn.TrialControl {
			controls++
			want = 0.3 * 0.5
		}
		if math.Abs(r.Propensity-want) > 1e-12 {
			t.Fatalf("propensity %v in %s", r.Propensity, r.Arm)
		}
	}
	if controls < 650 || controls > 850 {
		t.Errorf("%d of 5,000 are controls, want about 750", controls)
	}
}

func step(id, command string, intent learn.Intent, status learn.Status, sigs ...string) learn.Step {
	return learn.Step{EventID: id, Timestamp: at, Tool: "bash", Command: command, Intent: intent, Status: status, Signatures: sigs, DurationMS: 10}
}

// TestResults: what an assignment came to, as the task's steps tell.
func TestResults(t *testing.T) {
	const ok, bad = learn.StatusSuccess, learn.StatusFailure
	yes, no := true, false
	failing := step("e", "pytest tests/test_a.py", learn.IntentTest, bad, "sig")
	runner := []learn.RemedyAction{{ToolName: "bash", Command: "python3 run_tests.py {target}"}}
	for _, c := range []struct {
		name    string
		advised []learn.RemedyAction
		steps   []learn.Step
		worked  *bool
		taken   bool
		calls   float64
	}{
		{"taken and solved", runner, []learn.Step{failing, step("1", "cat README", learn.IntentRead, ok),
			step("2", "cd /repo && python3 run_tests.py 'test_a' -v", learn.IntentTest, ok), step("3", "git commit", learn.IntentVCS, ok)}, &yes, true, 2},
		{"solved otherwise", runner, []learn.Step{failing, step("1", "tox", learn.IntentTest, ok)}, &yes, false, 1},
		{"came back first", runner, []learn.Step{failing, step("1", "pytest", learn.IntentTest, bad, "sig"), step("2", "python3 run_tests.py x", learn.IntentTest, ok)}, &no, true, 2},
		{"another failure between", runner, []learn.Step{failing, step("1", "pytest", learn.IntentTest, bad, "other"), step("2", "tox", learn.IntentTest, ok)}, &yes, false, 2},
		{"never solved", runner, []learn.Step{failing, step("1", "ls", learn.IntentList, ok)}, &no, false, 1},
		{"nothing after it", runner, []learn.Step{failing}, &no, false, 0},
		{"not among the steps kept", runner, []learn.Step{step("1", "ls", learn.IntentList, ok)}, nil, false, 1},
		{"two actions in order", []learn.RemedyAction{{Command: "mkdir -p {dir}"}, {Command: "make {target}"}},
			[]learn.Step{failing, step("1", "mkdir -p out", learn.IntentCreate, ok), step("2", "make all", learn.IntentBuild, ok)}, &no, true, 2},
		{"the second is missing", []learn.RemedyAction{{Command: "mkdir -p {dir}"}, {Command: "make {target}"}},
			[]learn.Step{failing, step("2", "make all", learn.IntentBuild, ok), step("1", "mkdir -p out", learn.IntentCreate, ok)}, &no, false, 2},
		{"by intent", []learn.RemedyAction{{Intent: learn.IntentInstall}}, []learn.Step{failing, step("1", "npm ci", learn.IntentInstall, ok)}, &no, true, 1},
		{"nothing to see", []learn.RemedyAction{{Command: "{anything}"}}, []learn.Step{failing, step("1", "tox", learn.IntentTest, ok)}, &yes, false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr, l := newTrial(t, 0.1), ledger{}
			r := remedyFor("task", "r1")
			r.Advised, r.After = c.advised, 3
			l.assign(t, tr, r)
			f := &learn.Task{TaskID: "task", ProjectID: "p", SessionID: "s", Finished: at, Outcome: learn.OutcomeUnknown, Steps: c.steps}
			for _, seq := range []uint64{3, 9} { // what ended before it was served is not its end
				if err := tr.Apply(&learn.Observation{Seq: seq, Finished: f}, l.emit); err != nil {
					t.Fatal(err)
				}
			}
			if len(l) != 2 {
				t.Fatalf("%d entries, want an assignment and a result", len(l))
			}
			var got learn.TrialRecord
			if err := json.Unmarshal(l[1].Body, &got); err != nil || got.Phase != learn.TrialResult {
				t.Fatalf("%s, %v", l[1].Body, err)
			}
			if !reflect.DeepEqual(got.Worked, c.worked) || got.Taken != c.taken || c.worked != nil && got.Calls != c.calls {
				t.Errorf("worked %v, taken %v, calls %v; want %v, %v, %v", show(got.Worked), got.Taken, got.Calls, show(c.worked), c.taken, c.calls)
			}
		})
	}
}

func show(b *bool) string {
	if b == nil {
		return "unknown"
	}
	return fmt.Sprint(*b)
}

// TestTaskOf: a session is at the task that it named last, and what was served
// before it named one is settled with it.
func TestTaskOf(t *testing.T) {
	tr, l := newTrial(t, 0.1), ledger{}
	if task := tr.TaskOf("p", "s"); task != "s" {
		t.Errorf("a session without a task is at %q", task)
	}
	early := l.assign(t, tr, learn.TrialRecord{AdviceKind: learn.AdviceStrategy, ObjectID: "s1", ProjectID: "p", TaskID: "s", Timestamp: at})
	tr.Begin("p", "s", "T1")
	if task := tr.TaskOf("p", "s"); task != "T1" || tr.TaskOf("q", "s") != "s" {
		t.Errorf("the session is at %q", task)
	}
	f := &learn.Task{TaskID: "T1", SessionID: "s", ProjectID: "p", Finished: at, Outcome: learn.OutcomeSuccess}
	if err := tr.Apply(&learn.Observation{Seq: 1, Finished: f}, l.emit); err != nil {
		t.Fatal(err)
	}
	if len(l) != 2 || l[1].ObjectID != early.TrialID {
		t.Errorf("%d entries", len(l))
	}
	if task := tr.TaskOf("p", "s"); task != "s" {
		t.Errorf("after its end the session is at %q", task)
	}
}

// TestChoose: the better alternative is learned, and the stated propensities
// are how often each is really picked.
func TestChoose(t *testing.T) {
	tr := newTrial(t, 0.1)
	feed(t, tr, 60, func(_ string, i int) bool { return i%2 == 0 || i%5 == 1 })
	of := []trial.Alternative{{ObjectID: "s0"}, {ObjectID: "s1"}, {ObjectID: "s2", Successes: 0.5, Failures: 30}}
	picked, stated := make([]float64, 3), make([]float64, 3)
	const n = 5000
	for i := range n {
		pick, p := tr.Choose(learn.AdviceStrategy, "p", fmt.Sprint("x", i), of)
		picked[pick]++
		stated[pick] += 1 / p
		if p < 0.1/3 || p > 1 {
			t.Fatalf("propensity %v", p)
		}
		if again, q := tr.Choose(learn.AdviceStrategy, "p", fmt.Sprint("x", i), of); again != pick || q != p {
			t.Fatal("the same question was answered differently")
		}
	}
	if picked[0]/n < 0.7 || picked[2] < 100 {
		t.Errorf("picked %v of %d: the best should be most, the worst now and then", picked, n)
	}
	for i, s := range stated { // the mean of 1/p over the picks of one is 1 if p is right
		if math.Abs(s/n-1) > 0.1 {
			t.Errorf("alternative %d: importance weights have mean %v, want 1", i, s/n)
		}
	}
	if pick, p := tr.Choose(learn.AdviceRemedy, "p", "t", nil); pick != -1 || p != 0 {
		t.Errorf("without alternatives %d %v", pick, p)
	}
	if pick, p := tr.Choose(learn.AdviceRemedy, "p", "t", of[:1]); pick != 0 || p != 1 {
		t.Errorf("with one %d %v", pick, p)
	}
}

// TestWhatIf: from a log in which Thompson sampling and a control group had
// their way, estimate what each policy would have reached.
func TestWhatIf(t *testing.T) {
	tr := newTrial(t, 0.2)
	rng := rand.New(rand.NewPCG(3, 4))
	rates := map[string]float64{"r0": 0.3, "r1": 0.8}
	of := []trial.Alternative{{ObjectID: "r0"}, {ObjectID: "r1"}}
	var q trial.Question
	for i := range 6000 {
		task := fmt.Sprint("t", i)
		pick, p := tr.Choose(learn.AdviceRemedy, "p", task, of)
		r := remedyFor(task, of[pick].ObjectID)
		r.Alternatives, r.ChoicePropensity = []string{"r0", "r1"}, p
		r, _ = tr.Assign(r)
		rate := rates[r.ObjectID]
		if r.Arm == learn.TrialControl {
			rate = 0.5
		}
		good := rng.Float64() < rate
		r.Phase, r.Worked = learn.TrialResult, &good
		q.Add(r)
		q.Add(r)
		if e, err := learn.NewEntry(learn.EntryTrial, r.TrialID, "p", at, r, nil); err != nil || tr.ApplyLedger(e) != nil {
			t.Fatal(err)
		}
	}
	q.Add(learn.TrialRecord{Phase: learn.TrialResult, Propensity: math.NaN(), TaskID: "x", AdviceKind: learn.AdviceRemedy})
	want := map[string]float64{trial.PolicyNothing: 0.5, trial.PolicyOnly + "r0": 0.3, trial.PolicyOnly + "r1": 0.8}
	answers := q.Answer("", 10)
	if len(answers) != 4 {
		t.Fatalf("%d answers: %+v", len(answers), answers)
	}
	for _, a := range answers {
		w, ok := want[a.Policy+a.ObjectID]
		if !ok {
			continue
		}
		for name, e := range map[string]trial.Estimate{"IPS": a.IPS, "SNIPS": a.SNIPS} {
			if math.Abs(e.Value-w) > 4*e.StdErr+0.01 || e.StdErr == 0 || e.N != 6000 || e.Effective < 50 || e.Interval.Low >= e.Interval.High {
				t.Errorf("%s %s by %s: %+v, want %v", a.Policy, a.ObjectID, name, e, w)
			}
		}
	}
	if len(q.Answer("strategy", 10)) != 0 {
		t.Error("answers for a kind without results")
	}
}

// TestOffPolicy: from a log that picked the good arm in three of ten cases,
// estimate what always picking it reaches.
func TestOffPolicy(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var log []trial.Logged
	for range 20_000 {
		l := trial.Logged{Propensity: 0.7}
		rate := 0.2
		if rng.Float64() < 0.3 {
			l.Propensity, l.Target, rate = 0.3, 1, 0.8
		}
		if rng.Float64() < rate {
			l.Reward = 1
		}
		log = append(log, l)
	}
	log = append(log, trial.Logged{Propensity: 0, Target: 1, Reward: 1}, trial.Logged{Propensity: 0.5, Target: 1, Reward: math.NaN()})
	ips, snips := trial.IPS(log), trial.SNIPS(log)
	for name, e := range map[string]trial.Estimate{"IPS": ips, "SNIPS": snips} {
		if math.Abs(e.Value-0.8) > 4*e.StdErr || e.StdErr > 0.02 || e.StdErr == 0 || e.N != 20_000 {
			t.Errorf("%s: %+v, want 0.8", name, e)
		}
	}
	if snips.StdErr >= ips.StdErr {
		t.Errorf("self-normalising did not reduce the error: %+v, %+v", snips, ips)
	}
	if e := trial.IPS(nil); e != (trial.Estimate{}) {
		t.Errorf("of nothing %+v", e)
	}
	if e := trial.SNIPS(nil); e != (trial.Estimate{}) {
		t.Errorf("of nothing %+v", e)
	}
}

func TestHostileEntries(t *testing.T) {
	tr := newTrial(t, 0.1)
	for _, e := range []learn.LedgerEntry{{Kind: learn.EntryTrial, Body: []byte("{")}, {Kind: learn.EntryVerdict, Body: []byte("[]")}} {
		if err := tr.ApplyLedger(e); err == nil {
			t.Errorf("%s was accepted", e.Body)
		}
	}
	yes := true
	for i, r := range []learn.TrialRecord{
		{Phase: learn.TrialResult, AdviceKind: "remedy", Propensity: math.Inf(1), TaskID: "a", Worked: &yes},
		{Phase: learn.TrialResult, AdviceKind: "remedy", Propensity: -1, TaskID: "b", Worked: &yes},
		{Phase: "nonsense", AdviceKind: "remedy", Propensity: 0.5, TaskID: "c", Worked: &yes},
	} {
		raw, err := json.Marshal(r)
		if err != nil {
			continue // what JSON cannot say cannot come in
		}
		if err := tr.ApplyLedger(learn.LedgerEntry{ID: fmt.Sprint(i), Kind: learn.EntryTrial, Body: raw}); err != nil {
			t.Error(err)
		}
	}
	for _, k := range tr.Report().Kinds {
		if k.Treatment.N()+k.Control.N() > 0 {
			t.Errorf("counted %+v", k)
		}
	}
	if err := tr.Restore([]byte(`{"version":1}`)); err == nil {
		t.Error("an old snapshot was accepted")
	}
}

func BenchmarkAssign(b *testing.B) {
	tr := newTrial(b, 0.1)
	of := []trial.Alternative{{ObjectID: "r0"}, {ObjectID: "r1"}, {ObjectID: "r2"}}
	tasks := make([]string, 4096)
	for i := range tasks {
		tasks[i] = fmt.Sprint("t", i)
	}
	i := 0
	for b.Loop() {
		task := tasks[i%len(tasks)]
		i++
		pick, p := tr.Choose(learn.AdviceRemedy, "p", task, of)
		r := remedyFor(task, of[pick].ObjectID)
		r.ChoicePropensity = p
		tr.Assign(r)
	}
}

func BenchmarkResult(b *testing.B) {
	tr := newTrial(b, 0.1)
	l := feed(b, tr, 400, helps)
	b.ResetTimer()
	for b.Loop() {
		again := newTrial(b, 0.1)
		apply(b, again, l)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(l)), "ns/entry")
}

func TestLowerBound(t *testing.T) {
	for _, c := range []struct {
		k, n int
		want float64
	}{{14, 14, 0.8074}, {13, 13, 0.7942}, {9, 10, 0.6058}, {1, 1, 0.05}, {0, 5, 0}, {0, 0, 0}, {6, 5, 0}} {
		if got := trial.LowerBound(c.k, c.n, 0.05); math.Abs(got-c.want) > 1e-3 {
			t.Errorf("%d of %d: %v, want %v", c.k, c.n, got, c.want)
		}
	}
}
