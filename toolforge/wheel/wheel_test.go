package wheel

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lathe/toolforge/wheel/wheeltest"
)

func built(t testing.TB, name, version string, files map[string]string, edit func(entries map[string]string)) []byte {
	t.Helper()
	raw, err := wheeltest.Build(name, version, files, edit)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func pinOf(name, version string, raw []byte) Pin {
	return Pin{Normal(name), version, wheeltest.SHA256(raw)}
}

var shoutFiles = map[string]string{"shouting/__init__.py": "def shout(s):\n    return s.upper()\n", "shouting/data/x.txt": "x"}

func TestParse(t *testing.T) {
	hash := strings.Repeat("0a", 32)
	for _, c := range []struct{ line, want string }{
		{"Foo.Bar==1.2 --hash=sha256:" + hash, "foo-bar==1.2 --hash=sha256:" + hash},
		{"a==1!2.0rc1.post2.dev3+x.1 --hash=sha256:" + hash, "a==1!2.0rc1.post2.dev3+x.1 --hash=sha256:" + hash},
		{"foo", "not pinned"},
		{"foo>=1", "not pinned"},
		{"foo==1.*  --hash=sha256:" + hash, "not pinned"},
		{"foo==1.2", "wheel is not pinned"},
		{"foo==1.2 --hash=md5:abc", "not pinned"},
		{"foo==x --hash=sha256:" + hash, "no exact version"},
		{"foo @ https://example.org/foo.whl", "an address"},
		{"git+https://example.org/foo", "an address"},
		{"../foo==1 --hash=sha256:" + hash, "not pinned"},
		{"--index-url==1 --hash=sha256:" + hash, "not pinned"},
	} {
		p, err := Parse(c.line)
		got := p.String()
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %s, want %s", c.line, got, c.want)
		}
	}
	if _, err := ParseAll([]string{"a==1 --hash=sha256:" + hash, "A==2 --hash=sha256:" + hash}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("one package twice: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	const info = "shouting-1.0.dist-info/"
	with := func(name, text string) map[string]string {
		out := maps.Clone(shoutFiles)
		out[name] = text
		return out
	}
	for _, c := range []struct {
		name, file string
		files      map[string]string
		edit       func(map[string]string)
		want       string
	}{
		{"good", "shouting-1.0-py3-none-any.whl", shoutFiles, nil, ""},
		{"source", "shouting-1.0.tar.gz", shoutFiles, nil, "source distribution"},
		{"native", "shouting-1.0-cp311-cp311-win_amd64.whl", shoutFiles, nil, "native code for win_amd64"},
		{"old Python", "shouting-1.0-py2-none-any.whl", shoutFiles, nil, "not for Python 3"},
		{"another name", "whisper-1.0-py3-none-any.whl", shoutFiles, nil, "another package"},
		{"another version", "shouting-1.1-py3-none-any.whl", shoutFiles, nil, "another package or version"},
		{"outside", "shouting-1.0-py3-none-any.whl", with("../evil.py", "x"), nil, "leads out"},
		{"absolute", "shouting-1.0-py3-none-any.whl", with("/evil.py", "x"), nil, "leads out"},
		{"backslash", "shouting-1.0-py3-none-any.whl", with(`a\..\evil.py`, "x"), nil, "leads out"},
		{"twice by case", "shouting-1.0-py3-none-any.whl", with("shouting/__INIT__.py", "x"), nil, "there twice"},
		{"starts by itself", "shouting-1.0-py3-none-any.whl", with("shouting.pth", "import os"), nil, "runs by itself"},
		{"site", "shouting-1.0-py3-none-any.whl", with("sitecustomize.py", "x"), nil, "take the place"},
		{"library", "shouting-1.0-py3-none-any.whl", with("shouting/x.cpython-311.so", "x"), nil, "native code"},
		{"compiled", "shouting-1.0-py3-none-any.whl", with("shouting/x.pyc", "x"), nil, "nobody can read"},
		{"changed", "shouting-1.0-py3-none-any.whl", shoutFiles, func(e map[string]string) { e["shouting/__init__.py"] += "evil" }, "not what its RECORD says"},
		{"added", "shouting-1.0-py3-none-any.whl", shoutFiles, func(e map[string]string) { e["shouting/new.py"] = "x" }, "not in its RECORD"},
		{"missing", "shouting-1.0-py3-none-any.whl", shoutFiles, func(e map[string]string) { delete(e, "shouting/data/x.txt") }, "not there"},
		{"no record", "shouting-1.0-py3-none-any.whl", shoutFiles, func(e map[string]string) { delete(e, info+"RECORD") }, "no shouting-1.0.dist-info/RECORD"},
		{"not pure", "shouting-1.0-py3-none-any.whl", with(info+"WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\n"), nil, "no wheel of version 1"},
		{"says another name", "shouting-1.0-py3-none-any.whl", with(info+"METADATA", "Name: other\nVersion: 1.0\n"), nil, "says of itself"},
		{"bomb", "shouting-1.0-py3-none-any.whl", with("shouting/big.txt", strings.Repeat("0", MaxBytes)), nil, "unpacked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := built(t, "shouting", "1.0", c.files, c.edit)
			k, err := Open(raw, c.file, pinOf("shouting", "1.0", raw))
			if c.want == "" {
				if err != nil || !slices.Equal(k.Modules, []string{"shouting"}) || string(k.Files["shouting/data/x.txt"]) != "x" || k.Licence != "MIT" {
					t.Errorf("%+v, %v", k, err)
				}
				return
			}
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	raw := built(t, "shouting", "1.0", shoutFiles, nil)
	if _, err := Open(raw, "shouting-1.0-py3-none-any.whl", Pin{"shouting", "1.0", strings.Repeat("0", 64)}); err == nil || !strings.Contains(err.Error(), "another file") {
		t.Errorf("another hash: %v", err)
	}
}

// TestSourceOverHTTP fetches from an index as JSON and as HTML, and refuses
// what it should.
func TestSourceOverHTTP(t *testing.T) {
	good := built(t, "shouting", "1.0", shoutFiles, nil)
	old := built(t, "shouting", "0.9", shoutFiles, nil)
	source, native := []byte("source"), []byte("native")
	needy := built(t, "needy", "2.0", map[string]string{"needy.py": "", "needy-2.0.dist-info/METADATA": "Name: needy\nVersion: 2.0\nRequires-Dist: Shouting>=1\nRequires-Dist: extra_one ; extra == 'x'\n"}, nil)
	hash := func(b []byte) string { return pinOf("x", "1", b).SHA256 }
	for _, asJSON := range []bool{true, false} {
		fetched := 0
		mux := http.NewServeMux()
		page := func(name string, files map[string][]byte, yanked string) {
			mux.HandleFunc("GET /simple/"+name+"/{$}", func(w http.ResponseWriter, _ *http.Request) {
				if asJSON {
					w.Header().Set("Content-Type", "application/vnd.pypi.simple.v1+json")
					sep := `{"meta":{"api-version":"1.0"},"files":[`
					for f, raw := range files {
						fmt.Fprintf(w, `%s{"filename":%q,"url":"../../files/%s","hashes":{"sha256":%q},"yanked":%t}`, sep, f, f, hash(raw), f == yanked)
						sep = ","
					}
					_, _ = io.WriteString(w, "]}")
					return
				}
				w.Header().Set("Content-Type", "text/html")
				for f, raw := range files {
					attr := ""
					if f == yanked {
						attr = ` data-yanked="broken"`
					}
					fmt.Fprintf(w, "<a href=\"../../files/%s#sha256=%s\"%s>%s</a>\n", f, hash(raw), attr, f)
				}
			})
			for f, raw := range files {
				mux.HandleFunc("GET /files/"+f, func(w http.ResponseWriter, _ *http.Request) {
					fetched++
					_, _ = w.Write(raw)
				})
			}
		}
		page("shouting", map[string][]byte{"shouting-1.0-py3-none-any.whl": good, "shouting-0.9-py3-none-any.whl": old, "shouting-0.5.tar.gz": source,
			"shouting-0.4-cp311-cp311-macosx_11_0_arm64.whl": native}, "shouting-0.9-py3-none-any.whl")
		page("needy", map[string][]byte{"needy-2.0-py3-none-any.whl": needy}, "")
		server := httptest.NewServer(mux)
		s := Source{Place: server.URL + "/simple", Cache: t.TempDir()}
		for _, c := range []struct {
			pins []Pin
			want string
		}{
			{[]Pin{{"shouting", "1.0", hash(good)}}, ""},
			{[]Pin{{"shouting", "1.0", hash(good)}}, ""}, // from the cache
			{[]Pin{{"needy", "2.0", hash(needy)}, {"shouting", "1.0", hash(good)}}, ""},
			{[]Pin{{"needy", "2.0", hash(needy)}}, "needs shouting, which is not declared"},
			{[]Pin{{"shouting", "1.0", hash(old)}}, "another package or version"},
			{[]Pin{{"shouting", "1.0", strings.Repeat("0", 64)}}, "no file of it has the SHA-256"},
			{[]Pin{{"shouting", "0.9", hash(old)}}, "yanked"},
			{[]Pin{{"shouting", "0.5", hash(source)}}, "source distribution"},
			{[]Pin{{"shouting", "0.5", strings.Repeat("1", 64)}}, "source distribution"},
			{[]Pin{{"shouting", "0.4", hash(native)}}, "native code"},
			{[]Pin{{"shouting", "3.0", hash(good)}}, "another package or version"},
			{[]Pin{{"missing", "3.0", hash(good)}}, "404"},
		} {
			all, err := s.Get(t.Context(), c.pins)
			if c.want == "" && (err != nil || string(Together(all)["shouting/data/x.txt"]) != "x") || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("JSON %t, %v: %v, want %q", asJSON, c.pins, err, c.want)
			}
		}
		if fetched != 2 {
			t.Errorf("%d files fetched, want 2: the rest is refused before, or kept", fetched)
		}
		server.Close()
	}
}

func TestSourceFolder(t *testing.T) {
	raw := built(t, "shouting", "1.0", shoutFiles, nil)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "shouting-1.0-py3-none-any.whl"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	s := Source{Place: dir}
	if all, err := s.Get(t.Context(), []Pin{pinOf("shouting", "1.0", raw)}); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	if _, err := s.Get(t.Context(), []Pin{{"shouting", "1.0", strings.Repeat("0", 64)}}); !errors.Is(err, ErrRefused) {
		t.Errorf("another hash: %v", err)
	}
	if _, err := s.Get(t.Context(), []Pin{{"other", "1.0", strings.Repeat("0", 64)}}); !errors.Is(err, ErrRefused) {
		t.Errorf("not there: %v", err)
	}
	if _, err := (Source{}).Get(t.Context(), []Pin{pinOf("shouting", "1.0", raw)}); !errors.Is(err, ErrNoSource) {
		t.Errorf("no place: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	raw := built(f, "shouting", "1.0", shoutFiles, nil)
	f.Add(raw)
	f.Add(raw[:len(raw)/2])
	f.Fuzz(func(t *testing.T, raw []byte) {
		k, err := Open(raw, "shouting-1.0-py3-none-any.whl", pinOf("shouting", "1.0", raw))
		if err != nil {
			return
		}
		for name := range k.Files {
			if !filepath.IsLocal(name) {
				t.Errorf("a name that leads out: %q", name)
			}
		}
	})
}

func FuzzReadPage(f *testing.F) {
	f.Add([]byte(`{"files":[{"filename":"a-1-py3-none-any.whl","url":"x","hashes":{"sha256":"00"},"yanked":"why"}]}`), "application/json")
	f.Add([]byte(`<a href="../a-1-py3-none-any.whl#sha256=00" data-yanked>x</a>`), "text/html")
	f.Fuzz(func(t *testing.T, body []byte, kind string) {
		req := httptest.NewRequest(http.MethodGet, "http://example.org/simple/a/", nil)
		all, err := readPage(body, kind, req.URL)
		if err != nil {
			return
		}
		_, _ = choose(Pin{"a", "1", strings.Repeat("0", 64)}, all)
	})
}
