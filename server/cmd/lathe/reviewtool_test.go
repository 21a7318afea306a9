package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

var escapes = regexp.MustCompile(`\x1b\[[0-9]*m`)

// Colours add nothing but colours, and only where they are wanted.
func TestColoured(t *testing.T) {
	for name, text := range map[string]string{
		"tool.py":   "def f(x):\n    \"\"\"Doc # no note.\"\"\"\n    return 'it\\'s'  # a note\nimported = \"x\"\n",
		".diff":     "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n same\n",
		"README.md": "# title\n",
	} {
		got := coloured(name, text)
		if plain := escapes.ReplaceAllString(got, ""); plain != text {
			t.Errorf("%s: %q became %q", name, text, plain)
		}
		if name == "tool.py" {
			for _, want := range []string{"\x1b[1mdef\x1b[m", "\x1b[1mreturn\x1b[m", "\x1b[90m# a note\x1b[m", "\x1b[32m'it\\'s'\x1b[m", "\nimported = "} {
				if !strings.Contains(got, want) {
					t.Errorf("%q lacks %q", got, want)
				}
			}
		}
	}
	var b bytes.Buffer
	(&app{}).source(&b, "tool.py", "def f(): pass\x1b[31m")
	if got := b.String(); got != "def f(): pass\\x1b[31m\n" {
		t.Errorf("a file got %q", got)
	}
}
