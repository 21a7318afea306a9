package toolforge

import (
	"fmt"
	"testing"
)

// A refusal names the file that it is about, and not one whose name is a part
// of that name.
func TestRefusalNamesTheFile(t *testing.T) {
	for _, name := range append(fileNames(), "tool.json") {
		v, ok := Refusal(fmt.Errorf("%w: %s is missing", ErrFolder, name))
		if !ok || v.Reasons[0].File != name {
			t.Errorf("%s: %v, %+v", name, ok, v.Reasons)
		}
	}
}
