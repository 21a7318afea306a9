package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"testing"

	"lathe/learn"
)

// checking is a Sink that fails the test on a record which no importer may
// emit.
type checking struct {
	t    *testing.T
	seen int
}

func (c *checking) Accept(_ context.Context, recs []learn.Record) (Receipt, error) {
	for _, rec := range recs {
		if (rec.Action == nil) == (rec.Task == nil) || !learn.ValidID(rec.ID()) || rec.Project() == "" {
			c.t.Fatalf("no proper record: %+v", rec)
		}
		if a := rec.Action; a != nil && (a.SessionID == "" || a.Status == "" && a.ID == "") {
			c.t.Fatalf("no proper call: %+v", a)
		}
	}
	c.seen += len(recs)
	return Receipt{Accepted: len(recs)}, nil
}

// fuzzParser feeds documents to the parser of a format, as single entries.
func fuzzParser(f *testing.F, format string) {
	for _, file := range fixtures(f, format) {
		f.Add(file.data)
		f.Add(file.data[:len(file.data)/2])
	}
	f.Add([]byte("[]"))
	f.Add([]byte("{}\n// x\n\xff\n"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		p, err := newParser(format)
		must(t, err)
		sink := &checking{t: t}
		out := &emitter{sink: sink, sessions: map[string]struct{}{}}
		e := &entry{name: "x", path: "dir/x.json", modified: modified, r: bytes.NewReader(doc), limits: ArchiveLimits{}.withDefaults()}
		if _, ok := p.(lineParser); ok && (format != "gemini" || len(doc)%2 == 0) { // which has both forms
			e.path = "dir/x.jsonl"
		}
		must(t, p.entry(t.Context(), e, out))
		must(t, p.finish(t.Context(), out))
		must(t, out.flush(t.Context()))
		if sink.seen != out.summary.Records {
			t.Fatalf("%d records counted, %d sent", out.summary.Records, sink.seen)
		}
	})
}

func FuzzMiniSWEAgent(f *testing.F) { fuzzParser(f, "mini-swe-agent") }
func FuzzClaudeCode(f *testing.F)   { fuzzParser(f, "claude-code") }
func FuzzSWEAgent(f *testing.F)     { fuzzParser(f, "swe-agent") }
func FuzzOpenAIChat(f *testing.F)   { fuzzParser(f, "openai-chat") }
func FuzzCodex(f *testing.F)        { fuzzParser(f, "codex") }
func FuzzGemini(f *testing.F)       { fuzzParser(f, "gemini") }
func FuzzOcode(f *testing.F)        { fuzzParser(f, "ocode") }
func FuzzEvents(f *testing.F)       { fuzzParser(f, "events") }
func FuzzOpencode(f *testing.F)     { fuzzParser(f, "opencode") }

// FuzzArchive feeds containers of any kind.
func FuzzArchive(f *testing.F) {
	files := fixtures(f, "events")
	f.Add(tarGz(f, files))
	f.Add(zipped(f, files))
	f.Add(files[0].data)
	f.Fuzz(func(t *testing.T, data []byte) {
		path := write(t, "x.bin", data)
		l := ArchiveLimits{MaxEntries: 100, MaxBytes: 8 << 20, MaxDocument: 1 << 20, MaxLine: 1 << 20}
		_, err := Import(t.Context(), ImportOptions{Format: "events", Paths: []string{path}, Archive: l}, &checking{t: t})
		if err != nil && !bytes.Contains([]byte(err.Error()), []byte(filepath.Base(path))) {
			t.Fatalf("the error does not name the file: %v", err)
		}
	})
}

func FuzzCutJSON(f *testing.F) {
	f.Add([]byte(`{"a":"`+string(bytes.Repeat([]byte("x"), 500))+`"}`), 300)
	f.Fuzz(func(t *testing.T, doc []byte, n int) {
		if !json.Valid(doc) {
			return
		}
		n = 200 + n&0xfff
		got := CutJSON(doc, n)
		if !json.Valid(got) || len(got) > max(n, len(bytes.ToValidUTF8(doc, []byte("\uFFFD"))))+markRoom {
			t.Fatalf("%q -> %q", doc, got)
		}
	})
}
