package codegraph_test

import (
	"fmt"
	"testing"

	"lathe/index/codegraph"
)

// workspace writes n copies of the Python package of project.
func workspace(b *testing.B, n int) string {
	dir := b.TempDir()
	for i := range n {
		files := map[string]string{}
		for _, name := range []string{"base", "store", "util", "__init__"} {
			files[fmt.Sprintf("p%d/shop/%s.py", i, name)] = project()["src/shop/"+name+".py"]
		}
		write(b, dir, files)
	}
	return dir
}

func BenchmarkUpdate(b *testing.B) {
	dir := workspace(b, 100)
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			g, err := codegraph.New(dir, codegraph.Options{})
			if err != nil {
				b.Fatal(err)
			}
			update(b, g)
			if err := g.Close(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(400*float64(b.N)/b.Elapsed().Seconds(), "files/s")
	})
	b.Run("again", func(b *testing.B) {
		g := open(b, dir, codegraph.Options{})
		for b.Loop() {
			update(b, g)
		}
		b.ReportMetric(400*float64(b.N)/b.Elapsed().Seconds(), "files/s")
	})
	b.Run("one file", func(b *testing.B) {
		g := open(b, dir, codegraph.Options{})
		update(b, g)
		for b.Loop() {
			if _, err := g.UpdateFile(b.Context(), "p1/shop/store.py"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCallers(b *testing.B) {
	g := open(b, workspace(b, 100), codegraph.Options{})
	update(b, g)
	for b.Loop() {
		callers(b, g, "p7/shop/util.py#clean")
	}
}
