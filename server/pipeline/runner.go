package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"lathe/learn"
)

// Log is what the runner needs of the event log.
type Log interface {
	ReadEvents(ctx context.Context, after uint64, fn func(seq uint64, recs []learn.Record) error) error
	WaitEvents(ctx context.Context, after uint64) error
	WriteLedger(ctx context.Context, entries []learn.LedgerEntry) error
}

// Options configure a Runner.
type Options struct {
	Log      Log
	Learners []learn.Learner // applied in this order
	Dir      string          // of the snapshots
	Logger   *slog.Logger
	Now      func() time.Time
	// ConcludeEvery is the least time between two rounds of conclusions while
	// records keep coming; 0 is one second. Somebody who waits (Settle) is not
	// kept waiting by it.
	ConcludeEvery time.Duration
	// SnapshotEvery is the number of applied records between snapshots;
	// 0 is 50,000. One more is written on shutdown.
	SnapshotEvery int
}

// Runner feeds the learners. Create one with New, start it with Run.
type Runner struct {
	o     Options
	empty [][]byte // each learner's state before the first record

	mu       sync.Mutex
	changed  chan struct{} // closed and renewed whenever a field below moves
	applied  uint64        // last message whose records every learner has seen
	settled  uint64        // last message that conclusions include
	eager    int           // number of callers waiting in Settle
	failures uint64        // records on which a learner failed

	pending      []learn.LedgerEntry
	sinceSnap    int
	lastConclude time.Time
	concludeCost time.Duration // of the last round
}

// concludeShare bounds the time that conclusions take while records keep
// coming: one part in this many.
const concludeShare = 20

// New makes a runner and restores the learners from the newest usable
// snapshot.
func New(o Options) (*Runner, error) {
	if o.ConcludeEvery == 0 {
		o.ConcludeEvery = time.Second
	}
	if o.SnapshotEvery == 0 {
		o.SnapshotEvery = 50_000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Runner{o: o, changed: make(chan struct{})}
	for _, l := range o.Learners {
		state, err := l.Snapshot()
		if err != nil {
			return nil, fmt.Errorf("pipeline: empty state of learner %s: %w", l.Name(), err)
		}
		r.empty = append(r.empty, state)
	}
	if err := r.restore(); err != nil {
		return nil, err
	}
	return r, nil
}

// Run applies the log until ctx ends, then writes a snapshot. It returns nil
// when ctx was cancelled.
func (r *Runner) Run(ctx context.Context) error {
	for {
		if err := r.catchUp(ctx); err != nil {
			return r.stop(err)
		}
		if err := r.conclude(ctx); err != nil {
			return r.stop(err)
		}
		if err := r.rest(ctx); err != nil {
			return r.stop(err)
		}
	}
}

// catchUp applies what the log holds now.
func (r *Runner) catchUp(ctx context.Context) error {
	err := r.o.Log.ReadEvents(ctx, r.Applied(), func(seq uint64, recs []learn.Record) error {
		for i := range recs {
			r.apply(&learn.Observation{Record: recs[i], Seq: seq, Index: i})
		}
		r.move(func() { r.applied = seq })
		r.sinceSnap += len(recs)
		if len(r.pending) >= 500 {
			return r.flush(ctx)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("pipeline: read the event log: %w", err)
	}
	return r.flush(ctx)
}

// apply hands one observation to every learner.
func (r *Runner) apply(o *learn.Observation) {
	for _, l := range r.o.Learners {
		if err := r.applyOne(l, o); err != nil {
			r.move(func() { r.failures++ })
			r.o.Logger.Error("learner failed on a record; it goes on with the next",
				"learner", l.Name(), "record", o.Record.ID(), "err", err)
		}
	}
}

func (r *Runner) applyOne(l learn.Learner, o *learn.Observation) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return l.Apply(o, r.emit)
}

func (r *Runner) emit(e learn.LedgerEntry) { r.pending = append(r.pending, e) }

func (r *Runner) flush(ctx context.Context) error {
	if len(r.pending) == 0 {
		return nil
	}
	if err := r.o.Log.WriteLedger(ctx, r.pending); err != nil {
		return fmt.Errorf("pipeline: write %d ledger entries: %w", len(r.pending), err)
	}
	clear(r.pending)
	r.pending = r.pending[:0]
	return nil
}

// conclude lets the learners draw their costly conclusions when there is
// something new and it is time, or somebody waits.
func (r *Runner) conclude(ctx context.Context) error {
	r.mu.Lock()
	due := r.settled < r.applied && (r.eager > 0 || r.o.Now().Sub(r.lastConclude) >= r.pause())
	applied := r.applied
	r.mu.Unlock()
	if !due {
		return nil
	}
	began := r.o.Now()
	for _, l := range r.o.Learners {
		c, ok := l.(learn.Concluder)
		if !ok {
			continue
		}
		if err := r.concludeOne(c); err != nil {
			r.o.Logger.Error("learner could not conclude", "learner", l.Name(), "err", err)
		}
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	r.lastConclude = r.o.Now()
	r.concludeCost = r.lastConclude.Sub(began)
	r.move(func() { r.settled = applied })
	if r.sinceSnap >= r.o.SnapshotEvery {
		return r.snapshot()
	}
	return nil
}

// pause is the least time between two rounds of conclusions.
func (r *Runner) pause() time.Duration {
	return max(r.o.ConcludeEvery, concludeShare*r.concludeCost)
}

func (r *Runner) concludeOne(c learn.Concluder) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return c.Conclude(r.emit)
}

// rest waits for more records, for somebody who waits, or until conclusions
// that were put off are due.
func (r *Runner) rest(ctx context.Context) error {
	r.mu.Lock()
	unsettled, changed, applied := r.settled < r.applied, r.changed, r.applied
	if unsettled && r.eager > 0 {
		r.mu.Unlock()
		return nil
	}
	r.mu.Unlock()

	wait, cancel := context.WithCancel(ctx)
	defer cancel()
	if unsettled {
		wait, cancel = context.WithTimeout(wait, r.pause())
		defer cancel()
	}
	done := make(chan struct{})
	go func() { // ends with wait, which ends below
		defer close(done)
		select {
		case <-changed:
			cancel()
		case <-wait.Done():
		}
	}()
	err := r.o.Log.WaitEvents(wait, applied)
	cancel()
	<-done
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && wait.Err() == nil {
		return fmt.Errorf("pipeline: wait for the event log: %w", err)
	}
	return nil
}

func (r *Runner) stop(cause error) error {
	if err := r.snapshot(); err != nil {
		r.o.Logger.Error("no snapshot on shutdown; the next start replays more", "err", err)
	}
	if errors.Is(cause, context.Canceled) {
		return nil
	}
	return cause
}

// Applied is the last message whose records every learner has seen.
func (r *Runner) Applied() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.applied
}

// Failures counts the records on which a learner failed.
func (r *Runner) Failures() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failures
}

// Settle waits until the learners have applied message seq and drawn their
// conclusions from it.
func (r *Runner) Settle(ctx context.Context, seq uint64) error {
	r.move(func() { r.eager++ })
	defer r.move(func() { r.eager-- })
	for {
		r.mu.Lock()
		ready, changed := r.settled >= seq, r.changed
		r.mu.Unlock()
		if ready {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// move changes state under the lock and wakes everybody who waits for it.
func (r *Runner) move(change func()) {
	r.mu.Lock()
	change()
	close(r.changed)
	r.changed = make(chan struct{})
	r.mu.Unlock()
}
