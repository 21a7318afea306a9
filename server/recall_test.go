package server

import (
	"encoding/json"
	"strings"
	"testing"

	"lathe/mcp"
)

// TestShorten: an answer keeps within its length, and loses what scores least.
func TestShorten(t *testing.T) {
	var out mcp.RecallResult
	for i := range 10 {
		out.Strategies = append(out.Strategies, mcp.RecalledStrategy{Name: strings.Repeat("x", 400), Score: 1 - float64(i)/20})
		out.Pitfalls = append(out.Pitfalls, mcp.Pitfall{Name: strings.Repeat("y", 400), Score: 0.9 - float64(i)/20})
	}
	shorten(&out, 1000)
	raw, err := json.Marshal(out)
	if err != nil || len(raw) > 4*1000+16 || out.LeftOut == 0 || out.LeftOut != 20-len(out.Strategies)-len(out.Pitfalls) {
		t.Fatalf("%d bytes, %d left out, %d and %d kept, %v", len(raw), out.LeftOut, len(out.Strategies), len(out.Pitfalls), err)
	}
	if len(out.Strategies) < len(out.Pitfalls) {
		t.Errorf("what scores more was dropped: %d strategies, %d pitfalls", len(out.Strategies), len(out.Pitfalls))
	}
}
