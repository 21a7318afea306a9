package gateway

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"lathe/learn"
)

const (
	// queueRecords and queueBytes bound what waits to be recorded.
	queueRecords = 4096
	queueBytes   = 32 << 20
	// batchRecords bounds one hand-over.
	batchRecords = 128
	// acceptTime bounds one hand-over, drainTime all of those at the end.
	acceptTime = 30 * time.Second
	drainTime  = 10 * time.Second
)

// Recorder stores what happened. An error means that the batch was not stored.
type Recorder interface {
	Accept(ctx context.Context, recs []learn.Record) error
}

// queue carries outcomes to the Recorder, beside the replies.
type queue struct {
	to      Recorder
	log     *slog.Logger
	in      chan *learn.ActionOutcome
	bytes   atomic.Int64
	dropped atomic.Int64

	mu     sync.RWMutex // closed against put
	closed bool
	cancel context.CancelFunc
	done   chan struct{}
}

func newQueue(to Recorder, log *slog.Logger) *queue {
	ctx, cancel := context.WithCancel(context.Background())
	q := &queue{to: to, log: log, in: make(chan *learn.ActionOutcome, queueRecords), cancel: cancel, done: make(chan struct{})}
	go q.run(ctx)
	return q
}

func sizeOf(ev *learn.ActionOutcome) int64 {
	return int64(len(ev.ToolParameters)+len(ev.ToolOutput.Content)) + 1024
}

// put never waits: an outcome that finds the queue full is dropped and counted.
func (q *queue) put(ev *learn.ActionOutcome) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	size := sizeOf(ev)
	if q.closed || q.bytes.Add(size) > queueBytes {
		if !q.closed {
			q.bytes.Add(-size)
		}
		q.dropped.Add(1)
		return
	}
	select {
	case q.in <- ev:
	default:
		q.bytes.Add(-size)
		q.dropped.Add(1)
	}
}

func (q *queue) run(ctx context.Context) {
	defer close(q.done)
	for ev := range q.in {
		batch := []learn.Record{{Action: ev}}
		size := sizeOf(ev)
	more:
		for len(batch) < batchRecords {
			select {
			case ev, ok := <-q.in:
				if !ok {
					break more
				}
				batch = append(batch, learn.Record{Action: ev})
				size += sizeOf(ev)
			default:
				break more
			}
		}
		q.hand(ctx, batch)
		q.bytes.Add(-size)
	}
}

func (q *queue) hand(ctx context.Context, batch []learn.Record) {
	ctx, cancel := context.WithTimeout(ctx, acceptTime)
	defer cancel()
	if err := q.to.Accept(ctx, batch); err != nil {
		q.dropped.Add(int64(len(batch)))
		q.log.Warn("calls not recorded", "count", len(batch), "err", err)
	}
}

// close hands over what waits, within drainTime, and says what was lost.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	close(q.in)
	q.mu.Unlock()
	late := time.AfterFunc(drainTime, q.cancel)
	<-q.done
	late.Stop()
	q.cancel()
	if n := q.dropped.Load(); n > 0 {
		q.log.Warn("calls of this session that were not recorded", "count", n)
	}
}
