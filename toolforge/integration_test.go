package toolforge_test

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"lathe/learn"
	"lathe/toolforge"
	"lathe/toolforge/image"
	"lathe/toolforge/sandbox"
	"lathe/toolforge/wheel"
	"lathe/toolforge/wheel/wheeltest"
)

func TestMain(m *testing.M) {
	sandbox.Init()
	goleak.VerifyTestMain(m)
}

// sandboxed is toolforge.Runner over the built-in launcher, as the server
// wires it.
type sandboxed struct {
	images   *image.Store
	launcher *sandbox.Launcher
}

func newSandboxed(t testing.TB) sandboxed {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	images, err := image.Open(filepath.Join(cache, "lathe-test", "images"))
	if err != nil {
		t.Fatal(err)
	}
	launcher, err := sandbox.NewLauncher()
	if err != nil {
		t.Fatal(err)
	}
	return sandboxed{images: images, launcher: launcher}
}

func (s sandboxed) Run(ctx context.Context, spec toolforge.RunSpec) (toolforge.RunResult, error) {
	digest, err := s.images.EnsureBase(ctx, image.Kind(spec.Image), os.Stderr)
	if err != nil {
		return toolforge.RunResult{}, err
	}
	root, err := s.images.RootFS(ctx, digest)
	if err != nil {
		return toolforge.RunResult{}, err
	}
	var env []string
	for name, value := range spec.Env {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	r, err := s.launcher.Run(ctx, &sandbox.Spec{RootFS: root, Args: spec.Args, Env: env, Dir: spec.Dir, FilesDir: spec.Dir,
		Files: spec.Files, Stdin: bytes.NewReader(spec.Stdin), Limits: sandbox.Limits{WallTime: spec.Limits.Wall, CPUTime: spec.Limits.Wall,
			MemoryBytes: int64(spec.Limits.MemoryMB) << 20, PIDs: spec.Limits.PIDs, OutputBytes: int64(spec.Limits.Output)}})
	if err != nil {
		return toolforge.RunResult{}, err
	}
	return toolforge.RunResult{ExitCode: r.ExitCode, Stdout: r.Stdout, Stderr: r.Stderr, Truncated: r.Truncated, Limit: r.Limit,
		Duration: r.Wall, MaxRSSMB: float64(r.MaxRSS) / (1 << 20), Backend: s.launcher.Name(), Degradations: r.Degradations}, nil
}

func log(t *testing.T, r learn.ValidationResult) {
	t.Helper()
	for _, c := range r.Checks {
		t.Logf("%-10s %5.1f s %v %s %s", c.Name, c.Seconds, c.Passed, c.Summary, strings.Join(c.Details, "\n    "))
	}
	t.Logf("passed %v score %.2f risk %s in %.1f s on %s, not enforced: %q", r.Passed, r.Score, r.Risk, r.Seconds, r.Backend, r.Degradations)
}

// TestValidationInTheSandbox forges a tool from recorded commands and runs
// the whole validation in the real sandbox.
func TestValidationInTheSandbox(t *testing.T) {
	runner := newSandboxed(t)
	for name, commands := range map[string][]string{
		"numbered_lines": {"nl -ba src/a.py | sed -n '1,20p'", "nl -ba 'b c.py' | sed -n '30,45p'"},
		"find_grep":      {"find . -type f -name '*.py' | xargs grep -l alpha", "find . -type f -name '*.txt' | xargs grep -l beta"},
		"recent_commits": {"git log --oneline -n 5 | cat", "git log --oneline -n 7 | cat"},
	} {
		t.Run(name, func(t *testing.T) {
			o := learn.ToolOpportunity{OpportunityID: name, Name: name, Evidence: []string{"event"}}
			for _, c := range commands {
				o.Examples = append(o.Examples, learn.ToolExample{Command: c})
			}
			spec, err := toolforge.Specify(o)
			if err != nil {
				t.Fatal(err)
			}
			tool, err := toolforge.Scaffold(spec)
			if err != nil {
				t.Fatal(err)
			}
			result, err := toolforge.Validator{Runner: runner}.Validate(t.Context(), tool, nil)
			if err != nil {
				t.Fatal(err)
			}
			log(t, result)
			if !result.Passed || result.Backend != "launcher" || result.Score < 0.8 {
				t.Errorf("passed %v, score %.2f", result.Passed, result.Score)
			}
		})
	}
}

// TestRecordedSessionsBecomeTools goes from real recorded sessions to tools
// that pass every gate in the sandbox, without a model.
func TestRecordedSessionsBecomeTools(t *testing.T) {
	runner := newSandboxed(t)
	finder := toolforge.NewFinder(toolforge.Options{})
	toolforge.Recorded(t, finder)
	made := 0
	for _, o := range finder.Opportunities() {
		if !o.Forgeable || made == recordedTools {
			continue
		}
		made++
		spec, err := toolforge.Specify(o)
		if err != nil {
			t.Fatal(err)
		}
		tool, err := toolforge.Scaffold(spec)
		if err != nil {
			t.Fatal(err)
		}
		result, err := toolforge.Validator{Runner: runner}.Validate(t.Context(), tool, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %s", tool.Manifest.Name, spec.CommandTemplate)
		log(t, result)
		if !result.Passed {
			t.Errorf("%s was refused", tool.Manifest.Name)
		}
	}
	if made < recordedTools {
		t.Errorf("%d tools, want %d", made, recordedTools)
	}
}

// recordedTools is how many of the best opportunities are made into tools: each
// takes 10 to 30 seconds.
const recordedTools = 2

// TestShellToolFromAPipeline forges a script from recorded commands and runs the
// whole validation in the real sandbox.
func TestShellToolFromAPipeline(t *testing.T) {
	o := learn.ToolOpportunity{OpportunityID: "o", Name: "field_counts", Evidence: []string{"event"}}
	for _, c := range []string{"grep alpha a.txt | cut -d' ' -f2 | sort | uniq -c | head -n 4", "grep beta 'b c.txt' | cut -d' ' -f3 | sort | uniq -c | head -n 9"} {
		o.Examples = append(o.Examples, learn.ToolExample{Command: c})
	}
	spec, err := toolforge.Specify(o)
	if err != nil {
		t.Fatal(err)
	}
	tool, err := toolforge.ScaffoldIn(spec, "shell")
	if err != nil {
		t.Fatal(err)
	}
	result, err := toolforge.Validator{Runner: newSandboxed(t)}.Validate(t.Context(), tool, nil)
	if err != nil {
		t.Fatal(err)
	}
	log(t, result)
	if !result.Passed || result.Score < 0.8 || result.Coverage < 0.9 || result.Mutants == 0 {
		t.Errorf("passed %v, score %.2f, coverage %.2f, %d of %d mutants noticed\n%s", result.Passed, result.Score, result.Coverage, result.Noticed, result.Mutants, tool.Files["tool.sh"])
	}
}

// TestToolWithADependency validates a tool that uses a package from an index,
// and refuses it when the pin is of another file.
func TestToolWithADependency(t *testing.T) {
	raw, err := wheeltest.Build("shouting", "1.2", map[string]string{
		"shouting/__init__.py": "def shout(text: str) -> str:\n    return text.upper() + '!'\n", "shouting/py.typed": "",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	index := httptest.NewServer(wheeltest.Index("shouting", map[string][]byte{"shouting-1.2-py3-none-any.whl": raw}))
	defer index.Close()
	source := wheel.Source{Place: index.URL + "/simple/"}
	v := toolforge.Validator{Runner: newSandboxed(t), Packages: func(ctx context.Context, tool learn.ProposedTool) ([]wheel.Package, error) {
		pins, err := wheel.ParseAll(tool.Manifest.Dependencies)
		if err != nil {
			return nil, err
		}
		return source.Get(ctx, pins)
	}}
	for _, c := range []struct{ dependencies, rule string }{
		{`[{"name": "Shouting", "version": "1.2", "sha256": "` + wheeltest.SHA256(raw) + `"}]`, ""},
		{`["shouting==1.2 --hash=sha256:` + strings.Repeat("0", 64) + `"]`, "dependency"},
		{`[]`, "unknown-import"},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{
			"tool.json": `{"name": "yell", "version": "1.0.0", "description": "Yell a text.", "language": "python", "dependencies": ` + c.dependencies + `,
				"parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"], "additionalProperties": false},
				"returns": {"type": "string"}, "permissions": {"filesystem": "none", "network": "none", "seconds": 5, "memory_mb": 128}}`,
			"tool.py":      "\"\"\"Yells.\"\"\"\n\nfrom shouting import shout\n\n\ndef yell(*, text: str) -> str:\n    \"\"\"Return the text, loudly.\"\"\"\n    return shout(text.strip())\n",
			"test_tool.py": "\"\"\"Tests.\"\"\"\nfrom tool import yell\n\n\ndef test_it() -> None:\n    \"\"\"It yells.\"\"\"\n    assert yell(text=\" a b \") == \"A B!\"\n",
			"README.md":    "# yell\n\nYell a text.\n",
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		tool, err := toolforge.LoadFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		result, err := v.Validate(t.Context(), tool, nil)
		if err != nil {
			t.Fatal(err)
		}
		log(t, result)
		verdict := toolforge.VerdictOf(tool, result)
		found := c.rule == "" && result.Passed && result.Risk == "medium"
		for _, r := range verdict.Reasons {
			found = found || r.Rule == c.rule
		}
		if !found {
			t.Errorf("want %q, passed %v: %+v", c.rule, result.Passed, verdict.Reasons)
		}
	}
}

// TestShellToolOfPOSIX validates a script for sh, and refuses one whose tests
// pass with bash only.
func TestShellToolOfPOSIX(t *testing.T) {
	tool, err := toolforge.LoadFolder(filepath.Join("testdata", "corpus", "good", "lines_with"))
	if err != nil {
		t.Fatal(err)
	}
	source := strings.Replace(tool.Files["tool.sh"], "#!/bin/bash", "#!/bin/sh", 1)
	for name, c := range map[string]struct{ source, refusedBy string }{
		"fine":           {source, ""},
		"only with bash": {strings.Replace(source, "grep -n", "test -n \"${BASH_VERSION:-}\" && grep -n", 1), "tests"},
		"not of POSIX":   {source + "declare -r x=1\necho \"$x\"\n", "lint"},
	} {
		t.Run(name, func(t *testing.T) {
			tool.Files["tool.sh"] = c.source
			sealed, err := toolforge.Seal(tool)
			if err != nil {
				t.Fatal(err)
			}
			result, err := toolforge.Validator{Runner: newSandboxed(t)}.Validate(t.Context(), sealed, nil)
			if err != nil {
				t.Fatal(err)
			}
			refused := slices.ContainsFunc(result.Checks, func(one learn.Check) bool { return one.Name == c.refusedBy && !one.Passed })
			if result.Passed != (c.refusedBy == "") || !result.Passed && !refused {
				log(t, result)
				t.Errorf("passed %v, want refused by %q", result.Passed, c.refusedBy)
			}
		})
	}
}

// scripted answers with recorded drafts.
type scripted struct {
	drafts []learn.ToolDraft
	asked  []learn.ToolAsk
}

func (s *scripted) WriteTool(_ context.Context, ask learn.ToolAsk) (learn.ToolDraft, error) {
	s.asked = append(s.asked, ask)
	return s.drafts[min(len(s.asked), len(s.drafts))-1], nil
}

// TestModelWritesShell lets recorded answers of a model become a script: the
// first passes a value without quotes, and is told so.
func TestModelWritesShell(t *testing.T) {
	tool, err := toolforge.LoadFolder(filepath.Join("testdata", "corpus", "good", "lines_with"))
	if err != nil {
		t.Fatal(err)
	}
	good := toolforge.DraftOf(tool)
	good.Source = strings.Replace(good.Source, "#!/bin/bash", "#!/bin/sh", 1)
	bad := good
	bad.Source = strings.Replace(good.Source, `-- "$ARG_PATH"`, "-- $ARG_PATH", 1)
	w := &scripted{drafts: []learn.ToolDraft{bad, good}}
	v := toolforge.Validator{Runner: newSandboxed(t)}
	author := toolforge.Author{Writer: w, Language: "shell", Validate: func(ctx context.Context, tool learn.ProposedTool) (learn.ValidationResult, error) {
		return v.Validate(ctx, tool, nil)
	}}
	out, err := author.Write(t.Context(), learn.ToolSpecification{Name: "lines_with", Description: tool.Manifest.Description}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if !out.Validation.Passed || len(out.Rounds) != 2 || len(w.asked) != 2 || !slices.ContainsFunc(w.asked[1].Problems, func(p string) bool { return strings.Contains(p, "tool.sh") }) {
		log(t, out.Validation)
		t.Errorf("rounds %+v", out.Rounds)
	}
}
