package toolforge

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"lathe/learn"
	"lathe/learn/action"
)

// useFor parses a command as the finder does.
func useFor(command, output string) (*use, bool) {
	a := &learn.ActionOutcome{ToolName: "bash", ToolParameters: []byte(`{"command":` + py(command) + `}`)}
	act := action.Parse(a)
	l, _ := parseLine(command)
	u, ok := useOf(l, &act)
	u.Command, u.Output, u.Printed, u.Lines, u.Written = command, output, tokensOf(output), strings.Count(output, "\n"), 100
	if u.Op == opSearch {
		u.hitsOf(output)
	}
	return &u, ok
}

// Many ways to do the same thing are one operation. Removing something may be
// the end of a snippet.
func TestUsesOfOperations(t *testing.T) {
	for command, want := range map[string]string{
		"sed -n '10,20p' a/b.py":                           opView,
		"cd /x && sed -n 10,20p a.py":                      opView,
		"nl -ba a.py | sed -n '5p'":                        opView,
		"cat -n a.py | sed -n '5,$p'":                      opView,
		"sed -n '1,5p;9,12p' a.py":                         opView,
		"head -n 40 a.py | tail -n 10":                     opView,
		"head -30 a.py":                                    opView,
		"awk 'NR>=3 && NR<=9' a.py":                        opView,
		"sed -n '1,5p' a.py; sed -n '7,9p' b.py":           opView,
		"sed -n '/x/p' a.py":                               "",
		"sed 's/a/b/' a.py":                                "",
		"cat a.py":                                         opView,
		"nl -ba a.py":                                      opView,
		"cat a.py b.py":                                    "",
		"cat a.py; sed -n '7,9p' b.py":                     opView,
		"cat a.py | wc -l":                                 "",
		"tail -n 5 a.py":                                   "",
		"cat a.py | grep -n foo":                           opSearch,
		"nl -ba a.py | grep -A 9 foo | head -n 5":          opSearch,
		"cat a.py | grep -c foo":                           "",
		"cat a.py b.py | grep foo":                         "",
		"find src -name '*.py' | xargs grep -l foo":        opSearch,
		"find src -mtime 1 | xargs grep foo":               "",
		"grep -n foo a.py; grep -n bar b.py":               opSearch,
		"grep -n foo a.py; cat b.py":                       "",
		"grep -rn foo src":                                 opSearch,
		"grep -n 'a b' f.py | head -n 5":                   opSearch,
		"rg -n foo":                                        opSearch,
		"git grep -n foo":                                  opSearch,
		"grep -c foo a.py":                                 "",
		"grep foo a.py | cut -d: -f1":                      "",
		"ls -la src":                                       opList,
		"find . -name '*.py' -not -path './x/*' | sort":    opList,
		"find . -name '*.pyc' -delete":                     opSnippet,
		"ls; rm -rf x":                                     opSnippet,
		"sed -i 's/a/b/' f.py":                             opReplace,
		"sed -i '3d' f.py":                                 opReplace,
		"sed -i '3,9d' f.py":                               opReplace,
		"sed -i '3a\\    x = 1' f.py":                      opReplace,
		"sed -i '/x/d' f.py":                               "",
		"python -m pytest -q tests/test_a.py":              opTest,
		"go test ./...":                                    opTest,
		"cut -d, -f2 data.csv | sort | uniq -c | sort -rn": "",
	} {
		u, ok := useFor(command, "")
		if want == "" && ok || want != "" && (!ok || u.Op != want) {
			t.Errorf("%s is a use of %q (%v), want %q", command, u.Op, ok, want)
		}
	}
}

func TestSpans(t *testing.T) {
	for command, want := range map[string]span{
		"sed -n '10,20p' a":            {10, 20},
		"sed -n 7p a":                  {7, 7},
		"nl -ba a | sed -n '5,$p'":     {5, 0},
		"head -n 40 a | tail -n 10":    {31, 40},
		"head -12 a":                   {1, 12},
		"awk 'NR >= 3 && NR <= 9' a.c": {3, 9},
	} {
		if u, ok := useFor(command, ""); !ok || len(u.Spans) != 1 || u.Spans[0] != want {
			t.Errorf("%s: %v (%v), want %v", command, u.Spans, ok, want)
		}
	}
}

func TestDefinedName(t *testing.T) {
	for pattern, want := range map[string]string{
		"def parse": "parse", "^class Alpha": "Alpha", `class Alpha\b`: "Alpha", "func Open(": "Open", `^\s*def x_1`: "x_1", `class A1\|def beta`: "A1",
		"define": "", "class": "", "alpha": "", "def .*": "", `class A\|import`: "", "a class Alpha": "",
	} {
		if got := definedName(pattern); got != want {
			t.Errorf("%q looks for the definition of %q, want %q", pattern, got, want)
		}
	}
}

// What one call in place of two would have saved, and what would not.
func TestTogether(t *testing.T) {
	for _, tt := range []struct {
		name                 string
		first, printed       string
		second, then, wanted string
		miss                 bool
	}{
		{"two places", "sed -n '1,5p' a.py", "x\n", "sed -n '50,60p' a.py", "y\n", opView, false},
		{"a place that was read", "sed -n '1,5p' a.py", "see line 50\n", "sed -n '50,60p' a.py", "y\n", opView, true},
		{"line numbers are not told", "nl -ba a.py | sed -n '48,52p'", "    50\tx\n", "nl -ba a.py | sed -n '50,60p'", "y\n", opView, false},
		{"a file that was read", "sed -n '1,5p' a.py", "import other/file.py\n", "sed -n '1,9p' other/file.py", "y\n", opView, true},
		{"a definition", "grep -n 'def foo' a.py", "12:def foo():\n", "sed -n '12,40p' a.py", "y\n", opDefine, false},
		{"a definition in a tree", "grep -rn 'def foo' src", "src/a.py:12:def foo():\n", "sed -n '10,40p' src/a.py", "y\n", opDefine, false},
		{"the second definition", "grep -n 'def foo' a.py", "2:def foo():\n90:def foo():\n", "sed -n '88,95p' a.py", "y\n", opDefine, true},
		{"a hit", "grep -n foo a.py", "12:foo\n", "sed -n '1,40p' a.py", "y\n", opSearch, false},
		{"another place", "grep -n foo a.py", "12:foo\n", "sed -n '50,60p' a.py", "y\n", opSearch, true},
		{"too many hits", "grep -n foo a.py", strings.Repeat("12:foo\n", 40), "sed -n '10,60p' a.py", strings.Repeat("line\n", 50), opSearch, true},
		{"no line numbers", "grep foo a.py", "foo\n", "sed -n '10,60p' a.py", "y\n", opSearch, true},
		{"a line without its number", "grep 'def foo' a.py", "def foo(x):\n", "sed -n '10,60p' a.py", "import x\ndef foo(x):\n    pass\n", opDefine, false},
		{"a line without its number in a tree", "grep -r 'foo(1)' src", "src/b.py:z = foo(1)\nsrc/a.py:    y = foo(1)\n", "sed -n '10,60p' src/a.py", "    y = foo(1)\n", opSearch, false},
		{"a line of another file", "grep -r 'foo(1)' src", "src/b.py:y = foo(1)\n", "sed -n '10,60p' src/a.py", "y = foo(1)\n", opSearch, true},
		{"a whole file", "grep -n foo a.py", "12:foo\n", "cat a.py", "y\n", opSearch, true},
		{"two whole files", "cat a.py", "x\n", "cat b.py", "y\n", opView, false},
		{"two searches", "grep -n foo a.py", "1:foo\n", "grep -n bar a.py", "2:bar\n", opSearch, false},
		{"a search for what was found", "grep -n foo a.py", "1:foo(special_name)\n", "grep -n special_name a.py", "2:\n", opSearch, true},
		{"a change and a look", "sed -i 's/a/b/' a.py", "", "sed -n '1,9p' a.py", "y\n", opReplace, false},
		{"a change and a look elsewhere", "sed -i 's/a/b/' a.py", "", "sed -n '1,9p' b.py", "y\n", "", false},
		{"two listings", "ls src", "a\n", "ls tests", "b\n", opList, false},
		{"a listing and a test", "ls src", "a\n", "go test ./...", "ok\n", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, _ := useFor(tt.first, tt.printed)
			b, _ := useFor(tt.second, tt.then)
			s, ok := together(a, b)
			if ok != (tt.wanted != "") || ok && (s.op != tt.wanted || s.miss != tt.miss) {
				t.Fatalf("got %+v (%v), want %s, near miss %v", s, ok, tt.wanted, tt.miss)
			}
			if ok && !s.miss && (s.calls != 1 || s.tokens <= 0) {
				t.Errorf("saves %v calls and %d tokens", s.calls, s.tokens)
			}
		})
	}
}

func TestQuietListing(t *testing.T) {
	listing := "total 12\ndrwxr-xr-x 2 root root 4096 Nov 23 10:00 .\n-rw-r--r-- 1 root root  120 Nov 23 10:00 app.py\ndrwxr-xr-x 2 root root 4096 Nov 23  2025 __pycache__\n./.git/HEAD\n./src/a.pyc\n./src/a b.py\n"
	if got, want := quietListing(listing), "app.py\nsrc/a b.py\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Whatever is recorded, nothing is saved that was not spent.
func TestSavingsAreBounded(t *testing.T) {
	commands := []string{"sed -n '1,5p' a.py", "grep -n 'def foo' a.py", "grep -rn x .", "ls -la", "sed -i 's/a/b/' a.py", "go test ./...", "rm a.py", "python a.py"}
	rapid.Check(t, func(t *rapid.T) {
		a, _ := useFor(rapid.SampledFrom(commands).Draw(t, "first"), rapid.String().Draw(t, "printed"))
		b, _ := useFor(rapid.SampledFrom(commands).Draw(t, "second"), rapid.String().Draw(t, "then"))
		for _, s := range savings(a, b) {
			if s.tokens < 0 || s.calls > 1 || s.tokens > a.Written+a.Printed+b.Written+b.Printed {
				t.Fatalf("%+v of %d and %d tokens", s, a.Printed, b.Printed)
			}
		}
	})
}

func FuzzUseOf(f *testing.F) {
	for _, s := range []string{"sed -n '1,5p' a.py", "grep -n 'def foo' a.py", "head -n", "awk 'NR>=1 && NR<=2'", "ls -la | head", "sed -n ';p' a", "find"} {
		f.Add(s, "12:x\n")
	}
	f.Fuzz(func(t *testing.T, command, output string) {
		l, err := parseLine(command)
		if err != nil {
			return
		}
		act := learn.Action{Intent: learn.IntentRead, Command: command}
		u, ok := useOf(l, &act)
		if !ok {
			return
		}
		u.Command, u.Output, u.Printed = command, output, tokensOf(output)
		u.hitsOf(output)
		for _, s := range savings(&u, &u) {
			if s.tokens < 0 || s.what == "" {
				t.Errorf("%+v", s)
			}
		}
	})
}
