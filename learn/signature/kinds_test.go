package signature

import (
	"cmp"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// failureOf is one line of fixtures/kinds.
type failureOf struct {
	ID, Kind, Tool, Output string
}

// toolFamily is the language or program whose failures a person would group
// when asked for kinds within one tool; what stands nowhere is the shell.
var toolFamily = map[string]string{
	"python": "python", "pytest": "python", "mypy": "python", "unittest": "python", "requests": "python", "asyncio": "python",
	"numpy": "python", "django": "python", "doctest": "python",
	"rust": "rust", "cargo": "rust", "rustc": "rust", "java": "java", "javac": "java",
	"c": "c", "gcc": "c", "g++": "c", "clang": "c", "ld": "c", "asan": "c",
	"node": "node", "jest": "node", "vitest": "node", "mocha": "node", "tsc": "node", "ts-node": "node", "webpack": "node",
	"vite": "node", "ava": "node", "esbuild": "node", "npm": "npm", "npx": "npm",
	"go": "go", "git": "git", "php": "php", "phpunit": "php", "ruby": "ruby", "rspec": "ruby", "minitest": "ruby", "perl": "perl", "lua": "lua",
}

// agreement is how well groups agree with labels: the F1 of pairs, and the
// harmonic mean of homogeneity and completeness (Rosenberg and Hirschberg,
// V-Measure, 2007).
type agreement struct{ precision, recall, pairs, v float64 }

func agree(labels, groups []string) agreement {
	n, byLabel, byGroup := map[[2]string]float64{}, map[string]float64{}, map[string]float64{}
	for i := range labels {
		n[[2]string{labels[i], groups[i]}]++
		byLabel[labels[i]]++
		byGroup[groups[i]]++
	}
	all := float64(len(labels))
	var both, found, wanted, hl, hg, hlg, hgl float64
	for c, k := range n {
		both += k * (k - 1)
		hlg -= k / all * math.Log(k/byGroup[c[1]])
		hgl -= k / all * math.Log(k/byLabel[c[0]])
	}
	for _, k := range byLabel {
		wanted += k * (k - 1)
		hl -= k / all * math.Log(k/all)
	}
	for _, k := range byGroup {
		found += k * (k - 1)
		hg -= k / all * math.Log(k/all)
	}
	h, c := 1-hlg/hl, 1-hgl/hg
	return agreement{both / found, both / wanted, 2 * both / (found + wanted), 2 * h * c / (h + c)}
}

// firstWord is the simplest grouping: the first word of the line that says what
// went wrong, the end of a traceback or the first line with a word of error.
func firstWord(e *errorWords, output string) string {
	lines := cleanLines(output)
	if at := e.salient(lines); at >= 0 {
		return strings.Fields(lines[at])[0]
	}
	return strings.Fields(strings.TrimFunc(output, unicode.IsSpace) + " -")[0]
}

// TestKinds prints how signatures group failures that a person has labelled by
// kind (fixtures/kinds/README.md has the rule), beside the first word of the
// error line and beside templates alone, and holds floors a bit below what was
// measured.
func TestKinds(t *testing.T) {
	for _, half := range []struct {
		file               string
		idPairs, idV       float64 // signatures against kinds within a tool
		classPairs, classV float64 // classes against kinds
	}{{"dev", 0.48, 0.90, 0.95, 0.97}, {"held", 0.46, 0.89, 0.77, 0.92}} {
		all := jsonLines[failureOf](t, filepath.Join("..", "..", "fixtures", "kinds", half.file+".jsonl"))
		words, a, templates := newErrorWords(), newAnalyser(t), newAnalyser(t)
		var kinds, fine, texts, ids, classes, first, mined []string
		for _, f := range all {
			family := toolFamily[f.Tool]
			if family == "" {
				family = "shell"
			}
			kinds, fine = append(kinds, f.Kind), append(fine, family+"/"+f.Kind)
			texts, first = append(texts, f.Output), append(first, firstWord(words, f.Output))
			line := f.Output
			if lines := cleanLines(f.Output); words.salient(lines) >= 0 {
				line = lines[words.salient(lines)]
			}
			id, _ := templates.LearnLine(line)
			mined = append(mined, id)
		}
		a.LearnLines(texts, func(id, _, class string) {
			ids = append(ids, id)
			classes = append(classes, cmp.Or(class, id))
		})
		if len(all) < 400 || len(slices.Compact(slices.Sorted(slices.Values(kinds)))) < 42 {
			t.Errorf("%s: only %d outputs", half.file, len(all))
		}
		show := func(by string, labels, groups []string) agreement {
			g := agree(labels, groups)
			t.Logf("%-4s %-28s pairs: precision %.3f recall %.3f F1 %.3f; V-measure %.3f", half.file, by, g.precision, g.recall, g.pairs, g.v)
			return g
		}
		show("first word, kind", kinds, first)
		show("templates, kind", kinds, mined)
		show("signature, kind", kinds, ids)
		if g := show("class, kind", kinds, classes); g.pairs < half.classPairs || g.v < half.classV {
			t.Errorf("%s: classes agree with the labels less than they did: F1 of pairs %.3f, V-measure %.3f", half.file, g.pairs, g.v)
		}
		show("first word, tool and kind", fine, first)
		show("templates, tool and kind", fine, mined)
		if g := show("signature, tool and kind", fine, ids); g.pairs < half.idPairs || g.v < half.idV {
			t.Errorf("%s: signatures agree with the labels less than they did: F1 of pairs %.3f, V-measure %.3f", half.file, g.pairs, g.v)
		}
	}
}
