package server_test

import (
	"testing"

	"lathe/learn"
	"lathe/server"
)

// What says the same of the same failures is one fix; what another project knows
// of its own, or all projects know better, is another.
func TestDistinctFixes(t *testing.T) {
	all := []learn.Remedy{
		{RemedyID: "pattern", PatternID: "p", ProjectID: "shop", Description: "do", Support: 5},
		{RemedyID: "error", PatternID: "p", SignatureID: "p", ProjectID: "shop", Description: "do", Support: 5},
		{RemedyID: "global", PatternID: "p", Description: "do", Support: 5},
		{RemedyID: "more", PatternID: "q", Description: "do", Support: 9},
		{RemedyID: "q in shop", PatternID: "q", ProjectID: "shop", Description: "do", Support: 4},
		{RemedyID: "other words", PatternID: "p", ProjectID: "shop", Description: "do else", Support: 5},
		{RemedyID: "other project", PatternID: "p", ProjectID: "bank", Description: "do", Support: 2},
	}
	var got []string
	for _, r := range server.DistinctFixes(all) {
		got = append(got, r.RemedyID)
	}
	want := []string{"pattern", "more", "q in shop", "other words", "other project"}
	if len(got) != len(want) {
		t.Fatalf("%q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if server.DistinctFixes(nil) != nil {
		t.Error("nothing became something")
	}
}
