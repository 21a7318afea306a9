package lsp

import (
	"strings"

	"go.lsp.dev/protocol"
)

const (
	maxHovered = 5    // proposals in one hover
	maxDetail  = 4000 // bytes of one proposal's detail in it
)

// hover tells what is proposed on a line, and on what grounds, and how what the
// cursor is on failed before.
func (c *connection) hover(p *protocol.HoverParams) (*protocol.Hover, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.docs.get(string(p.TextDocument.URI))
	if d == nil || !on(c.settings.Hover) {
		return nil, nil
	}
	at := protocol.Range{Start: p.Position, End: p.Position}
	word := d.wordAt(p.Position, c.can.encoding)
	var texts []string
	var place protocol.Range
	for _, pl := range c.placements(d) {
		used := pl.fact != nil && word != "" && lastPart(pl.fact.Symbol) == word // where it is used, too
		if !used && !touches(pl.place, at) || len(texts) == maxHovered {
			continue
		}
		if len(texts) == 0 && !used {
			place = pl.place
		}
		texts = append(texts, c.told(pl))
	}
	if len(texts) == 0 {
		return nil, nil
	}
	content := &protocol.MarkupContent{Kind: protocol.MarkupKindPlainText, Value: strings.Join(texts, "\n\n")}
	if c.can.markdownHover {
		content.Kind, content.Value = protocol.MarkupKindMarkdown, strings.Join(texts, "\n\n---\n\n")
	}
	h := &protocol.Hover{Contents: content}
	if place != (protocol.Range{}) {
		h.Range = &place
	}
	return h, nil
}

// told is what a placement says.
func (c *connection) told(pl placement) string {
	switch {
	case pl.proposal != nil && c.can.markdownHover:
		return markdown(pl.proposal)
	case pl.proposal != nil:
		return plain(pl.proposal)
	case c.can.markdownHover:
		return factMarkdown(pl.fact)
	default:
		return factPlain(pl.fact)
	}
}

// subject is what a fact is about, in a word or two.
func (f *Fact) subject() string {
	switch {
	case f.Step != "":
		return "step " + oneLine(f.Step, 60)
	case f.Symbol != "":
		return oneLine(f.Symbol, 60)
	case f.whole():
		return "this file"
	}
	return "this line"
}

func factMarkdown(f *Fact) string {
	s := "**Lathe: " + Escape(f.subject()) + " " + Escape(f.rate()) + ".**"
	if t := oneLine(f.Summary, 600); t != "" {
		s += "\n\n" + Escape(t)
	}
	if f.Detail != "" {
		s += "\n\n" + closeFence(cut(f.Detail, maxDetail))
	}
	return s + evidence(f.EvidenceURL)
}

func factPlain(f *Fact) string {
	parts := []string{"Lathe: " + f.subject() + " " + f.rate() + "."}
	for _, s := range []string{oneLine(f.Summary, 600), cut(f.Detail, maxDetail), webLink(f.EvidenceURL)} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "\n")
}

// evidence is a link to the review page, when there is one.
func evidence(u string) string {
	link := webLink(u)
	if link == "" {
		return ""
	}
	return "\n\n[Evidence](<" + strings.NewReplacer("<", "%3C", ">", "%3E", "\n", "").Replace(link) + ">)"
}

// wordAt is the name at a position; "" when there is none.
func (d *document) wordAt(p protocol.Position, enc encoding) string {
	if d.lines == nil {
		return ""
	}
	i, at := d.locate(p, enc)
	line := d.lines[i]
	for start := 0; start <= at && start < len(line); {
		end := wordEnd(line, start)
		if end == start {
			start++
			continue
		}
		if at <= end {
			return line[start:end]
		}
		start = end
	}
	return ""
}

func markdown(p *Proposal) string {
	var b strings.Builder
	b.WriteString("**Lathe proposes: " + Escape(oneLine(p.Title, 120)) + "**")
	if facts := facts(p); facts != "" {
		b.WriteString(" (" + Escape(facts) + ")")
	}
	if s := oneLine(p.Summary, 600); s != "" {
		b.WriteString("\n\n" + Escape(s))
	}
	if p.Detail != "" {
		b.WriteString("\n\n" + closeFence(cut(p.Detail, maxDetail)))
	}
	b.WriteString(evidence(p.EvidenceURL))
	return b.String()
}

func plain(p *Proposal) string {
	parts := []string{"Lathe proposes: " + oneLine(p.Title, 120)}
	for _, s := range []string{facts(p), oneLine(p.Summary, 600), cut(p.Detail, maxDetail), webLink(p.EvidenceURL)} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "\n")
}

func facts(p *Proposal) string {
	var parts []string
	if k := oneLine(p.Kind, 40); k != "" {
		parts = append(parts, k)
	}
	if r := oneLine(p.Risk, 20); r != "" {
		parts = append(parts, "risk "+r)
	}
	if p.Generated {
		parts = append(parts, "written by a language model")
	}
	return strings.Join(parts, ", ")
}

// Escape makes Markdown show text as it is: what tools printed must not
// become a link or an image.
func Escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_{}[]()<>#|!~&:@", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// closeFence ends a code fence that cutting left open.
func closeFence(s string) string {
	open := false
	for line := range strings.Lines(s) {
		if strings.HasPrefix(line, "```") {
			open = !open
		}
	}
	if open {
		s += "\n```"
	}
	return s
}
