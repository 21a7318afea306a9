package intake

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lathe/learn"
)

const goodEvent = `{"project_id":"p","session_id":"s","call_id":"%d","tool_name":"bash"}` + "\n"

// importOf imports one path and returns what came of it.
func importOf(t testing.TB, format, path string, l ArchiveLimits) (*memory, Summary, error) {
	t.Helper()
	m := newMemory(t)
	s, err := Import(t.Context(), ImportOptions{Format: format, Paths: []string{path}, Archive: l}, m)
	return m, s, err
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

// TestPipeIsRefused: opening one would wait for a writer for ever.
func TestPipeIsRefused(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe.jsonl")
	must(t, syscall.Mkfifo(pipe, 0o600))
	for _, path := range []string{pipe, "/dev/zero"} {
		for _, format := range Formats() {
			_, s, err := importOf(t, format, path, ArchiveLimits{})
			wantError(t, err, path, "neither a regular file nor a folder")
			if s.Files != 0 {
				t.Errorf("%s: %+v", format, s)
			}
		}
	}
}

func TestLongLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "long.jsonl")
	f, err := os.Create(path)
	must(t, err)
	fmt.Fprintf(f, goodEvent, 1)
	_, err = f.Seek(100<<20, 1) // a hole: 100 MB of zeros without a line end
	must(t, err)
	fmt.Fprintf(f, "\n"+goodEvent, 2)
	must(t, f.Close())
	peak := peakHeap(func() {
		m, s, err := importOf(t, "events", path, ArchiveLimits{})
		must(t, err)
		if len(m.records) != 2 || s.Rejected != 1 || s.Problems[0].Line != 2 || !strings.Contains(s.Problems[0].Reason, "16 MiB") {
			t.Errorf("%d records, %+v", len(m.records), s)
		}
	})
	if peak > 80<<20 {
		t.Errorf("a 100 MB line took %d MB of memory", peak>>20)
	}
}

// peakHeap is roughly how many bytes fn allocated on top of what was there, at
// its highest after a collection.
func peakHeap(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	if after.HeapSys < before.HeapSys {
		return 0
	}
	return after.HeapSys - before.HeapSys
}

func TestJunk(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	junk := make([]byte, 1<<16)
	for i := range junk {
		junk[i] = byte(r.Uint32())
	}
	for _, format := range Formats() {
		m, s, err := importOf(t, format, write(t, "junk.bin", junk), ArchiveLimits{})
		if len(m.records) > 0 || s.Rejected == 0 {
			t.Errorf("%s: %d records, %+v", format, len(m.records), s)
		}
		wantError(t, err, "junk.bin", "format "+format)
	}
}

func TestTruncatedArchive(t *testing.T) {
	var events bytes.Buffer
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 4000 {
		fmt.Fprintf(&events, `{"project_id":"p","session_id":"s","call_id":"%d","tool_name":"t%x"}`+"\n", i, r.Uint64())
	}
	files := []file{{"a.jsonl", events.Bytes()[:200_000]}, {"b.jsonl", events.Bytes()[200_000:]}}
	whole := tarGz(t, files)
	for _, keep := range []int{len(whole) / 2, len(whole) * 9 / 10} {
		m, s, err := importOf(t, "events", write(t, "cut.tar.gz", whole[:keep]), ArchiveLimits{})
		wantError(t, err, "cut.tar.gz", "fetch or copy it again")
		if s.Accepted < 1000 || s.Accepted != len(m.records) {
			t.Errorf("of the first %d bytes only %d events came", keep, s.Accepted)
		}
	}
	damaged := bytes.Clone(whole)
	copy(damaged[len(damaged)/2:], bytes.Repeat([]byte{0xff}, 300))
	_, _, err := importOf(t, "events", write(t, "damaged.tgz", damaged), ArchiveLimits{})
	wantError(t, err, "damaged.tgz", "copy it again")
	z := zipped(t, files)
	_, _, err = importOf(t, "events", write(t, "cut.zip", z[:len(z)-40]), ArchiveLimits{})
	wantError(t, err, "cut.zip", "copy it again")
	_, _, err = importOf(t, "events", write(t, "head.gz", whole[:6]), ArchiveLimits{})
	wantError(t, err, "head.gz")
}

func TestBombs(t *testing.T) {
	zeros := bytes.Repeat([]byte{'\n'}, 200<<20)
	_, _, err := importOf(t, "events", write(t, "bomb.tar.gz", tarGz(t, []file{{"a.jsonl", zeros}})), ArchiveLimits{})
	wantError(t, err, "bomb.tar.gz", "250 times its size")
	_, _, err = importOf(t, "events", write(t, "bomb.zip", zipped(t, []file{{"a.jsonl", zeros}})), ArchiveLimits{})
	wantError(t, err, "bomb.zip", "250 times its size")
	_, _, err = importOf(t, "events", write(t, "large.zip", zipped(t, []file{{"a.jsonl", zeros[:2<<20]}})), ArchiveLimits{MaxBytes: 1 << 20})
	wantError(t, err, "large.zip", "more than 1 MiB", "in parts")

	many := make([]file, 20)
	for i := range many {
		many[i] = file{fmt.Sprintf("%d.jsonl", i), fmt.Appendf(nil, goodEvent, i)}
	}
	m, _, err := importOf(t, "events", write(t, "many.tar.gz", tarGz(t, many)), ArchiveLimits{MaxEntries: 10})
	wantError(t, err, "more than 10 entries")
	if len(m.records) != 10 {
		t.Errorf("%d events of the first ten entries", len(m.records))
	}
}

func TestJSONBombs(t *testing.T) {
	const mib = 1 << 20
	tests := []struct{ name, format, doc, want string }{
		{"deep", "mini-swe-agent", `{"x":` + strings.Repeat("[", 4*mib), "levels deep"},
		{"deep known", "mini-swe-agent", `{"info":` + strings.Repeat(`{"a":`, mib), "depth"},
		{"wide messages", "mini-swe-agent", `{"messages":[` + strings.Repeat(`{},`, 4*mib) + `{}]}`, "more than 200000"},
		{"wide steps", "swe-agent", `{"trajectory":[` + strings.Repeat(`{},`, 4*mib) + `{}]}`, "more than 200000"},
		{"wide calls", "openai-chat", `{"messages":[{"role":"assistant","tool_calls":[` + strings.Repeat(`{},`, 2*mib) + `{}]}]}`, ""},
		{"large", "openai-chat", `{"messages":"` + strings.Repeat("x", 65*mib) + `"}`, "64 MiB"},
		{"cut off", "openai-chat", `[{"messages":[]},{"mess`, "ends early"},
		{"deep line", "claude-code", strings.Repeat(`{"message":`, mib), "depth"},
		{"deep rollout", "codex", `{"type":"response_item","payload":` + strings.Repeat(`[`, mib), "depth"},
		{"deep chat", "gemini", `{"messages":[{"toolCalls":` + strings.Repeat(`[`, mib), "depth"},
		{"wide chat", "gemini", `{"messages":[` + strings.Repeat(`{},`, 4*mib) + `{}]}`, "more than 200000"},
		{"wide tool calls", "gemini", `{"messages":[{"type":"gemini","toolCalls":[` + strings.Repeat(`{},`, mib) + `{}]}]}`, "more than 200000"},
		{"wide ocode", "ocode", `{"messages":[` + strings.Repeat(`{},`, 4*mib) + `{}]}`, "more than 200000"},
		{"deep ocode", "ocode", `{"context":{"files":` + strings.Repeat("[", 4*mib), "levels deep"},
		{"ocode list", "ocode", `{"context":[1,2],"messages":[]}`, "an object is expected"},
		{"deep event", "events", strings.Repeat("[", mib), "not a JSON object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, s, err := importOf(t, tt.format, write(t, "x.json", []byte(tt.doc)), ArchiveLimits{})
			if tt.want == "" {
				must(t, err)
				return
			}
			wantError(t, err)
			if len(s.Problems) == 0 || !strings.Contains(s.Problems[0].Reason, tt.want) || len(s.Problems[0].Reason) > 300 {
				t.Errorf("problems %v, want a short one with %q", s.Problems, tt.want)
			}
		})
	}
}

// Names in an archive are names only: nothing is written, nothing outside read.
func TestArchiveNames(t *testing.T) {
	dir := t.TempDir()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	event := fmt.Appendf(nil, `{"tool_name":"bash"}`+"\n")
	for _, name := range []string{"../../escape.jsonl", "/etc/escape.jsonl", "a/\xff/b.jsonl"} {
		must(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(event))}))
		_, err := w.Write(event)
		must(t, err)
	}
	must(t, w.WriteHeader(&tar.Header{Name: "link.jsonl", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}))
	must(t, w.Close())
	must(t, z.Close())
	path := filepath.Join(dir, "names.tar.gz")
	must(t, os.WriteFile(path, b.Bytes(), 0o600))
	m, s, err := importOf(t, "events", path, ArchiveLimits{})
	must(t, err)
	if len(m.records) != 3 || s.Files != 3 {
		t.Errorf("%d records, %+v", len(m.records), s)
	}
	left, err := os.ReadDir(dir)
	must(t, err)
	if len(left) != 1 {
		t.Errorf("files were written: %v", left)
	}
}

func TestImportErrors(t *testing.T) {
	_, err := Import(t.Context(), ImportOptions{Format: "x", Paths: []string{"a"}}, newMemory(t))
	wantError(t, err, `format "x" is unknown`, "mini-swe-agent")
	_, err = Import(t.Context(), ImportOptions{Format: "events"}, newMemory(t))
	wantError(t, err, "name a file")
	_, _, err = importOf(t, "events", filepath.Join(t.TempDir(), "missing"), ArchiveLimits{})
	wantError(t, err, "missing", "check the path")
	_, _, err = importOf(t, "swe-agent", t.TempDir(), ArchiveLimits{})
	wantError(t, err, "nothing that looks like swe-agent")

	// One bad path does not keep the others out.
	good := write(t, "good.jsonl", fmt.Appendf(nil, goodEvent, 1))
	m := newMemory(t)
	_, err = Import(t.Context(), ImportOptions{Format: "events", Paths: []string{"missing.jsonl", good}}, m)
	wantError(t, err, "missing.jsonl")
	if len(m.records) != 1 {
		t.Errorf("%d records of the good path", len(m.records))
	}
}

// failing is a Sink behind which something broke.
type failing struct{ err error }

func (f failing) Accept(context.Context, []learn.Record) (Receipt, error) { return Receipt{}, f.err }

func TestSinkFails(t *testing.T) {
	broken := errors.New("disk full")
	good := write(t, "good.jsonl", fmt.Appendf(nil, goodEvent, 1))
	_, err := Import(t.Context(), ImportOptions{Format: "events", Paths: []string{good, good}}, failing{broken})
	if !errors.Is(err, broken) || strings.Count(err.Error(), "disk full") != 1 {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Import(ctx, ImportOptions{Format: "events", Paths: []string{good}}, newMemory(t))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// What a sink refuses is named by file and line.
func TestRefusedIsNamed(t *testing.T) {
	path := write(t, "a.jsonl", []byte(fmt.Sprintf(goodEvent, 1)+`{"tool_name":"`+strings.Repeat("x", 10_000)+`"}`+"\n"))
	_, s, err := importOf(t, "events", path, ArchiveLimits{})
	must(t, err)
	if len(s.Problems) != 1 || s.Problems[0].Line != 2 || s.Problems[0].File != path || !strings.Contains(s.Problems[0].String(), "a.jsonl:2: tool_name") {
		t.Errorf("problems %v", s.Problems)
	}
}

func TestDiscover(t *testing.T) {
	home := t.TempDir()
	vars := map[string]string{}
	places := Places{Home: home, Getenv: func(name string) string { return vars[name] }}
	if found := Discover(places); len(found) != 0 {
		t.Errorf("empty home: %v", found)
	}
	moved := t.TempDir()
	vars["CODEX_HOME"] = moved
	vars["CLAUDE_CONFIG_DIR"] = "relative/paths/are/ignored"
	hour := 0
	at := func(dir string, names ...string) {
		for _, name := range names {
			path := filepath.Join(dir, filepath.FromSlash(name))
			must(t, os.MkdirAll(filepath.Dir(path), 0o700))
			must(t, os.WriteFile(path, []byte("12345"), 0o600))
			when := modified.Add(time.Duration(hour) * time.Hour)
			must(t, os.Chtimes(path, when, when))
			hour++
		}
	}
	at(home, ".claude/projects/-old/1.jsonl", ".claude/projects/-new/1.jsonl", ".claude/projects/-new/2.jsonl",
		".claude/projects/-new/1/subagents/agent-a.jsonl", ".claude/projects/-none/notes.txt",
		".codex/sessions/2026/01/02/rollout-elsewhere.jsonl",
		".gemini/tmp/widgets/chats/session-1.jsonl", ".gemini/tmp/widgets/chats/s/sub.jsonl", ".gemini/tmp/widgets/logs.json",
		".ocode/sessions/1.json", ".config/mini-swe-agent/last_mini_run.traj.json")
	at(moved, "sessions/2026/01/02/rollout-1.jsonl", "sessions/2026/01/03/rollout-2.jsonl.zst", "history.jsonl", "archived_sessions/rollout-3.jsonl")
	var got []string
	for _, f := range Discover(places) {
		rel, err := filepath.Rel(filepath.Dir(home), f.Path)
		must(t, err)
		got = append(got, fmt.Sprintf("%s %s %d %d", f.Format, filepath.Base(rel), f.Sessions, f.Bytes))
	}
	want := []string{"codex archived_sessions 1 5", "codex sessions 2 10", "mini-swe-agent last_mini_run.traj.json 1 5", "ocode sessions 1 5",
		"gemini chats 2 10", "claude-code -new 2 10", "claude-code -old 1 5"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
