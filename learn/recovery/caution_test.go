package recovery

import (
	"fmt"
	"slices"
	"testing"

	"lathe/learn"
)

// offered are the commands of the first offer.
func offered(w *world, q Query) []string {
	if got := w.m.Offer(q); len(got) > 0 {
		return commandsOf(got[0].Actions)
	}
	return nil
}

// TestFixedWordsDoNotCarry: a remedy of fixed words is offered about what it
// dealt with, and about something else only when it dealt with different things.
func TestFixedWordsDoNotCarry(t *testing.T) {
	with := func(module string) []call {
		return []call{
			{learn.IntentTest, "python -m pytest tests/a.py", "tests/a.py", nil, noModule(module)},
			{learn.IntentTest, "bin/test tests/a.py", "tests/a.py", nil, nil},
		}
	}
	install := func(module string) []call {
		return []call{
			{learn.IntentTest, "python -m pytest tests/a.py", "tests/a.py", nil, noModule(module)},
			{learn.IntentInstall, "pip install " + module, module, nil, nil},
			{learn.IntentTest, "python -m pytest tests/a.py", "tests/a.py", nil, nil},
		}
	}
	for _, tt := range []struct {
		name    string
		learned [][]call
		asked   string
		want    string
	}{
		{"the same module", [][]call{with("pytest")}, "pytest", "bin/test tests/a.py"},
		{"another module", [][]call{with("pytest")}, "hypothesis", ""},
		{"a third one", [][]call{with("pytest"), with("nose")}, "hypothesis", "bin/test tests/a.py"},
		{"what is named is installed", [][]call{install("yaml")}, "hypothesis", "pip install hypothesis"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, Options{MinConfidence: 0.4})
			for i := range 5 {
				for j, session := range tt.learned {
					w.play("p", fmt.Sprint("s", i, j), session...)
				}
			}
			q := ask("p", with(tt.asked)[0])
			q.Trusted = trustAll
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			if got := offered(w, q); !slices.Equal(got, want) {
				t.Errorf("offered %q, want %q", got, want)
			}
		})
	}
}

// TestNothingIsInvented: what is missing is made only where the project names
// it; what only a script of the session's own asks for is not, whoever made such
// things before.
func TestNothingIsInvented(t *testing.T) {
	missing := func(path string) *learn.ErrorSignature {
		return &learn.ErrorSignature{ID: "sig-dir-" + path, PatternID: "shell/no-such-file", Captures: map[string]string{"path": path}}
	}
	module := func(command, script, name string) []call {
		return []call{
			{learn.IntentRun, command, script, nil, noModule(name)},
			{learn.IntentCreate, "mkdir " + name, name, []string{name}, nil},
			{learn.IntentCreate, "touch " + name + "/__init__.py", name, []string{name + "/__init__.py"}, nil},
			{learn.IntentRun, command, script, nil, nil},
		}
	}
	own := func(name string) []call {
		write := call{learn.IntentCreate, "cat x > repro.py", "repro.py", []string{"repro.py"}, nil}
		return append([]call{write}, module("python repro.py", "repro.py", name)...)
	}
	folder := []call{
		{learn.IntentRun, "report.sh", "report.sh", nil, missing("out/a.txt")},
		{learn.IntentCreate, "mkdir -p out", "out", []string{"out"}, nil},
		{learn.IntentRun, "report.sh", "report.sh", nil, nil},
	}
	for _, tt := range []struct {
		name    string
		learned func(int) []call
		asked   call
		trusted func(string, string) bool
		offers  bool
	}{
		{"the project's own script", func(int) []call { return module("python manage.py", "manage.py", "shop") }, module("python manage.py", "manage.py", "shop")[0], trustAll, true},
		{"a script of the session's own", func(i int) []call { return own(fmt.Sprint("app", i)) }, own("app9")[1], trustAll, false},
		{"a folder that the project names", func(int) []call { return folder }, folder[0], trustAll, true},
		{"a folder that nothing names", func(int) []call { return folder }, folder[0], nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, Options{MinConfidence: 0.4})
			for i := range 6 {
				w.play("p", fmt.Sprint("s", i), tt.learned(i)...)
			}
			w.play("p", "now", own("app9")[0])
			q := ask("p", tt.asked)
			q.SessionID, q.Trusted = "now", tt.trusted
			if got := offered(w, q); (got != nil) != tt.offers {
				t.Errorf("offered %q", got)
			}
		})
	}
}

// TestEveryTarget: another program is offered for all that the call was about.
func TestEveryTarget(t *testing.T) {
	session := []call{
		{learn.IntentTest, "pytest tests/a.py", "tests/a.py", nil, noModule("pytest")},
		{learn.IntentTest, "bin/test tests/a.py", "tests/a.py", nil, nil},
	}
	w := newWorld(t, Options{MinConfidence: 0.4})
	for i := range 4 {
		w.play("p", fmt.Sprint("s", i), session...)
	}
	q := ask("p", call{learn.IntentTest, "pytest tests/b.py tests/c.py fast", "tests/b.py", nil, noModule("pytest")})
	for _, a := range []string{"tests/b.py", "tests/c.py", "fast"} {
		q.Action.Arguments = append(q.Action.Arguments, learn.Argument{Value: a})
	}
	if got := offered(w, q); !slices.Equal(got, []string{"bin/test tests/b.py tests/c.py"}) {
		t.Errorf("offered %q", got)
	}
}

func TestSameName(t *testing.T) {
	for _, tt := range []struct{ command, failing, want string }{
		{"python3 run_tests.py tests", "cd /x && python -m pytest tests", "python run_tests.py tests"},
		{"python run_tests.py", "python3 -m pytest", "python3 run_tests.py"},
		{"python run_tests.py", "/usr/bin/python3 -m pytest", "python run_tests.py"},
		{"A=1 python a.py && pip install python", "python3 b.py", "A=1 python3 a.py && pip install python"},
		{"", "python3 b.py", ""},
	} {
		if got := sameName(tt.command, tt.failing); got != tt.want {
			t.Errorf("%q after %q: %q, want %q", tt.command, tt.failing, got, tt.want)
		}
	}
}

func TestSameCommands(t *testing.T) {
	for _, tt := range []struct {
		a, b []string
		same bool
	}{
		{[]string{"mkdir a", "touch a/b"}, []string{"touch a/b", "mkdir a"}, true},
		{[]string{"./bin/test -v x.py"}, []string{"cd /repo && bin/test x.py 2>&1 | tail -5"}, true},
		{[]string{"pip install {module}"}, []string{"pip install yaml"}, false},
		{[]string{"pip install yaml"}, []string{"pip install yaml", "touch a"}, false},
		{nil, nil, false},
	} {
		if got := sameCommands(tt.a, tt.b); got != tt.same {
			t.Errorf("%q and %q: %t, want %t", tt.a, tt.b, got, tt.same)
		}
	}
}

// TestBySaved: what is less likely but spares more calls comes first.
func TestBySaved(t *testing.T) {
	likely, sparing := OfferedClass{Class: "a", Confidence: 0.6, Saved: 1, Support: 2}, OfferedClass{Class: "b", Confidence: 0.3, Saved: 5, Support: 2}
	cases := []Case{{Truth: "b", Specific: true, Offers: []OfferedClass{likely, sparing}}}
	if before, after := Measure(cases, Threshold{}), Measure(BySaved(cases), Threshold{}); before.Hit1 != 0 || after.Hit1 != 1 || cases[0].Offers[0].Class != "a" {
		t.Errorf("hit@1 %v before, %v after", before.Hit1, after.Hit1)
	}
}
