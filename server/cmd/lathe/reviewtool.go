package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"golang.org/x/term"

	"lathe/learn"
	"lathe/server/review"
	"lathe/toolforge"
)

// printTool shows what a tool is made of: findings with their places, the
// source, its tests, its README.
func (a *app) printTool(t *learn.ToolReviewRequest) {
	a.printFindings(t.Validation)
	for _, name := range []string{"tool.py", "tool.sh", "test_tool.py", "README.md"} {
		if text := t.Tool.Files[name]; text != "" {
			fmt.Fprintf(a.out, "\n%s\n", name)
			a.source(a.out, name, text)
		}
	}
}

// printFindings lists what the gates found, with file and line.
func (a *app) printFindings(v learn.ValidationResult) {
	var rows [][]string
	for _, c := range v.Checks {
		for _, f := range c.Findings {
			where := f.File
			if f.Line > 0 {
				where = fmt.Sprintf("%s:%d", f.File, f.Line)
			}
			rows = append(rows, []string{clean(where), c.Name, clean(f.Rule), f.Severity, cut(f.Message, 100)})
		}
	}
	if len(rows) > 0 {
		fmt.Fprintln(a.out, "\nfindings")
		a.table("WHERE CHECK RULE SEVERITY MESSAGE", rows)
	}
}

// source prints a file, coloured on a terminal only.
func (a *app) source(w io.Writer, name, text string) {
	text = strings.TrimRight(cleanLines(text), "\n") + "\n"
	if colours(w) {
		text = coloured(name, text)
	}
	_, _ = io.WriteString(w, text)
}

var (
	pythonParts = regexp.MustCompile(`(?s)(?P<text>[rbf]*"""..*?"""|[rbf]*'(?:\\.|[^'\\\n])*'|[rbf]*"(?:\\.|[^"\\\n])*")|(?P<note>#[^\n]*)|` +
		`(?P<word>\b(?:False|None|True|and|as|assert|async|await|break|class|continue|def|elif|else|except|finally|for|from|if|import|in|is|lambda|nonlocal|not|or|pass|raise|return|try|while|with|yield)\b)`)
	shellParts = regexp.MustCompile(`(?s)(?P<text>'[^']*'|"(?:\\.|[^"\\])*")|(?P<note>(?:^|\s)#[^\n]*)|` +
		`(?P<word>\b(?:if|then|elif|else|fi|for|in|do|done|while|until|case|esac|function|local|return|exit|set|export|readonly)\b)`)
	diffParts = regexp.MustCompile(`(?m)(?P<text>^\+.*$)|(?P<gone>^-.*$)|(?P<note>^@@.*$)`)
)

// coloured marks texts green, comments grey and keywords bold in Python and in shell, and
// what is new and what is gone in a diff.
func coloured(name, text string) string {
	parts := pythonParts
	switch {
	case strings.HasSuffix(name, ".diff"):
		parts = diffParts
	case strings.HasSuffix(name, ".sh"):
		parts = shellParts
	case !strings.HasSuffix(name, ".py"):
		return text
	}
	codes := map[string]string{"text": "32", "note": "90", "word": "1", "gone": "31"}
	var b strings.Builder
	last := 0
	for _, m := range parts.FindAllStringSubmatchIndex(text, -1) {
		for i, group := range parts.SubexpNames() {
			if code := codes[group]; code != "" && m[2*i] >= 0 {
				b.WriteString(text[last:m[0]] + "\x1b[" + code + "m" + text[m[0]:m[1]] + "\x1b[m")
				last = m[1]
			}
		}
	}
	return b.String() + text[last:]
}

// colours reports whether a writer is a terminal on which colours are wanted
// (no-color.org).
func colours(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// showBefore shows, before the passphrase is asked for, all that an approval
// is about.
func (a *app) showBefore(it review.Item) {
	t := it.Tool
	fmt.Fprintf(a.errs, "\nIt %s\n", clean(t.PermissionsWords))
	if t.Diff != "" {
		fmt.Fprintf(a.errs, "\nchange to the former version:\n")
		a.source(a.errs, ".diff", t.Diff)
	} else {
		name := toolforge.SourceName(t.Tool.Manifest.Language)
		fmt.Fprintf(a.errs, "\n%s\n", name)
		a.source(a.errs, name, t.Tool.Files[name])
	}
	v := t.Validation
	fmt.Fprintf(a.errs, "\n%d tests, coverage %.0f %%, risk %s (tests and findings: lathe review show %s)\n", v.TestsPassed, 100*v.Coverage, clean(it.Risk), shortID(it.ID))
}

// printEvidence shows some of the recorded calls that asked for a tool.
func (a *app) printEvidence(t *learn.ToolReviewRequest) {
	shown := 0
	for _, e := range t.Tool.Spec.Examples {
		if e.Command == "" || shown == 5 {
			continue
		}
		if shown == 0 {
			fmt.Fprintf(a.out, "asked for by %d recorded calls, such as\n", len(t.Evidence))
		}
		shown++
		fmt.Fprintf(a.out, "  %-8s  %s\n", shortID(e.EventID), cut(e.Command, 110))
	}
	if id := t.Tool.Manifest.Provenance.OpportunityID; id != "" {
		fmt.Fprintf(a.out, "  (what it would have saved: lathe tool opportunities --why %s)\n", shortID(id))
	}
}
