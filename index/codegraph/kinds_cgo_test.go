//go:build cgo

package codegraph

import "testing"

func kindsOf(t *testing.T, lang string) map[string]bool {
	p := newParsers()
	defer p.close()
	d, err := p.dialect(lang)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, k := range d.kinds {
		kinds[k] = true
	}
	return kinds
}
