package recovery

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// covers reports whether the template's constants stand in words, in order:
// what is left out may stand anywhere.
func covers(template, words []string) bool {
	for _, w := range words {
		if len(template) > 0 && template[0] == anyToken {
			template = template[1:]
		}
		if len(template) > 0 && template[0] == w {
			template = template[1:]
		}
	}
	return len(template) == 0 || len(template) == 1 && template[0] == anyToken
}

func TestUnifyExamples(t *testing.T) {
	tests := []struct{ a, b, want string }{
		{"bin/test {target} -v", "bin/test {target}", "bin/test {target}"},
		{"X=1 bin/test a", "bin/test b", "bin/test {any}"},
		{"pip install {any}", "pip install x", "pip install {any}"},
		{"a b c", "a x c", "a {any} c"},
		{"a", "b", "{any}"},
	}
	for _, tt := range tests {
		if got := strings.Join(unify(strings.Fields(tt.a), strings.Fields(tt.b)), " "); got != tt.want {
			t.Errorf("unify(%q, %q) = %q, want %q", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestUnifyGeneralises(t *testing.T) {
	word := rapid.SampledFrom([]string{"a", "b", "c", "-x", "{module}"})
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOfN(word, 0, 8).Draw(t, "a")
		b := rapid.SliceOfN(word, 0, 8).Draw(t, "b")
		c := rapid.SliceOfN(word, 0, 8).Draw(t, "c")
		ab := unify(a, b)
		abc := unify(ab, c)
		for _, words := range [][]string{a, b, c} {
			if !covers(abc, words) {
				t.Fatalf("template %q of %q does not cover %q", abc, ab, words)
			}
		}
		if !slices.Equal(unify(a, a), a) {
			t.Fatalf("unify(a, a) = %q, a = %q", unify(a, a), a)
		}
	})
}

func TestTokens(t *testing.T) {
	tests := []struct{ in, want, head string }{
		{"cd /x && pytest -x tests 2>&1 | head -20", "pytest -x tests", "pytest"},
		{"python -m pip install 'a b'", "python -m pip install {any}", "python -m pip"},
		{"./bin/test x | head", "bin/test x", "bin/test"},
		{"/usr/bin/python3 -m x", "python3 -m x", "python3 -m x"},
		{"./run && /opt/a/run", "./run && /opt/a/run", "./run ; run"},
		{"python tests/run.py x", "python tests/run.py x", "python tests/run.py"},
		{"FOO=1 sudo apt-get install -y jq; jq .", "FOO=1 sudo apt-get install -y jq ; jq .", "apt-get install ; jq"},
		{"cat > f <<EOF\nrm -rf /\nEOF", "cat > f {any}", "cat"},
		{"awk '{print $1}' f", "awk {any} f", "awk"},
		{"a&&b||c|d", "a && b || c | d", "a ; b ; c ; d"},
		{"", "", ""},
		{"'unclosed", "'unclosed", "'unclosed"},
		{"sleep 9 &", "sleep 9 &", "sleep"},
	}
	for _, tt := range tests {
		got := tokens(tt.in)
		if strings.Join(got, " ") != tt.want || head(got) != tt.head {
			t.Errorf("tokens(%q) = %q, head %q; want %q, %q", tt.in, strings.Join(got, " "), head(got), tt.want, tt.head)
		}
	}
}

func TestSameTarget(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"tests/forms/test_a.py", "tests/forms/test_a.py::TestX::test_y", true},
		{"tests/forms/test_a.py", "forms.test_a", true},
		{"/repo/src/x.go", "src/x.go", true},
		{"src/x.go", "src/y.go", false},
		{"a", "ab", false},
	}
	for _, tt := range tests {
		if got := sameTarget(tt.a, tt.b); got != tt.want || sameTarget(tt.b, tt.a) != tt.want {
			t.Errorf("sameTarget(%q, %q) = %v", tt.a, tt.b, got)
		}
	}
}

func FuzzTokens(f *testing.F) {
	for _, s := range []string{"a 'b c' | head", "x <<E\ny\nE", "\\", "{}{a}{", "cd x && y", "\xff\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		words := tokens(s)
		if len(words) > maxTokens {
			t.Fatalf("%d words", len(words))
		}
		head(words)
		for _, w := range words {
			bindWord(w, []filler{{"m", "m", "abc"}})
			parameters(w)
		}
	})
}
