package web

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func joinTokens(tokens []token) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteString(t.Text)
	}
	return b.String()
}

func TestHighlight(t *testing.T) {
	for name, tc := range map[string]struct{ file, source, want string }{
		"definition":     {"tool.py", "def count(x):", "k:def f:count"},
		"strings":        {"tool.py", `a = f"x{y}" + 'z\'s' + rb'' # done`, `s:f"x{y}" s:'z\'s' s:rb'' c:# done`},
		"docstring":      {"tool.py", "\"\"\"two\nlines\"\"\"\nreturn None", "s:\"\"\"two\nlines\"\"\" k:return k:None"},
		"not closed":     {"tool.py", "x = 'open\ny = 1", "s:'open n:1"},
		"decorator":      {"tool.py", "@app.get\nclass A: pass", "f:@app.get k:class f:A k:pass"},
		"words in words": {"tool.py", "define = information", ""},
		"shell":          {"run.sh", "if [ $HOME ]; then echo a#b # c\nfi", "k:if f:$HOME k:then c:# c k:fi"},
		"json":           {"tool.json", `{"a": [1.5, true]}`, `s:"a" n:1.5 k:true`},
		"other":          {"README.md", "# def", ""},
		"multi-byte":     {"tool.py", "# größer\ndef über(): pass", "c:# größer k:def f:über k:pass"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			tokens := highlight(tc.file, tc.source)
			for _, tok := range tokens {
				if tok.Class != "" {
					got = append(got, tok.Class+":"+tok.Text)
				}
			}
			if s := strings.Join(got, " "); s != tc.want {
				t.Errorf("got  %s\nwant %s", s, tc.want)
			}
			if s := joinTokens(tokens); s != tc.source {
				t.Errorf("the source became %q", s)
			}
		})
	}
}

// FuzzHighlight: whatever the source, the tokens joined are the source, and the
// lines are its lines.
func FuzzHighlight(f *testing.F) {
	for _, s := range []string{toolSource, hostile, `"""`, "'\\", "r'", "\xff\\\xff", "\\\u00e9", "$", "@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, name := range []string{"a.py", "a.sh", "a.json", "a"} {
			tokens := highlight(name, s)
			if joinTokens(tokens) != s {
				t.Fatalf("%s: %q became %q", name, s, joinTokens(tokens))
			}
			var lines []string
			for _, l := range inLines(tokens) {
				lines = append(lines, joinTokens(l))
			}
			if strings.Join(lines, "\n") != s {
				t.Fatalf("%s: lines %q", name, lines)
			}
		}
	})
}

// Both sides of a diff, read down, are the two texts.
func TestSidesAreBothTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var diff, before, after []string
		for range rapid.IntRange(1, 20).Draw(t, "lines") {
			text := rapid.StringMatching(`[ab é]{0,8}`).Draw(t, "text")
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				diff, before, after = append(diff, " "+text), append(before, text), append(after, text)
			case 1:
				diff, before = append(diff, "-"+text), append(before, text)
			default:
				diff, after = append(diff, "+"+text), append(after, text)
			}
		}
		var left, right []string
		for _, row := range sides(diffLines("@@ -1,3 +1,3 @@\n" + strings.Join(diff, "\n"))) {
			if row.Hunk != "" {
				continue
			}
			for _, s := range []struct {
				side
				all *[]string
			}{{row.Old, &left}, {row.New, &right}} {
				if s.No == 0 {
					continue
				}
				*s.all = append(*s.all, s.Pre+s.Mid+s.Post)
				if s.No != len(*s.all) {
					t.Fatalf("line %d is numbered %d", len(*s.all), s.No)
				}
			}
		}
		if l, r := strings.Join(left, "\n"), strings.Join(right, "\n"); strings.TrimRight(l, "\n ") != strings.TrimRight(strings.Join(before, "\n"), "\n ") ||
			strings.TrimRight(r, "\n ") != strings.TrimRight(strings.Join(after, "\n"), "\n ") {
			t.Fatalf("diff %q:\nleft  %q\nright %q", diff, l, r)
		}
	})
}
