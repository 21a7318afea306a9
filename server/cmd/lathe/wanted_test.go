package main

import (
	"bytes"
	"strings"
	"testing"

	"lathe/learn"
	"lathe/server"
)

// A name in the table is what forge and --why take, so it is whole there, and
// its beginning does when no other has it.
func TestOpportunityNames(t *testing.T) {
	long := "count_" + strings.Repeat("very_", 20) + "long"
	all := []learn.ToolOpportunity{{OpportunityID: "abcd1111", Name: long}, {OpportunityID: "abcd2222", Name: "count_lines"}, {OpportunityID: "ef003333", Name: "count_lines_2"}}
	var out bytes.Buffer
	(&app{out: &out}).printOpportunities(all, 20)
	if !strings.Contains(out.String(), long+" ") {
		t.Errorf("the name is cut:\n%s", out.String())
	}
	for id, want := range map[string]string{long: "abcd1111", "count_v": "abcd1111", "count_lines": "abcd2222", "count_lines_": "ef003333", "ef00": "ef003333", "EF003": "ef003333",
		"abcd": "", "count": "", "": "", "ef0": "", "nothing": ""} {
		o, err := server.NamedOpportunity(all, id)
		if o.OpportunityID != want || (err == nil) != (want != "") {
			t.Errorf("%q: %s, %v; want %q", id, o.OpportunityID, err, want)
		}
	}
}
