package lsp

import (
	"strings"

	"go.lsp.dev/protocol"
)

const (
	maxHovered = 5    // proposals in one hover
	maxDetail  = 4000 // bytes of one proposal's detail in it
)

// hover tells what is proposed on a line, and on what grounds.
func (c *connection) hover(p *protocol.HoverParams) (*protocol.Hover, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.docs.get(string(p.TextDocument.URI))
	if d == nil {
		return nil, nil
	}
	at := protocol.Range{Start: p.Position, End: p.Position}
	var texts []string
	var place protocol.Range
	for _, pl := range c.placements(d) {
		if !touches(pl.place, at) || len(texts) == maxHovered {
			continue
		}
		if len(texts) == 0 {
			place = pl.place
		}
		if c.can.markdownHover {
			texts = append(texts, markdown(pl.proposal))
		} else {
			texts = append(texts, plain(pl.proposal))
		}
	}
	if len(texts) == 0 {
		return nil, nil
	}
	content := &protocol.MarkupContent{Kind: protocol.MarkupKindPlainText, Value: strings.Join(texts, "\n\n")}
	if c.can.markdownHover {
		content.Kind, content.Value = protocol.MarkupKindMarkdown, strings.Join(texts, "\n\n---\n\n")
	}
	return &protocol.Hover{Contents: content, Range: &place}, nil
}

func markdown(p *Proposal) string {
	var b strings.Builder
	b.WriteString("**Lathe proposes: " + escape(oneLine(p.Title, 120)) + "**")
	if facts := facts(p); facts != "" {
		b.WriteString(" (" + escape(facts) + ")")
	}
	if s := oneLine(p.Summary, 600); s != "" {
		b.WriteString("\n\n" + escape(s))
	}
	if p.Detail != "" {
		b.WriteString("\n\n" + closeFence(cut(p.Detail, maxDetail)))
	}
	if link := webLink(p.EvidenceURL); link != "" {
		b.WriteString("\n\n[Evidence](<" + strings.NewReplacer("<", "%3C", ">", "%3E", "\n", "").Replace(link) + ">)")
	}
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

// escape makes Markdown show text as it is: what tools printed must not
// become a link or an image.
func escape(s string) string {
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
