package template

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFromInstances(t *testing.T) {
	for _, tc := range []struct {
		instances []string
		want      string
	}{
		{[]string{"pip install six", "pip install attrs"}, "pip install {string}"},
		{[]string{"pytest a/test_x.py -q", "pytest b/test_y.py -q"}, "pytest {path} -q"},
		{[]string{"head -n 5 a.txt", "head -n 20 b.txt"}, "head -n {number} {path}"},
		{[]string{"cp a.py b/a.py", "cp c.py b/c.py", "cp d.py b/x.py"}, "cp {path} {path2}"},
		{[]string{"mkdir x && cd x", "mkdir y && cd y"}, "mkdir {string} && cd {string}"},
		{[]string{"mkdir x && cd x", "mkdir y && cd y", "mkdir z && cd w"}, "mkdir {string} && cd {string2}"},
		{[]string{`grep -n "def foo" a.py`, `grep -n "class Bar" a.py`}, `grep -n "{string}" a.py`},
		{[]string{"tool --level=3 x", "tool --level=4 x"}, "tool --level={number} x"},
		{[]string{"same", "same"}, "same"},
		{[]string{"a b", "a x b"}, "a {string}b"},
	} {
		tpl := FromInstances(tc.instances)
		if tpl.String() != tc.want {
			t.Errorf("%q\n got %q\nwant %q", tc.instances, tpl.String(), tc.want)
		}
		checkLaws(t, tpl, tc.instances)
	}
}

// fatal is what testing.T and rapid.T share.
type fatal interface {
	Fatalf(format string, args ...any)
}

// checkLaws: every instance matches, and filling gives it back.
func checkLaws(t fatal, tpl Template, instances []string) {
	for _, x := range instances {
		values, ok := tpl.Match(x)
		if !ok {
			t.Fatalf("%q does not match %q, made of %q", x, tpl.String(), instances)
		}
		back, err := tpl.Fill(values)
		if err != nil || back != x {
			t.Fatalf("Fill(Match(%q)) = %q, %v", x, back, err)
		}
		if again := tpl.Add(x); again.String() != tpl.String() {
			t.Fatalf("adding %q again changes %q to %q", x, tpl.String(), again.String())
		}
	}
}

func TestLaws(t *testing.T) {
	word := rapid.SampledFrom([]string{"a", "b", "a.py", "1", "22", "x/y", "&&", "|", "'q r'", `"s"`, "--n=1", "--n=2", "é", "'", "(", ""})
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 7).Draw(t, "instances")
		var instances []string
		for range n {
			words := rapid.SliceOfN(word, 0, 6).Draw(t, "words")
			instances = append(instances, strings.Join(words, rapid.SampledFrom([]string{" ", " ", " ", "  ", ""}).Draw(t, "space")))
		}
		checkLaws(t, FromInstances(instances), instances)
	})
}

func TestTokensJoinToTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		if got := strings.Join(Tokens(s), ""); got != s {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

func TestBound(t *testing.T) {
	tpl := FromBound("pip install six", map[string]string{"module": "six"})
	if tpl.String() != "pip install {module}" {
		t.Fatalf("got %q", tpl.String())
	}
	tpl = tpl.AddBound("pip install -q attrs", map[string]string{"module": "attrs"})
	if got := tpl.String(); got != "pip install {string}{module}" {
		t.Fatalf("got %q", got)
	}
	late := FromInstances([]string{"cat a.py", "cat b.py"}).Bind([]map[string]string{{"path": "a.py", "n": "1"}, {"path": "b.py", "n": "1"}})
	if p := late.Params(); len(p) != 1 || p[0].Name != "path" {
		t.Fatalf("got %+v", p)
	}
	other := FromInstances([]string{"cat a.py", "cat b.py"}).Bind([]map[string]string{{"file": "a.py"}, {"file": "c.py"}})
	if p := other.Params(); p[0].Name != "path" || p[0].Bound {
		t.Fatalf("bound to a capture that differs: %+v", p)
	}
}

func TestTypesAreKept(t *testing.T) {
	tpl := FromInstances([]string{"sleep 1", "sleep 20"})
	if _, ok := tpl.Match("sleep long"); ok {
		t.Error("a number parameter took a word")
	}
	if got, ok := tpl.Match("sleep 300"); !ok || got["number"] != "300" {
		t.Errorf("got %v, %v", got, ok)
	}
	if _, err := tpl.Fill(nil); err == nil {
		t.Error("filling without a value gives no error")
	}
}

func TestSnapshotKeepsATemplate(t *testing.T) {
	tpl := FromInstances([]string{"mkdir x && cd x", "mkdir y && cd y"})
	b, err := json.Marshal(tpl)
	if err != nil {
		t.Fatal(err)
	}
	var back Template
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	got, ok := back.Add("mkdir q && cd q").Match("mkdir z && cd z")
	if !ok || !maps.Equal(got, map[string]string{"string": "z"}) {
		t.Errorf("got %v, %v", got, ok)
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"a.py": "a.py", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$(rm x)": "'$(rm x)'"} {
		if got := Quote(in); got != want {
			t.Errorf("Quote(%q) = %s, want %s", in, got, want)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("a 'b c' d", "a x d", "a 'b c' d")
	f.Add("x=1", "x=2", "y")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if len(a)+len(b) > 400 {
			return
		}
		tpl := Unify(a, b)
		checkLaws(t, tpl, []string{a, b})
		if values, ok := tpl.Match(c); ok {
			if back, err := tpl.Fill(values); err != nil || back != c {
				t.Fatalf("Fill(Match(%q)) = %q, %v", c, back, err)
			}
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	tpl := FromInstances([]string{"cd /a && python -m pytest tests/test_a.py -q 2>&1 | tail -5", "cd /b && python -m pytest tests/test_b.py -q 2>&1 | tail -9"})
	b.ReportAllocs()
	for b.Loop() {
		tpl.Add("cd /c && python -m pytest tests/test_c.py -x -q 2>&1 | tail -9")
	}
}
