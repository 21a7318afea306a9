package toolforge

import (
	"strings"
	"testing"

	"lathe/learn"
	"lathe/learn/action"
)

const oneChange = `from pathlib import Path

# mends the retries
file = Path('src/app.py')
text = file.read_text()
old = """retries = 1
"""
new = 'retries = 3\n' # more
if old not in text:
    print("it is not there")
text = text.replace(old, new)
file.write_text(text)
print("done")
`

func heredoc(head, body, tail string) string { return head + " <<'EOF'\n" + body + "EOF\n" + tail }

// A program that changes one place of one file is told from other programs.
func TestEditScripts(t *testing.T) {
	lines := "lines = open('a/b.py').readlines()\nlines[4] = 'x\\n'\nwith open('a/b.py', 'w') as f:\n    f.writelines(lines)\n"
	for _, tt := range []struct {
		name, command string
		want          editScript // without the tokens
		ok            bool
	}{
		{"written", heredoc("cat > fix.py", oneChange, ""), editScript{File: "fix.py", Target: "src/app.py", Changes: 1, Lines: 1}, true},
		{"written otherwise", "cat <<'EOF' > fix.py\n" + oneChange + "EOF\n", editScript{File: "fix.py", Target: "src/app.py", Changes: 1, Lines: 1}, true},
		{"written and run", heredoc("cat > fix.py", oneChange, "python3 ./fix.py && rm fix.py"), editScript{File: "fix.py", Target: "src/app.py", Ran: true, Changes: 1, Lines: 1}, true},
		{"read from the input", heredoc("python3 -", oneChange, ""), editScript{Target: "src/app.py", Ran: true, Changes: 1, Lines: 1}, true},
		{"by lines", heredoc("python", lines, ""), editScript{Target: "a/b.py", Ran: true, Changes: 1, Lines: 1}, true},
		{"two places", heredoc("python", strings.Replace(lines, "with", "lines[9] = 'y'\nwith", 1), ""), editScript{Target: "a/b.py", Ran: true, Changes: 2, Lines: 1}, true},
		{"two files", heredoc("python", lines+strings.ReplaceAll(lines, "b.py", "c.py"), ""), editScript{Ran: true, Changes: 2, Lines: 1}, true},
		{"it runs something", heredoc("python", "import app\n"+lines, ""), editScript{}, false},
		{"it runs a program", heredoc("python", "import os\n"+lines+"os.system('make')\n", ""), editScript{}, false},
		{"it only reads", heredoc("python", "print(open('a.py').read())\n", ""), editScript{}, false},
		{"a new file", heredoc("cat > new.py", "def f():\n    return 1\n", ""), editScript{}, false},
		{"another language", heredoc("cat > fix.sh", oneChange, ""), editScript{}, false},
		{"two documents", heredoc("cat > a.py", oneChange, heredoc("cat > b.py", oneChange, "")), editScript{}, false},
		{"a string without an end", heredoc("python", "x = 'a\n"+lines, ""), editScript{}, false},
		{"no document", "python fix.py", editScript{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := editScriptOf(tt.command)
			if ok && (got.Text <= 0 || got.Needed <= 0 || got.Needed >= got.Text) {
				t.Errorf("%d tokens, of which %d are needed", got.Text, got.Needed)
			}
			got.Text, got.Needed = 0, 0
			if ok != tt.ok || ok && got != tt.want {
				t.Errorf("got %+v (%v), want %+v (%v)", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestPythonLiterals(t *testing.T) {
	literals, code, ok := pythonLiterals("a = 'it\\'s' # \"no\"\nb = \"\"\"x\n'y'\"\"\" + r'\\n'\n")
	if want := []string{`it\'s`, "x\n'y'", `\n`}; !ok || strings.Join(literals, "|") != strings.Join(want, "|") || code != "a = \"0\" \nb = \"1\" + r\"2\"\n" {
		t.Errorf("%q, %q (%v)", literals, code, ok)
	}
	for _, src := range []string{"'", `"a`, "'a\nb'", `"""a""`, `'\'`} {
		if _, _, ok := pythonLiterals(src); ok {
			t.Errorf("%q ends", src)
		}
	}
}

// What follows a program belongs to it: the call that runs it, the look at what
// it changed, the call that removes it.
func TestWhatFollowsAnEditScript(t *testing.T) {
	program, ok := scriptUse(heredoc("cat > fix.py", oneChange, ""))
	if !ok {
		t.Fatal("no use")
	}
	run, _ := useFor("python3 fix.py", "done\n")
	look, _ := useFor("sed -n '1,9p' src/app.py", "retries = 3\n")
	remove, _ := useFor("rm -f fix.py", "")
	other, _ := useFor("python3 test_app.py", "ok\n")
	if s, ok := together(&program, run); !ok || s.op != opReplace || s.calls != 1 || s.tokens != run.Written+run.Printed {
		t.Errorf("the run: %+v (%v)", s, ok)
	}
	if s, ok := together(&program, other); ok {
		t.Errorf("another run: %+v", s)
	}
	after := behind(&program, run)
	if s, ok := together(after, run); ok {
		t.Errorf("a second run: %+v", s)
	}
	for name, u := range map[string]*use{"look": look, "removal": remove} {
		if s, ok := together(after, u); !ok || s.miss || s.calls != 1 {
			t.Errorf("the %s: %+v (%v)", name, s, ok)
		}
	}
	if behind(&program, other) != other || behind(nil, look) != look || behind(&program, look) != look {
		t.Error("something else is held to be the program")
	}
}

// A look counts when it can be one at the change.
func TestLooksAfterAChange(t *testing.T) {
	for _, tt := range []struct {
		change, look, printed string
		miss                  bool
	}{
		{"sed -i '12s/a/b/' a.py", "sed -n '10,20p' a.py", strings.Repeat("line\n", 11), false},
		{"sed -i '12s/a/b/' a.py", "sed -n '30,40p' a.py", strings.Repeat("line\n", 11), true},
		{"sed -i '12,31d' a.py", "sed -n '30,40p' a.py", strings.Repeat("line\n", 11), false},
		{"sed -i 's/a/b/' a.py", "sed -n '30,40p' a.py", strings.Repeat("line\n", 11), false},
		{"sed -i 's/a/b/' a.py", "sed -n '1,99p' a.py", strings.Repeat("line\n", 99), true},
	} {
		a, _ := useFor(tt.change, "")
		b, _ := useFor(tt.look, tt.printed)
		if s, ok := together(a, b); !ok || s.miss != tt.miss {
			t.Errorf("%s, then %s: %+v (%v)", tt.change, tt.look, s, ok)
		}
	}
}

// Calls that would have been one stay one: what the first printed counts for the
// third.
func TestCallsTogether(t *testing.T) {
	f := NewFinder(Options{MinSessions: 1, MinCalls: 1})
	apply := func(session, command, output string) {
		a := learn.ActionOutcome{ID: learn.UUIDv8("t", session, command), SessionID: session, ProjectID: "p", ToolName: "bash", Status: learn.StatusSuccess,
			ToolParameters: []byte(`{"command":` + py(command) + `}`), ToolOutput: learn.ToolOutput{Stdout: output}}
		a.ResourceMetrics.TokenCountOut = 100
		if err := f.Apply(&learn.Observation{Record: learn.Record{Action: &a}, Action: action.Parse(&a)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	apply("a", "nl -ba a.py | sed -n '1,5p'", "     1\tgo to line 300\n")
	apply("a", "nl -ba a.py | sed -n '50,60p'", "    50\tx\n")
	apply("a", "nl -ba a.py | sed -n '300,310p'", "   300\ty\n")
	for _, o := range f.All() {
		if o.Operation == opView && (o.Savings.Calls != 1 || len(o.NearMisses) != 1) {
			t.Errorf("%+v, %+v", o.Savings, o.NearMisses)
		}
	}
}

func FuzzEditScriptOf(f *testing.F) {
	f.Add(heredoc("cat > fix.py", oneChange, "python fix.py"))
	f.Add("python - <<E\n$(x)\nE")
	f.Add("cat <<A <<B > x.py\nA\nB\n")
	f.Fuzz(func(t *testing.T, command string) {
		e, ok := editScriptOf(command)
		if !ok {
			return
		}
		if s, ok := e.saving(0); ok && (s.tokens < 0 || s.tokens > tokensOf(command) || s.what == "") {
			t.Errorf("%+v", s)
		}
	})
}
