package eventlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// Removed counts what CopyWithout left out.
type Removed struct {
	Events uint64 `json:"events"` // event and task records
	Ledger uint64 `json:"ledger"` // entries
}

// CopyWithout writes a copy of the log as of now into o.Dir, where no log may
// be, without the records that drop names: a tombstone stands in their place.
// drop is given a record's stream and JSON. Sequence numbers, places, counts
// and the writer's name stay; hashes are made anew from the first change on.
// add is called with the copy before it is closed, to write what is to be said
// of it. When it fails, the directory is of no use and can be removed.
//
// A message that is damaged, which was accepted, is left out: nobody can tell
// what it holds.
func (l *Log) CopyWithout(ctx context.Context, o Options, drop func(Stream, []byte) bool, add func(*Log) error) (n Removed, err error) {
	if o.URL != "" || l.opts.URL != "" {
		return n, errors.New("removing records: only a log of this machine can be copied, not a NATS server's")
	}
	o.Writer = l.writer
	if err := l.copyFiles(o.Dir); err != nil {
		return n, fmt.Errorf("removing records: %w", err)
	}
	to, err := Open(ctx, o)
	if err != nil {
		return n, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if to.Head(Events) > 0 || to.Head(Ledger) > 0 {
		return n, fmt.Errorf("removing records: %s holds a log already", o.Dir)
	}
	for _, part := range []struct {
		name    Stream
		removed *uint64
	}{{Events, &n.Events}, {Ledger, &n.Ledger}} {
		c := copier{from: l.stream(part.name), to: to.stream(part.name), drop: drop, ends: map[string]relinked{}}
		if err := c.run(ctx); err != nil {
			return n, fmt.Errorf("removing records from stream %s: %w", part.name, err)
		}
		*part.removed = c.removed
	}
	return n, add(to)
}

// copyFiles writes what stands beside the streams. Damaged messages do not come
// along, so they are missing in the copy.
func (l *Log) copyFiles(dir string) error {
	if err := makeDir(dir); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, "writer"), []byte(l.writer+"\n")); err != nil {
		return err
	}
	if len(l.accepted) == 0 {
		return nil
	}
	accepted := slices.Clone(l.accepted)
	for i := range accepted {
		if accepted[i].Kind == Altered {
			accepted[i].Kind, accepted[i].Detail = Missing, "damaged, and left out when other records were removed"
		}
	}
	raw, err := json.Marshal(accepted)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, acceptedFile), raw)
}

// relinked is the hash of a writer's last message, before and after.
type relinked struct{ was, is hash }

// copier copies one stream.
type copier struct {
	from, to *stream
	drop     func(Stream, []byte) bool
	ends     map[string]relinked // by writer
	removed  uint64
}

func (c *copier) run(ctx context.Context) error {
	head := c.from.headSeq()
	err := c.from.fetch(ctx, 1, head, func(seq uint64, data []byte) error {
		f, err := decodeFrame(data)
		var records [][]byte
		if err == nil {
			records, err = f.open(c.from.log.codec)
		}
		if err != nil {
			if c.from.log.excused(c.from.name, seq) {
				return nil
			}
			return fmt.Errorf("message %d: %w: run lathe verify", seq, err)
		}
		return c.message(ctx, seq, f, data, records)
	})
	if err != nil {
		return err
	}
	return c.to.skipTo(ctx, head)
}

// message writes one message, changed or not, under its number.
func (c *copier) message(ctx context.Context, seq uint64, f *frame, data []byte, records [][]byte) error {
	subject := subjectOf(c.from.name, "")
	if len(records) > 0 {
		subject = subjectIn(c.from.name, records[0])
	}
	was, changed := f.hash, false
	if end := c.ends[f.writer]; end.was == f.prev && end.is != f.prev {
		f.prev, changed = end.is, true
	}
	for i, raw := range records {
		if isTombstone(raw) || !c.drop(c.from.name, raw) {
			continue
		}
		c.removed++
		changed = true
		records[i] = makeTombstone(c.from.name, subject)
		e := &f.entries[i]
		e.length, e.crc = uint32(len(records[i])), checksum(records[i])
		if c.from.name == Ledger {
			e.key = tombstoneKey(seq, i)
		}
	}
	if changed {
		data = encodeFrame(f, slices.Concat(records...), c.to.log.codec)
	}
	c.ends[f.writer] = relinked{was, f.hash}
	return c.to.putAt(ctx, subject, seq, f, data)
}
