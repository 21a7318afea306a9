package pipeline

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// A snapshot file is
//
//	"LATHESN1" | SHA-256 of the rest (32 bytes) | zstd of the JSON of snapshot
//
// and is named learners-<seq, 20 digits>.snap.
const (
	snapshotMagic   = "LATHESN1"
	snapshotsKept   = 2
	maxSnapshotSize = 4 << 30 // decompressed
)

type snapshot struct {
	Seq      uint64            `json:"seq"`
	Order    []string          `json:"order"`
	Learners map[string][]byte `json:"learners"`
}

// snapshot writes the state of all learners.
func (r *Runner) snapshot() error {
	s := snapshot{Seq: r.Applied(), Learners: map[string][]byte{}}
	if s.Seq == 0 || r.sinceSnap == 0 || len(r.pending) > 0 {
		return nil // nothing new, or conclusions that the ledger lacks
	}
	for _, l := range r.o.Learners {
		state, err := l.Snapshot()
		if err != nil {
			return fmt.Errorf("pipeline: snapshot learner %s: %w", l.Name(), err)
		}
		s.Order = append(s.Order, l.Name())
		s.Learners[l.Name()] = state
	}
	if err := writeSnapshot(r.o.Dir, s); err != nil {
		return err
	}
	r.sinceSnap = 0
	return pruneSnapshots(r.o.Dir)
}

// restore brings the learners to the newest usable snapshot, or to nothing.
func (r *Runner) restore() error {
	names, err := listSnapshots(r.o.Dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		s, err := readSnapshot(filepath.Join(r.o.Dir, name))
		if err == nil {
			err = r.restoreFrom(s)
		}
		if err == nil {
			r.applied, r.settled = s.Seq, s.Seq
			return nil
		}
		r.o.Logger.Warn("snapshot not usable; trying an older one, or replaying the log", "file", name, "err", err)
	}
	return r.Reset()
}

func (r *Runner) restoreFrom(s snapshot) error {
	if len(s.Order) != len(r.o.Learners) {
		return fmt.Errorf("it has %d learners, this program %d", len(s.Order), len(r.o.Learners))
	}
	for i, l := range r.o.Learners {
		if s.Order[i] != l.Name() {
			return fmt.Errorf("learner %d is %q there and %q here", i, s.Order[i], l.Name())
		}
		if err := l.Restore(s.Learners[l.Name()]); err != nil {
			return fmt.Errorf("learner %s: %w", l.Name(), err)
		}
	}
	return nil
}

// Reset returns every learner to the state before the first record, so that
// Run replays the log. It must not be called while Run runs.
func (r *Runner) Reset() error {
	for i, l := range r.o.Learners {
		if err := l.Restore(r.empty[i]); err != nil {
			return fmt.Errorf("pipeline: reset learner %s: %w", l.Name(), err)
		}
	}
	r.move(func() { r.applied, r.settled = 0, 0 })
	r.pending, r.sinceSnap = nil, 0
	return nil
}

// Discard deletes all snapshots in dir.
func Discard(dir string) error {
	names, err := listSnapshots(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("pipeline: discard snapshot: %w", err)
		}
	}
	return nil
}

func snapshotName(seq uint64) string { return fmt.Sprintf("learners-%020d.snap", seq) }

// listSnapshots names the snapshots in dir, newest first.
func listSnapshots(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("pipeline: list snapshots: %w", err)
	}
	var names []string
	for _, e := range entries {
		middle, ok := strings.CutPrefix(e.Name(), "learners-")
		middle, ok2 := strings.CutSuffix(middle, ".snap")
		if _, err := strconv.ParseUint(middle, 10, 64); ok && ok2 && err == nil {
			names = append(names, e.Name())
		}
	}
	sort.Sort(sort.Reverse(sort.StringSlice(names)))
	return names, nil
}

func pruneSnapshots(dir string) error {
	names, err := listSnapshots(dir)
	if err != nil {
		return err
	}
	for _, name := range names[min(snapshotsKept, len(names)):] {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("pipeline: remove old snapshot: %w", err)
		}
	}
	return nil
}

func writeSnapshot(dir string, s snapshot) (err error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("pipeline: encode snapshot: %w", err)
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("pipeline: compress snapshot: %w", err)
	}
	body := enc.EncodeAll(raw, nil)
	sum := sha256.Sum256(body)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("pipeline: snapshot folder: %w", err)
	}
	f, err := os.CreateTemp(dir, ".snap-*")
	if err != nil {
		return fmt.Errorf("pipeline: write snapshot: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	for _, part := range [][]byte{[]byte(snapshotMagic), sum[:], body} {
		if _, err := f.Write(part); err != nil {
			return fmt.Errorf("pipeline: write snapshot: %w", err)
		}
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("pipeline: sync snapshot: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("pipeline: close snapshot: %w", err)
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, snapshotName(s.Seq))); err != nil {
		return fmt.Errorf("pipeline: name snapshot: %w", err)
	}
	return nil
}

func readSnapshot(path string) (snapshot, error) {
	var s snapshot
	raw, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	head := len(snapshotMagic) + sha256.Size
	if len(raw) < head || string(raw[:len(snapshotMagic)]) != snapshotMagic {
		return s, errors.New("not a snapshot of this version")
	}
	sum := sha256.Sum256(raw[head:])
	if !bytes.Equal(sum[:], raw[len(snapshotMagic):head]) {
		return s, errors.New("checksum does not match: the file is damaged")
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxSnapshotSize), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return s, err
	}
	defer dec.Close()
	plain, err := dec.DecodeAll(raw[head:], nil)
	if err != nil {
		return s, fmt.Errorf("decompress: %w", err)
	}
	if err := json.Unmarshal(plain, &s); err != nil {
		return s, fmt.Errorf("decode: %w", err)
	}
	return s, nil
}
