package codegraph_test

import (
	"slices"
	"testing"

	"lathe/index/codegraph"
)

func TestNear(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, project())
	g := open(t, dir, codegraph.Options{})
	update(t, g)
	for name, want := range map[string]string{"claen": "clean", "shop.util.Clean": "clean", "Stor": "Store", "src/shop/utl.py": "src/shop/util.py",
		"shop.stoer": "shop.store"} {
		if got := g.Near(name, 5); !slices.Contains(got, want) {
			t.Errorf("%s is near %v, not %s", name, got, want)
		}
	}
	for _, name := range []string{"", "x", "zzzzzzzzz"} {
		if got := g.Near(name, 5); len(got) > 0 {
			t.Errorf("%q is near %v", name, got)
		}
	}
	if got := g.Near("clean", 1); len(got) != 1 {
		t.Errorf("at most one: %v", got)
	}
}
