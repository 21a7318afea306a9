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
		if proven, _, err := Contrast(tasks, m); err != nil {
			t.Fatal(err)
		} else if len(proven) > 0 {
			found++
		}
	}
	t.Logf("%d tasks, %d streams, %d with a discovery", len(tasks), streams, found)
	// Three standard errors above what the level allows.
	if limit := level*streams + 3*math.Sqrt(level*(1-level)*streams); float64(found) > limit {
		t.Errorf("%d of %d streams prove something: more than the level %v allows", found, streams, level)
	}
}

func TestFloorIsTheSmallestP(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 40).Draw(t, "n")
		good := rapid.IntRange(1, n-1).Draw(t, "good")
		with := rapid.IntRange(1, n-1).Draw(t, "with")
		m, least := newMargins(n, good), 1.0
		for k := max(0, with+good-n); k <= min(with, good); k++ {
			p := m.tail(with, k)
			if f := (table{k, with - k, good - k, n - good - with + k}).fisher(); math.Abs(f-p) > 1e-9 {
				t.Fatalf("tail %v, fisher %v", p, f)
			}
			least = min(least, p)
		}
		if math.Abs(least-m.floor(with)) > 1e-12 {
			t.Fatalf("floor %v, the smallest is %v", m.floor(with), least)
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
	g := &group{}
	for _, s := range all {
		s.group = g
	}
	rare := &family{share: 0.5, all: []*sighting{{floor: 0.4, p: 0.4, group: g}}}
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

// TestOneStrategyForProjectAndAll: what several projects show is told once:
// for a project that shows it by itself, unless most of it is elsewhere.
func TestOneStrategyForProjectAndAll(t *testing.T) {
	for _, c := range []struct {
		sizes []int
		want  []string
	}{
		{[]int{300, 12, 12}, []string{"p0"}},                                      // one project is the evidence
		{[]int{84, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20}, []string{""}}, // so does the first alone, but most is elsewhere
	} {
		var tasks []*learn.Task
		for i, task := range plant(5, 324, [][]string{{"a", "b"}}, nil) {
			for k, rest := 0, i; k < len(c.sizes); k++ {
				if rest -= c.sizes[k]; rest < 0 {
					task.ProjectID = fmt.Sprint("p", k)
					tasks = append(tasks, task)
					break
				}
			}
		}
		proven, _, err := Contrast(tasks, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range proven {
			got = append(got, s.ProjectID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("projects of %v tasks: strategies for %q, want %q", c.sizes, got, c.want)
		}
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
	s := &sighting{level: levelSkeleton, names: []string{"e e(path:string)", "bash python3 t.py <string>", "bash python3 t.py"}}
	if got := s.title(); got != "e → python3 t.py <string> → python3 t.py" {
		t.Errorf("title %q", got)
	}
}
