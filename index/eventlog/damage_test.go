package eventlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lathe/learn"
)

// bulky is a call with n bytes of output that hardly compress.
func bulky(project string, call, n int) learn.Record {
	rec := action(project, call)
	random := rand.NewChaCha8([32]byte{byte(call), byte(call >> 8)})
	out := make([]byte, n*3/4)
	random.Read(out)
	b, _ := json.Marshal(out)
	rec.Action.ToolOutput.Stdout = strings.Trim(string(b), `"`)
	return rec
}

const (
	bulkMessages = 60
	bulkRecords  = 10
)

// fillLog makes a log of three block files, 24 MB, and closes it.
func fillLog(t *testing.T, messages, records int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	l := openTest(t, Options{Dir: dir, Writer: "w"})
	for m := range messages {
		var recs []learn.Record
		for r := range records {
			recs = append(recs, bulky("p", m*records+r, 24_000_000/messages/records))
		}
		mustAppend(t, l, recs)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// blocks are the block files of the events stream, in order.
func blocks(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "jetstream", "jetstream", "$G", "streams", "events", "msgs", "*.blk"))
	if err != nil || len(files) < 3 {
		t.Fatalf("block files %v, %v: want at least 3", files, err)
	}
	number := func(path string) int {
		n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(path), ".blk"))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	slices.SortFunc(files, func(a, b string) int { return number(a) - number(b) })
	return files
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(bytes.Clone(b)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func flip(at float64) func([]byte) []byte {
	return func(b []byte) []byte {
		for i := range 8 {
			b[int(at*float64(len(b)))+i] ^= 0xff
		}
		return b
	}
}

func TestDamageIsFoundAndSurvived(t *testing.T) {
	pristine := fillLog(t, bulkMessages, bulkRecords)
	remove := func(t *testing.T, path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for name, harm := range map[string]func(t *testing.T, dir string, blks []string){
		"bytes flipped in the last block": func(t *testing.T, _ string, b []string) { edit(t, b[len(b)-1], flip(0.3)) },
		"last block deleted":              func(t *testing.T, _ string, b []string) { remove(t, b[len(b)-1]) },
		"middle block deleted":            func(t *testing.T, _ string, b []string) { remove(t, b[1]) },
		"first block deleted":             func(t *testing.T, _ string, b []string) { remove(t, b[0]) },
		"last block cut": func(t *testing.T, _ string, b []string) {
			edit(t, b[len(b)-1], func(b []byte) []byte { return b[:len(b)/2] })
		},
		"whole stream deleted": func(t *testing.T, dir string, _ []string) {
			if err := os.RemoveAll(filepath.Join(dir, "jetstream")); err != nil {
				t.Fatal(err)
			}
		},
		"block deleted and no checkpoint": func(t *testing.T, dir string, b []string) {
			remove(t, b[1])
			remove(t, filepath.Join(dir, "events.ids"))
		},
		"block and JetStream's index deleted": func(t *testing.T, dir string, b []string) {
			remove(t, b[len(b)-1])
			remove(t, filepath.Join(filepath.Dir(b[0]), "index.db"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(pristine)); err != nil {
				t.Fatal(err)
			}
			harm(t, dir, blocks(t, dir))
			checkDamaged(t, dir)
		})
	}
}

// checkDamaged wants Open to refuse, to open when told so, and the log to be
// whole again but for the loss.
func checkDamaged(t *testing.T, dir string) {
	ctx := context.Background()
	_, err := Open(ctx, Options{Dir: dir, Writer: "w"})
	var damaged *DamageError
	if !errors.As(err, &damaged) {
		t.Fatalf("Open of a damaged log: %v, want a DamageError", err)
	}
	t.Log(err)
	var lost uint64
	for _, d := range damaged.Damage {
		lost += d.Records
	}
	l := openTest(t, Options{Dir: dir, Writer: "w", AcceptDamage: true})
	left := readIDs(t, l, 0)
	if want := bulkMessages*bulkRecords - len(left); lost != uint64(want) || lost == 0 {
		t.Errorf("Open reports %d lost records, %d are missing", lost, want)
	}
	if head := l.Head(Events); head < bulkMessages {
		t.Errorf("the head went back to %d: sequence numbers would be given twice", head)
	}
	// What was lost can be stored again, what was not is known.
	var all []learn.Record
	for n := range bulkMessages * bulkRecords {
		all = append(all, action("p", n))
	}
	fresh := 0
	for _, a := range mustAppend(t, l, all) {
		if !a.Duplicate {
			fresh++
		}
	}
	if uint64(fresh) != lost {
		t.Errorf("%d of the lost records could be stored again, %d were lost", fresh, lost)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openTest(t, Options{Dir: dir, Writer: "w"})
	if ids := readIDs(t, l, 0); len(ids) != len(all) {
		t.Errorf("%d records after the repair, want %d", len(ids), len(all))
	}
	report, err := l.Verify(ctx, nil)
	if err != nil || !report.OK {
		t.Fatalf("Verify after the damage was accepted: %+v, %v", report, err)
	}
	var listed uint64
	for _, d := range report.Damage() {
		listed += d.Records
	}
	if listed != lost {
		t.Errorf("Verify lists %d lost records, want %d: %v", listed, lost, report.Damage())
	}
}

// Damage far from the end is not looked for at start; reading and Verify
// find it, and accepting makes the rest readable.
func TestDamageInTheMiddle(t *testing.T) {
	ctx := context.Background()
	const messages, records = 3 * tailMessages, 2
	dir := fillLog(t, messages, records)
	edit(t, blocks(t, dir)[0], flip(0.4))
	l := openTest(t, Options{Dir: dir, Writer: "w"})
	err := l.ReadEvents(ctx, 0, func(uint64, []learn.Record) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "lathe verify") {
		t.Errorf("reading over the damage: %v, want an error that names lathe verify", err)
	}
	total := uint64(0)
	report, err := l.Verify(ctx, func(done, of uint64) { total = of })
	if err != nil || report.OK || total == 0 {
		t.Fatalf("Verify of a damaged log: %+v, %v", report, err)
	}
	t.Log(report.Damage())
	var lost uint64
	for _, d := range report.Damage() {
		lost += d.Records
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openTest(t, Options{Dir: dir, Writer: "w", AcceptDamage: true})
	if ids := readIDs(t, l, 0); lost == 0 || uint64(len(ids)) != messages*records-lost {
		t.Errorf("%d of %d records readable, Verify says %d are lost", len(ids), messages*records, lost)
	}
	if report, err = l.Verify(ctx, nil); err != nil || !report.OK || len(report.Damage()) == 0 {
		t.Errorf("Verify after the damage was accepted: %+v, %v", report, err)
	}
}

func TestLostMark(t *testing.T) {
	ctx := context.Background()
	for name, harm := range map[string]func(path string) error{
		"deleted": os.Remove,
		"torn":    func(path string) error { return os.WriteFile(path, make([]byte, 8192), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := openTest(t, Options{Dir: dir})
			mustAppend(t, l, actions("p", 0, 3))
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if err := harm(filepath.Join(dir, "events.mark")); err != nil {
				t.Fatal(err)
			}
			_, err := Open(ctx, Options{Dir: dir})
			var damaged *DamageError
			if !errors.As(err, &damaged) || damaged.Damage[0].Kind != Unmarked {
				t.Fatalf("Open without a high-water mark: %v", err)
			}
			l = openTest(t, Options{Dir: dir, AcceptDamage: true})
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			openTest(t, Options{Dir: dir})
		})
	}
}

// A copy of an older log put in the place of a newer one is a truncation.
func TestOldCopyPutBack(t *testing.T) {
	dir, old := t.TempDir(), t.TempDir()
	for _, n := range []int{0, 3} {
		l := openTest(t, Options{Dir: dir})
		mustAppend(t, l, actions("p", n, 3))
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			if err := os.CopyFS(filepath.Join(old, "jetstream"), os.DirFS(filepath.Join(dir, "jetstream"))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, "jetstream")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(old, "jetstream"), filepath.Join(dir, "jetstream")); err != nil {
		t.Fatal(err)
	}
	_, err := Open(context.Background(), Options{Dir: dir})
	var damaged *DamageError
	if !errors.As(err, &damaged) || damaged.Damage[0].Kind != Truncated || damaged.Damage[0].Records != 3 {
		t.Errorf("Open of an old copy: %v, want 3 truncated records", err)
	}
}
