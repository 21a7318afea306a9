package signature

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"lathe/learn"
)

// recording is what a command printed; see learn/signature/record.
type recording struct {
	ID      string   `json:"id"`
	Pattern string   `json:"pattern"`
	Near    []string `json:"near"`
	Command string   `json:"command"`
	Exit    *int     `json:"exit_code"`
	Timeout bool     `json:"timeout"`
	Output  string   `json:"output"`
	Code    string   `json:"code"`
	Message string   `json:"message"`
}

// event is the recording as it would come in.
func (r *recording) event() *learn.ActionOutcome {
	ev := &learn.ActionOutcome{ToolName: "bash", Status: learn.StatusFailure, ToolOutput: learn.ToolOutput{Content: r.Output, ExitCode: r.Exit}}
	if params, err := json.Marshal(map[string]string{"command": r.Command}); err == nil {
		ev.ToolParameters = params
	}
	if r.Timeout {
		ev.Status = learn.StatusTimeout
	}
	if r.Code != "" || r.Message != "" {
		ev.ErrorDetails = &learn.ErrorDetails{Code: r.Code, Message: r.Message}
	}
	return ev
}

// action is as much of learn/action as this package's tests need: the program.
func (r *recording) action() learn.Action {
	words := strings.Fields(r.Command[strings.LastIndexByte(r.Command, '\n')+1:])
	for len(words) > 1 && strings.Contains(words[0], "=") {
		words = words[1:]
	}
	act := learn.Action{Command: r.Command, Intent: learn.IntentRun}
	if len(words) > 0 {
		act.Program = filepath.Base(words[0])
	}
	return act
}

func jsonLines[T any](t testing.TB, file string) []T {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []T
	for dec := json.NewDecoder(bytes.NewReader(raw)); ; {
		var v T
		if err := dec.Decode(&v); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out = append(out, v)
	}
}

func recordings(t testing.TB) []recording {
	t.Helper()
	files, err := filepath.Glob("testdata/recorded/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings (make them with go run ./learn/signature/record): %v", err)
	}
	var out []recording
	for _, f := range files {
		out = append(out, jsonLines[recording](t, f)...)
	}
	return out
}

// unverified is a pattern whose output no scenario can provoke.
type unverified struct {
	Pattern  string   `yaml:"pattern"`
	Why      string   `yaml:"why"`
	Positive []string `yaml:"positive"`
	Near     []string `yaml:"near"`
}

func unverifiedPatterns(t testing.TB) map[string]unverified {
	t.Helper()
	raw, err := os.ReadFile("testdata/unverified.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var list []unverified
	if err := yaml.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	out := map[string]unverified{}
	for _, u := range list {
		if u.Why == "" {
			t.Errorf("unverified pattern %s: say why", u.Pattern)
		}
		out[u.Pattern] = u
	}
	return out
}

// TestRecordingsGiveTheirPatternFirst is the confusion table: what each
// scenario provoked on purpose against what is said first of its output.
func TestRecordingsGiveTheirPatternFirst(t *testing.T) {
	a := newAnalyser(t)
	confused := map[string]int{}
	for _, r := range recordings(t) {
		sigs := a.Match(r.event(), r.action())
		if len(sigs) == 0 {
			t.Errorf("%s: no signature", r.ID)
			continue
		}
		got := sigs[0].PatternID
		for _, s := range sigs {
			if slices.Contains(r.Near, s.PatternID) {
				t.Errorf("%s: taken by %s, which it only resembles: %q", r.ID, s.PatternID, s.Salient)
			}
		}
		if r.Pattern != "" && got != r.Pattern {
			confused[r.Pattern+" taken for "+got]++
			t.Errorf("%s: %s: first signature %s (%q)\n%s", r.ID, r.Command, got, sigs[0].Salient, cut(r.Output, 600))
		}
	}
	for _, c := range slices.Sorted(maps.Keys(confused)) {
		t.Logf("%3d %s", confused[c], c)
	}
}

// TestEveryPatternHasARecording: each pattern takes a real output first, or
// stands in the list of those that nothing here can provoke.
func TestEveryPatternHasARecording(t *testing.T) {
	a := newAnalyser(t)
	if len(a.lib.patterns) < 200 {
		t.Errorf("%d patterns, want at least 200", len(a.lib.patterns))
	}
	has, first := map[string]bool{}, map[string]bool{}
	for _, r := range recordings(t) {
		for _, sig := range a.Match(r.event(), r.action()) {
			has[sig.PatternID] = true
		}
		first[r.Pattern] = true
		if r.Pattern != "" && a.lib.byID[r.Pattern] == nil {
			t.Errorf("%s: there is no pattern %s", r.ID, r.Pattern)
		}
	}
	listed := unverifiedPatterns(t)
	for _, p := range a.lib.patterns {
		u, is := listed[p.ID]
		switch {
		case !has[p.ID] && !is:
			t.Errorf("%s: no recorded output; write a scenario in record/scenarios", p.ID)
		case !first[p.ID] && !is && p.rank != rankSummary && !strings.HasSuffix(p.ID, "/error"):
			t.Errorf("%s: no recording provokes it as the first cause", p.ID)
		case has[p.ID] && is:
			t.Errorf("%s: is recorded, and listed as unverified", p.ID)
		}
		for _, example := range u.Positive {
			if got := a.lib.signatures(cleanLines(example)); len(got) == 0 || got[0].PatternID != p.ID {
				t.Errorf("%s: %q gives %s", p.ID, example, ids(got))
			}
		}
	}
	if len(listed) > 15 {
		t.Errorf("%d patterns are unverified; too many", len(listed))
	}
}

// TestEveryPatternRefusesItsNearMiss: each pattern has a line of another
// failure's real output that resembles its own and is not its own.
func TestEveryPatternRefusesItsNearMiss(t *testing.T) {
	a := newAnalyser(t)
	byID := map[string]recording{}
	for _, r := range recordings(t) {
		byID[r.ID] = r
	}
	type nearMiss struct{ Pattern, Recording, Line string }
	near := map[string]string{}
	for _, n := range jsonLines[nearMiss](t, "testdata/near.jsonl") {
		r := byID[n.Recording]
		shown := r.Output
		if strings.TrimSpace(shown) == "" { // its exit status is all that it shows
			shown = a.Match(r.event(), r.action())[0].Salient
		}
		if !strings.Contains(shown, n.Line) || r.Pattern == n.Pattern {
			t.Errorf("%s: near miss %q is no line of %q's output", n.Pattern, n.Line, n.Recording)
		}
		near[n.Pattern] = n.Line
	}
	for id, u := range unverifiedPatterns(t) {
		for _, line := range u.Near {
			near[id] = line
		}
	}
	for _, p := range a.lib.patterns {
		line, ok := near[p.ID]
		if !ok {
			t.Errorf("%s: no near miss; run go run ./learn/signature/record -near", p.ID)
			continue
		}
		for _, h := range a.lib.hits([]string{cleanLine(line)}) {
			if h.p == p {
				t.Errorf("%s: takes its near miss %q", p.ID, line)
			}
		}
		if p.Where == "" && p.re.MatchString(cleanLine(line)) {
			t.Errorf("%s: its expression matches its near miss %q", p.ID, line)
		}
	}
}

// TestLiteralsStandInEveryMatch: the prefilter loses nothing. What a pattern's
// expression matches on any recorded line holds one of its literals.
func TestLiteralsStandInEveryMatch(t *testing.T) {
	a := newAnalyser(t)
	seen := map[string]bool{}
	for _, r := range recordings(t) {
		for _, line := range cleanLines(r.Output) {
			if seen[line] {
				continue
			}
			seen[line] = true
			for _, p := range a.lib.patterns {
				if p.Where == "" && p.re.MatchString(line) && !slices.ContainsFunc(p.Literals, func(l string) bool { return strings.Contains(line, l) }) {
					t.Errorf("%s: matches %q without a literal of %q", p.ID, line, p.Literals)
				}
			}
		}
	}
}

// TestTextAloneGroupsAsWell: without the command and the exit code, an output
// that says anything gets the same kind.
func TestTextAloneGroupsAsWell(t *testing.T) {
	a := newAnalyser(t)
	var with, without []string
	for _, r := range recordings(t) {
		if strings.TrimSpace(r.Output) == "" {
			continue
		}
		with = append(with, a.Match(r.event(), r.action())[0].ID)
		without = append(without, a.Match(failure(r.Output, 1), learn.Action{Program: "bash"})[0].ID)
	}
	if f1 := pairwiseF1(with, without); f1 < 0.97 {
		t.Errorf("pairwise F1 of the kinds with and without the command %.3f over %d outputs", f1, len(with))
	}
}

// pairwiseF1 compares two groupings: over all pairs, that they are together in
// one against that they are in the other.
func pairwiseF1(want, got []string) float64 {
	var both, one int
	for i := range want {
		for j := range i {
			w, g := want[i] == want[j], got[i] == got[j]
			if w && g {
				both++
			} else if w || g {
				one++
			}
		}
	}
	return 2 * float64(both) / float64(2*both+one)
}

// machine is what must not stand in a recording.
var machine = regexp.MustCompile(`/tmp/lathe-|/root/|https?://(?:repo\d?|registry|proxy|pypi|files|deb|index|static)\.[a-z]+\.(?:org|com|io)`)

func TestRecordingsHoldNothingOfTheMachine(t *testing.T) {
	for _, r := range recordings(t) {
		raw, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if m := machine.Find(raw); m != nil {
			t.Errorf("%s holds %q", r.ID, m)
		}
	}
}
