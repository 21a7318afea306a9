package toolforge

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"lathe/learn"
)

var update = flag.Bool("update", false, "write the golden files")

// shapes are recorded commands as agents type them, and the tool's template.
var shapes = []struct {
	name     string
	commands []string
	template string
}{
	{"numbered_lines", []string{"nl -ba src/a.py | sed -n '1,20p'", "nl -ba 'b c.py' | sed -n '30,45p'"},
		"nl -ba {path} | sed -n '{start_line},{end_line}p'"},
	{"count_top", []string{"sort a.txt | uniq -c | sort -rn | head -n 5", "sort b.txt | uniq -c | sort -rn | head -n 10"},
		"sort {path} | uniq -c | sort -rn | head -n {lines}"},
	{"grep_first", []string{"grep -rn 'class X' src | head -20", "grep -rn def tests | head -50"},
		"grep -rn -e {pattern} {path} | head '-{lines}'"},
	{"grep_sequence", []string{"grep -n alpha f.py; sed -n '1,9p' f.py", "grep -n beta g.py; sed -n '3,5p' g.py"},
		"grep -n -e {pattern} {path}; sed -n '{start_line},{end_line}p' {path}"},
	{"find_count", []string{"find src -name '*.py' | wc -l", "find tests -name '*.txt' | wc -l"},
		"find {directory} -name {name} | wc -l"},
	{"cut_fields", []string{"cut -d , -f 1 a.csv | sort -u", "cut -d : -f 2 b.csv | sort -u"},
		"cut -d {delimiter} -f {fields} {path} | sort -u"},
	{"awk_sum", []string{"awk '{ s += $1 } END { print s }' a.txt", "awk '{ s += $1 } END { print s }' b.txt"},
		"awk '{{ s += $1 }} END {{ print s }}' {path}"},
	{"tail_grep", []string{"tail -n 100 app.log | grep -i error", "tail -n 50 web.log | grep -i warn"},
		"tail -n {lines} {path} | grep -i -e {pattern}"},
	{"words_below", []string{"wc -w < notes.txt", "wc -w < other.txt"}, "wc -w < {path}"},
	{"grep_then", []string{"grep -q alpha f.txt && wc -l f.txt", "grep -q beta g.txt && wc -l g.txt"},
		"grep -q -e {pattern} {path} && wc -l {path}"},
	{"find_grep", []string{"find . -type f -name '*.py' | xargs grep -l alpha", "find . -type f -name '*.txt' | xargs grep -l beta"},
		"find . -type f -name {name} | xargs grep -l {pattern}"},
	{"numbers", []string{"seq 1 5 | tail -n 2", "seq 1 9 | tail -n 3"}, "seq 1 {number} | tail -n {lines}"},
	{"quiet_files", []string{"cat a.txt 2>/dev/null | tr a-z A-Z", "cat b.txt 2>/dev/null | tr a-z A-Z"},
		"cat {path} 2>/dev/null | tr a-z A-Z"},
	{"merged", []string{"ls -1 a 2>&1 | head -n 3", "ls -1 b 2>&1 | head -n 4"}, "ls -1 {directory} 2>&1 | head -n {lines}"},
	{"sed_script", []string{"sed -n '/alpha/p' a.txt", "sed -n '/alpha/p' b.txt"}, "sed -n /alpha/p {path}"},
	{"git_grep_log", []string{"git log --oneline -n 5 | cat", "git log --oneline -n 7 | cat"}, "git log --oneline -n {count} | cat"},
}

func shapeSpec(t testing.TB, name string, commands []string) learn.ToolSpecification {
	t.Helper()
	o := learn.ToolOpportunity{OpportunityID: name, Name: name, Evidence: []string{"event"}}
	for _, c := range commands {
		o.Examples = append(o.Examples, learn.ToolExample{Command: c})
	}
	spec, err := Specify(o)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run the test with -update", err)
	}
	if string(want) != got {
		t.Errorf("%s differs from what is made now; run with -update and look at the change", path)
	}
}

// TestScaffoldAgreesWithItsOracle runs each generated tool's own tests, in
// which the original command is the oracle.
func TestScaffoldAgreesWithItsOracle(t *testing.T) {
	summary := regexp.MustCompile(`(?m)^\d+ passed`)
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			spec := shapeSpec(t, s.name, s.commands)
			if spec.CommandTemplate != s.template {
				t.Errorf("template\n %s, want\n %s", spec.CommandTemplate, s.template)
			}
			tool, err := Scaffold(spec)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, s.name+".py.golden", tool.Files["tool.py"])
			files := map[string][]byte{}
			for name, content := range tool.Files {
				files[name] = []byte(content)
			}
			r, err := newLocalRunner(t).Run(t.Context(), RunSpec{Image: ImageValidation, Files: files, Limits: RunLimits{Wall: 2 * time.Minute},
				Args: []string{"python3", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "test_tool.py"}})
			if err != nil {
				t.Fatal(err)
			}
			if r.ExitCode != 0 || !summary.Match(r.Stdout) {
				t.Fatalf("exit %d, %s\n%s\n%s", r.ExitCode, r.Limit, r.Stdout, r.Stderr)
			}
		})
	}
}

func TestScaffoldIsDeterministic(t *testing.T) {
	spec := shapeSpec(t, shapes[0].name, shapes[0].commands)
	a, err := Scaffold(spec)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		b, err := Scaffold(spec)
		if err != nil {
			t.Fatal(err)
		}
		if a.ContentHash != b.ContentHash || a.ToolID != b.ToolID {
			t.Fatal("the same specification gave two tools")
		}
	}
}

func TestScaffoldRefusesHostileSpecifications(t *testing.T) {
	good := shapeSpec(t, shapes[0].name, shapes[0].commands)
	for name, change := range map[string]func(*learn.ToolSpecification){
		"name":    func(s *learn.ToolSpecification) { s.Name = "x(): import os #" },
		"keyword": func(s *learn.ToolSpecification) { s.Name = "import" },
		"parameter": func(s *learn.ToolSpecification) {
			s.Parameters = json.RawMessage(`{"type":"object","properties":{"a=1):":{"type":"string"}}}`)
		},
		"type": func(s *learn.ToolSpecification) {
			s.Parameters = json.RawMessage(`{"type":"object","properties":{"a":{"type":"array"}}}`)
		},
		"unknown": func(s *learn.ToolSpecification) { s.CommandTemplate = "cat {other}" },
		"unused":  func(s *learn.ToolSpecification) { s.CommandTemplate = "cat {path}" },
		"writes":  func(s *learn.ToolSpecification) { s.CommandTemplate = "rm {path} {start_line} {end_line}" },
		"shell":   func(s *learn.ToolSpecification) { s.CommandTemplate = "cat {path} $(id) {start_line} {end_line}" },
		"brace":   func(s *learn.ToolSpecification) { s.CommandTemplate = "cat {path" },
	} {
		spec := good
		change(&spec)
		if _, err := Scaffold(spec); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
