package intake

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

var modified = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// file is one entry of an archive made for a test.
type file struct {
	name string
	data []byte
}

// fixtures reads the files under testdata/format, in order.
func fixtures(t testing.TB, format string) []file {
	t.Helper()
	root := filepath.Join("testdata", format)
	var files []file
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		rel, _ := filepath.Rel(root, name)
		files = append(files, file{filepath.ToSlash(rel), data})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func tarGz(t testing.TB, files []file) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, f := range files {
		must(t, w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o600, Size: int64(len(f.data)), ModTime: modified}))
		_, err := w.Write(f.data)
		must(t, err)
	}
	must(t, w.Close())
	must(t, z.Close())
	return b.Bytes()
}

func zipped(t testing.TB, files []file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		e, err := w.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: modified})
		must(t, err)
		_, err = e.Write(f.data)
		must(t, err)
	}
	must(t, w.Close())
	return b.Bytes()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write puts data into a file of a fresh folder.
func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

// render is what an import gave, one record a line, then its summary.
func render(t testing.TB, m *memory, s Summary, dir string) string {
	t.Helper()
	var b strings.Builder
	for _, rec := range m.records {
		line, err := json.Marshal(rec)
		must(t, err)
		b.Write(append(line, '\n'))
	}
	line, err := json.MarshalIndent(s, "", " ")
	must(t, err)
	b.Write(line)
	return strings.ReplaceAll(b.String(), filepath.ToSlash(dir)+"/", "") + "\n"
}

func TestGolden(t *testing.T) {
	for _, format := range Formats() {
		t.Run(format, func(t *testing.T) {
			archive := write(t, "sessions.tar.gz", tarGz(t, fixtures(t, format)))
			m := newMemory(t)
			s, err := Import(t.Context(), ImportOptions{Format: format, Paths: []string{archive}}, m)
			must(t, err)
			got := render(t, m, s, filepath.Dir(archive))
			golden := filepath.Join("testdata", "golden", format+".txt")
			if *update {
				must(t, os.MkdirAll(filepath.Dir(golden), 0o755))
				must(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			must(t, err)
			if got != string(want) {
				t.Errorf("differs from %s (write it anew with -update):\n%s", golden, got)
			}
		})
	}
}

// The order of entries and the kind of container make no difference, and a
// second import adds nothing.
func TestContainers(t *testing.T) {
	for _, format := range Formats() {
		t.Run(format, func(t *testing.T) {
			files := fixtures(t, format)
			reversed := slices.Clone(files)
			slices.Reverse(reversed)
			m := newMemory(t)
			var first Summary
			for i, path := range []string{
				write(t, "a.tar.gz", tarGz(t, files)), write(t, "b.tgz", tarGz(t, reversed)),
				write(t, "c.zip", zipped(t, files)), write(t, "d.zip", zipped(t, reversed)),
				filepath.Join("testdata", format),
			} {
				s, err := Import(t.Context(), ImportOptions{Format: format, Paths: []string{path}, ProjectID: "p"}, m)
				must(t, err)
				if i == 0 {
					first = s
				}
				if s.Records != first.Records || s.Sessions != first.Sessions || s.Rejected != first.Rejected {
					t.Errorf("%s: %+v, the first gave %+v", path, s, first)
				}
				if i > 0 && s.Accepted != 0 {
					t.Errorf("%s: %d records are new", path, s.Accepted)
				}
			}
			for _, rec := range m.records {
				if rec.Project() != "p" {
					t.Fatalf("project %q", rec.Project())
				}
			}
		})
	}
}

func TestProgress(t *testing.T) {
	path := write(t, "a.tar.gz", tarGz(t, fixtures(t, "mini-swe-agent")))
	var seen []Progress
	o := ImportOptions{Format: "mini-swe-agent", Paths: []string{path}, Progress: func(p Progress) { seen = append(seen, p) }}
	s, err := Import(t.Context(), o, newMemory(t))
	must(t, err)
	last := seen[len(seen)-1]
	info, err := os.Stat(path)
	must(t, err)
	if last.Bytes != info.Size() || last.TotalBytes != info.Size() || last.Records != s.Records || last.Sessions != s.Sessions {
		t.Errorf("last progress %+v of %d bytes, summary %+v", last, info.Size(), s)
	}
	for i := 1; i < len(seen); i++ {
		if seen[i].Bytes < seen[i-1].Bytes || seen[i].Records < seen[i-1].Records {
			t.Errorf("progress went back: %+v, %+v", seen[i-1], seen[i])
		}
	}
}

// TestSWEActions: what stands after an editor's command of SWE-agent's is text,
// whatever it looks like, and the file is the one that is open.
func TestSWEActions(t *testing.T) {
	file := ""
	for _, tt := range []struct{ action, tool, params string }{
		{"open src/a.py 12", "open", `{"line":"12","path":"src/a.py"}`},
		{"edit 1:2\nimport os\nos.system('ls') && rm -rf x\nend_of_edit", "edit", `{"path":"src/a.py","text":"import os\nos.system('ls') \u0026\u0026 rm -rf x\n","where":"1:2"}`},
		{"edit 'a b' \"c\" False", "edit", `{"path":"src/a.py","text":"c","where":"a b"}`},
		{"search_dir \"def run\" src", "search_dir", `{"directory":"src","pattern":"def run"}`},
		{"str_replace_editor view /repo/x.py --view_range 1 2", "str_replace_editor", `{"command":"view","path":"/repo/x.py"}`},
		{"python -m pytest x\necho done", "bash", `{"command":"python -m pytest x\necho done"}`},
		{"submit", "submit", `{}`},
	} {
		tool, params := sweAction(tt.action, file)
		if tool != tt.tool || string(params) != tt.params {
			t.Errorf("%q is %s %s, want %s %s", tt.action, tool, params, tt.tool, tt.params)
		}
		file = openFileOf(tool, params, file)
	}
	if !sweFailed("edit", "Your proposed edit has introduced new syntax error(s)") || sweFailed("edit", "[File: a.py]") || sweFailed("bash", "Error: x") {
		t.Error("refusals of the editor are not told from its answers")
	}
}
