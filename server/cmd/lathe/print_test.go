package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// What a hostile tool printed may not reorder a terminal's text, and a script
// still reads what was there.
func TestPrintEscapesWhatReordersText(t *testing.T) {
	for r := rune(0x2028); r <= 0x206f; r++ {
		var out bytes.Buffer
		given := "a" + string(r) + "b"
		if err := (&app{out: &out}).print(map[string]string{given: given}); err != nil {
			t.Fatal(err)
		}
		if bidi := r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069; bidi && strings.ContainsRune(out.String(), r) {
			t.Errorf("U+%04X is printed as it is: %q", r, out.String())
		}
		var back map[string]string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || back[given] != given {
			t.Errorf("U+%04X: %v, %q", r, err, back)
		}
	}
}
