package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// repository is the top folder, seen from this package.
const repository = "../.."

func pages(t *testing.T) map[string]string {
	t.Helper()
	names, err := fs.Glob(FS, "*.md")
	if err != nil || len(names) < 2 {
		t.Fatalf("%d pages are embedded, %v", len(names), err)
	}
	out := map[string]string{}
	for _, name := range names {
		raw, err := FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(raw)
	}
	return out
}

var link = regexp.MustCompile(`\]\(([^)]*)\)`)

func TestEveryLinkLeadsToAPage(t *testing.T) {
	all := pages(t)
	reached := map[string]bool{"README.md": true}
	for name, text := range all {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			file, anchor, _ := strings.Cut(m[1], "#")
			if file == "" {
				file = name
			}
			target, ok := all[file]
			if !ok {
				t.Errorf("%s: there is no page %q", name, m[1])
				continue
			}
			reached[file] = true
			if anchor != "" && !slices.Contains(anchors(target), anchor) {
				t.Errorf("%s: %s has no heading #%s", name, file, anchor)
			}
		}
	}
	for name := range all {
		if !reached[name] {
			t.Errorf("no page leads to %s", name)
		}
	}
}

var heading = regexp.MustCompile(`(?m)^#+ (.*)$`)

func anchors(page string) []string {
	var out []string
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		out = append(out, strings.ReplaceAll(regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return out
}

var quoted = regexp.MustCompile("`((?:server|mcp|lsp|learn|toolforge|index|fixtures)(?:/[a-z-]+)*)`")

func TestEveryPackageNamedIsThere(t *testing.T) {
	named := map[string]bool{}
	for name, text := range pages(t) {
		for _, m := range quoted.FindAllStringSubmatch(text, -1) {
			named[m[1]] = true
			if files, err := filepath.Glob(filepath.Join(repository, m[1], "*.go")); err != nil || len(files) == 0 {
				t.Errorf("%s: there is no package %s", name, m[1])
			}
		}
	}
	if len(named) < 20 {
		t.Errorf("only %d packages are named", len(named))
	}
}

// inCode returns what the expression captures in a source file.
func inCode(t *testing.T, path, expression string) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(repository, path))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile(expression).FindAllStringSubmatch(string(raw), -1) {
		out = append(out, m[1])
	}
	return out
}

// inTable returns the first cells of a page's tables that are one code word.
func inTable(page string) []string {
	var out []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_-]+)` \\|").FindAllStringSubmatch(page, -1) {
		out = append(out, m[1])
	}
	return out
}

func TestSettingsAndFormatsAreThoseOfTheCode(t *testing.T) {
	all := pages(t)
	for _, tc := range []struct{ page, path, expression string }{
		{"configuration.md", "server/config.go", `(?:mk\(|\{)"([a-z_]+)", (?:true|false), func`},
		{"formats.md", "server/intake/import.go", `case "([a-z-]+)":\n\t\treturn`},
	} {
		code, page := inCode(t, tc.path, tc.expression), inTable(all[tc.page])
		if len(code) < 5 {
			t.Fatalf("%s: found only %q", tc.path, code)
		}
		for _, word := range code {
			if !slices.Contains(page, word) {
				t.Errorf("%s lacks %q of %s", tc.page, word, tc.path)
			}
		}
		if tc.page != "configuration.md" {
			continue
		}
		for _, word := range page {
			if !slices.Contains(code, word) {
				t.Errorf("%s describes %q, which %s does not have", tc.page, word, tc.path)
			}
		}
	}
}

// A command that a page names exists in the command line's source.
func TestEveryCommandNamedIsThere(t *testing.T) {
	sources, err := filepath.Glob(filepath.Join(repository, "server", "cmd", "lathe", "*.go"))
	if err != nil || len(sources) == 0 {
		t.Fatalf("no sources, %v", err)
	}
	known := map[string]bool{"help": true}
	for _, path := range sources {
		rel, err := filepath.Rel(repository, path)
		if err != nil {
			t.Fatal(err)
		}
		for _, use := range inCode(t, rel, `(?:Use:\s*|verdictCmd\()"([a-z]+)`) {
			known[use] = true
		}
	}
	for name, text := range pages(t) {
		for _, m := range regexp.MustCompile("(?m)(?:`|^)lathe ([a-z]+)(?: ([a-z]+))?").FindAllStringSubmatch(text, -1) {
			for _, word := range m[1:] {
				if word != "" && !known[word] && !slices.Contains([]string{"import", "connect", "hook"}, m[1]) {
					t.Errorf("%s: there is no command %q (in %q)", name, word, m[0])
				}
			}
		}
	}
}
