package sandbox

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// folder makes a folder of the host with these files; a name that ends in a
// slash is a folder, a content that begins with -> a link.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		target, link := strings.CutPrefix(content, "-> ")
		switch {
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(at, 0o755)
		case link:
			err = os.Symlink(target, at)
		default:
			err = os.WriteFile(at, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// content lists a folder as name=content.
func content(t testing.TB, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		name, _ := filepath.Rel(dir, p)
		switch {
		case e.IsDir():
			all = append(all, name+"/")
		case e.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(p)
			all = append(all, name+"->"+to)
			return err
		default:
			raw, err := os.ReadFile(p)
			all = append(all, name+"="+string(raw))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

const changing = `
import os, shutil
os.chdir("/workspace")
def refused(what, f):
    try: f(); print("did", what)
    except OSError: pass
refused("outside", lambda: open("x", "w"))
refused("inside another", lambda: open("docs/x", "w"))
refused("git", lambda: open(".git/config", "a"))
os.chdir("src")
print(open("a.txt").read(), open("../docs/d.txt").read())
open("a.txt", "a").write("more"); open("new.txt", "w").write("new"); os.chmod("new.txt", 0o755)
os.remove("gone.txt"); shutil.rmtree("old"); os.mkdir("old"); open("old/y", "w").write("y")
shutil.rmtree("dropped"); os.makedirs("deep/er"); open("deep/er/z", "w").write("z")
os.remove("file"); os.mkdir("file"); open("file/in", "w").write("in")
shutil.rmtree("dir"); open("dir", "w").write("now a file")
os.rename("moved", "renamed")
`

func TestStagedBindsGiveChanges(t *testing.T) {
	ws := folder(t, map[string]string{"src/a.txt": "a", "src/gone.txt": "g", "src/old/x": "x", "src/dropped/sub/q": "q", "src/file": "f",
		"src/dir/f": "f", "src/moved": "m", "src/kept/k": "k", "docs/d.txt": "d", ".git/config": "c"})
	before := content(t, ws)
	binds := []Bind{{Host: ws, Guest: "/workspace"}, {Host: filepath.Join(ws, "src"), Guest: "/workspace/src", Staged: true}}
	r := python(t, changing, &Spec{Binds: binds})
	prints("a d")(t, r)
	if after := content(t, ws); !slices.Equal(before, after) {
		t.Fatalf("the host's folder was written: %q", after)
	}
	if len(r.Unstaged) > 0 {
		t.Errorf("refused: %q", r.Unstaged)
	}
	for _, c := range r.Changes {
		if c.Bind != 1 {
			t.Errorf("%+v", c)
		}
	}
	if err := Apply(filepath.Join(ws, "src"), r.Changes); err != nil {
		t.Fatal(err)
	}
	want := []string{".git/", ".git/config=c", "docs/", "docs/d.txt=d", "src/", "src/a.txt=amore", "src/deep/", "src/deep/er/", "src/deep/er/z=z",
		"src/dir=now a file", "src/file/", "src/file/in=in", "src/kept/", "src/kept/k=k", "src/new.txt=new", "src/old/", "src/old/y=y", "src/renamed=m"}
	if got := content(t, ws); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if fi, err := os.Stat(filepath.Join(ws, "src/new.txt")); err != nil || fi.Mode().Perm() != 0o755 {
		t.Errorf("new.txt: %v %v", fi.Mode(), err)
	}
}

func TestStagedBindsRefuseWhatIsNoFile(t *testing.T) {
	ws := folder(t, map[string]string{"src/a": "a"})
	r := python(t, `
import os, socket
os.chdir("/src")
os.symlink("/etc/passwd", "link"); os.mkfifo("fifo"); s = socket.socket(socket.AF_UNIX); s.bind("sock")
os.remove("a"); os.symlink("../../../etc/shadow", "a")
open("fine", "w").write("x")
`, &Spec{Binds: []Bind{{Host: filepath.Join(ws, "src"), Guest: "/src", Staged: true}}})
	if r.ExitCode != 0 || len(r.Unstaged) != 4 || len(r.Changes) != 1 || r.Changes[0].Path != "fine" {
		t.Errorf("%s: %q %+v", show(r), r.Unstaged, r.Changes)
	}
}

func TestStagedBindsAreBounded(t *testing.T) {
	ws := folder(t, map[string]string{"a": "a"})
	r := python(t, `
n = 0
try:
    with open("/src/big", "wb", 0) as f:
        while n < 1 << 26: n += f.write(b"x" * 65536)
except OSError: pass
print(n < 1 << 23)
`, &Spec{Binds: []Bind{{Host: ws, Guest: "/src", Staged: true}}, Limits: Limits{TmpBytes: 4 << 20}})
	prints("True")(t, r)
	if got := content(t, ws); len(got) != 1 {
		t.Errorf("got %q", got)
	}
}

// A folder that became a link between the check and the run is not followed.
func TestNestedBindsFollowNoLinks(t *testing.T) {
	ws := folder(t, map[string]string{"docs/d": "d", "src": "-> docs", "in": "-> /etc"})
	for _, name := range []string{"src", "in", "in/ssl"} {
		spec := &Spec{RootFS: rootFS(t), Args: []string{"true"}, Binds: []Bind{{Host: ws, Guest: "/workspace"},
			{Host: filepath.Join(ws, "docs"), Guest: "/workspace/" + name, Staged: true}}}
		if _, err := launcher(t).Run(t.Context(), spec); err == nil {
			t.Errorf("%s was mounted on", name)
		}
	}
}

func TestApplyFollowsNoLinks(t *testing.T) {
	outside := folder(t, map[string]string{"secret": "s"})
	for _, c := range []Change{
		{Path: "link/x", Kind: ChangeWrite, Data: []byte("x")}, {Path: "link/secret", Kind: ChangeRemove}, {Path: "../x", Kind: ChangeWrite},
		{Path: "/x", Kind: ChangeWrite}, {Path: "", Kind: ChangeEmpty}, {Path: "a/../x", Kind: ChangeWrite}, {Path: "inner/d", Kind: ChangeFolder},
	} {
		ws := folder(t, map[string]string{"link": "-> " + outside, "inner": "-> real", "real/": ""})
		before := content(t, ws)
		if err := Apply(ws, []Change{c}); err == nil {
			t.Errorf("%+v was made", c)
		}
		if got := content(t, ws); !slices.Equal(got, before) {
			t.Errorf("%+v: %q", c, got)
		}
	}
	// A link in the place of a file or folder is replaced, not followed.
	ws := folder(t, map[string]string{"link": "-> " + outside, "other": "-> " + outside + "/secret"})
	err := Apply(ws, []Change{{Path: "link", Kind: ChangeFolder}, {Path: "link/x", Kind: ChangeWrite, Mode: 0o644}, {Path: "other", Kind: ChangeWrite, Mode: 0o644, Data: []byte("mine")}})
	if got := content(t, ws); err != nil || !slices.Equal(got, []string{"link/", "link/x=", "other=mine"}) {
		t.Errorf("%q %v", got, err)
	}
	if got := fmt.Sprint(content(t, outside)); got != "[secret=s]" {
		t.Errorf("outside: %s", got)
	}
}
