package toolforge

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"lathe/learn"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

type shell struct {
	t *testing.T
	f *Finder
	n int
}

func (s *shell) run(session, skeleton, command, output string) {
	s.t.Helper()
	s.n++
	raw, err := json.Marshal(map[string]string{"command": command})
	if err != nil {
		s.t.Fatal(err)
	}
	zero := 0
	a := &learn.ActionOutcome{ID: learn.PositionID("test", session, s.n), Timestamp: epoch.Add(time.Duration(s.n) * time.Second),
		ProjectID: "p", SessionID: session, ToolName: "bash", ToolParameters: raw, Status: learn.StatusSuccess,
		ToolOutput: learn.ToolOutput{Stdout: output, ExitCode: &zero}, ResourceMetrics: learn.ResourceMetrics{DurationMS: 10}}
	o := &learn.Observation{Record: learn.Record{Action: a},
		Action: learn.Action{Tool: "bash", Intent: learn.IntentRead, Skeleton: skeleton, Command: command}}
	if err := s.f.Apply(o, nil); err != nil {
		s.t.Fatal(err)
	}
}

const skeletonLines = "nl -ba <path> | sed -n <pattern>"

func fed(t *testing.T, o Options) *Finder {
	f := NewFinder(o)
	s := &shell{t: t, f: f}
	for i := range 12 {
		session := fmt.Sprintf("s%d", i%4)
		s.run(session, skeletonLines, fmt.Sprintf("nl -ba src/m%d.py | sed -n '%d,%dp'", i, i+1, i+30), "     1\tx\n")
		s.run(session, "cat <path>", "cat README.md", "hello\n")
		s.run(session, "git status", "git status", "clean\n")
	}
	return f
}

func TestFinderProposesThePipeline(t *testing.T) {
	f := fed(t, Options{})
	all := f.Opportunities()
	if len(all) == 0 {
		t.Fatal("no opportunity")
	}
	var pipeline *learn.ToolOpportunity
	for i, o := range all {
		switch o.Kind {
		case "pipeline":
			if pipeline != nil {
				t.Errorf("a second pipeline: %v", o.Skeletons)
			}
			pipeline = &all[i]
		}
	}
	if pipeline == nil {
		t.Fatalf("no pipeline among %v", all)
	}
	if pipeline.Calls != 12 || pipeline.Sessions != 4 || pipeline.Parameters != 3 || !pipeline.Forgeable || pipeline.TimeMS != 120 {
		t.Errorf("got calls %d, sessions %d, parameters %d, forgeable %v (%s), %v ms",
			pipeline.Calls, pipeline.Sessions, pipeline.Parameters, pipeline.Forgeable, pipeline.NotForgeable, pipeline.TimeMS)
	}
	spec, err := Specify(*pipeline)
	if err != nil {
		t.Fatal(err)
	}
	if want := "nl -ba {path} | sed -n '{start_line},{end_line}p'"; spec.CommandTemplate != want {
		t.Errorf("template %s, want %s", spec.CommandTemplate, want)
	}
	if spec.Name != "numbered_lines" {
		t.Errorf("name %s", spec.Name)
	}
}

func TestFinderDropsExisting(t *testing.T) {
	f := fed(t, Options{})
	before := f.Opportunities()
	f.SetExisting([]learn.ToolManifest{{Name: "x", Provenance: learn.Provenance{OpportunityID: before[0].OpportunityID}}, {Name: "numbered_lines"}})
	for _, o := range f.Opportunities() {
		if o.OpportunityID == before[0].OpportunityID || o.Name == "numbered_lines" {
			t.Errorf("%s is there already", o.Name)
		}
	}
}

func TestFinderNamesTheMissingProgram(t *testing.T) {
	f := fed(t, Options{Available: func(p string) bool { return p != "nl" }})
	for _, o := range f.Opportunities() {
		if o.Kind == "pipeline" && (o.Forgeable || o.NotForgeable != "the runtime image has no program nl") {
			t.Errorf("forgeable %v: %q", o.Forgeable, o.NotForgeable)
		}
	}
}

func TestConcludeSaysEachThingOnce(t *testing.T) {
	f := fed(t, Options{})
	var entries []learn.LedgerEntry
	emit := func(e learn.LedgerEntry) { entries = append(entries, e) }
	if err := f.Conclude(emit); err != nil {
		t.Fatal(err)
	}
	first := len(entries)
	if first == 0 || entries[0].Kind != learn.EntryOpportunity || len(entries[0].Evidence) == 0 {
		t.Fatalf("entries %v", entries)
	}
	snapshot, err := f.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	g := NewFinder(Options{})
	if err := g.Restore(snapshot); err != nil {
		t.Fatal(err)
	}
	if err := g.Conclude(emit); err != nil {
		t.Fatal(err)
	}
	if len(entries) != first {
		t.Errorf("%d entries after nothing new, want %d", len(entries), first)
	}
	again := fed(t, Options{})
	var replay []learn.LedgerEntry
	if err := again.Conclude(func(e learn.LedgerEntry) { replay = append(replay, e) }); err != nil {
		t.Fatal(err)
	}
	for i, e := range replay {
		if e.ID != entries[i].ID {
			t.Errorf("entry %d has another id after a replay", i)
		}
	}
}

func TestFinderMemoryIsBounded(t *testing.T) {
	f := NewFinder(Options{MaxCandidates: 40, MaxSessions: 8})
	s := &shell{t: t, f: f}
	for i := range 400 {
		s.run(fmt.Sprintf("s%d", i), fmt.Sprintf("grep a%d <path> | head", i), fmt.Sprintf("grep a%d f | head", i), "")
	}
	if n := len(f.state.Candidates); n > 40 {
		t.Errorf("%d candidates", n)
	}
	if n := len(f.state.Runs); n > 8 {
		t.Errorf("%d open sessions", n)
	}
	d := f.Dropped()
	if d.Candidates == 0 || d.Sessions == 0 {
		t.Errorf("dropped %+v: not counted", d)
	}
}

func TestSequenceNeedsIndependentCalls(t *testing.T) {
	f := NewFinder(Options{})
	s := &shell{t: t, f: f}
	for i := range 8 {
		session := fmt.Sprint("a", i)
		file := fmt.Sprintf("src/module%d.py", i)
		s.run(session, "find <path> -name <pattern> -type f", "find . -name '*.py' -type f", file+"\n")
		s.run(session, "wc -l <path>", "wc -l "+file, "3 "+file+"\n")
		session = fmt.Sprint("b", i)
		s.run(session, "grep -n <pattern> <path>", "grep -n class "+file, "1:class X\n")
		s.run(session, "tail -n <number> <path>", "tail -n 5 "+file, "x\n")
	}
	var found []string
	for _, o := range f.Opportunities() {
		if o.Kind == "sequence" {
			found = append(found, o.Examples[0].Command)
			if o.Parameters != 1 {
				t.Errorf("%d parameters: the same file in both calls is one", o.Parameters)
			}
		}
	}
	if len(found) != 1 || found[0] != "grep -n class src/module0.py; tail -n 5 src/module0.py" {
		t.Errorf("sequences %q", found)
	}
}

func TestRequestAndRemedy(t *testing.T) {
	f := NewFinder(Options{})
	o := f.Request("p", "count_words", "count words", "cat notes.txt | wc -w", epoch)
	if !o.Forgeable || o.Name != "count_words" || o.Kind != "request" {
		t.Errorf("request: %+v", o)
	}
	f.AddRemedy(learn.Remedy{RemedyID: "r", Support: 9, LastSeen: epoch, Evidence: []string{"e"},
		Actions: []learn.RemedyAction{{Command: "pip install {module}"}, {Command: "pytest {path}"}}})
	var kinds []string
	for _, o := range f.Opportunities() {
		kinds = append(kinds, fmt.Sprint(o.Kind, o.Forgeable))
	}
	if fmt.Sprint(kinds) != "[requesttrue remedyfalse]" {
		t.Errorf("kinds %v", kinds)
	}
}

func TestRestoreRefusesDamage(t *testing.T) {
	for _, bad := range []string{"", "{}", `{"version":99}`, `{"version":1,"candidates":{"a":null}}`, `[1]`} {
		if NewFinder(Options{}).Restore([]byte(bad)) == nil {
			t.Errorf("restored %q", bad)
		}
	}
}

func TestSpecifyRefusesWhatWrites(t *testing.T) {
	for _, command := range []string{
		"rm -rf build", "sed -i s/a/b/ f", "sed -ni p f", "find . -name x -delete", "find . -exec rm {} ';'", "sort a -o b",
		"sort --outp=b a", "git push origin", "git -c core.pager=x log", "python3 x.py", "cat a > b", "echo $HOME | wc",
		"ls *.py | wc -l", "cat f | xargs rm", "awk '{system(1)}' f", "cat ~/x | wc", "a=1 cat f", "cat f & wc f", "cat {a,b}",
	} {
		_, err := Specify(learn.ToolOpportunity{Examples: []learn.ToolExample{{Command: command}}})
		if !errors.Is(err, ErrNotForgeable) {
			t.Errorf("%s: %v", command, err)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	for _, s := range []string{"a | b", "cd /x && grep -n 'a b' c 2>/dev/null", `a "\$" \'`, "{{a}} {b", "a <b 2>&1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, command string) {
		l, err := parseLine(command)
		if err != nil {
			return
		}
		g, err := generaliseExamples([]learn.ToolExample{{Command: command}})
		if err != nil {
			t.Fatal(err)
		}
		back, err := parseLineOpen(g.String())
		if err != nil {
			t.Fatalf("%q became %q: %v", command, g.String(), err)
		}
		if len(back.stages) != len(l.stages) {
			t.Fatalf("%q became %q", command, g.String())
		}
	})
}

// Decisions on some tools of a kind count for the others of it, less than for
// the tool itself, and not for what somebody asked for.
func TestRejectedKindsFall(t *testing.T) {
	f := fed(t, Options{})
	s := &shell{t: t, f: f}
	for i := range 12 {
		s.run(fmt.Sprint("k", i%4), "cut <string> <path> | sort | uniq -c", fmt.Sprintf("cut -d, -f%d data.csv | sort | uniq -c", i), "1 x\n")
		s.run(fmt.Sprint("k", i%4), "tail <number> <path> | sort | uniq -c", fmt.Sprintf("tail -n %d other.csv | sort | uniq -c", i), "1 x\n")
	}
	f.Request("p", "asked", "asked for", "cat notes.txt | wc -w", epoch)
	score := func() (rejected, other learn.ToolOpportunity, asked float64) {
		for _, o := range f.All() {
			switch {
			case o.Kind == "pipeline" && strings.HasPrefix(o.Skeletons[0], "cut"):
				rejected = o
			case o.Kind == "pipeline" && strings.HasPrefix(o.Skeletons[0], "tail"):
				other = o
			case o.Kind == "request":
				asked = o.Score
			}
		}
		return rejected, other, asked
	}
	a, b, c := score()
	if a.Score <= 0 || b.Score <= 0 {
		t.Fatalf("nothing to reject: %v, %v", a.Score, b.Score)
	}
	f.SetJudgements([]Judgement{{OpportunityID: a.OpportunityID, Reason: "no use", At: epoch}})
	a1, b1, c1 := score()
	if a1.Score != a.Score/2 || !strings.Contains(a1.Savings.Why, "no use") {
		t.Errorf("rejected: %v, before %v: %s", a1.Score, a.Score, a1.Savings.Why)
	}
	if b1.Score >= b.Score || b1.Score <= a1.Score*b.Score/a.Score || !strings.Contains(b1.Savings.Why, "1 were rejected") {
		t.Errorf("another of its kind: %v, before %v: %s", b1.Score, b.Score, b1.Savings.Why)
	}
	if c1 != c {
		t.Errorf("asked for: %v, before %v", c1, c)
	}
	f.SetJudgements([]Judgement{{OpportunityID: a.OpportunityID, Approved: true, At: epoch}})
	if _, b2, _ := score(); b2.Score != b.Score {
		t.Errorf("after an approval: %v, before %v", b2.Score, b.Score)
	}
}

// A tool that agents called has its name, whatever server it is on; a generated
// one that is gone has not.
func TestNamesOfCalledTools(t *testing.T) {
	f := fed(t, Options{})
	s := &shell{t: t, f: f}
	for i := range 12 {
		s.run(fmt.Sprint("k", i%4), "cut <string> <path> | sort | uniq -c", fmt.Sprintf("cut -d, -f%d data.csv | sort | uniq -c", i), "1 x\n")
	}
	name := ""
	for _, o := range f.Opportunities() {
		if o.Kind == "pipeline" {
			name = o.Name
		}
	}
	call := func(tool string, generated *learn.GeneratedCall) {
		a := &learn.ActionOutcome{ID: "call " + tool, ToolName: tool, SessionID: "x", Status: learn.StatusSuccess, Generated: generated}
		if err := f.Apply(&learn.Observation{Record: learn.Record{Action: a}, Action: learn.Action{Tool: tool}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	duplicate := func() string {
		for _, o := range f.All() {
			if o.Name == name {
				return o.DuplicateOf
			}
		}
		t.Fatalf("%s is gone", name)
		return ""
	}
	call(name, &learn.GeneratedCall{})
	if d := duplicate(); d != "" {
		t.Errorf("duplicate of %s", d)
	}
	call("files__"+name, nil)
	if d := duplicate(); d != "files__"+name {
		t.Errorf("duplicate of %q", d)
	}
}

// One remedy behind several failures is one opportunity.
func TestRemediesOfSeveralFailures(t *testing.T) {
	f := NewFinder(Options{})
	for i := range 3 {
		f.AddRemedy(learn.Remedy{RemedyID: fmt.Sprint("r", i), Support: 9 + i, LastSeen: epoch, Evidence: []string{"e"},
			Actions: []learn.RemedyAction{{Command: "pip install {module}"}, {Command: "pytest {path}"}}})
	}
	if all := f.All(); len(all) != 1 || all[0].Sessions != 11 {
		t.Errorf("%+v", all)
	}
}

// A request is in no record: the ledger brings it back as it was, and an older
// entry does not take the place of a later request of the same name.
func TestRequestsComeBack(t *testing.T) {
	f := NewFinder(Options{})
	first := f.Request("p", "count_words", "count words", "cat notes.txt | wc -w", epoch)
	second := f.Request("p", "count_words", "count words", "cat notes.txt | wc -c", epoch.Add(1))
	f.Request("p", "", "count lines", "cat notes.txt | wc -l", epoch)
	f.Request("p", "", "count commas", "grep -o , notes.txt | wc -l", epoch)
	want := f.All()
	if len(want) != 3 {
		t.Fatalf("%d requests, want 3: %+v", len(want), want)
	}
	again := NewFinder(Options{})
	for _, o := range append([]learn.ToolOpportunity{first, second}, want...) {
		again.AddRequest(o)
	}
	again.AddRequest(first)
	if got := again.All(); !reflect.DeepEqual(got, want) {
		t.Errorf("came back as\n%+v\nwere\n%+v", got, want)
	}
	if err := again.Conclude(func(e learn.LedgerEntry) { t.Errorf("written twice: %s", e.ObjectID) }); err != nil {
		t.Error(err)
	}
}
