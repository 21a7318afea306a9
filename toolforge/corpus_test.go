package toolforge_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lathe/toolforge"
)

// corpus are the tools of testdata/corpus: good ones, and bad ones with the
// stage that must refuse them and the beginning of its rule.
func corpus(t *testing.T) (good []string, bad map[string]struct{ Stage, Rule string }) {
	t.Helper()
	entries, err := os.ReadDir("testdata/corpus/good")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		good = append(good, e.Name())
	}
	raw, err := os.ReadFile("testdata/corpus/bad.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &bad); err != nil {
		t.Fatal(err)
	}
	entries, err = os.ReadDir("testdata/corpus/bad")
	if err != nil || len(entries) != len(bad) || len(bad) < 40 || len(good) < 20 {
		t.Fatalf("%d good tools, %d bad ones, %d of them with an expectation: %v", len(good), len(entries), len(bad), err)
	}
	return good, bad
}

// TestCorpus validates every tool of the corpus in the sandbox: each bad one
// is refused for its reason, each good one passes.
func TestCorpus(t *testing.T) {
	runner := newSandboxed(t)
	good, bad := corpus(t)
	validate := func(t *testing.T, dir string) toolforge.Verdict {
		tool, err := toolforge.LoadFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		r, err := toolforge.Validator{Runner: runner, Parallel: 1}.Validate(t.Context(), tool, nil)
		if err != nil {
			t.Fatal(err)
		}
		return toolforge.VerdictOf(tool, r)
	}
	for _, name := range good {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if v := validate(t, filepath.Join("testdata/corpus/good", name)); v.Verdict != "pass" || len(v.Reasons) > 0 || v.Score < 0.8 {
				t.Errorf("%s, score %.2f: %+v", v.Verdict, v.Score, v.Reasons)
			}
		})
	}
	for name, want := range bad {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := validate(t, filepath.Join("testdata/corpus/bad", name))
			found := false
			for _, r := range v.Reasons {
				found = found || r.Stage == want.Stage && strings.HasPrefix(r.Rule, want.Rule)
			}
			if v.Verdict != "refuse" || !found || v.Risk != "high" || v.Score >= 0.5 {
				t.Errorf("%s, score %.2f, want %s %s: %+v", v.Verdict, v.Score, want.Stage, want.Rule, v.Reasons)
			}
		})
	}
}
