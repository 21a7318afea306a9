package intake

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lathe/learn"
)

// The database has one session in it and two in its write-ahead log, behind
// which stands what was not committed.
func TestOpencodeDatabase(t *testing.T) {
	m, s, err := importOf(t, "opencode", filepath.Join("testdata", "opencode-db"), ArchiveLimits{})
	must(t, err)
	if s.Sessions != 2 || s.Calls != 45 || s.Rejected != 0 {
		t.Fatalf("%+v", s)
	}
	calls := m.calls()
	for id, want := range map[string]learn.Status{"call_1": learn.StatusFailure, "call_2": learn.StatusFailure, "call_3": learn.StatusSuccess,
		"call_4": learn.StatusInterrupted, "call_5": learn.StatusInterrupted, "call_b39": learn.StatusSuccess} {
		if a := calls[id]; a == nil || a.Status != want {
			t.Errorf("%s: %+v, want %s", id, a, want)
		}
	}
	first := calls["call_1"]
	if first.SessionID != "ses_1a" || first.ProjectID != "/home/joe/widgets" || first.ToolOutput.ExitCode == nil || *first.ToolOutput.ExitCode != 1 ||
		first.ResourceMetrics.DurationMS != 250 || !strings.Contains(string(first.ToolParameters), "go test") {
		t.Errorf("%+v", first)
	}
	if n := len(calls["call_3"].ToolOutput.Stdout); n != 3010 {
		t.Errorf("of the long output came %d bytes", n)
	}
	var prompts, order []string
	for _, r := range m.records {
		switch {
		case r.Task != nil && r.Task.Phase == learn.TaskStart:
			prompts = append(prompts, r.Task.Prompt)
		case r.Action != nil:
			order = append(order, r.Action.CallID)
		}
	}
	if !slices.Equal(prompts, []string{"Make the widget spin", "Grease the gears"}) || !slices.IsSorted(order) {
		t.Errorf("%q, %q", prompts, order)
	}
	if n := opencodeCount(filepath.Join("testdata", "opencode-db", "opencode.db")); n != 3 {
		t.Errorf("it has %d sessions", n)
	}
	h, err := ParseHook("opencode", []byte(`{"hook_event_name":"tool.execute.after","session_id":"ses_1a","cwd":"/home/joe/widgets","tool":"bash","call_id":"call_1","args":{"command":"go test ./..."},"result":{"output":"x"}}`))
	must(t, err)
	if h.Records[0].ID() != first.ID {
		t.Errorf("the hook's call has another id")
	}
}

// What was files before is the same in the database: importing both adds nothing.
func TestOpencodeFilesAndDatabaseAreOne(t *testing.T) {
	m := newMemory(t)
	var all Summary
	for _, dir := range []string{"opencode-db", "opencode-files", "opencode"} {
		s, err := Import(t.Context(), ImportOptions{Format: "opencode", Paths: []string{filepath.Join("testdata", dir)}}, m)
		must(t, err)
		if dir != "opencode-db" && (s.Accepted != 0 || s.Calls == 0) || s.Rejected != 0 {
			t.Errorf("%s: %+v", dir, s)
		}
		all.Calls += s.Calls
	}
	if len(m.calls()) != 45 || all.Calls != 45+5+3+5 {
		t.Errorf("%d calls, of %d read", len(m.calls()), all.Calls)
	}
}

// A part that is damaged costs itself, and a log that is not the database's
// nothing.
func TestOpencodeDamaged(t *testing.T) {
	read := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join("testdata", "opencode-db", name))
		must(t, err)
		return raw
	}
	dir := t.TempDir()
	put := func(db, log []byte) (*memory, Summary) {
		t.Helper()
		must(t, os.WriteFile(filepath.Join(dir, "opencode.db"), db, 0o600))
		must(t, os.WriteFile(filepath.Join(dir, "opencode.db-wal"), log, 0o600))
		m, s, _ := importOf(t, "opencode", dir, ArchiveLimits{}) // an error where nothing was found
		return m, s
	}
	main, log := read("opencode.db"), read("opencode.db-wal")
	if _, s := put(main, nil); s.Sessions != 1 || s.Calls != 40 || s.Rejected != 0 {
		t.Errorf("without its log: %+v", s)
	}
	if _, s := put(main, log[:len(log)/2]); s.Sessions != 1 || s.Calls != 40 {
		t.Errorf("with half a log: %+v", s)
	}
	broken := slices.Clone(log)
	broken[32+24+100] ^= 1
	if _, s := put(main, broken); s.Sessions != 1 || s.Calls != 40 {
		t.Errorf("with a log whose checksums are wrong: %+v", s)
	}
	for n := 512; n < len(main); n += 512 {
		page := slices.Clone(main)
		for i := range 512 {
			page[n+i] = 0xff
		}
		put(page, nil) // it ends
	}
	circle := slices.Clone(main)
	circle[100], circle[103], circle[104] = 5, 0, 0 // the schema's first page leads to itself
	binary.BigEndian.PutUint32(circle[108:], 1)
	if _, s := put(circle, nil); s.Calls != 0 || s.Rejected != 1 {
		t.Errorf("a tree in a circle: %+v", s)
	}
	if _, s := put(main[:1000], nil); s.Calls != 0 || s.Rejected == 0 {
		t.Errorf("cut off: %+v", s)
	}
	if _, s := put([]byte("no database"), nil); s.Rejected != 1 {
		t.Errorf("not one: %+v", s)
	}
}

func TestColumnsOf(t *testing.T) {
	for sql, want := range map[string]string{
		"CREATE TABLE a (id text, `b c` int, \"d\" text default 'x, (y', CONSTRAINT e PRIMARY KEY (id))": "id",
		"CREATE TABLE a(\n\t`id` text,\n\tdata text, unique(id))":                                        "data",
		"CREATE TABLE a": "",
	} {
		got := columnsOf(sql)
		if _, ok := got[want]; want != "" && !ok || want == "" && len(got) > 0 || want == "data" && got["data"] != 1 {
			t.Errorf("%s: %v", sql, got)
		}
	}
}

func FuzzSQLite(f *testing.F) {
	db, err := os.ReadFile(filepath.Join("testdata", "opencode-db", "opencode.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(db[:4096], uint16(512))
	f.Add(db, uint16(600))
	f.Fuzz(func(t *testing.T, raw []byte, at uint16) {
		raw = bytes.Clone(raw)
		if len(raw) >= 100 {
			copy(raw, sqliteMagic)
			binary.BigEndian.PutUint16(raw[16:], 512)
		}
		path := filepath.Join(t.TempDir(), "opencode.db")
		must(t, os.WriteFile(path, raw, 0o600))
		opened, err := openSQLite(path)
		if err != nil {
			return
		}
		defer opened.close()
		for name := range opened.tables {
			_ = opened.each(name, func(_ int64, read func() (sqliteRow, error)) error {
				row, err := read()
				_ = row.text("id")
				return err
			})
		}
	})
}
