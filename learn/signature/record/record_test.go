package main

import (
	"strings"
	"testing"

	"lathe/learn/signature"
)

// TestScenariosAreSound: they parse, each has an id of its own, and those that
// name a pattern name one that exists.
func TestScenariosAreSound(t *testing.T) {
	areas, err := loadAreas()
	if err != nil {
		t.Fatal(err)
	}
	analyser, err := signature.New()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, a := range areas {
		for _, s := range a.Scenarios {
			if seen[s.ID] {
				t.Errorf("%s stands twice", s.ID)
			}
			seen[s.ID] = true
			for _, id := range append(s.Near, s.Pattern) {
				if id == "" {
					continue
				}
				if _, ok := analyser.Pattern(id); !ok {
					t.Errorf("%s: there is no pattern %q", s.ID, id)
				}
			}
		}
	}
	if len(seen) < 500 {
		t.Errorf("%d scenarios", len(seen))
	}
}

func TestParseScenario(t *testing.T) {
	a, err := parseArea("demo", "== begin\nstart it\n== a/b root seconds=3 near=c/d\nset up\n--\nrun it\n\n== any\nrun that\n== end\nstop it\n")
	if err != nil {
		t.Fatal(err)
	}
	if a.Begin != "start it" || a.End != "stop it" || len(a.Scenarios) != 2 {
		t.Fatalf("got %+v", a)
	}
	first, second := a.Scenarios[0], a.Scenarios[1]
	if first.ID != "demo/a/b/1" || first.Setup != "set up" || first.Command != "run it" || !first.Root || first.Limit.Seconds() != 3 || first.Near[0] != "c/d" {
		t.Errorf("first %+v", first)
	}
	if second.Pattern != "" || second.Setup != "" || second.Command != "run that" {
		t.Errorf("second %+v", second)
	}
	for _, bad := range []string{"== a/b nosuchflag\nrun", "== a/b seconds=x\nrun", "== a/b\n\n"} {
		if _, err := parseArea("demo", bad); err == nil {
			t.Errorf("%q parses", bad)
		}
	}
}

func TestToolResult(t *testing.T) {
	for _, tc := range []struct {
		line, text string
		failed, ok bool
	}{
		{`{"message":{"content":[{"type":"tool_result","is_error":true,"content":"gone"}]}}`, "gone", true, true},
		{`{"message":{"content":[{"type":"tool_result","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}}`, "ab", false, true},
		{`{"message":{"content":[{"type":"text","text":"a"}]}}`, "", false, false},
		{`no json`, "", false, false},
	} {
		if text, failed, ok := toolResult([]byte(tc.line)); text != tc.text || failed != tc.failed || ok != tc.ok {
			t.Errorf("%s: got %q, %v, %v", tc.line, text, failed, ok)
		}
	}
}

func FuzzParseArea(f *testing.F) {
	f.Add("== a/b root\nset up\n--\nrun\n")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseArea("x", text)
		if err != nil {
			return
		}
		for _, s := range a.Scenarios {
			if s.Command == "" || !strings.HasPrefix(s.ID, "x/") {
				t.Fatalf("%+v", s)
			}
		}
	})
}

func FuzzToolResult(f *testing.F) {
	f.Add([]byte(`{"message":{"content":[{"type":"tool_result","is_error":true,"content":"gone"}]}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if text, failed, ok := toolResult(line); !ok && (text != "" || failed) {
			t.Fatalf("%q: %q, %v without a result", line, text, failed)
		}
	})
}
