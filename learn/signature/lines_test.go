package signature

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// failureLines are the lines of all recorded outputs and logs.
func failureLines(tb testing.TB) (lines []string) {
	for _, r := range recordings(tb) {
		lines = append(lines, strings.Split(r.Output, "\n")...)
		lines = append(lines, r.Output)
	}
	for _, c := range recorded(tb) {
		for _, l := range c.lines {
			lines = append(lines, l.line)
		}
	}
	return lines
}

// TestLinesAreNamedAsTextsAre holds the fast way to the general one, line by
// line and in the same order.
func TestLinesAreNamedAsTextsAre(t *testing.T) {
	texts := append(failureLines(t), "", " ", "\r", "a\nb", "Exit code 1", "x.Y: z", "  os.PathError: gone", "Traceback (most recent call last):",
		"make: *** [all] Error 1", "0 errors", "# fail", "E   ValueError: x", "\x1b[31merror\x1b[0m: no", "VALUEERROR", "\xff error", strings.Repeat("error ", 300))
	slow, fast := newAnalyser(t), newAnalyser(t)
	i := 0
	fast.LearnLines(texts, func(id, template, class string) {
		wantID, wantTemplate, wantClass := slow.learnText(texts[i])
		if id != wantID || template != wantTemplate || class != wantClass {
			t.Fatalf("%q is %s %q of class %q, want %s %q of class %q", texts[i], id, template, class, wantID, wantTemplate, wantClass)
		}
		i++
	})
	if i != len(texts) {
		t.Fatalf("%d answers to %d texts", i, len(texts))
	}
}

// TestErrorWordsAreThoseOfTheExpressions holds the automaton to the regular
// expressions.
func TestErrorWordsAreThoseOfTheExpressions(t *testing.T) {
	e := newErrorWords()
	check := func(t rapid.TB, line string) {
		if got, want := e.says(line), errorWord.MatchString(line) && !noErrors.MatchString(line); got != want {
			t.Fatalf("%q: says an error %v, want %v", line, got, want)
		}
		if got, want := isClassLine(line), classLine.MatchString(line); got != want {
			t.Fatalf("%q: is a class %v, want %v", line, got, want)
		}
	}
	for _, l := range failureLines(t) {
		check(t, l)
		check(t, strings.ToUpper(l))
	}
	pieces := rapid.SampledFrom(append([]string{" ", "x", "_", "S", ".", "0", "no", "ed", "Value", "ing", ": ", "warning:", "#", "é", "\u017f", "K"}, e.words...))
	rapid.Check(t, func(t *rapid.T) {
		line := strings.Join(rapid.SliceOfN(pieces, 0, 6).Draw(t, "pieces"), rapid.SampledFrom([]string{"", " "}).Draw(t, "between"))
		check(t, line)
	})
}

// BenchmarkLearnLines names lines of recorded outputs and logs, all different
// within a batch: lines/s on one core with -cpu 1.
func BenchmarkLearnLines(b *testing.B) {
	a := newAnalyser(b)
	seen := map[string]bool{}
	var texts []string
	for _, l := range failureLines(b) {
		if !seen[l] && !strings.Contains(l, "\n") {
			seen[l] = true
			texts = append(texts, l)
		}
	}
	n := 0
	for b.Loop() {
		a.LearnLines(texts, func(id, _, _ string) { n += len(id) })
	}
	b.ReportMetric(float64(b.N*len(texts))/b.Elapsed().Seconds(), "lines/s")
	if n == 0 {
		b.Fatal(fmt.Sprint("no answers to ", len(texts)))
	}
}
