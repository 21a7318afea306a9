package codegraph_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lathe/index/codegraph"
	"lathe/learn"
)

// file is a name that git would take for a pattern.
const file = "a*.py"

// attack makes a checkout, whose file is changed, start a program when git
// is run in it the way that provoke does. sh is the program: it leaves a mark.
type attack struct {
	name    string
	prepare func(t *testing.T, dir, sh string)
	provoke []string // nil: it needs a terminal
}

func config(t *testing.T, dir string, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		git(t, dir, "config", pairs[i], pairs[i+1])
	}
}

func attributes(t *testing.T, dir, text string) {
	t.Helper()
	write(t, dir, map[string]string{".gitattributes": text})
}

func attacks() []attack {
	diff := []string{"diff", "HEAD", "--", file}
	log := []string{"log", "-p", "HEAD", "--", file}
	return []attack{
		{"clean filter", func(t *testing.T, dir, sh string) {
			attributes(t, dir, "*.py filter=x\n")
			config(t, dir, "filter.x.clean", sh, "filter.x.smudge", sh)
		}, diff},
		{"process filter", func(t *testing.T, dir, sh string) {
			attributes(t, dir, "*.py filter=x\n")
			config(t, dir, "filter.x.process", sh, "filter.x.required", "true")
		}, diff},
		{"textconv", func(t *testing.T, dir, sh string) {
			attributes(t, dir, "*.py diff=x\n")
			config(t, dir, "diff.x.textconv", sh, "diff.x.cachetextconv", "true")
		}, log},
		{"driver of a diff", func(t *testing.T, dir, sh string) {
			attributes(t, dir, "*.py diff=x\n")
			config(t, dir, "diff.x.command", sh)
		}, diff},
		{"driver by a file of attributes", func(t *testing.T, dir, sh string) {
			write(t, dir, map[string]string{"rules": "*.py diff=x filter=x\n"})
			config(t, dir, "core.attributesFile", filepath.Join(dir, "rules"), "diff.x.textconv", sh, "filter.x.clean", sh)
		}, log},
		{"external diff", func(t *testing.T, dir, sh string) { config(t, dir, "diff.external", sh) }, diff},
		{"driver of a merge", func(t *testing.T, dir, sh string) {
			attributes(t, dir, "*.py merge=x\n")
			for i, branch := range []string{"main", "side", "main"} {
				git(t, dir, "checkout", "-q", "-B", branch, []string{"HEAD", "HEAD", "HEAD~1"}[i])
				write(t, dir, map[string]string{"m.py": strings.Repeat("x", i)})
				git(t, dir, "add", "m.py")
				git(t, dir, "commit", "-q", "-m", "x")
			}
			git(t, dir, "merge", "-q", "-s", "ours", "side")
			config(t, dir, "merge.x.driver", sh, "log.diffMerges", "remerge")
		}, []string{"log", "-p", "--diff-merges=remerge", "HEAD"}},
		{"file system monitor", func(t *testing.T, dir, sh string) { config(t, dir, "core.fsmonitor", sh) }, []string{"status"}},
		{"hooks", func(t *testing.T, dir, sh string) {
			hooks := t.TempDir()
			for _, h := range []string{"post-index-change", "reference-transaction", "pre-auto-gc", "post-checkout"} {
				write(t, hooks, map[string]string{h: "#!/bin/sh\n" + sh + "\n"})
				if err := os.Chmod(filepath.Join(hooks, h), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			config(t, dir, "core.hooksPath", hooks)
		}, []string{"update-ref", "refs/heads/other", "HEAD"}},
		{"signature", func(t *testing.T, dir, sh string) {
			signer := filepath.Join(t.TempDir(), "signer")
			text := "#!/bin/sh\ncat > /dev/null\necho '-----BEGIN PGP SIGNATURE-----'\necho >&2\necho '[GNUPG:] SIG_CREATED ' >&2\n"
			if err := os.WriteFile(signer, []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
			git(t, dir, "-c", "gpg.program="+signer, "commit", "-q", "--amend", "--no-edit", "-S")
			config(t, dir, "log.showSignature", "true", "gpg.program", sh)
		}, []string{"log"}},
		{"aliases", func(t *testing.T, dir, sh string) {
			for _, a := range []string{"log", "rev-parse", "cat-file", "ls-tree", "other"} {
				config(t, dir, "alias."+a, "!"+sh)
			}
		}, []string{"other"}},
		{"pager", func(t *testing.T, dir, sh string) {
			config(t, dir, "core.pager", sh, "pager.log", sh, "pager.ls-tree", sh, "pager.cat-file", sh)
		}, nil},
		{"submodule", submodule, log},
	}
}

// submodule has a repository with own configuration at a path that the name of
// the file matches as a pattern.
func submodule(t *testing.T, dir, sh string) {
	inner := filepath.Join(dir, "ab.py")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	git(t, inner, "init", "-q")
	config(t, inner, "diff.x.command", sh)
	for _, text := range []string{"one\n", "two\n"} {
		write(t, inner, map[string]string{"b.py": text, ".gitattributes": "*.py diff=x\n"})
		git(t, inner, "add", ".")
		git(t, inner, "commit", "-q", "-m", "x")
		git(t, dir, "add", "ab.py")
		git(t, dir, "commit", "-q", "-m", "submodule")
	}
	config(t, dir, "diff.submodule", "diff")
}

// checkout has one committed function and one of the working tree.
func checkout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q")
	for _, text := range []string{"def one():\n    return 1\n", "def one():\n    return 2\n"} {
		write(t, dir, map[string]string{file: text})
		git(t, dir, "add", ".")
		git(t, dir, "commit", "-q", "-m", "x")
	}
	write(t, dir, map[string]string{file: "import os\n\n\ndef one():\n    return 2\n\n\ndef two():\n    return 3\n"})
	return dir
}

// TestHostileCheckout: no history starts what the checkout names, and is right
// all the same. That each attack works where git is run plainly is checked too.
func TestHostileCheckout(t *testing.T) {
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			dir, mark := checkout(t), filepath.Join(t.TempDir(), "mark")
			sh := filepath.Join(t.TempDir(), "sh")
			if err := os.WriteFile(sh, []byte("#!/bin/sh\n: > '"+mark+"'\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			a.prepare(t, dir, sh)
			if err := os.Remove(mark); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			checkHistory(t, dir)
			if _, err := os.Stat(mark); err == nil {
				t.Error("a program of the checkout was started")
			}
			if a.provoke == nil {
				return
			}
			cmd := exec.Command("git", a.provoke...)
			cmd.Dir = dir
			out, _ := cmd.CombinedOutput() // what was started answers nothing, so git may fail
			if _, err := os.Stat(mark); err != nil {
				t.Errorf("the attack does not work at all: %s", out)
			}
		})
	}
}

func checkHistory(t *testing.T, dir string) {
	t.Helper()
	g := open(t, dir, codegraph.Options{})
	update(t, g)
	if err := errors.Join(g.ReadHistory(t.Context()), g.FileHistory(t.Context(), file)); err != nil {
		t.Fatal(err)
	}
	for symbol, want := range map[string]learn.CodeHistory{"one": {Author: "Ada", Changes: 2}, "two": {Uncommitted: true}} {
		found, err := g.Definition(t.Context(), symbol)
		if err != nil || len(found) != 1 || found[0].History == nil {
			t.Fatalf("%s: %+v, %v", symbol, found, err)
		}
		h := *found[0].History
		if h.Author != want.Author || h.Changes != want.Changes || h.Uncommitted != want.Uncommitted || h.Whole {
			t.Errorf("%s: %+v", symbol, h)
		}
	}
}

// TestHostileFetch: a missing object is not fetched by a program of the
// checkout, in a git that knows GIT_NO_LAZY_FETCH or does not.
func TestHostileFetch(t *testing.T) {
	program, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	older := t.TempDir()
	write(t, older, map[string]string{"git": "#!/bin/sh\nunset GIT_NO_LAZY_FETCH\nexec '" + program + "' \"$@\"\n"})
	if err := os.Chmod(filepath.Join(older, "git"), 0o755); err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(t.TempDir(), "mark")
	for name, url := range map[string]string{"ext": "ext::touch " + mark, "empty": "::x", "none": "none::x", "local": "/", "ssh": "ssh://example.org/x"} {
		for _, path := range []string{os.Getenv("PATH"), older + string(filepath.ListSeparator) + os.Getenv("PATH")} {
			dir := checkout(t)
			out, err := exec.Command(program, "-C", dir, "rev-parse", "HEAD:"+file).Output()
			if err != nil {
				t.Fatal(err)
			}
			if id := strings.TrimSpace(string(out)); os.Remove(filepath.Join(dir, ".git", "objects", id[:2], id[2:])) != nil {
				t.Fatalf("%s: no object %s", name, id)
			}
			config(t, dir, "core.repositoryFormatVersion", "1", "extensions.partialClone", "o", "remote.o.promisor", "true",
				"remote.o.url", url, "remote.o.uploadpack", "touch "+mark, "core.sshCommand", "touch "+mark, "protocol.allow", "always",
				"protocol.ext.allow", "always", "alias.remote-", "!touch "+mark, "alias.remote-none", "!touch "+mark)
			t.Setenv("PATH", path)
			g := open(t, dir, codegraph.Options{})
			update(t, g)
			if err := g.FileHistory(t.Context(), file); err == nil {
				t.Errorf("%s: a history without its content", name)
			}
			if _, err := os.Stat(mark); err == nil {
				t.Fatalf("%s: a program of the checkout was started", name)
			}
		}
	}
}

// TestHistoryAgainstEnds: a working tree with other line ends is not changed,
// and one that is all different has the file's history.
func TestHistoryAgainstEnds(t *testing.T) {
	dir := checkout(t)
	write(t, dir, map[string]string{file: "import os\r\n\r\n\r\ndef one():\r\n    return 2\r\n\r\n\r\ndef two():\r\n    return 3\r\n"})
	checkHistory(t, dir)
	write(t, dir, map[string]string{file: "def one():\n    x = 1\n" + strings.Repeat("    x += 1\n", 1200) + "    return x\n"})
	g := open(t, dir, codegraph.Options{})
	update(t, g)
	if err := g.FileHistory(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	found, err := g.Definition(t.Context(), "one")
	if err != nil || len(found) != 1 || found[0].History == nil || !found[0].History.Whole || !found[0].History.Uncommitted || found[0].History.Changes != 2 {
		t.Errorf("%+v, %v", found, err)
	}
}
