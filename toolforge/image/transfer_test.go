package image

import (
	"archive/tar"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func addTool(t testing.TB, s *Store, base string) string {
	t.Helper()
	d, err := s.AddTool(t.Context(), base, map[string][]byte{"tool.py": []byte("print(1)")}, map[string]string{"k": "v"}, "x", "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestExportAndImport(t *testing.T) {
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	digest := addTool(t, from, smallBase(t, from))
	file := filepath.Join(t.TempDir(), "image.tar")
	if err := from.Export(t.Context(), digest, file); err != nil {
		t.Fatal(err)
	}
	got, err := to.Import(t.Context(), file)
	if err != nil || got != digest {
		t.Fatalf("got %s, %v", got, err)
	}
	dir, err := to.ToolDir(t.Context(), digest)
	if err != nil || read(t, dir, "tool.py") != "print(1)" {
		t.Errorf("%s, %v", dir, err)
	}
	again := filepath.Join(t.TempDir(), "again.tar")
	if err := to.Export(t.Context(), digest, again); err != nil || read(t, file) != read(t, again) {
		t.Errorf("the second export differs: %v", err)
	}
	for _, s := range []*Store{from, to} {
		if left, _ := filepath.Glob(filepath.Join(s.Dir(), ".[eia]*")); len(left) > 0 {
			t.Errorf("left %v", left)
		}
	}
}

// TestImportFollowsNoLink holds links in a layout against the reading of what
// they lead to: before, index.json -> /dev/zero took all memory.
func TestImportFollowsNoLink(t *testing.T) {
	s := open(t, t.TempDir())
	outside := filepath.Join(t.TempDir(), "index.json")
	if err := os.WriteFile(outside, []byte(`{"schemaVersion":2,"manifests":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	layout := entry{name: "oci-layout", data: `{"imageLayoutVersion":"1.0.0"}`}
	digest := strings.Repeat("a", 64)
	index := `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":5,"digest":"sha256:` + digest + `"}]}`
	for name, entries := range map[string][]entry{
		"index":     {layout, {name: "index.json", kind: tar.TypeSymlink, link: outside}},
		"blob":      {layout, {name: "index.json", data: index}, {name: "blobs/sha256/" + digest, kind: tar.TypeSymlink, link: outside}},
		"folder":    {layout, {name: "index.json", data: index}, {name: "blobs", kind: tar.TypeSymlink, link: filepath.Dir(outside)}},
		"too large": {layout, {name: "index.json", data: strings.Repeat(" ", maxDocument+1)}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "image.tar")
			if err := os.WriteFile(file, tarOf(t, entries...), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Import(t.Context(), file); !errors.Is(err, ErrHostile) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestImportOfDockerSave(t *testing.T) {
	img, err := random.Image(1000, 2)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag("example.test/x:1")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "docker.tar")
	if err := tarball.WriteToFile(file, tag, img); err != nil {
		t.Fatal(err)
	}
	s := open(t, t.TempDir())
	digest, err := s.Import(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(digest); err != nil {
		t.Error(err)
	}
	if err := s.SetBase(Runtime, digest); err != nil {
		t.Error(err)
	}
	if got, err := s.Base(Runtime); err != nil || got != digest {
		t.Errorf("base %s, %v", got, err)
	}
}

func TestImportRefuses(t *testing.T) {
	from := open(t, t.TempDir())
	export := func(digest string) string {
		file := filepath.Join(t.TempDir(), "image.tar")
		if err := from.Export(t.Context(), digest, file); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write := func(data string) string {
		file := filepath.Join(t.TempDir(), "image.tar")
		if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	good := read(t, export(smallBase(t, from)))
	flipped := []byte(good)
	flipped[strings.Index(good, "\x1f\x8b")+40] ^= 1 // in the layer
	for why, file := range map[string]string{
		"hostile layer":   export(addBase(t, from, Validation, entry{name: "a", link: "/", kind: tar.TypeSymlink}, entry{name: "a/x"})),
		"flipped byte":    write(string(flipped)),
		"truncated":       write(good[:len(good)/2]),
		"junk":            write("this is no archive, of course" + strings.Repeat("\x00\xff", 2000)),
		"empty":           write(""),
		"hostile archive": write(string(tarOf(t, entry{name: "../x"}))),
		"not an image":    write(string(tarOf(t, entry{name: "readme", data: "x"}))),
		"missing":         filepath.Join(t.TempDir(), "nowhere"),
	} {
		s := open(t, t.TempDir())
		if d, err := s.Import(t.Context(), file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: got %s, %v", why, d, err)
		}
		if l, err := s.List(); err != nil || len(l) != 0 {
			t.Errorf("%s: stored %v, %v", why, l, err)
		}
	}
}

func TestImportIsBounded(t *testing.T) {
	from := open(t, t.TempDir())
	digest := addBase(t, from, Runtime, entry{name: "zeros", data: strings.Repeat("\x00", 4<<20)})
	file := filepath.Join(t.TempDir(), "bomb.tar")
	if err := from.Export(t.Context(), digest, file); err != nil {
		t.Fatal(err)
	}
	s := open(t, t.TempDir(), WithLimits(Limits{Bytes: 1 << 20, Entries: 100, Path: 200}))
	if _, err := s.Import(t.Context(), file); !errors.Is(err, ErrHostile) {
		t.Errorf("got %v", err)
	}
}

// TestLargeConfiguration: what is read in one piece is small, wherever the
// image comes from.
func TestLargeConfiguration(t *testing.T) {
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{Author: strings.Repeat("x", maxDocument)})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	layoutTar, saved := filepath.Join(dir, "layout.tar"), filepath.Join(dir, "saved.tar")
	p, err := layout.Write(filepath.Join(dir, "layout"), empty.Index)
	if err == nil {
		err = p.AppendImage(img)
	}
	if err == nil {
		err = writeTar(t.Context(), string(p), layoutTar)
	}
	ref := reference(t, "registry.example/x:1")
	if err == nil {
		err = tarball.WriteToFile(saved, ref, img)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, t.TempDir())
	for _, file := range []string{layoutTar, saved} {
		if _, err := s.Import(t.Context(), file); !errors.Is(err, ErrHostile) {
			t.Errorf("%s: got %v", file, err)
		}
	}
	at := startRegistry(t, "on") + "/x:1"
	if err := remote.Write(reference(t, at), img); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Pull(t.Context(), at); !errors.Is(err, ErrHostile) {
		t.Errorf("pull: got %v", err)
	}
}

func TestPushAndPull(t *testing.T) {
	srv := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer srv.Close()
	host := strings.TrimPrefix(srv.URL, "http://")
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	digest := addTool(t, from, smallBase(t, from))
	ref, err := from.Push(t.Context(), digest, host+"/tools/x:1.0.0")
	if err != nil || ref != host+"/tools/x@"+digest {
		t.Fatalf("got %s, %v", ref, err)
	}
	for _, r := range []string{ref, host + "/tools/x:1.0.0"} {
		if got, err := to.Pull(t.Context(), r); err != nil || got != digest {
			t.Errorf("%s: got %s, %v", r, got, err)
		}
	}
	if a, err := to.Annotations(digest); err != nil || a["k"] != "v" {
		t.Errorf("got %v, %v", a, err)
	}
	for _, bad := range []string{"", "UPPER CASE", host + "/tools/none:1", host + "/tools/x@sha256:" + strings.Repeat("0", 64)} {
		if d, err := to.Pull(t.Context(), bad); err == nil {
			t.Errorf("%q gave %s", bad, d)
		}
	}
}
