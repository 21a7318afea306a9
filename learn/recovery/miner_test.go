package recovery

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"lathe/learn"
)

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// call is one action of a scripted session.
type call struct {
	intent  learn.Intent
	command string
	target  string
	writes  []string
	sig     *learn.ErrorSignature
}

func noModule(name string) *learn.ErrorSignature {
	return &learn.ErrorSignature{
		ID: "sig-module-" + name, PatternID: "python/module-not-found", Language: "python",
		Captures: map[string]string{"module": name},
	}
}

// world plays sessions into a Miner and keeps what it emits.
type world struct {
	t       *testing.T
	m       *Miner
	n       int
	at      time.Time
	entries []learn.LedgerEntry
}

func newWorld(t *testing.T, o Options) *world { return &world{t: t, m: New(o), at: start} }

func (w *world) play(project, session string, calls ...call) {
	w.t.Helper()
	for _, c := range calls {
		w.n++
		w.at = w.at.Add(time.Second)
		if err := w.m.Apply(w.observe(project, session, c), w.emit); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) emit(e learn.LedgerEntry) { w.entries = append(w.entries, e) }

func (w *world) observe(project, session string, c call) *learn.Observation {
	params, _ := json.Marshal(map[string]string{"command": c.command})
	o := &learn.Observation{
		Record: learn.Record{Action: &learn.ActionOutcome{
			ID: fmt.Sprintf("event-%04d", w.n), Timestamp: w.at, ProjectID: project, SessionID: session,
			ActionType: learn.ToolCall, ToolName: "bash", ToolParameters: params, Status: learn.StatusSuccess,
		}},
		Action: act(c),
	}
	if c.sig != nil {
		o.Record.Action.Status = learn.StatusFailure
		o.Signatures = []learn.ErrorSignature{*c.sig}
	}
	return o
}

func act(c call) learn.Action {
	a := learn.Action{Tool: "bash", Intent: c.intent, Command: c.command, Target: c.target, Writes: c.writes}
	chain := strings.Split(c.command, "&& ")
	if f := strings.Fields(chain[len(chain)-1]); len(f) > 0 {
		a.Program = f[0]
	}
	return a
}

func ask(project string, c call) Query {
	return Query{ProjectID: project, Signatures: []learn.ErrorSignature{*c.sig}, Action: act(c)}
}

func trustAll(string, string) bool { return true }

func TestRemedyKinds(t *testing.T) {
	missing := noModule("yaml")
	busy := &learn.ErrorSignature{ID: "sig-503", PatternID: "http/503", Transient: true}
	noDir := &learn.ErrorSignature{ID: "sig-dir", PatternID: "shell/no-such-file", Captures: map[string]string{"path": "out/report.txt"}}
	tests := []struct {
		name    string
		session []call
		kind    string
		command string // of the first action, everything trusted
	}{
		{"install what is missing", []call{
			{learn.IntentTest, "pytest tests", "tests", nil, missing},
			{learn.IntentRead, "cat setup.py", "setup.py", nil, nil},
			{learn.IntentInstall, "pip install yaml", "yaml", nil, nil},
			{learn.IntentTest, "pytest tests", "tests", nil, nil},
		}, KindInserted, "pip install yaml"},
		{"another runner", []call{
			{learn.IntentTest, "python -m pytest tests/forms", "tests/forms", nil, noModule("pytest")},
			{learn.IntentSearch, "ls tests", "tests", nil, nil},
			{learn.IntentTest, "cd /repo && python tests/runtests.py forms 2>&1 | tail -5", "forms", nil, nil},
		}, KindChangedCommand, "python tests/runtests.py forms"},
		{"make the directory", []call{
			{learn.IntentRun, "python report.py", "report.py", nil, noDir},
			{learn.IntentCreate, "mkdir -p out", "out", []string{"out"}, nil},
			{learn.IntentRun, "python report.py", "report.py", nil, nil},
		}, KindInserted, "mkdir -p out"},
		{"another option", []call{
			{learn.IntentInstall, "npm install", "", nil, &learn.ErrorSignature{ID: "sig-peer", PatternID: "npm/peer-conflict"}},
			{learn.IntentInstall, "npm install --legacy-peer-deps", "", nil, nil},
		}, KindChangedParameter, "npm install --legacy-peer-deps"},
		{"another directory", []call{
			{learn.IntentTest, "go test ./...", "./...", nil, &learn.ErrorSignature{ID: "sig-mod", PatternID: "go/no-module"}},
			{learn.IntentTest, "cd backend && go test ./...", "./...", nil, nil},
		}, KindChangedParameter, "cd backend && go test ./..."},
		{"chained with what was missing", []call{
			{learn.IntentRun, "python report.py", "report.py", nil, noDir},
			{learn.IntentRun, "mkdir -p out && python report.py", "report.py", nil, nil},
		}, KindInserted, "mkdir -p out"},
		{"passing failure", []call{
			{learn.IntentNetwork, "curl -f host/x", "host/x", nil, busy},
			{learn.IntentEdit, "sed -i s/a/b/ notes", "notes", []string{"notes"}, nil},
			{learn.IntentNetwork, "curl -f host/x", "host/x", nil, nil},
		}, KindRetry, ""},
		{"looking around when nothing else is there", []call{
			{learn.IntentEdit, "ed x.go", "x.go", nil, &learn.ErrorSignature{ID: "sig-unread", PatternID: "mcp/not-read"}},
			{learn.IntentRead, "cat x.go", "x.go", nil, nil},
			{learn.IntentEdit, "ed x.go", "x.go", nil, nil},
		}, KindInserted, "cat x.go"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, Options{})
			w.play("p", "s1", tt.session...)
			q := ask("p", tt.session[0])
			q.Trusted = trustAll
			if got := w.m.Offer(q); got != nil {
				t.Fatalf("one session is thin evidence, yet offered %+v", got)
			}
			w.play("p", "s2", tt.session...)
			got := w.m.Offer(q)
			if len(got) == 0 {
				t.Fatal("nothing offered after two sessions")
			}
			if r := w.m.Remedies()[0]; r.Kind != tt.kind || r.Support != 2 {
				t.Errorf("kind %q, support %d; want %q, 2", r.Kind, r.Support, tt.kind)
			}
			if got[0].Actions[0].Command != tt.command {
				t.Errorf("command %q, want %q", got[0].Actions[0].Command, tt.command)
			}
			if len(w.entries) == 0 || w.entries[0].Kind != learn.EntryRemedy {
				t.Errorf("ledger entries %+v, want a remedy", w.entries)
			}
			for _, id := range got[0].Evidence {
				if !strings.HasPrefix(id, "event-") {
					t.Errorf("evidence %q is no event", id)
				}
			}
		})
	}
}

func installed(module string) []call {
	return []call{
		{learn.IntentRun, "python app.py", "app.py", nil, noModule(module)},
		{learn.IntentInstall, "pip install " + module, module, nil, nil},
		{learn.IntentRun, "python app.py", "app.py", nil, nil},
	}
}

func TestBoundToCaptureAndTrusted(t *testing.T) {
	w := newWorld(t, Options{})
	w.play("p", "s1", installed("requests")...)
	w.play("p", "s2", installed("numpy")...)
	q := ask("p", call{intent: learn.IntentRun, command: "python x.py", sig: noModule("evil-pkg")})

	got := w.m.Offer(q)
	if len(got) != 1 {
		t.Fatalf("offers %+v, want one from the pattern", got)
	}
	if strings.Contains(fmt.Sprint(got[0]), "evil") {
		t.Errorf("an untrusted capture is in the offer: %+v", got[0])
	}
	if !strings.Contains(got[0].Description, "the module that the error names") {
		t.Errorf("description %q does not say it in words", got[0].Description)
	}
	q.Trusted = func(kind, value string) bool { return kind == "module" && value == "evil-pkg" }
	if got := w.m.Offer(q)[0].Actions[0].Command; got != "pip install evil-pkg" {
		t.Errorf("command %q with a trusted module", got)
	}
	q.Trusted = trustAll
	for _, bad := range []string{"x; rm -rf /", "--index-url=http://h", "$(id)", "a b", "`id`"} {
		q.Signatures = []learn.ErrorSignature{*noModule(bad)}
		for _, o := range w.m.Offer(q) {
			if strings.Contains(o.Actions[0].Command, bad) {
				t.Errorf("capture %q entered the command %q", bad, o.Actions[0].Command)
			}
		}
	}
}

func TestBackOffKeepsPrivateConstantsHome(t *testing.T) {
	w := newWorld(t, Options{})
	private := []call{
		{learn.IntentTest, "pytest tests/a", "tests/a", nil, noModule("pytest")},
		{learn.IntentTest, "python tests/runtests.py tests/a", "tests/a", nil, nil},
	}
	for i := range 3 {
		w.play("home", fmt.Sprint("s", i), private...)
		w.play("home", fmt.Sprint("t", i), installed("requests")...)
	}
	if got := w.m.Offer(ask("home", private[0])); len(got) != 1 {
		t.Fatalf("at home: %+v", got)
	}
	if got := w.m.Offer(ask("elsewhere", private[0])); got != nil {
		t.Errorf("a project's path left it: %+v", got)
	}
	q := ask("elsewhere", installed("requests")[0])
	q.Trusted = trustAll
	if got := w.m.Offer(q); len(got) != 1 || got[0].Actions[0].Command != "pip install requests" {
		t.Errorf("public remedy elsewhere: %+v", got)
	}
}

func TestNegativeEvidence(t *testing.T) {
	w := newWorld(t, Options{})
	fix := installed("yaml")
	w.play("p", "s1", fix...)
	w.play("p", "s2", fix...)
	before := w.m.Offer(ask("p", fix[0]))[0]
	for i := range 4 {
		w.play("p", fmt.Sprint("bad", i), fix[0], fix[1], fix[0], fix[1], fix[0])
	}
	if got := w.m.Offer(ask("p", fix[0])); got != nil {
		t.Errorf("still offered after it failed in four sessions: %+v (before: %+v)", got, before)
	}
	last := w.entries[len(w.entries)-1]
	var r learn.Remedy
	if err := json.Unmarshal(last.Body, &r); err != nil || r.Posterior >= before.Confidence || r.Failures == 0 {
		t.Errorf("the ledger does not say that it got worse: %+v, %v", r, err)
	}
}

func TestSessionCountsOnce(t *testing.T) {
	w := newWorld(t, Options{})
	for range 10 {
		w.play("p", "same", installed("yaml")...)
	}
	if got := w.m.Offer(ask("p", installed("yaml")[0])); got != nil {
		t.Errorf("one session repeated is offered: %+v", got)
	}
}

func TestDecayByEventTime(t *testing.T) {
	w := newWorld(t, Options{HalfLife: 24 * time.Hour})
	w.play("p", "s1", installed("yaml")...)
	w.play("p", "s2", installed("yaml")...)
	q := ask("p", installed("yaml")[0])
	if w.m.Offer(q) == nil {
		t.Fatal("nothing offered while fresh")
	}
	w.at = w.at.Add(10 * 24 * time.Hour)
	w.play("p", "s3", call{intent: learn.IntentRead, command: "cat x"})
	if got := w.m.Offer(q); got != nil {
		t.Errorf("offered after ten half-lives: %+v", got)
	}
}

func TestWhatSaysNothingIsNotOffered(t *testing.T) {
	noMatch := &learn.ErrorSignature{ID: "sig-nomatch", PatternID: "filesystem/no-match", Captures: map[string]string{"program": "grep"}}
	failing := call{learn.IntentSearch, "grep alpha src/a.py", "src/a.py", nil, noMatch}
	pytest := call{learn.IntentTest, "/usr/bin/python3 -m pytest tests/x", "tests/x", nil, noModule("pytest")}
	w := newWorld(t, Options{})
	for i := range 6 {
		s := fmt.Sprint("s", i)
		w.play("p", s, failing, call{learn.IntentSearch, fmt.Sprintf("grep -n beta%d src/a.py", i), "src/a.py", nil, nil})
		w.play("p", s, pytest, call{learn.IntentTest, "pytest --version", "", nil, nil},
			call{learn.IntentTest, []string{"/usr/bin/python3", "python3"}[i%2] + " bin/test tests/x", "tests/x", nil, nil})
	}
	if got := w.m.Offer(ask("p", failing)); got != nil {
		t.Errorf("offered %+v", got)
	}
	got := w.m.Offer(ask("p", pytest))
	if len(got) != 1 || got[0].Actions[0].Command != "python3 bin/test tests/x" || got[0].Support != 6 {
		t.Errorf("offered %+v", got)
	}
}

func TestTaskEndAbandons(t *testing.T) {
	w := newWorld(t, Options{})
	for i := range 3 {
		s := fmt.Sprint("s", i)
		fix := installed("yaml")
		w.play("p", s, fix[0])
		end := &learn.Observation{Record: learn.Record{Task: &learn.TaskRecord{
			ProjectID: "p", SessionID: s, Phase: learn.TaskFinish, Timestamp: w.at}}}
		if err := w.m.Apply(end, w.emit); err != nil {
			t.Fatal(err)
		}
		w.play("p", s, fix[1:]...)
	}
	if r := w.m.Remedies(); r != nil {
		t.Errorf("learned across the end of a task: %+v", r)
	}
	if st := w.m.Stats(); st.Abandoned != 3 || st.Resolved != 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestJudgeOutweighsReplay(t *testing.T) {
	w := newWorld(t, Options{})
	for i := range 4 {
		w.play("p", fmt.Sprint("s", i), installed("yaml")...)
	}
	q := ask("p", installed("yaml")[0])
	if !w.m.Judge(w.m.Offer(q)[0].RemedyID, false, w.at) {
		t.Fatal("an offered remedy is unknown")
	}
	for _, o := range w.m.Offer(q) {
		if o.Failures > 0 {
			t.Errorf("offered although a person said that it did not work: %+v", o)
		}
	}
	if w.m.Judge("nothing", true, w.at) {
		t.Error("an unknown remedy was judged")
	}
}

func TestSnapshotContinuesTheSame(t *testing.T) {
	script := func(w *world, from, to int) {
		for i := from; i < to; i++ {
			w.play("p", fmt.Sprint("s", i%5), installed([]string{"yaml", "numpy", "requests"}[i%3])...)
		}
	}
	whole := newWorld(t, Options{})
	script(whole, 0, 30)

	half := newWorld(t, Options{})
	script(half, 0, 14)
	data, err := half.m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	half.m = New(Options{})
	if err := half.m.Restore(data); err != nil {
		t.Fatal(err)
	}
	script(half, 14, 30)
	if !reflect.DeepEqual(whole.entries, half.entries) {
		t.Errorf("%d entries without restart, %d with, or other ones", len(whole.entries), len(half.entries))
	}
	if !reflect.DeepEqual(whole.m.Remedies(), half.m.Remedies()) {
		t.Error("remedies differ after a restart")
	}
	for _, bad := range []string{"", "{}", `{"version":99}`, `{"version":2}`, `{"version":3,"buckets":[{"key":"x"}]}`, `{"version":3,"memory":[{"key":"x"}]}`} {
		if New(Options{}).Restore([]byte(bad)) == nil {
			t.Errorf("snapshot %q was taken", bad)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	w := newWorld(t, Options{MaxSessions: 4, MaxBuckets: 20, MaxForms: 3, MaxSpan: 10})
	for i := range 200 {
		sig := noModule(fmt.Sprint("m", i%50))
		w.play("p", fmt.Sprint("s", i%9), call{intent: learn.IntentTest, command: "pytest", sig: sig})
		for j := range 12 {
			w.play("p", fmt.Sprint("s", i%9), call{intent: learn.IntentRun, command: fmt.Sprint("tool", i, " ", j)})
		}
		w.play("p", fmt.Sprint("s", i%9), call{intent: learn.IntentTest, command: "pytest", sig: sig},
			call{intent: learn.IntentTest, command: fmt.Sprint("run", i)})
	}
	if n := len(w.m.sessions.byKey); n > 4 {
		t.Errorf("%d sessions", n)
	}
	for _, e := range w.m.sessions.entries() {
		if n := len(e.Value.Window); n > 11 {
			t.Errorf("window of %d steps", n)
		}
	}
	if n := len(w.m.buckets.byKey); n > 20 {
		t.Errorf("%d buckets", n)
	}
	for _, e := range w.m.buckets.entries() {
		if n := len(e.Value.Cells); n > 3 {
			t.Errorf("bucket of %d forms", n)
		}
	}
	if st := w.m.Stats(); st.DroppedSessions == 0 || st.DroppedBuckets == 0 || st.DroppedForms == 0 {
		t.Errorf("what was dropped is not counted: %+v", st)
	}
}
