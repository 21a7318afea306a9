package server

import (
	"context"
	"log/slog"

	"lathe/learn"
)

// maxWaiting is how many entries a writer holds before who brings one waits.
const maxWaiting = 1024

// writer brings entries into the ledger behind the back of the call that made
// them, many at a time: no answer waits for the disk. A crash may lose the last
// of them, so it is for what is worth little alone.
type writer struct {
	write   func(context.Context, []learn.LedgerEntry) error
	logger  *slog.Logger
	waiting chan waiting
}

// waiting is an entry, or a request to say when all before it are written.
type waiting struct {
	entry   learn.LedgerEntry
	reached chan struct{}
}

func newWriter(write func(context.Context, []learn.LedgerEntry) error, logger *slog.Logger) *writer {
	return &writer{write: write, logger: logger, waiting: make(chan waiting, maxWaiting)}
}

// put hands an entry over. It waits only when the disk is far behind.
func (w *writer) put(ctx context.Context, e learn.LedgerEntry) {
	select {
	case w.waiting <- waiting{entry: e}:
	case <-ctx.Done():
		w.logger.Warn("an entry is not in the ledger: its caller could not wait", "kind", e.Kind, "object", e.ObjectID)
	}
}

// flush returns when all that was put before is written. It needs run.
func (w *writer) flush(ctx context.Context) error {
	reached := make(chan struct{})
	select {
	case w.waiting <- waiting{reached: reached}:
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
func (w *writer) run(ctx context.Context) error {
	for {
		select {
		case first := <-w.waiting:
			w.batch(context.WithoutCancel(ctx), first)
		case <-ctx.Done():
			select {
			case first := <-w.waiting:
				w.batch(context.WithoutCancel(ctx), first)
			default:
			}
			return nil
		}
	}
}

// batch writes first and whatever waits behind it.
func (w *writer) batch(ctx context.Context, next waiting) {
	var entries []learn.LedgerEntry
	var reached []chan struct{}
	for more := true; more; {
		if next.reached != nil {
			reached = append(reached, next.reached)
		} else {
			entries = append(entries, next.entry)
		}
		select {
		case next = <-w.waiting:
		default:
			more = false
		}
	}
	if len(entries) > 0 {
		if err := w.write(ctx, entries); err != nil {
			w.logger.Error("entries are not in the ledger", "entries", len(entries), "err", err)
		}
	}
	for _, r := range reached {
		close(r)
	}
}
