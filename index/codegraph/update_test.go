//go:build cgo

package codegraph_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"lathe/index/codegraph"
)

func TestIncremental(t *testing.T) {
	g, dir := load(t, project())
	if c := update(t, g); c.Parsed != 0 || c.Unchanged != 11 || c.Removed != 0 {
		t.Errorf("nothing changed: %+v", c)
	}
	write(t, dir, map[string]string{"src/shop/util.py": "def tidy(x):\n    return x\n", "new.py": "from shop.util import tidy as t\nt(1)\n"})
	if err := os.Remove(filepath.Join(dir, "web", "view.js")); err != nil {
		t.Fatal(err)
	}
	if c := update(t, g); c.Parsed != 2 || c.Unchanged != 9 || c.Removed != 1 {
		t.Errorf("one changed, one new, one gone: %+v", c)
	}
	if got := callers(t, g, "shop.util.tidy"); !slices.Equal(got, []string{"module:new:2 scope"}) {
		t.Errorf("tidy is called by %v", got)
	}
	if g.Lookup("shop.util.clean") != nil || callers(t, g, "web/view.js#render") != nil {
		t.Error("what is gone is still known")
	}
	// A module's name moves when its folder becomes a package.
	write(t, dir, map[string]string{"src/__init__.py": ""})
	if c, err := g.UpdateFile(t.Context(), "src/__init__.py"); err != nil || c.Parsed != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	if g.Lookup("src.shop.util.tidy") == nil {
		t.Error("the module kept its former name")
	}
	fresh := open(t, dir, codegraph.Options{})
	update(t, fresh)
	var a, b bytes.Buffer
	if err := g.Subgraph("").WriteJSON(&a); err != nil {
		t.Fatal(err)
	}
	if err := fresh.Subgraph("").WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if a.String() != b.String() {
		t.Error("updating step by step gives another graph than reading anew")
	}
}

// TestHostile: links, sizes, counts, junk and depth do no harm.
func TestHostile(t *testing.T) {
	outside := t.TempDir()
	write(t, outside, map[string]string{"secret.py": "def secret(): pass\n"})
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"ok.py":        "def ok(): pass\n",
		"large.py":     "def large(): pass\n" + strings.Repeat("#", 5000),
		"junk.py":      "\x00\xff\xfe(((((def class import \x80",
		"broken.go":    "package x\nfunc good() {}\nfunc bad( {{{\n",
		"deep.js":      strings.Repeat("[", 2000) + "f()" + strings.Repeat("]", 2000),
		"deep.py":      strings.Repeat("(", 2000) + "f()",
		"same.py":      "def a(): pass\ndef a(): pass\ndef a(): a()\n",
		"package.json": "{",
		"go.mod":       "module\nrequire (\nx\n",
	})
	for link, to := range map[string]string{"link.py": filepath.Join(outside, "secret.py"), "folder": outside, "loop": dir} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	g := open(t, dir, codegraph.Options{MaxFileBytes: 4500})
	c := update(t, g)
	if c.Skipped != 1 || g.Lookup("secret") != nil || g.Lookup("large") != nil || g.Lookup("ok") == nil || g.Lookup("good") == nil {
		t.Errorf("%+v", c)
	}
	for _, name := range []string{"link.py", "folder/secret.py", "../x.py", "/etc/passwd", ".git/a.py"} {
		if c, err := g.UpdateFile(t.Context(), name); err != nil || c.Parsed != 0 {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	if got := g.Lookup("a"); len(got) != 3 || got[0].ID == got[1].ID || got[1].ID == got[2].ID {
		t.Errorf("three definitions: %v", got)
	}
	few := open(t, dir, codegraph.Options{MaxFiles: 2})
	if c := update(t, few); c.Parsed+c.Failed > 2 || c.Skipped == 0 {
		t.Errorf("at most two files: %+v", c)
	}
	if _, err := codegraph.New(filepath.Join(dir, "absent"), codegraph.Options{}); err == nil {
		t.Error("opened a folder that is not there")
	}
}

// TestConcurrent queries while the workspace changes.
func TestConcurrent(t *testing.T) {
	g, dir := load(t, project())
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 20 {
				callers(t, g, "shop.util.clean")
				g.Importers("shop")
				g.Stats()
				g.Lookup("Store")
			}
		})
	}
	for n := range 10 {
		write(t, dir, map[string]string{"src/shop/util.py": fmt.Sprintf("def clean(x): return %d\n", n)})
		if n%2 == 0 {
			update(t, g)
		} else if _, err := g.UpdateFile(t.Context(), "src/shop/util.py"); err != nil {
			t.Error(err)
		}
	}
	group.Wait()
	if len(callers(t, g, "shop.util.clean")) != 2 {
		t.Errorf("callers %v", callers(t, g, "shop.util.clean"))
	}
}

func TestClosed(t *testing.T) {
	g, _ := load(t, project())
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Update(t.Context()); err != codegraph.ErrClosed {
		t.Errorf("update: %v", err)
	}
	if _, err := g.UpdateFile(t.Context(), "run.py"); err != codegraph.ErrClosed {
		t.Errorf("update of a file: %v", err)
	}
	if g.Lookup("Store") == nil {
		t.Error("queries ended with the parsers")
	}
}
