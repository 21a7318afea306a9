package server

import (
	"context"
	"fmt"
	"sync"
	"time"

	"lathe/index"
	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/learn/action"
)

// follower projects a stream of the log and says how far it is.
type follower struct {
	mu      sync.Mutex
	seq     uint64
	changed chan struct{}
}

func newFollower(seq uint64) *follower { return &follower{seq: seq, changed: make(chan struct{})} }

func (f *follower) reach(seq uint64) {
	f.mu.Lock()
	f.seq = seq
	close(f.changed)
	f.changed = make(chan struct{})
	f.mu.Unlock()
}

// wait returns when the projection includes message seq.
func (f *follower) wait(ctx context.Context, seq uint64) error {
	for {
		f.mu.Lock()
		done, changed := f.seq >= seq, f.changed
		f.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// watch is closed when the projection moves on.
func (f *follower) watch() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *follower) at() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seq
}

// indexBatch is the number of documents of a batch: one costs much the same
// whatever its size.
const indexBatch = 1000

// indexRest is the least time between two batches while nobody waits. A live
// session sends one call at a time, and a batch of one costs 10 ms of two
// processors with its merges: more than all that is learned from the call.
const indexRest = time.Second

// indexFollower keeps a part of the search index behind its stream. Somebody
// who waits for it is not kept waiting by its rest.
type indexFollower struct {
	*follower
	asked chan struct{} // has one while somebody began to wait
	mu    sync.Mutex
	eager int // number of callers in wait
}

func newIndexFollower(seq uint64) *indexFollower {
	return &indexFollower{follower: newFollower(seq), asked: make(chan struct{}, 1)}
}

// wait returns when what message seq brought can be searched for.
func (f *indexFollower) wait(ctx context.Context, seq uint64) error {
	if f.at() >= seq {
		return nil
	}
	f.hurry(1)
	defer f.hurry(-1)
	select {
	case f.asked <- struct{}{}:
	default: // it knows already
	}
	return f.follower.wait(ctx, seq)
}

func (f *indexFollower) hurry(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.eager += n
}

func (f *indexFollower) hurried() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.eager > 0
}

// rest lets company come for the next batch.
func (f *indexFollower) rest(ctx context.Context) {
	over := time.NewTimer(indexRest)
	defer over.Stop()
	for !f.hurried() {
		select {
		case <-over.C:
			return
		case <-f.asked:
		case <-ctx.Done():
			return
		}
	}
}

// follow calls catchUp, which says how far it came, whenever the stream grew.
func (f *indexFollower) follow(ctx context.Context, log *eventlog.Log, stream eventlog.Stream, catchUp func(context.Context) (uint64, error)) error {
	for {
		seq, err := catchUp(ctx)
		if err != nil {
			return stopped(ctx, fmt.Errorf("index the %s: %w", stream, err))
		}
		f.reach(seq)
		if err := log.Wait(ctx, stream, seq); err != nil {
			return stopped(ctx, fmt.Errorf("index the %s: %w", stream, err))
		}
		f.rest(ctx)
	}
}

// indexEvents keeps the search index of events up to date.
func (d *Daemon) indexEvents(ctx context.Context) error {
	return d.indexed.follow(ctx, d.log, eventlog.Events, func(ctx context.Context) (uint64, error) {
		b := batched[index.EventDoc]{apply: d.index.ApplyEvents, reach: d.indexed.reach}
		err := d.log.ReadEvents(ctx, d.index.AppliedEvents(), func(seq uint64, recs []learn.Record) error {
			for _, r := range recs {
				if r.Action != nil {
					act := action.Parse(r.Action)
					sigs, _ := d.learners.reader.match(r.Action, act)
					b.docs = append(b.docs, index.NewEventDoc(r.Action, act, sigs))
				}
			}
			return b.reached(seq)
		})
		if err == nil {
			err = b.flush()
		}
		return d.index.AppliedEvents(), err
	})
}

// indexObjects keeps the search index of what was learned up to date.
func (d *Daemon) indexObjects(ctx context.Context) error {
	return d.objects.follow(ctx, d.log, eventlog.Ledger, func(ctx context.Context) (uint64, error) {
		b := batched[learn.LedgerEntry]{apply: d.index.ApplyLedger, reach: d.objects.reach}
		err := d.log.ReadLedger(ctx, d.index.AppliedLedger(), func(seq uint64, entries []learn.LedgerEntry) error {
			b.docs = append(b.docs, entries...)
			return b.reached(seq)
		})
		if err == nil {
			err = b.flush()
		}
		return d.index.AppliedLedger(), err
	})
}

// batched gathers documents for an index.
type batched[D any] struct {
	docs  []D
	last  uint64 // message that they go up to; 0 when nothing is to be written
	apply func(seq uint64, docs []D) error
	reach func(seq uint64)
}

// reached is called when the documents of a message are all there.
func (b *batched[D]) reached(seq uint64) error {
	b.last = seq
	if len(b.docs) < indexBatch {
		return nil
	}
	return b.flush()
}

func (b *batched[D]) flush() error {
	if b.last == 0 {
		return nil
	}
	if err := b.apply(b.last, b.docs); err != nil {
		return err
	}
	b.reach(b.last)
	clear(b.docs)
	b.docs, b.last = b.docs[:0], 0
	return nil
}

// A look into the index waits for what was stored last, so long at most, and
// not at all when it is an import's worth of messages.
const (
	freshness   = 2 * time.Second
	freshWithin = 500
)

// searchable waits until all that is stored can be searched for, or returns
// when that would take too long: what is there has to do then.
func (d *Daemon) searchable(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, freshness)
	defer cancel()
	for _, part := range []struct {
		f    *indexFollower
		head uint64
	}{{d.indexed, d.log.Head(eventlog.Events)}, {d.objects, d.log.Head(eventlog.Ledger)}} {
		if part.head <= part.f.at()+freshWithin && part.f.wait(ctx, part.head) != nil {
			return
		}
	}
}
