package signature

import (
	"fmt"
	"strings"
	"testing"
)

func TestZ2(t *testing.T) {
	o := NewOnline(0)
	for _, l := range generated(tunedSystems, false)[6].lines {
		o.Add([]byte(l.line))
		o.Flush(func(id, s string) {
			if strings.HasPrefix(l.line, "Removing link") {
				fmt.Println(l.line, id, s)
			}
		})
	}
	fmt.Println(o.m.forward)
}
