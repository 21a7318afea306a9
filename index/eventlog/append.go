package eventlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lathe/learn"
)

const (
	// MaxRecord is the largest record, as JSON, in bytes.
	MaxRecord = 3 << 20
	// MaxID is the longest record id, in bytes.
	MaxID = 512
	// maxBody is where a message of several records is closed, in bytes of
	// JSON; with one record more and the table it stays below maxPayload even
	// when nothing compresses.
	maxBody = 2 << 20

	publishTimeout = 10 * time.Second
	retryPause     = 50 * time.Millisecond
)

// Ack tells where a record stands: message Seq of its stream, record Index in
// it. Duplicate says that a record of this id was in the log before; Seq and
// Index are then where that one stands.
type Ack struct {
	ID        string `json:"id"`
	Duplicate bool   `json:"duplicate,omitempty"`
	Seq       uint64 `json:"seq"`
	Index     int    `json:"index"`
}

// RecordError says which record of a call cannot be stored and why. Nothing
// of that call has been written.
type RecordError struct {
	Index  int    // in the call
	ID     string // as far as it has one, cut to a readable length
	Reason string
}

// Error implements error.
func (e *RecordError) Error() string {
	return fmt.Sprintf("record %d (id %q) cannot be stored: %s; nothing of this call was written", e.Index, e.ID, e.Reason)
}

// Append stores records and returns when all are on disk: one Ack a record,
// in their order. Concurrent calls share messages and disk syncs. A record
// whose id is in the log already is not stored again.
//
// Errors: *RecordError when a record cannot be stored (nothing is written);
// ErrClosed; ctx's error, in which case the records may be stored or not; any
// other error means that some may not be stored. Sending all of them again is
// always safe.
func (l *Log) Append(ctx context.Context, recs []learn.Record) ([]Ack, error) {
	return appendTo(ctx, l.events, recs, func(r *learn.Record) (id, project, fault string) {
		switch {
		case (r.Action == nil) == (r.Task == nil):
			fault = "exactly one of action and task must be set"
		}
		return r.ID(), r.Project(), fault
	})
}

// AppendLedger is Append for the ledger.
func (l *Log) AppendLedger(ctx context.Context, entries []learn.LedgerEntry) ([]Ack, error) {
	return appendTo(ctx, l.ledger, entries, func(e *learn.LedgerEntry) (id, project, fault string) {
		return e.ID, e.ProjectID, ""
	})
}

// appendTo checks and marshals in the caller's goroutine, then hands over to
// the committer.
func appendTo[T any](ctx context.Context, s *stream, values []T, about func(*T) (id, project, fault string)) ([]Ack, error) {
	if len(values) == 0 {
		return nil, ctx.Err()
	}
	r := &request{items: make([]item, len(values)), acks: make([]Ack, len(values)), done: make(chan struct{})}
	for i := range values {
		id, project, fault := about(&values[i])
		it, err := newItem(id, project, fault, &values[i])
		if err != nil {
			return nil, &RecordError{Index: i, ID: shorten(id), Reason: err.Error()}
		}
		it.ack, it.req = &r.acks[i], r
		r.items[i], r.bytes = it, r.bytes+len(it.json)
	}
	if err := s.submit(ctx, r); err != nil {
		return nil, err
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for %d records to be stored in %s: %w; they may be stored, sending them again is safe", len(values), s.name, ctx.Err())
	}
	if r.err != nil {
		return nil, r.err
	}
	return r.acks, nil
}

func newItem(id, project, fault string, value any) (item, error) {
	switch {
	case fault != "":
		return item{}, errors.New(fault)
	case id == "":
		return item{}, errors.New("it has no id")
	case len(id) > MaxID:
		return item{}, fmt.Errorf("its id has %d bytes, at most %d are taken", len(id), MaxID)
	}
	b, err := json.Marshal(value)
	if err != nil {
		return item{}, fmt.Errorf("it is not valid JSON: %v", err)
	}
	if len(b) > MaxRecord {
		return item{}, fmt.Errorf("it has %d bytes as JSON, at most %d are taken: cut its output", len(b), MaxRecord)
	}
	return item{id: id, key: keyOf(id), project: project, json: b}, nil
}

// submit gives r to the committer, unless the log is closing.
func (s *stream) submit(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.log.gate.RLock()
	defer s.log.gate.RUnlock()
	if s.log.closed {
		return ErrClosed
	}
	s.entering.Add(1)
	select {
	case s.requests <- r:
		return nil
	case <-ctx.Done():
		s.entering.Add(-1)
		return ctx.Err()
	}
}

func shorten(id string) string {
	const readable = 80
	if len(id) > readable {
		return id[:readable] + "..."
	}
	return id
}
