package mine

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lathe/learn"
	"lathe/learn/action"
	"pgregory.net/rapid"
)

// recorded makes a task of each task in our own recordings, without outcome.
func recorded(t testing.TB) []*learn.Task {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "fixtures", "recordings", "*", "*.jsonl"))
	if err != nil || len(files) < 80 {
		t.Fatalf("recordings: %d files, %v", len(files), err)
	}
	byID := map[string]*learn.Task{}
	var out []*learn.Task
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(raw)) {
			var ev learn.ActionOutcome
			if err := json.Unmarshal([]byte(line), &ev); err != nil {
				t.Fatal(err)
			}
			if ev.ToolName == "" || ev.TaskID == "" {
				continue // the beginning or end of a task
			}
			task := byID[ev.TaskID]
			if task == nil {
				task = &learn.Task{TaskID: ev.TaskID, ProjectID: ev.ProjectID, SessionID: ev.SessionID}
				byID[ev.TaskID], out = task, append(out, task)
			}
			a := action.Parse(&ev)
			task.Finished = ev.Timestamp
			task.Steps = append(task.Steps, learn.Step{EventID: ev.ID, Tool: a.Tool, Intent: a.Intent, Skeleton: a.Skeleton,
				Command: a.Command, Target: a.Target, Status: ev.Status})
		}
	}
	return out
}

// TestPermutedOutcomesProveNothing draws the outcomes of real tasks by lot and
// counts the streams in which anything is found: at most the level, MaxQ.
func TestPermutedOutcomesProveNothing(t *testing.T) {
	const level, streams = 0.05, 120
	tasks := recorded(t)
	rng := rand.New(rand.NewPCG(11, 5))
	found := 0
	for range streams {
		rng.Shuffle(len(tasks), func(i, j int) { tasks[i], tasks[j] = tasks[j], tasks[i] })
		m := Options{MaxQ: level, MinOdds: 1e-9} // whatever is significant counts
		for i, task := range tasks {
			task.Outcome = learn.OutcomeSuccess
			if 10*i < 3*len(tasks) {
				task.Outcome = learn.OutcomeFailure
			}
		}
		if r := oneLook(t, tasks, m); len(r.Separating) > 0 {
			found++
		}
	}
	t.Logf("%d tasks, %d streams, %d with a discovery", len(tasks), streams, found)
	// Three standard errors above what the level allows.
	if limit := level*streams + 3*math.Sqrt(level*(1-level)*streams); float64(found) > limit {
		t.Errorf("%d of %d streams prove something: more than the level %v allows", found, streams, level)
	}
}

// TestExactIsTheLaw compares with the enumeration of all tables of the same
// margins, and one table with Fisher's test.
func TestExactIsTheLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tables []table
		for range rapid.IntRange(1, 3).Draw(t, "strata") {
			cell := rapid.IntRange(0, 6)
			tables = append(tables, table{cell.Draw(t, "a"), cell.Draw(t, "b"), cell.Draw(t, "c"), cell.Draw(t, "d")})
		}
		seen := 0
		for _, x := range tables {
			seen += x.withGood
		}
		var tail, floor float64
		most := -1
		var visit func(i, sum int, chance float64)
		visit = func(i, sum int, chance float64) {
			if i == len(tables) {
				if sum >= seen {
					tail += chance
				}
				if sum > most {
					most, floor = sum, 0
				}
				if sum == most {
					floor += chance
				}
				return
			}
			x := tables[i]
			with, good := x.withGood+x.withBad, x.withGood+x.withoutGood
			n := with + x.withoutGood + x.withoutBad
			for k := max(0, with+good-n); k <= min(with, good); k++ {
				visit(i+1, sum+k, chance*math.Exp(logChoose(good, k)+logChoose(n-good, with-k)-logChoose(n, with)))
			}
		}
		visit(0, 0, 1)
		p, least := exact(tables)
		if math.Abs(p-min(1, tail)) > 1e-9 || math.Abs(least-min(1, floor)) > 1e-9 {
			t.Fatalf("%v: p %v, floor %v; by enumeration %v, %v", tables, p, least, tail, floor)
		}
		if f := tables[0].fisher(); len(tables) == 1 && math.Abs(f-p) > 1e-9 {
			t.Fatalf("%v: p %v, Fisher's %v", tables, p, f)
		}
	})
}

func TestUntestableIsDiscarded(t *testing.T) {
	var all []*sighting
	for _, floor := range []float64{0.001, 0.002, 0.01, 0.03, 0.2} {
		all = append(all, &sighting{floor: floor, p: floor})
	}
	// At 0.05/2 three are testable, at 0.05/3 three: k is 3.
	if got := testable(all, 0.05); len(got) != 3 {
		t.Errorf("%d testable, want 3", len(got))
	}
	rare := &family{share: 0.5, all: []*sighting{{floor: 0.4, p: 0.4}}}
	got := correct([]*family{{share: 0.5, all: all}, rare}, 0.05)
	if len(got) != 3 || math.Abs(got[0].q-0.003) > 1e-12 {
		t.Errorf("%d tested, q %v: a family without tests must leave its share", len(got), got[0].q)
	}
}

func TestHabits(t *testing.T) {
	seq := func(steps string) *taskSeq {
		var out taskSeq
		for i, s := range strings.Fields(steps) {
			name, failed := strings.CutSuffix(s, "!")
			out.Steps = append(out.Steps, seqStep{Intent: learn.Intent(name), Failed: failed, Command: fmt.Sprint(i / 3)})
		}
		return &out
	}
	all := generalHabits()
	all = append(all, after(learn.IntentTest), before(learn.IntentSearch), ever(learn.IntentLint))
	for _, c := range []struct{ steps, want string }{
		{"edit test", "run or test after every edit, test after the last edit"},
		{"test! edit edit run edit", "see it fail before the first edit, run or test before the first edit"},
		{"search edit test edit read edit test", "two different test commands, test after the last edit, search before the first edit"},
		{"run edit lint run", "run or test before the first edit, run or test before the first and after the last edit, run or test after every edit, lint at all"},
		{"read! read! read!", ""},
		{"", ""},
	} {
		var got []string
		for _, h := range all {
			where, ok := h.find(seq(c.steps))
			if ok && h.title != "never three failures in a row" {
				got = append(got, h.title)
			}
			if ok && (slices.Contains(where, -1) || !slices.IsSorted(where)) {
				t.Errorf("%q: %s is shown at %v", c.steps, h.title, where)
			}
			if h.title == "never three failures in a row" && ok != (c.steps != "read! read! read!") {
				t.Errorf("%q: %s is %v", c.steps, h.title, ok)
			}
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%q: has %q, want %q", c.steps, strings.Join(got, ", "), c.want)
		}
	}
}

// oneLook takes a single look.
func oneLook(t testing.TB, tasks []*learn.Task, o Options) Report {
	t.Helper()
	l := NewLook(o)
	for _, task := range tasks {
		l.Add(task)
	}
	r, err := l.Report()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestEasyProjectsSeparateNothing: a step that only tells projects apart, of
// which one is easy, is no strategy; the same stream with a planted one tells
// that, once.
func TestEasyProjectsSeparateNothing(t *testing.T) {
	var tasks []*learn.Task
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 400 {
		project, steps, chance := "hard", []string{"x", "y"}, 0.2
		if i%2 == 0 {
			project, steps, chance = "easy", []string{"a", "b"}, 0.8
		}
		task := &learn.Task{TaskID: fmt.Sprint(i), ProjectID: project, SessionID: fmt.Sprint("s", i), Outcome: learn.OutcomeFailure}
		if rng.Float64() < chance {
			task.Outcome = learn.OutcomeSuccess
		}
		for j, s := range steps {
			task.Steps = append(task.Steps, learn.Step{EventID: fmt.Sprintf("%d-%d", i, j), Tool: "bash", Intent: learn.IntentOther, Skeleton: s})
		}
		tasks = append(tasks, task)
	}
	if r := oneLook(t, tasks, Options{}); len(r.Separating) != 0 || r.Mixed != 2 || r.Projects != 2 {
		t.Errorf("projects of differing ease: %+v", r)
	}
	r := oneLook(t, plant(5, 324, [][]string{{"a", "b"}}, nil), Options{})
	if len(r.Separating) != 1 || r.Significant != r.Separating[0].Variants+1 || r.Separating[0].Odds < 2 || r.Separating[0].Q > 0.05 {
		t.Errorf("a planted strategy: %+v", r.Separating)
	}
}

// TestLookAgain: a verdict that changes replaces the first, and an unknown one
// is only counted.
func TestLookAgain(t *testing.T) {
	step := []learn.Step{{EventID: "e", Tool: "bash", Skeleton: "x"}}
	l := NewLook(Options{})
	for _, o := range []learn.Outcome{learn.OutcomeUnknown, learn.OutcomeFailure, learn.OutcomeSuccess, learn.OutcomeUnknown} {
		l.Add(&learn.Task{TaskID: "t", ProjectID: "p", Steps: step, Outcome: o})
	}
	l.Add(&learn.Task{TaskID: "u", ProjectID: "p", Steps: step, Outcome: learn.OutcomeUnknown})
	r, err := l.Report()
	if err != nil || r.Tasks != 1 || r.Successes != 1 || r.LeftOut != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := NewLook(Options{}).Report(); err != nil || r.Tasks != 0 || r.Separating == nil {
		t.Errorf("nothing at all: %+v, %v", r, err)
	}
}

func TestNearestSaysWhatIsMissing(t *testing.T) {
	m := New(Options{})
	feed(t, m, plant(2, 120, [][]string{{"a", "b"}}, [][]string{{"c", "d"}}))
	st, near := m.Stats(), m.Nearest(3)
	if st.Successes+st.Failures != st.Tasks || st.Hypotheses == 0 || len(near) == 0 || len(near) > 3 || len(m.Nearest(-1)) != 0 {
		t.Fatalf("stats %+v, nearest %+v", st, near)
	}
	for i, c := range near {
		if c.Support != c.Successes+c.Failures || c.Successes+c.WithoutSuccesses > st.Successes ||
			c.Q <= 0.05 || c.Q < st.SmallestQ || i > 0 && c.Q < near[i-1].Q || c.Name == "" || c.EValue <= 1 {
			t.Errorf("candidate %+v", c)
		}
	}
}

func TestNamesAreReadable(t *testing.T) {
	for _, c := range []struct{ tool, skeleton, want string }{
		{"edit_file", "edit_file(new_string:string, path:string)", "edit_file"},
		{"bash", "cat > <path> << EOF\n<string>\nEOF", "cat"},
		{"bash", "go test <path>", "go test"},
		{"bash", "nl -ba <path> | sed -n <pattern>", "nl -ba"},
		{"bash", "ls; pwd", "ls"},
		{"bash", "npm run check", "npm run check"},
		{"bash", "git log --oneline x", "git log"},
		{"bash", "| x", "| x"},
		{"bash", "", ""},
	} {
		if got := brief(c.tool, c.skeleton, 2); got != c.want {
			t.Errorf("%q: %q, want %q", c.skeleton, got, c.want)
		}
	}
	s := saying{level: levelSkeleton, names: []string{"e e(path:string)", "bash python3 t.py <string>", "bash python3 t.py"}}
	if got := s.title(); got != "e → python3 t.py <string> → python3 t.py" {
		t.Errorf("title %q", got)
	}
}
