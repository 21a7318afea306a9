package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/mattn/go-isatty"

	"lathe/learn"
)

// print writes one JSON document.
func (a *app) print(v any) error {
	var doc bytes.Buffer
	enc := json.NewEncoder(&doc)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	a.printed = true
	_, err := bidiEscapes.WriteString(a.out, doc.String())
	return err
}

// bidiEscapes writes the characters that reorder text on a terminal as JSON
// escapes: they stand in strings only, and mean the same there.
var bidiEscapes = strings.NewReplacer("\u202a", `\u202a`, "\u202b", `\u202b`, "\u202c", `\u202c`, "\u202d", `\u202d`,
	"\u202e", `\u202e`, "\u2066", `\u2066`, "\u2067", `\u2067`, "\u2068", `\u2068`, "\u2069", `\u2069`)

// gap is what stands between two columns of a table.
const gap = "  "

// table writes rows in columns, as wide as a terminal shows them: a Chinese
// character takes two places.
func (a *app) table(header string, rows [][]string) {
	all := [][]string{strings.Split(header, " ")}
	for _, r := range rows {
		for i := range r {
			r[i] = clean(r[i])
		}
		all = append(all, r)
	}
	var widths []int
	for _, r := range all {
		for i, cell := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], ansi.StringWidth(cell))
		}
	}
	var b strings.Builder
	for _, r := range all {
		for i, cell := range r {
			b.WriteString(cell)
			if i < len(r)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-ansi.StringWidth(cell)) + gap)
			}
		}
		b.WriteByte('\n')
	}
	_, _ = io.WriteString(a.out, b.String()) // a.out's error shows at the next write, or not at all
}

// some is table for rows of which more exist than are shown: it says how many
// are left out, on stderr, and what shows them.
func (a *app) some(header string, rows [][]string, all int, how string) {
	a.table(header, rows)
	if left := all - len(rows); left > 0 {
		fmt.Fprintf(a.errs, "and %d more: %s\n", left, how)
	}
}

// clean makes recorded text safe to show on a terminal: control characters,
// which could move the cursor or change the title, and what cannot be seen
// become visible. The joiners stay within emoji and the scripts that need them.
func clean(s string) string {
	var b strings.Builder
	before := rune(0)
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case r < 0xa0 && learn.Hidden(r):
			fmt.Fprintf(&b, "\\x%02x", r)
		case learn.Hidden(r) && !((r == 0x200c || r == 0x200d) && before >= 0x600 && !learn.Hidden(before)):
			fmt.Fprintf(&b, "\\u{%x}", r)
		default:
			b.WriteRune(r)
		}
		before = r
	}
	return b.String()
}

// cleanLines is clean for text of several lines.
func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

// cut makes text safe to show, and at most n places wide.
func cut(s string, n int) string { return ansi.Truncate(clean(s), n, "…") }

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

func percent(x float64) string { return fmt.Sprintf("%.0f %%", 100*x) }
