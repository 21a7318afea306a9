package eventlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"lathe/learn"
)

// restored checks a backup, restores it and verifies what came back.
func restored(t *testing.T, backup []byte) (*Log, BackupReport) {
	t.Helper()
	report, files, err := CheckBackup(bytes.NewReader(backup))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "log")
	if err := Restore(t.Context(), bytes.NewReader(backup), files[acceptedFile], Options{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	l := openTest(t, Options{Dir: dir})
	v, err := l.Verify(t.Context(), nil)
	if err != nil || !v.OK {
		t.Fatalf("what was restored: %+v, %v", v, err)
	}
	return l, report
}

// A backup taken while recording goes on is of one moment, verifies, and can
// be written to after it was restored.
func TestBackupWhileWriting(t *testing.T) {
	l := openTest(t, Options{Dir: t.TempDir()})
	if _, err := l.Append(t.Context(), actions("a", 0, 300)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	defer writing.Wait()
	defer stop()
	for _, project := range []string{"a", "b"} {
		writing.Go(func() {
			for n := 1000; ctx.Err() == nil; n++ {
				recs := actions(project, n, 1)
				e, err := learn.NewEntry(learn.EntryReport, recs[0].ID(), project, time.Unix(int64(n), 0), map[string]int{"n": n}, []string{recs[0].ID()})
				if err == nil {
					_, err = l.Append(ctx, recs)
				}
				if err == nil {
					_, err = l.AppendLedger(ctx, []learn.LedgerEntry{e})
				}
				if err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for l.Head(Ledger) < 20 {
		if err := l.Wait(t.Context(), Ledger, l.Head(Ledger)); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := l.Backup(t.Context(), &b, map[string][]byte{"reviewer.json": []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	back, report := restored(t, b.Bytes())
	if report.Ledger < 20 || !slices.Equal(report.Files, []string{"reviewer.json"}) || back.Head(Events) != report.HeadSeqs[Events] {
		t.Errorf("%+v", report)
	}
	err := back.ReadLedger(t.Context(), 0, func(_ uint64, entries []learn.LedgerEntry) error {
		for _, e := range entries {
			if _, err := back.Record(t.Context(), e.Evidence[0]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("an entry's event is not in the backup: %v", err)
	}
	acks, err := back.Append(t.Context(), append(actions("a", 0, 1), actions("c", 0, 1)...))
	if err != nil || !acks[0].Duplicate || acks[1].Duplicate {
		t.Errorf("%+v, %v", acks, err)
	}
	if v, err := back.Verify(t.Context(), nil); err != nil || !v.OK || len(v.Streams[0].Writers) != 2 {
		t.Errorf("%+v, %v", v, err)
	}
}

// What was lost and accepted stays lost and accepted.
func TestBackupOfALogWithAcceptedDamage(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(t.Context(), Options{Dir: dir, MaxBatch: 1})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		if _, err := l.Append(t.Context(), actions("a", n, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(l.events.js.DeleteMsg(t.Context(), 3), l.Close()); err != nil {
		t.Fatal(err)
	}
	l = openTest(t, Options{Dir: dir, AcceptDamage: true})
	var b bytes.Buffer
	if err := l.Backup(t.Context(), &b, nil); err != nil {
		t.Fatal(err)
	}
	back, report := restored(t, b.Bytes())
	if report.Lost == 0 || back.Head(Events) != l.Head(Events) || !slices.Equal(readIDs(t, back, 0), readIDs(t, l, 0)) {
		t.Errorf("%+v; %d and %d messages", report, back.Head(Events), l.Head(Events))
	}
}

func TestBrokenBackupsAreRefused(t *testing.T) {
	l := openTest(t, Options{Dir: t.TempDir()})
	for n := range 20 {
		if _, err := l.Append(t.Context(), actions("a", 100*n, 20)); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := l.Backup(t.Context(), &b, nil); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	for at := 0; at < len(whole); at += len(whole)/40 + 1 {
		flipped := slices.Clone(whole)
		flipped[at] ^= 0x20
		if _, _, err := CheckBackup(bytes.NewReader(flipped)); err == nil {
			t.Errorf("byte %d of %d is another, and nobody noticed", at, len(whole))
		}
		if _, _, err := CheckBackup(bytes.NewReader(whole[:at])); !errors.Is(err, ErrBackup) {
			t.Errorf("cut off at %d: %v", at, err)
		}
	}
	// A message left out, with a sum that fits.
	var less bytes.Buffer
	out, err := newArchiver(&less)
	if err != nil {
		t.Fatal(err)
	}
	err = readBackup(bytes.NewReader(whole), func(e backupEntry) error {
		if e.seq == 2 {
			return nil
		}
		return out.entry(e.kind, e.seq, e.name, e.content)
	})
	if err := errors.Join(err, out.close()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := CheckBackup(&less); !errors.Is(err, ErrBackup) {
		t.Errorf("a message is left out: %v", err)
	}
	if err := Restore(t.Context(), bytes.NewReader(whole), nil, Options{Dir: l.opts.Dir}); err == nil {
		t.Error("restored over a log")
	}
}

// A gap is excused by the backup's own list, so its size has a bound of its
// own: each missing number costs a restore one message.
func TestBackupWithAHugeGapIsRefused(t *testing.T) {
	l := openTest(t, Options{Dir: t.TempDir(), MaxBatch: 1})
	for n := range 3 {
		mustAppend(t, l, actions("a", n, 1))
	}
	var b bytes.Buffer
	if err := l.Backup(t.Context(), &b, nil); err != nil {
		t.Fatal(err)
	}
	gapped := func(gaps ...uint64) []byte {
		note, err := json.Marshal([]Damage{{Stream: Events, Kind: Missing, FirstSeq: 1, LastSeq: 1 << 62}})
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		out, err := newArchiver(&file)
		if err == nil {
			err = out.entry(entryFile, 0, acceptedFile, note)
		}
		shift := uint64(0)
		if err == nil {
			err = readBackup(bytes.NewReader(b.Bytes()), func(e backupEntry) error {
				if int(e.seq) <= len(gaps) {
					shift += gaps[e.seq-1]
				}
				return out.entry(e.kind, e.seq+shift, e.name, e.content)
			})
		}
		if err := errors.Join(err, out.close()); err != nil {
			t.Fatal(err)
		}
		return file.Bytes()
	}
	for name, c := range map[string]struct {
		gaps    []uint64
		refused bool
	}{
		"none":              {nil, false},
		"small":             {[]uint64{0, 3, 2}, false},
		"at the bound":      {[]uint64{maxBackupGap - 1, 1}, false},
		"one more":          {[]uint64{maxBackupGap, 1}, true},
		"huge":              {[]uint64{0, 1 << 60}, true},
		"to the last":       {[]uint64{1<<64 - 2}, true},
		"many, each of one": {[]uint64{maxBackupGap / 2, maxBackupGap / 2, 1}, true},
	} {
		file := gapped(c.gaps...)
		if _, _, err := CheckBackup(bytes.NewReader(file)); errors.Is(err, ErrBackup) != c.refused {
			t.Errorf("%s: checked: %v", name, err)
		}
	}
	// The file may have changed since it was checked.
	dir := filepath.Join(t.TempDir(), "log")
	if err := Restore(t.Context(), bytes.NewReader(gapped(0, 1<<60)), nil, Options{Dir: dir}); !errors.Is(err, ErrBackup) {
		t.Errorf("restored: %v", err)
	}
}

func FuzzCheckBackup(f *testing.F) {
	var b bytes.Buffer
	out, err := newArchiver(&b)
	if err != nil {
		f.Fatal(err)
	}
	note, err := json.Marshal([]Damage{})
	if err != nil {
		f.Fatal(err)
	}
	if err := errors.Join(out.entry(entryFile, 0, acceptedFile, note), out.entry(entryEvents, 1, "", []byte("LLOG")), out.close()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(backupMagic))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if report, _, err := CheckBackup(bytes.NewReader(raw)); err == nil && report.Records > 0 && report.Events+report.Ledger == 0 {
			t.Errorf("records without messages: %+v", report)
		}
	})
}
