package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"pgregory.net/rapid"
)

func TestBaseSaysWhatToDoWhenThereIsNone(t *testing.T) {
	s := open(t, t.TempDir())
	_, err := s.Base(Runtime)
	if !errors.Is(err, ErrNoBase) || !strings.Contains(err.Error(), "lathe setup") {
		t.Errorf("got %v", err)
	}
	if _, err := s.RootFS(t.Context(), "sha256:"+strings.Repeat("0", 64)); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	for _, bad := range []string{"", "x", "sha512:00", "sha256:../../../etc/passwd", strings.Repeat("y", 9999)} {
		if _, err := s.Annotations(bad); !errors.Is(err, ErrNotFound) || len(err.Error()) > 500 {
			t.Errorf("%.20q: got %v", bad, err)
		}
	}
}

func TestBaseIsUnpackedOnce(t *testing.T) {
	s := open(t, t.TempDir())
	digest := smallBase(t, s)
	if got, err := s.Base(Runtime); err != nil || got != digest {
		t.Fatalf("got %s, %v", got, err)
	}
	dirs := make([]string, 8)
	var wg sync.WaitGroup
	for i := range dirs {
		wg.Go(func() {
			dir, err := s.RootFS(t.Context(), digest)
			if err != nil {
				t.Error(err)
			}
			dirs[i] = dir
		})
	}
	wg.Wait()
	for _, d := range dirs {
		if d != dirs[0] {
			t.Errorf("two places: %s and %s", d, dirs[0])
		}
	}
	if got := read(t, dirs[0], "usr/hello"); got != "world" {
		t.Errorf("got %q", got)
	}
	if left, _ := filepath.Glob(filepath.Join(s.rootDir(), ".*")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestToolIsItsBaseAndOneLayer(t *testing.T) {
	s := open(t, t.TempDir())
	base := smallBase(t, s)
	files := map[string][]byte{"tool.json": []byte("{}"), "tool.py": []byte("#!/usr/bin/python3\n"), "sub/x": []byte("y")}
	notes := map[string]string{"lathe.manifest": `{"name":"count_words"}`}
	digest, err := s.AddTool(t.Context(), base, files, notes, "count_words", "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := s.ToolDir(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if got := read(t, dir, name); got != string(want) {
			t.Errorf("%s holds %q", name, got)
		}
	}
	got, err := s.Annotations(digest)
	if err != nil || got["lathe.manifest"] != notes["lathe.manifest"] {
		t.Errorf("got %v, %v", got, err)
	}
	if b, err := s.ToolBase(digest); err != nil || b != base {
		t.Errorf("base %s, %v", b, err)
	}
	if d, err := s.ResolveTag("count_words", "1.0.0"); err != nil || d != digest {
		t.Errorf("tag gives %s, %v", d, err)
	}
	if root, err := s.RootFS(t.Context(), digest); err != nil || read(t, root, ToolPath, "sub/x") != "y" || read(t, root, "usr/hello") != "world" {
		t.Errorf("root %s, %v", root, err)
	}
	if _, err := s.ToolDir(t.Context(), base); !errors.Is(err, ErrNotFound) {
		t.Errorf("tool folder of a base: %v", err)
	}
	list, err := s.List()
	if err != nil || len(list) != 2 {
		t.Fatalf("list %+v, %v", list, err)
	}
	if e := list[1]; e.Digest != digest || e.Name != "count_words" || e.Version != "1.0.0" || e.Base != base || e.Size <= 0 {
		t.Errorf("entry %+v", e)
	}
}

// The digest says what the content is: same content, same digest, in any store;
// any other content, another.
func TestToolDigestIsItsContent(t *testing.T) {
	one, two := open(t, t.TempDir()), open(t, t.TempDir())
	base := smallBase(t, one)
	if other := smallBase(t, two); other != base {
		t.Fatalf("bases differ: %s and %s", base, other)
	}
	rapid.Check(t, func(rt *rapid.T) {
		files := rapid.MapOfN(rapid.StringMatching(`[a-z]{1,8}`), rapid.SliceOfN(rapid.Byte(), 0, 50), 1, 5).Draw(rt, "files")
		note := rapid.String().Draw(rt, "note")
		add := func(s *Store, f map[string][]byte, n string) string {
			img, err := s.toolImage(base, f, map[string]string{"n": n}, "x", "1.0.0")
			if err != nil {
				rt.Fatal(err)
			}
			d, err := img.Digest()
			if err != nil {
				rt.Fatal(err)
			}
			return d.String()
		}
		a, b := add(one, files, note), add(two, maps.Clone(files), note)
		if a != b {
			rt.Fatalf("%s and %s", a, b)
		}
		more := maps.Clone(files)
		more["zz-more"] = nil
		if add(one, more, note) == a || add(one, files, note+"x") == a {
			rt.Fatal("different content, same digest")
		}
	})
}

func TestAddToolRefuses(t *testing.T) {
	s := open(t, t.TempDir())
	base := smallBase(t, s)
	ok := map[string][]byte{"a": nil}
	for why, c := range map[string]struct {
		base, name, version string
		files               map[string][]byte
	}{
		"no files":     {base, "x", "1.0.0", nil},
		"upwards":      {base, "x", "1.0.0", map[string][]byte{"../a": nil}},
		"absolute":     {base, "x", "1.0.0", map[string][]byte{"/a": nil}},
		"unclean":      {base, "x", "1.0.0", map[string][]byte{"a//b": nil}},
		"empty name":   {base, "x", "1.0.0", map[string][]byte{"": nil}},
		"no such base": {"sha256:" + strings.Repeat("1", 64), "x", "1.0.0", ok},
		"bad name":     {base, "../x", "1.0.0", ok},
		"long name":    {base, strings.Repeat("x", 10_000), "1.0.0", ok},
		"no version":   {base, "x", "", ok},
		"too large":    {base, "x", "1.0.0", map[string][]byte{"a": make([]byte, maxToolBytes+1)}},
	} {
		if d, err := s.AddTool(t.Context(), c.base, c.files, nil, c.name, c.version); err == nil || len(err.Error()) > 1000 {
			t.Errorf("%s: got %s, %v", why, d, err)
		}
	}
}

// A changed byte is found in files of any age: layers that were found whole
// before are looked at again when their file is another.
func TestVerifyFindsOneFlippedByte(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	base := smallBase(t, s)
	digest, err := s.AddTool(t.Context(), base, map[string][]byte{"a": []byte("content")}, nil, "x", "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	img, _, err := s.image(digest)
	if err != nil {
		t.Fatal(err)
	}
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	h, _ := v1.NewHash(digest)
	blobs := []v1.Hash{h, m.Config.Digest}
	for _, l := range m.Layers {
		blobs = append(blobs, l.Digest)
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(s.blob(l.Digest), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Verify(digest); err != nil {
		t.Fatal(err)
	}
	for _, b := range blobs[2:] {
		if _, ok := s.whole.known(s.blob(b)); !ok {
			t.Errorf("layer %s would be read again", b)
		}
	}
	for _, b := range blobs {
		good, err := os.ReadFile(s.blob(b))
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int{0, len(good) / 2, len(good) - 1} {
			bad := append([]byte{}, good...)
			bad[at] ^= 1
			if err := os.WriteFile(s.blob(b), bad, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := s.Verify(digest); err == nil {
				t.Errorf("byte %d of %s was flipped, and nothing was found", at, b)
			}
			if _, err := s.ToolDir(t.Context(), digest); err == nil {
				t.Errorf("byte %d of %s was flipped, and the tool was unpacked", at, b)
			}
		}
		if err := os.WriteFile(s.blob(b), good, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Verify(digest); err != nil {
		t.Errorf("restored: %v", err)
	}
}

// Storing an image again heals what was damaged.
func TestPutHeals(t *testing.T) {
	s := open(t, t.TempDir())
	base := smallBase(t, s)
	img, _, err := s.image(base)
	if err != nil {
		t.Fatal(err)
	}
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	layer := s.blob(m.Layers[0].Digest)
	raw := []byte(read(t, layer))
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(layer, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(base); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("got %v", err)
	}
	smallBase(t, s)
	if err := s.Verify(base); err != nil {
		t.Errorf("stored again: %v", err)
	}
}

func TestStoreOnTopOfAnother(t *testing.T) {
	lower := open(t, t.TempDir())
	base := smallBase(t, lower)
	lowerRoot, err := lower.RootFS(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	before, err := lower.List()
	if err != nil {
		t.Fatal(err)
	}
	top := open(t, t.TempDir(), WithBase(lower.Dir()))
	if got, err := top.Base(Runtime); err != nil || got != base {
		t.Fatalf("got %s, %v", got, err)
	}
	if root, err := top.RootFS(t.Context(), base); err != nil || root != lowerRoot {
		t.Errorf("unpacked again in %s, %v", root, err)
	}
	digest, err := top.AddTool(t.Context(), base, map[string][]byte{"a": []byte("b")}, nil, "x", "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if err := top.Verify(digest); err != nil {
		t.Error(err)
	}
	if after, _ := lower.List(); len(after) != len(before) {
		t.Errorf("the lower store changed: %+v", after)
	}
	if _, err := lower.Annotations(digest); !errors.Is(err, ErrNotFound) {
		t.Errorf("the lower store has the tool: %v", err)
	}
}

func TestTagsMove(t *testing.T) {
	s := open(t, t.TempDir())
	base := smallBase(t, s)
	var digests []string
	for i := range 2 {
		d, err := s.AddTool(t.Context(), base, map[string][]byte{"a": fmt.Append(nil, i)}, nil, "x", "1.0.0")
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, d)
	}
	if d, _ := s.ResolveTag("x", "1.0.0"); d != digests[1] {
		t.Errorf("tag gives %s", d)
	}
	if err := s.SaveTag("x", "1.0.0", digests[0]); err != nil {
		t.Fatal(err)
	}
	if d, _ := s.ResolveTag("x", "1.0.0"); d != digests[0] {
		t.Errorf("tag gives %s", d)
	}
	if _, err := s.ResolveTag("x", "2.0.0"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	for _, bad := range []string{"X", "a b", "", "a\nb", "../a"} {
		if err := s.SaveTag(bad, "1", digests[0]); err == nil {
			t.Errorf("%q was taken for a name", bad)
		}
	}
}

// Two stores on one directory are two processes: neither loses what the other
// stored.
func TestTwoStoresOnOneDirectory(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	base := smallBase(t, a)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			s := []*Store{a, b}[i%2]
			if _, err := s.AddTool(t.Context(), base, map[string][]byte{"a": fmt.Append(nil, i)}, nil, fmt.Sprintf("t%d", i), "1.0.0"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range 16 {
		if _, err := a.ResolveTag(fmt.Sprintf("t%d", i), "1.0.0"); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenSaysWhyItCannot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
}

func TestRootFSRefusesAHostileLayer(t *testing.T) {
	s := open(t, t.TempDir())
	digest := addBase(t, s, Runtime, entry{name: "a", link: "/", kind: tar.TypeSymlink}, entry{name: "a/x", data: "y"})
	if _, err := s.RootFS(t.Context(), digest); !errors.Is(err, ErrHostile) {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(s.rootDir()); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}
