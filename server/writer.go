package server

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// maxWaiting is how many entries a writer holds before who brings one waits.
const maxWaiting = 1024

// writer stores entries behind the back of the call that made them, many at a
// time: no answer waits for the disk. A crash may lose the last of them, so it
// is for what is worth little alone.
type writer[T any] struct {
	what    string        // the entries, for the log
	gather  time.Duration // how long an entry waits for others; 0 for not at all
	write   func(context.Context, []T) error
	logger  *slog.Logger
	waiting chan waiting[T]
	lost    atomic.Int64 // entries that could not be written
}

// waiting is an entry, or a request to say when all before it are written.
type waiting[T any] struct {
	entry   T
	reached chan struct{}
}

func newWriter[T any](what string, write func(context.Context, []T) error, logger *slog.Logger) *writer[T] {
	return &writer[T]{what: what, write: write, logger: logger, waiting: make(chan waiting[T], maxWaiting)}
}

// put hands an entry over. It waits only when the disk is far behind.
func (w *writer[T]) put(ctx context.Context, e T) error {
	select {
	case w.waiting <- waiting[T]{entry: e}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// flush returns when all that was put before is written. It needs run.
func (w *writer[T]) flush(ctx context.Context) error {
	reached := make(chan struct{})
	select {
	case w.waiting <- waiting[T]{reached: reached}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-reached:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run writes until ctx ends, and then the rest.
func (w *writer[T]) run(ctx context.Context) error {
	for {
		select {
		case first := <-w.waiting:
			w.batch(ctx, first)
		case <-ctx.Done():
			select {
			case first := <-w.waiting:
				w.batch(ctx, first)
			default:
			}
			return nil
		}
	}
}

// batch writes next and what comes behind it while it waits, or is there already.
func (w *writer[T]) batch(ctx context.Context, next waiting[T]) {
	var entries []T
	var reached []chan struct{}
	gathering, stop := context.WithTimeout(ctx, w.gather) // ended already without gather
	defer stop()
	for more := true; more; {
		if next.reached != nil {
			reached = append(reached, next.reached)
			stop() // somebody waits
		} else {
			entries = append(entries, next.entry)
		}
		next, more = w.next(gathering)
	}
	if len(entries) > 0 {
		if err := w.write(context.WithoutCancel(ctx), entries); err != nil {
			w.lost.Add(int64(len(entries)))
			w.logger.Error(w.what+" are not stored", "entries", len(entries), "err", err)
		}
	}
	for _, r := range reached {
		close(r)
	}
}

// next is what waits, or comes until gathering ends.
func (w *writer[T]) next(gathering context.Context) (next waiting[T], ok bool) {
	select {
	case next = <-w.waiting:
		return next, true
	default:
	}
	select {
	case next = <-w.waiting:
		return next, true
	case <-gathering.Done():
		return next, false
	}
}
