package codegraph_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lathe/index/codegraph"
	"lathe/learn"
)

// age makes files look as if they had been there for long, so that their times
// can be trusted.
func age(t testing.TB, dir string) {
	t.Helper()
	then := time.Now().Add(-time.Hour)
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			return os.Chtimes(p, then, then)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSnapshot: what was saved is there before anything is read, an unchanged
// workspace is not read again, a changed one is, and whatever is wrong with
// the snapshot costs no more than reading anew.
func TestSnapshot(t *testing.T) {
	dir, place := t.TempDir(), filepath.Join(t.TempDir(), "deep", "snapshot")
	write(t, dir, project())
	age(t, dir)
	o := codegraph.Options{Snapshot: place}
	g := open(t, dir, o)
	first := update(t, g)
	if err := g.Save(); err != nil {
		t.Fatal(err)
	}
	export := func(g *codegraph.Graph) string {
		var b strings.Builder
		s := g.Subgraph("p")
		if err := s.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	again := open(t, dir, o)
	if export(again) != export(g) {
		t.Error("the snapshot holds another graph")
	}
	if c := update(t, again); c.Parsed != 0 || c.Unchanged != first.Parsed || first.Parsed == 0 {
		t.Errorf("unchanged workspace: %+v, first %+v", c, first)
	}
	write(t, dir, map[string]string{"run.py": "def other(): pass\n"})
	if c := update(t, again); c.Parsed != 1 || again.Lookup("other") == nil {
		t.Errorf("one file changed: %+v", c)
	}
	raw, err := os.ReadFile(place)
	if err != nil {
		t.Fatal(err)
	}
	for what, bad := range map[string][]byte{"cut": raw[:len(raw)/2], "empty": {}, "flipped": flip(raw), "other": []byte("something else")} {
		if err := os.WriteFile(place, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		d := open(t, dir, o)
		if len(d.Entities("run.py")) != 0 {
			t.Errorf("%s: a damaged snapshot was believed", what)
		}
		if update(t, d); d.Lookup("other") == nil {
			t.Errorf("%s: not made anew", what)
		}
	}
	elsewhere := t.TempDir()
	if err := os.WriteFile(place, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if d := open(t, elsewhere, o); len(d.Entities("run.py")) != 0 {
		t.Error("another workspace's snapshot was believed")
	}
}

func flip(raw []byte) []byte {
	out := slices.Clone(raw)
	out[len(out)-10] ^= 0x40
	return out
}

// TestWatch: a changed, a new and a removed file, a new folder and a changed
// .gitignore reach the graph without an Update, by notifications and by
// polling.
func TestWatch(t *testing.T) {
	for how, o := range map[string]codegraph.WatchOptions{
		"notifications": {Quiet: 5 * time.Millisecond},
		"polling":       {Poll: 20 * time.Millisecond, MaxWatches: -1},
	} {
		t.Run(how, func(t *testing.T) {
			g, dir := load(t, map[string]string{"a.py": "def one(): pass\n", "gone.py": "def gone(): pass\n"})
			told := make(chan struct{}, 1)
			o.After = func(codegraph.Changes) {
				select {
				case told <- struct{}{}:
				default:
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- g.Watch(ctx, o) }()
			until := func(what string, holds func() bool) {
				t.Helper()
				limit := time.After(20 * time.Second)
				for !holds() {
					select {
					case <-told:
					case <-limit:
						t.Fatalf("%s: not seen", what)
					}
				}
			}
			until("start", func() bool { now, _ := g.Watching(); return now == how })
			if _, why := g.Watching(); (why != "") != (how == "polling") {
				t.Errorf("why: %q", why)
			}
			write(t, dir, map[string]string{"a.py": "def two(): pass\n"})
			until("changed", func() bool { return g.Lookup("two") != nil && g.Lookup("one") == nil })
			write(t, dir, map[string]string{"sub/deep/b.py": "def three(): pass\n"})
			until("new folders", func() bool { return g.Lookup("three") != nil })
			write(t, dir, map[string]string{"sub/deep/c.py": "def four(): pass\n"})
			until("in a new folder", func() bool { return g.Lookup("four") != nil })
			if err := os.Remove(filepath.Join(dir, "gone.py")); err != nil {
				t.Fatal(err)
			}
			until("removed", func() bool { return g.Lookup("gone") == nil })
			write(t, dir, map[string]string{".gitignore": "sub/\n"})
			until("ignored", func() bool { return g.Lookup("three") == nil })
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestIgnoredAsGitDoes compares with git itself: generated rules, in the
// workspace, in a folder of it and in .git/info/exclude, over a few files.
func TestIgnoredAsGitDoes(t *testing.T) {
	files := []string{"a.py", "b.py", "sub/a.py", "sub/b.py", "sub/deep/a.py", "sub/deep/x y.py", "other/sub/a.py", "[x].py", "other/ab.py"}
	piece := rapid.SampledFrom([]string{"a", "b", "*", "?", "**", "/", "sub", "deep", "other", ".py", "[ab]", "[!a]", "!", "#", `\`, " ", "x y", "[[:alpha:]]", "[", "*.py", "/**/", "**/"})
	rules := rapid.SliceOfN(rapid.Map(rapid.SliceOfN(piece, 1, 5), func(p []string) string { return plainStars(strings.Join(p, "")) }), 0, 4)
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			r.Fatal(err)
		}
		have := map[string]string{
			".gitignore":        strings.Join(rules.Draw(r, "top"), "\n") + "\n",
			"sub/.gitignore":    strings.Join(rules.Draw(r, "sub"), "\n"),
			".git/info/exclude": strings.Join(rules.Draw(r, "exclude"), "\n"),
			".git/HEAD":         "ref: refs/heads/main\n", ".git/objects/x": "", ".git/refs/x": "",
		}
		for _, f := range files {
			have[f] = "x = 1\n"
		}
		write(t, dir, have)
		cmd := exec.Command("git", "-c", "core.excludesFile=/dev/null", "ls-files", "-z", "--others", "--exclude-standard")
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			r.Fatalf("git ls-files: %v", err)
		}
		var want, got []string
		for _, f := range strings.Split(string(out), "\x00") {
			if strings.HasSuffix(f, ".py") {
				want = append(want, f)
			}
		}
		g, err := codegraph.New(dir, codegraph.Options{})
		if err != nil {
			r.Fatal(err)
		}
		defer g.Close()
		if _, err := g.Update(context.Background()); err != nil {
			r.Fatal(err)
		}
		for _, f := range files {
			if g.Entities(f) != nil {
				got = append(got, f)
			}
		}
		sort.Strings(want)
		sort.Strings(got)
		if !slices.Equal(got, want) {
			r.Errorf("git has %q, the graph %q, by %q %q %q", want, got, have[".gitignore"], have["sub/.gitignore"], have[".git/info/exclude"])
		}
	})
}

var looseStars = regexp.MustCompile(`[^/*]\*\*|\*\*[^/]`)

// plainStars makes ** one star where it does not stand between slashes. There
// it should mean just that, but git before 2.41 compares the addresses of two
// unrelated strings to find out (wildmatch.c), and so answers now this, now
// that.
func plainStars(rule string) string {
	for looseStars.MatchString(rule) {
		rule = strings.ReplaceAll(rule, "**", "*")
	}
	return rule
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// TestHistory: of a file all commits, of an entity those that touched its
// lines, wherever these were at the time.
func TestHistory(t *testing.T) {
	dir := t.TempDir()
	git(t, dir, "init", "-q")
	commit := func(text, author string) {
		write(t, dir, map[string]string{"a.py": text})
		git(t, dir, "add", ".")
		git(t, dir, "commit", "-q", "-m", "x", "--author", author+" <a@example.org>")
	}
	commit("def one():\n    return 1\n\n\ndef two():\n    return 2\n", "Ada")
	commit("import os\nimport re\n\ndef one():\n    return 1\n\n\ndef two():\n    return 3\n", "Bob")
	commit("import os\nimport re\n\ndef one():\n    return 1\n\n\ndef two():\n    x = 4\n    return x\n\n\ndef three(): pass\n", "Cleo")
	g := open(t, dir, codegraph.Options{})
	update(t, g)
	if err := g.FileHistory(t.Context(), "a.py"); err != nil {
		t.Fatal(err)
	}
	check := func(symbol, author string, changes int, uncommitted, whole bool) {
		t.Helper()
		found, err := g.Definition(t.Context(), symbol)
		if err != nil || len(found) != 1 || found[0].History == nil {
			t.Fatalf("%s: %+v, %v", symbol, found, err)
		}
		h := found[0].History
		if h.Author != author || h.Changes != changes || h.Uncommitted != uncommitted || h.Whole != whole || h.Changed.IsZero() || h.Commit == "" {
			t.Errorf("%s: %+v", symbol, h)
		}
	}
	check("one", "Ada", 1, false, false)
	check("two", "Cleo", 3, false, false)
	check("three", "Cleo", 1, false, false)
	check("a.py", "Cleo", 3, false, true)
	write(t, dir, map[string]string{"a.py": "import os\nimport re\n\ndef one():\n    return 9\n\n\ndef two():\n    x = 4\n    return x\n\n\ndef three(): pass\n"})
	update(t, g)
	if err := g.FileHistory(t.Context(), "a.py"); err != nil {
		t.Fatal(err)
	}
	check("one", "Ada", 1, true, false)
	check("two", "Cleo", 3, false, false)

	bare, _ := load(t, map[string]string{"a.py": "def one(): pass\n"})
	if err := bare.ReadHistory(t.Context()); err == nil {
		t.Error("a history without git")
	}
	if found, err := bare.Definition(t.Context(), "one"); err != nil || len(found) != 1 || found[0].History != nil {
		t.Errorf("an invented history: %+v, %v", found, err)
	}
}

// TestTouches: frames, symbols and packages of an error.
func TestTouches(t *testing.T) {
	files := project()
	files[".env3/pyvenv.cfg"] = ""
	files[".env3/lib/python3.11/site-packages/PyYAML-6.0.1.dist-info/METADATA"] = ""
	files["web/node_modules/express/package.json"] = `{"version":"4.18.2"}`
	g, dir := load(t, files)
	c := g.Touches(t.Context(), learn.CodeQuery{
		Places: []learn.CodePlace{{File: filepath.Join(dir, "internal", "disk", "disk.go"), Line: 5}, {File: "web/view.js", Line: 2}, {File: "/etc/passwd", Line: 1}},
		Entities: []learn.Entity{{Kind: "file", Name: "shop/util.py"}, {Kind: "module", Name: "yaml"}, {Kind: "package", Name: "requests"}, {Kind: "module", Name: "express"},
			{Kind: "module", Name: "@scope/pkg"}, {Kind: "symbol", Name: "nowhere"}, {Kind: "host", Name: "example.org"}},
	})
	if c.State != learn.CodeReady || c.Truncated {
		t.Errorf("%+v", c)
	}
	var touched, deps []string
	for _, e := range c.Touched {
		callers := 0
		for range e.Callers {
			callers++
		}
		touched = append(touched, e.ID)
		if e.Reason == "" || e.File == "web/view.js" && (codegraph.Lost == "") != (callers == 1) {
			t.Errorf("%+v", e)
		}
	}
	for _, d := range c.Dependencies {
		deps = append(deps, d.Name+" "+string(d.Installed)+" "+d.Version)
		if !d.Declared {
			t.Errorf("%+v is declared", d)
		}
	}
	if want := []string{"internal/disk/disk.go#Disk.Sync", "web/view.js#helper", "src/shop/util.py"}; !slices.Equal(touched, want) {
		t.Errorf("touched %v, want %v", touched, want)
	}
	if want := []string{"pyyaml yes 6.0.1", "requests no ", "express yes 4.18.2", "@scope/pkg no "}; !slices.Equal(deps, want) {
		t.Errorf("dependencies %v, want %v", deps, want)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if c := g.Touches(ended, learn.CodeQuery{Places: []learn.CodePlace{{File: "run.py", Line: 1}}}); !c.Truncated {
		t.Error("out of time, but it does not say so")
	}
}

// TestNeighbourhood: two hops, bounded, both ends of every edge there.
func TestNeighbourhood(t *testing.T) {
	g, _ := load(t, project())
	n, err := g.Neighbourhood(t.Context(), "internal/disk/disk.go#Sync2", 2, 100)
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]bool{}
	for _, e := range n.Entities {
		at[e.ID] = true
	}
	for _, want := range []string{"internal/disk/disk.go#Disk.Sync", "store/store.go#Store.Put", "internal/disk/disk.go#Disk"} {
		if !at[want] {
			t.Errorf("%s is not within two hops: %v", want, at)
		}
	}
	for _, e := range n.Edges {
		if !at[e.From] || !at[e.To] || e.Weight < 1 {
			t.Errorf("loose edge %+v", e)
		}
	}
	few, err := g.Neighbourhood(t.Context(), "Sync2", 2, 3)
	if err != nil || len(few.Entities) != 3 || !few.Truncated {
		t.Errorf("%+v, %v", few, err)
	}
}
