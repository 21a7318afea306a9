package lsp

import (
	"encoding/json"

	"go.lsp.dev/protocol"
)

// codeLenses show, above what was run and what failed, how often that was.
func (c *connection) codeLenses(p *protocol.CodeLensParams) ([]protocol.CodeLens, error) {
	out := []protocol.CodeLens{}
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.docs.get(string(p.TextDocument.URI))
	if d == nil || !on(c.settings.CodeLens) {
		return out, nil
	}
	for _, pl := range c.placements(d) {
		if pl.fact == nil {
			continue
		}
		argument, err := json.Marshal(factTarget{Fact: pl.fact.key()})
		if err != nil {
			return nil, failed("a code lens could not be encoded: %v", err)
		}
		title := "Lathe: "
		if pl.fact.whole() {
			title += "this file "
		}
		out = append(out, protocol.CodeLens{Range: pl.place,
			Command: protocol.Command{Title: title + pl.fact.rate(), Command: commandHistory, Arguments: []protocol.LSPAny{argument}}})
	}
	return out, nil
}

// factTarget is the argument of commandHistory.
type factTarget struct {
	Fact string `json:"fact"`
}

// history shows the evidence of a lens, or says it in words.
func (c *connection) history(argument protocol.LSPAny) error {
	var t factTarget
	if err := json.Unmarshal(argument, &t); err != nil {
		return badArgument(commandHistory, "{fact}", err)
	}
	c.mu.Lock()
	f := c.snap.facts[t.Fact]
	c.mu.Unlock()
	if f == nil {
		return failed("nothing is known of that place any more: ask for the code lenses again")
	}
	c.show(f.EvidenceURL, oneLine(f.rate()+". "+f.Summary, 300))
	return nil
}
