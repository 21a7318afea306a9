package server

import (
	"testing"

	"lathe/learn/monitor"
	"lathe/mcp"
)

// TestToolList: what is on offer is joined with what was called, Lathe's own
// tools and those behind a gateway alike.
func TestToolList(t *testing.T) {
	d := &Daemon{offers: newOffers()}
	d.mcp = mcp.New(mcp.Options{Backend: backend{d}})
	t.Cleanup(func() { _ = d.mcp.Close(t.Context()) })
	d.offers.put(OfferCall{Project: "p", Tools: []OfferTool{
		{Name: "db__query", Server: "db", Recorded: "query", Bytes: 40_000},
		{Name: "db__drop", Server: "db", Recorded: "drop", Bytes: 400},
	}})
	l := d.toolList(monitor.Filter{ProjectID: "p"}, []monitor.Group{{Name: "query", Calls: 7, Failures: 2, Timeouts: 1, LastUsed: "2026-01-02"}})
	if first := l.ByTool[0]; first.Name != "db__query" || first.Tokens != 10_000 || first.Calls != 7 || first.Failures != 3 || first.LastUsed != "2026-01-02" || first.Server != "db" {
		t.Errorf("the dearest tool: %+v", first)
	}
	if l.Tools != len(l.ByTool) || l.Tokens != l.Bytes/4 || l.OutputSchemas == 0 || l.OutputSchemas >= l.Bytes {
		t.Errorf("%d tools, %d bytes, %d of output schemas", l.Tools, l.Bytes, l.OutputSchemas)
	}
	unused := map[string]bool{}
	for _, name := range l.Unused {
		unused[name] = true
	}
	if !unused["db__drop"] || !unused["recall"] || unused["db__query"] {
		t.Errorf("unused: %v", l.Unused)
	}
	if other := d.toolList(monitor.Filter{ProjectID: "q"}, nil); other.Tools != l.Tools-2 {
		t.Errorf("another project is offered %d tools", other.Tools)
	}
	for i := range 2 * maxOffers {
		d.offers.put(OfferCall{Project: string(rune('a' + i)), Tools: make([]OfferTool, 1)})
	}
	if n := len(d.offers.of("")); n > maxOffers+1 {
		t.Errorf("%d offers are kept", n)
	}
}
