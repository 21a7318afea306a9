package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func cacheStore(t testing.TB) *Store {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return open(t, filepath.Join(cache, "lathe-test", "images"))
}

// The base images hold what tools and their validation run, and nothing of the
// machine that built them. Two builds from the same packages are one digest.
func TestBaseImages(t *testing.T) {
	cached := cacheStore(t)
	for kind, programs := range map[Kind][]string{
		Runtime: {"python3", "sh", "bash", "awk", "git", "jq", "grep", "sed", "find", "diff", "sort"},
		Validation: {"python3", "sh", "awk", "git", "mypy", "pylint", "bandit", "shellcheck",
			"../lib/python3/dist-packages/pytest/__init__.py", "../lib/python3/dist-packages/hypothesis/__init__.py",
			"../lib/python3/dist-packages/pytest_cov/__init__.py", "../lib/python3/dist-packages/coverage/__init__.py"},
	} {
		digest, err := cached.EnsureBase(t.Context(), kind, os.Stderr)
		if err != nil {
			t.Fatal(err)
		}
		root, err := cached.RootFS(t.Context(), digest)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range programs {
			if _, err := os.Stat(filepath.Join(root, "usr/bin", p)); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
		for _, p := range []string{"etc/apt", "var/lib/apt", "var/cache", "etc/machine-id", "etc/hostname", "usr/share/doc", "var/log"} {
			if _, err := os.Lstat(filepath.Join(root, p)); err == nil {
				t.Errorf("%s: has %s", kind, p)
			}
		}
		if pyc, _ := filepath.Glob(filepath.Join(root, "usr/lib/python3.*/__pycache__/os.*.pyc")); len(pyc) != 1 {
			t.Errorf("%s: os is compiled %d times", kind, len(pyc))
		}
	}
}

func TestRuntimeImageIsReproducible(t *testing.T) {
	cached, fresh := cacheStore(t), open(t, t.TempDir())
	second, err := fresh.BuildBase(t.Context(), Runtime, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	first, err := cached.EnsureBase(t.Context(), Runtime, os.Stderr)
	if err == nil && first != second {
		// The cache may be older than the mirror's packages or than this code.
		first, err = cached.BuildBase(t.Context(), Runtime, os.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	if first != second {
		t.Errorf("two builds: %s and %s", first, second)
	}
}

func TestBuildBaseRefusesUnknownKinds(t *testing.T) {
	s := open(t, t.TempDir())
	if _, err := s.BuildBase(t.Context(), "other", nil); err == nil || !strings.Contains(err.Error(), "runtime") {
		t.Errorf("got %v", err)
	}
}

func TestBuildBaseSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := open(t, t.TempDir()).BuildBase(t.Context(), Runtime, nil)
	if err == nil || !strings.Contains(err.Error(), "mmdebstrap") || !strings.Contains(err.Error(), "lathe image import") {
		t.Errorf("got %v", err)
	}
}

func TestNormalisedLayer(t *testing.T) {
	built := tarOf(t,
		entry{name: "./", kind: tar.TypeDir}, entry{name: "./etc/apt/sources.list", data: "deb http://internal.example/"},
		entry{name: "./etc/passwd", data: "alice"}, entry{name: "./dev/null", kind: tar.TypeChar}, entry{name: "./usr/bin/x", data: "x"},
		entry{name: "./usr/bin/y", link: "./usr/bin/x", kind: tar.TypeLink}, entry{name: "./var/log/dpkg.log", data: "when"},
		entry{name: "./usr/lib/x86_64-linux-gnu/perl5/a", data: "p"}, entry{name: "./usr/share/document", data: "kept"},
	)
	dir := t.TempDir()
	layers := []string{filepath.Join(dir, "1"), filepath.Join(dir, "2")}
	for _, l := range layers {
		if err := writeLayer(bytes.NewReader(built), l); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, layers[0]) != read(t, layers[1]) {
		t.Error("two layers of the same files differ")
	}
	s := open(t, t.TempDir())
	digest, err := s.storeBase(Runtime, layers[0])
	if err != nil {
		t.Fatal(err)
	}
	root, err := s.RootFS(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"etc/apt", "dev/null", "var/log", "usr/lib/x86_64-linux-gnu/perl5"} {
		if _, err := os.Lstat(filepath.Join(root, p)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is in the image", p)
		}
	}
	if read(t, root, "usr/bin/y") != "x" || strings.Contains(read(t, root, "etc/passwd"), "alice") || read(t, root, "usr/share/document") != "kept" {
		t.Error("files are not as they should be")
	}
	bad := tarOf(t, entry{name: "./usr/bin/y", link: "./var/log/x", kind: tar.TypeLink})
	if err := writeLayer(bytes.NewReader(bad), layers[0]); err == nil {
		t.Error("a hard link to what is left out was taken")
	}
}

func TestSourcesAreTheDistributionsOwn(t *testing.T) {
	oneline := `# comment
deb http://mirror.test/debian bookworm main contrib # trailing
deb [arch=amd64 signed-by=/x.gpg] http://mirror.test/debian bookworm-updates main
deb http://mirror.test/debian-security bookworm-security main
deb http://mirror.test/debian-security bookworm/updates main
deb-src http://mirror.test/debian bookworm main
deb http://third.test/docker bookworm stable
deb http://third.test/pg bookworm-pgdg main
deb http://third.test/node nodistro main
deb [broken
deb http://mirror.test/debian trixie main`
	if got := oneLine(oneline, "bookworm"); len(got) != 4 || slices.ContainsFunc(got, func(l string) bool { return strings.Contains(l, "third") }) {
		t.Errorf("got %q", got)
	}
	stanzas := `Types: deb
# a comment inside
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/x.gpg

Types: deb
URIs: http://third.test
Suites: bookworm
Components: stable

Enabled: no
Types: deb
URIs: http://off.test
Suites: bookworm
Components: main

Types: deb deb-src
URIs: http://mirror.test/sec
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 Suites: sid
 -----END PGP PUBLIC KEY BLOCK-----`
	got := deb822(stanzas, "bookworm")
	if len(got) != 2 || strings.Contains(got[0], "#") || !strings.Contains(got[1], "END PGP") {
		t.Errorf("got %q", got)
	}
}

func TestWriteSources(t *testing.T) {
	root, tmp := t.TempDir(), t.TempDir()
	write := func(name, content string) {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := writeSources(root, tmp); err == nil {
		t.Error("no os-release, no error")
	}
	write("etc/os-release", "ID=debian\nVERSION_CODENAME=\"bookworm\"\n")
	if _, _, err := writeSources(root, tmp); err == nil || !strings.Contains(err.Error(), "bookworm") {
		t.Errorf("no sources: %v", err)
	}
	write("etc/apt/sources.list", "deb http://mirror.test/debian bookworm main\n")
	write("etc/apt/sources.list.d/debian.sources", "Types: deb\nURIs: http://m.test\nSuites: bookworm-updates\nComponents: main\n")
	suite, files, err := writeSources(root, tmp)
	if err != nil || suite != "bookworm" || len(files) != 2 {
		t.Fatalf("got %s %v %v", suite, files, err)
	}
	if !strings.Contains(read(t, files[0])+read(t, files[1]), "m.test") {
		t.Error("a source is missing")
	}
}

func FuzzSources(f *testing.F) {
	f.Add("deb [a=b] http://x bookworm main\n\nTypes: deb\nSuites: bookworm\nComponents: main", "bookworm")
	f.Add("deb [", "")
	f.Fuzz(func(t *testing.T, text, suite string) {
		for _, line := range append(oneLine(text, suite), deb822(text, suite)...) {
			if !strings.Contains(line, "main") {
				t.Errorf("kept %q", line)
			}
		}
	})
}
