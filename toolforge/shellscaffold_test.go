package toolforge

import (
	"errors"
	"strings"
	"testing"

	"lathe/learn"
)

// TestScaffoldsInShellKeepTheRules writes every shape of the scaffold's tests as a
// script, too: what the forge writes must be what it would accept.
func TestScaffoldsInShellKeepTheRules(t *testing.T) {
	for _, c := range shapes {
		t.Run(c.name, func(t *testing.T) {
			spec := shapeSpec(t, c.name, c.commands)
			tool, err := ScaffoldIn(spec, "shell")
			if err != nil {
				t.Fatal(err)
			}
			source := tool.Files[sourceShell]
			file, err := parseScript(source)
			if err != nil {
				t.Fatalf("%v\n%s", err, source)
			}
			all := findShell(tool.Manifest, file)
			all = append(all, shellPrologue(tool.Manifest, source, file)...)
			all = append(all, shellComplexity(source, file)...)
			if len(all) > 0 {
				t.Errorf("%+v\n%s", all, source)
			}
		})
	}
	if _, err := ScaffoldIn(learn.ToolSpecification{Name: "a"}, "cobol"); !errors.Is(err, ErrNotForgeable) || !strings.Contains(err.Error(), "python or shell") {
		t.Errorf("another language: %v", err)
	}
}
