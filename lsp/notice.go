package lsp

import (
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
)

// notice is a diagnostic before it is encoded. Two that are equal look the same
// in the editor.
type notice struct {
	place         protocol.Range
	severity      protocol.DiagnosticSeverity
	code, message string
	link, data    string
}

// notices are what is to be seen in a document: proposals, what keeps failing,
// and what is wrong with a plan. mu is held.
func (c *connection) notices(d *document) []notice {
	if !on(c.settings.Diagnostics) {
		return nil
	}
	var out []notice
	for _, pl := range c.placements(d) {
		if n, ok := noticeOf(pl); ok {
			out = append(out, n)
		}
	}
	for _, f := range d.faults {
		if d.checked == d.edits {
			out = append(out, notice{place: d.rangeOf(d.markOf(f), c.can.encoding), severity: protocol.DiagnosticSeverityError,
				code: "plan", message: oneLine(f.What, 300)})
		}
	}
	return out
}

func noticeOf(pl placement) (notice, bool) {
	n := notice{place: pl.place, severity: protocol.DiagnosticSeverityInformation}
	switch {
	case pl.proposal != nil:
		p := pl.proposal
		n.code, n.message, n.link, n.data = oneLine(p.Kind, 40), oneLine(p.Title+": "+p.Summary, 300), p.EvidenceURL, string(reference(p))
	case pl.fact.Failing:
		f := pl.fact
		n.code, n.message, n.link = "keeps_failing", oneLine("keeps failing: "+f.rate()+". "+f.Summary, 300), f.EvidenceURL
	default:
		return n, false
	}
	n.link = webLink(n.link)
	return n, true
}

// diagnostics are notices as the editor takes them.
func (c *connection) diagnostics(notices []notice) []protocol.Diagnostic {
	out := make([]protocol.Diagnostic, len(notices))
	for i, n := range notices {
		d := protocol.Diagnostic{Range: n.place, Severity: n.severity, Source: protocol.NewOptional(source), Message: protocol.String(n.message)}
		if n.data != "" {
			d.Data = protocol.LSPAny(n.data)
		}
		if n.code != "" {
			d.Code = protocol.String(n.code)
		}
		if c.can.codeDescription && n.link != "" && n.code != "" {
			d.CodeDescription = protocol.CodeDescription{Href: uri.URI(n.link)}
		}
		out[i] = d
	}
	return out
}

// source is what the diagnostics are marked with.
const source = "lathe"
