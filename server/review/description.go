package review

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pmezard/go-difflib/difflib"

	"lathe/learn"
)

// maxShown bounds what a summary shows of two definitions, in bytes.
const maxShown = 16 << 10

// descriptionItem is a changed description as a reviewer sees it.
func descriptionItem(c learn.DescriptionChange) *Item {
	var b strings.Builder
	risk := "medium"
	if len(c.Old) == 0 {
		fmt.Fprintf(&b, "Server %s has a %s %s that agents are not told of until you approve its description.\n", c.Server, c.What(), c.Tool)
	} else {
		fmt.Fprintf(&b, "Server %s describes its %s %s in another way than before. Agents are told the earlier description until you approve the new one.\n", c.Server, c.What(), c.Tool)
	}
	for _, f := range c.Findings {
		risk = "high"
		fmt.Fprintf(&b, "It has %s.\n", f)
	}
	b.WriteByte('\n')
	b.WriteString(descriptionDiff(c))
	title := c.Server + " " + c.Tool
	if c.Kind != "" {
		title = c.Server + " " + c.Kind + " " + c.Tool
	}
	return &Item{ID: c.ChangeID, Kind: KindDescription, Title: title + ": description", Summary: b.String(),
		Risk: risk, ContentHash: c.ContentHash, Description: &c}
}

// descriptionDiff shows both definitions line by line, with every character
// outside ASCII written out: what is hidden is to be seen here.
func descriptionDiff(c learn.DescriptionChange) string {
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{A: difflib.SplitLines(shown(c.Old)), B: difflib.SplitLines(shown(c.New)),
		FromFile: "told now", ToFile: "new", Context: 3})
	if err != nil {
		text = shown(c.New)
	}
	if len(text) > maxShown {
		text = text[:maxShown] + fmt.Sprintf("\n[%d bytes cut]\n", len(text)-maxShown)
	}
	return text
}

func shown(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	var out strings.Builder
	for _, r := range b.String() {
		if r < 0x7F {
			out.WriteRune(r)
		} else {
			fmt.Fprintf(&out, `\u{%04x}`, r)
		}
	}
	return out.String() + "\n"
}
