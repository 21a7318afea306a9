package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// commandRE is a command of this program in the documentation: between
// backquotes, or on an indented or fenced line of its own.
var commandRE = regexp.MustCompile("(?m)`lathe ([^`\n]+)`|^(?:    )?(?:\\$ )?lathe ([a-z][^\n]*)$")

// TestDocumentedCommandsExist: each command and each flag that the documentation
// names is there.
func TestDocumentedCommandsExist(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	files, err := filepath.Glob(filepath.Join(root, "server", "docs", "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no documentation: %v", err)
	}
	seen := 0
	for _, name := range append(files, filepath.Join(root, "README.md")) {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range commandRE.FindAllStringSubmatch(string(raw), -1) {
			line := m[1] + m[2]
			if strings.Contains(line, "  0.") { // a row of a table that eval prints
				continue
			}
			seen++
			if why := undocumentable(line); why != "" {
				t.Errorf("%s: lathe %s: %s", filepath.Base(name), line, why)
			}
		}
	}
	if seen < 80 {
		t.Errorf("only %d commands were found in the documentation", seen)
	}
}

// undocumentable says what a command line names that is not there.
func undocumentable(line string) string {
	line, _, _ = strings.Cut(line, " #")
	line, _, _ = strings.Cut(line, " | ")
	line, _, _ = strings.Cut(line, " -- ")
	root := (&app{flags: map[string]string{}}).root()
	var words []string
	for _, w := range strings.Fields(line) {
		words = append(words, strings.Trim(w, "[](),;:"))
	}
	if words[0] == "--help" || words[0] == "completion" || words[0] == "help" || words[0] == "COMMAND" {
		return ""
	}
	c, rest, err := root.Find(words)
	if err != nil || c == root {
		return "there is no such command"
	}
	if c.HasSubCommands() && len(rest) > 0 && regexp.MustCompile(`^[a-z]+$`).MatchString(rest[0]) && c.Name() != "mine" && c.Name() != "graph" {
		return "there is no " + rest[0]
	}
	for _, w := range rest {
		name, long := strings.CutPrefix(w, "--")
		name, _, _ = strings.Cut(name, "=")
		if long && name != "help" && !hasFlag(c, name) {
			return "there is no --" + name
		}
	}
	return ""
}

func hasFlag(c *cobra.Command, name string) bool {
	return c.Flags().Lookup(name) != nil || c.InheritedFlags().Lookup(name) != nil
}
