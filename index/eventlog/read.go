package eventlog

import (
	"context"
	"encoding/json"
	"fmt"

	"lathe/learn"
)

// Head is the sequence number of the last message known of, 0 when there is
// none.
func (l *Log) Head(name Stream) uint64 { return l.stream(name).headSeq() }

// Wait returns nil once Head(name) is past after, ctx's error, or ErrClosed.
func (l *Log) Wait(ctx context.Context, name Stream, after uint64) error {
	return l.stream(name).wait(ctx, after)
}

// ReadEvents calls fn for each message after the sequence number after, up to
// the head at the time of the call, in order. It ends with fn's error, if
// any. fn may keep recs. A message whose records are all lost, as was accepted,
// or removed gives none, so that a reader's position moves past it.
func (l *Log) ReadEvents(ctx context.Context, after uint64, fn func(seq uint64, recs []learn.Record) error) error {
	return read(ctx, l.events, after, fn)
}

// ReadLedger is ReadEvents for the ledger.
func (l *Log) ReadLedger(ctx context.Context, after uint64, fn func(seq uint64, es []learn.LedgerEntry) error) error {
	return read(ctx, l.ledger, after, fn)
}

func read[T any](ctx context.Context, s *stream, after uint64, fn func(uint64, []T) error) error {
	head := s.headSeq()
	if after >= head {
		return ctx.Err()
	}
	next := after + 1
	err := s.fetch(ctx, next, head, func(seq uint64, data []byte) error {
		if err := s.missing(next, seq); err != nil {
			return err
		}
		next = seq + 1
		records, err := unpack[T](s, seq, data)
		if err != nil && s.log.excused(s.name, seq) {
			return fn(seq, nil)
		}
		if err != nil {
			return err
		}
		return fn(seq, records)
	})
	if err != nil {
		return err
	}
	return s.missing(next, head+1)
}

// missing is an error when messages from from to before to are gone without
// anyone having accepted that.
func (s *stream) missing(from, to uint64) error {
	for seq := from; seq < to; seq++ {
		if !s.log.excused(s.name, seq) {
			return fmt.Errorf("messages %d to %d of stream %s are missing: run lathe verify", seq, to-1, s.name)
		}
	}
	return nil
}

// unpack turns a message into its records.
func unpack[T any](s *stream, seq uint64, data []byte) ([]T, error) {
	f, err := decodeFrame(data)
	if err != nil {
		return nil, fmt.Errorf("message %d of stream %s: %w: run lathe verify", seq, s.name, err)
	}
	raw, err := f.open(s.log.codec)
	if err != nil {
		return nil, fmt.Errorf("message %d of stream %s: %w: run lathe verify", seq, s.name, err)
	}
	records := make([]T, 0, len(raw))
	for i, b := range raw {
		if isTombstone(b) {
			continue
		}
		var record T
		if err := json.Unmarshal(b, &record); err != nil {
			return nil, fmt.Errorf("record %d of message %d of stream %s: %w", i, seq, s.name, err)
		}
		records = append(records, record)
	}
	return records, nil
}

// Record returns the event or task record with that id, or ErrNotFound. It
// costs one message to read, however long the log is.
func (l *Log) Record(ctx context.Context, id string) (learn.Record, error) {
	where, ok := l.events.lookup(keyOf(id))
	if !ok {
		return learn.Record{}, fmt.Errorf("%w: id %q", ErrNotFound, shorten(id))
	}
	data, err := l.events.fetchOne(ctx, where.seq())
	if err != nil {
		return learn.Record{}, fmt.Errorf("reading record %q: %w", shorten(id), err)
	}
	f, err := decodeFrame(data)
	if err != nil {
		return learn.Record{}, fmt.Errorf("reading record %q: %w: run lathe verify", shorten(id), err)
	}
	raw, err := f.open(l.codec)
	if err != nil {
		return learn.Record{}, fmt.Errorf("reading record %q: %w: run lathe verify", shorten(id), err)
	}
	if where.index() >= len(raw) {
		return learn.Record{}, fmt.Errorf("reading record %q: message %d has %d records: run lathe verify", shorten(id), where.seq(), len(raw))
	}
	var rec learn.Record
	if err := json.Unmarshal(raw[where.index()], &rec); err != nil {
		return learn.Record{}, fmt.Errorf("reading record %q: %w", shorten(id), err)
	}
	if rec.ID() != id {
		return learn.Record{}, fmt.Errorf("%w: id %q", ErrNotFound, shorten(id))
	}
	return rec, nil
}
