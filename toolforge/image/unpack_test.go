package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnpackRefusesHostileArchives(t *testing.T) {
	small := Limits{Bytes: 100, Entries: 5, Path: 50}
	for name, entries := range map[string][]entry{
		"upwards":                    {{name: "../x"}},
		"upwards in the middle":      {{name: "a/../../x"}},
		"absolute":                   {{name: "/etc/x"}},
		"link upwards":               {{name: "a", link: "../..", kind: tar.TypeSymlink}},
		"link deep, target higher":   {{name: "d/a", link: "../../x", kind: tar.TypeSymlink}},
		"through an absolute link":   {{name: "a", link: "/tmp", kind: tar.TypeSymlink}, {name: "a/x", data: "x"}},
		"mkdir through a link":       {{name: "a", link: "/", kind: tar.TypeSymlink}, {name: "a/b/", kind: tar.TypeDir}},
		"link made inside a link":    {{name: "a", link: "/", kind: tar.TypeSymlink}, {name: "a/b", link: "c", kind: tar.TypeSymlink}},
		"hard link to the outside":   {{name: "a", link: "../x", kind: tar.TypeLink}},
		"hard link to absolute":      {{name: "a", link: "/etc/passwd", kind: tar.TypeLink}},
		"hard link to a link":        {{name: "l", link: "/etc/passwd", kind: tar.TypeSymlink}, {name: "a", link: "l", kind: tar.TypeLink}},
		"hard link through a link":   {{name: "l", link: "/etc", kind: tar.TypeSymlink}, {name: "a", link: "l/passwd", kind: tar.TypeLink}},
		"character device":           {{name: "a", kind: tar.TypeChar}},
		"block device":               {{name: "a", kind: tar.TypeBlock}},
		"FIFO":                       {{name: "a", kind: tar.TypeFifo}},
		"too large":                  {{name: "a", data: strings.Repeat("x", 60)}, {name: "b", data: strings.Repeat("x", 60)}},
		"too many":                   {{name: "a"}, {name: "b"}, {name: "c"}, {name: "d"}, {name: "e"}, {name: "f"}},
		"name too long":              {{name: strings.Repeat("x", 51)}},
		"link target too long":       {{name: "a", link: strings.Repeat("x", 51), kind: tar.TypeSymlink}},
		"empty hard link, to itself": {{name: "a", link: ".", kind: tar.TypeLink}},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			dir := filepath.Join(top, "in")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			err := Unpack(t.Context(), bytes.NewReader(tarOf(t, entries...)), dir, small)
			if !errors.Is(err, ErrHostile) {
				t.Errorf("got %v", err)
			}
			if left, _ := os.ReadDir(top); len(left) != 1 {
				t.Errorf("wrote outside: %v", left)
			}
		})
	}
}

// TestUnpackRefusesHugeSparseFiles: a hole costs nothing in the archive, and
// counts like bytes.
func TestUnpackRefusesHugeSparseFiles(t *testing.T) {
	records := ""
	for _, r := range []string{"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=holes", "GNU.sparse.realsize=1099511627776"} {
		n := len(r) + 2 // a space and a newline, and the number itself
		n += len(fmt.Sprint(n + 2))
		records += fmt.Sprintf("%d %s\n", n, r)
	}
	sized := func(kind byte, e entry) []byte {
		raw := tarOf(t, e)
		raw = raw[:len(raw)-1024] // the end
		raw[156] = kind
		if kind == 'S' {
			copy(raw[257:265], "ustar  \x00")
			copy(raw[483:495], fmt.Sprintf("%011o\x00", 1<<32))
		}
		copy(raw[148:156], "        ")
		sum := 0
		for _, b := range raw[:512] {
			sum += int(b)
		}
		copy(raw[148:156], fmt.Sprintf("%06o\x00 ", sum))
		return raw
	}
	pax := append(sized('x', entry{name: "x", data: records}), tarOf(t, entry{name: "GNUSparseFile.0/holes", data: "1\n1099511627775\n1\n" + strings.Repeat("\x00", 512-18) + "x"})...)
	old := sized('S', entry{name: "holes"})
	for name, archive := range map[string][]byte{"pax": pax, "old": append(old, make([]byte, 1024)...)} {
		if err := Unpack(t.Context(), bytes.NewReader(archive), t.TempDir(), Limits{Bytes: 1 << 20, Entries: 10, Path: 100}); !errors.Is(err, ErrHostile) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestUnpackKeepsWhatIsFine(t *testing.T) {
	dir := t.TempDir()
	odd := "odd\n\x1b[31m\xff name"
	r := bytes.NewReader(append(tarOf(t,
		entry{name: "./a/b", data: "one"}, entry{name: "a/c", link: "a/b", kind: tar.TypeLink},
		entry{name: "bin", link: "usr/bin", kind: tar.TypeSymlink}, entry{name: "usr/bin/", kind: tar.TypeDir},
		entry{name: "bin/tool", data: "two"}, entry{name: "abs", link: "/usr/bin/tool", kind: tar.TypeSymlink},
		entry{name: "a/b", data: "again"}, entry{name: odd, data: "x"}, entry{name: "..fine", link: "..also", kind: tar.TypeSymlink},
	), bytes.Repeat([]byte{0}, 5000)...))
	if err := Unpack(t.Context(), r, dir, DefaultLimits); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a/b": "again", "a/c": "one", "usr/bin/tool": "two", odd: "x"} {
		if got := read(t, dir, name); got != want {
			t.Errorf("%q holds %q, want %q", name, got, want)
		}
	}
	fi, err := os.Stat(filepath.Join(dir, "usr/bin/tool"))
	if err != nil || fi.Mode() != 0o755 {
		t.Errorf("mode %v, %v: set-id bits must go", fi.Mode(), err)
	}
	if n, _ := io.Copy(io.Discard, r); n != 0 {
		t.Errorf("%d bytes of the stream were left unread", n)
	}
}

func TestLayersAreAppliedInOrder(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	u := &unpacker{root: root, limits: DefaultLimits, whiteouts: true}
	for _, layer := range [][]entry{
		{{name: "usr/bin/a", data: "a"}, {name: "bin", link: "usr/bin", kind: tar.TypeSymlink}, {name: "d/x", data: "x"}, {name: "e/y", data: "y"}, {name: "f/z", data: "z"}},
		{{name: "bin/", kind: tar.TypeDir}, {name: "bin/b", data: "b"}, {name: "d/.wh.x"}, {name: "e/.wh..wh..opq"}, {name: "e/new", data: "n"}, {name: ".wh.f"}, {name: "f", data: "file"}},
	} {
		if err := u.stream(t.Context(), bytes.NewReader(tarOf(t, layer...))); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"usr/bin/a": "a", "usr/bin/b": "b", "e/new": "n", "f": "file"} {
		if got := read(t, dir, name); got != want {
			t.Errorf("%s holds %q", name, got)
		}
	}
	for _, gone := range []string{"d/x", "e/y", "d/.wh.x"} {
		if _, err := os.Lstat(filepath.Join(dir, gone)); err == nil {
			t.Errorf("%s is still there", gone)
		}
	}
	for _, bad := range []entry{{name: ".wh."}, {name: ".wh..."}, {name: "../.wh.x"}} {
		if err := u.stream(t.Context(), bytes.NewReader(tarOf(t, bad))); !errors.Is(err, ErrHostile) {
			t.Errorf("%s: %v", bad.name, err)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(tarOf(f, entry{name: "a/b", data: "x"}, entry{name: "l", link: "a", kind: tar.TypeSymlink}, entry{name: "l/c", data: "y"}))
	f.Add(tarOf(f, entry{name: "l", link: "/", kind: tar.TypeSymlink}, entry{name: "l/c", data: "y"}))
	f.Add(tarOf(f, entry{name: "d/l", link: "../..", kind: tar.TypeSymlink}, entry{name: "h", link: "d/l", kind: tar.TypeLink}))
	f.Add([]byte("not a tar"))
	f.Fuzz(func(t *testing.T, data []byte) {
		top := t.TempDir()
		dir := filepath.Join(top, "in")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		_ = Unpack(t.Context(), bytes.NewReader(data), dir, Limits{Bytes: 1 << 16, Entries: 50, Path: 200})
		left, err := os.ReadDir(top)
		if err != nil || len(left) != 1 {
			t.Fatalf("wrote outside: %v %v", left, err)
		}
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type()&^(fs.ModeDir|fs.ModeSymlink) != 0 {
				t.Fatalf("%q is %v", path, d.Type())
			}
			return err
		})
	})
}
