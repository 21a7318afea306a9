package gateway

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"lathe/learn"
)

const (
	// queueRecords and queueBytes bound what waits to be recorded.
	queueRecords = 1 << 16
	queueBytes   = 64 << 20
	// batchRecords bounds one hand-over; lingerTime is how long one waits for more,
	// so that recording does not compete with the calls for the processors.
	batchRecords = 512
	lingerTime   = 250 * time.Millisecond
	// acceptTime bounds one hand-over, drainTime all of those at the end.
	acceptTime = 30 * time.Second
	drainTime  = 10 * time.Second
)

// ErrRefused is in the error of a Recorder that will never take the batch.
var ErrRefused = errors.New("refused")

var errFull = errors.New("too many calls wait to be recorded")

// Recorder stores what happened, and returns when it is durable. An error means
// that the batch was not stored; unless it is ErrRefused, it is offered again.
type Recorder interface {
	Accept(ctx context.Context, recs []learn.Record) error
}

// queue carries outcomes to the Recorder, beside the replies.
type queue struct {
	to      Recorder
	read    func(*finished) learn.ActionOutcome
	log     *slog.Logger
	in      chan *finished
	bytes   atomic.Int64
	dropped atomic.Int64

	mu     sync.RWMutex // closed against put
	closed bool
	ending chan struct{} // closed with closed
	cancel context.CancelFunc
	done   chan struct{}
}

func newQueue(to Recorder, read func(*finished) learn.ActionOutcome, log *slog.Logger) *queue {
	ctx, cancel := context.WithCancel(context.Background())
	q := &queue{to: to, read: read, log: log, in: make(chan *finished, queueRecords), ending: make(chan struct{}), cancel: cancel, done: make(chan struct{})}
	go q.run(ctx)
	return q
}

// put never waits: an outcome that finds the queue full is dropped and counted.
func (q *queue) put(f *finished) bool {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if size := f.size(); !q.closed {
		if q.bytes.Add(size) <= queueBytes {
			select {
			case q.in <- f:
				return true
			default:
			}
		}
		q.bytes.Add(-size)
	}
	q.dropped.Add(1)
	return false
}

// putAndWait returns when the outcome is durable.
func (q *queue) putAndWait(ctx context.Context, f *finished) error {
	recorded := make(chan error, 1)
	f.recorded = recorded
	if !q.put(f) {
		return errFull
	}
	select {
	case err := <-recorded:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *queue) run(ctx context.Context) {
	defer close(q.done)
	for f := range q.in {
		batch := []*finished{f}
		size := f.size()
		linger := time.NewTimer(lingerTime)
		for more := f.recorded == nil; more && len(batch) < batchRecords; {
			select {
			case f, ok := <-q.in:
				if ok {
					batch = append(batch, f)
					size += f.size()
				}
				more = ok && f.recorded == nil
			case <-linger.C:
				more = false
			}
		}
		linger.Stop()
		q.hand(ctx, batch)
		q.bytes.Add(-size)
	}
}

// hand offers a batch until it is taken, refused, or there is no time left: at
// the end each batch is offered once. Who waits is told after the first offer.
func (q *queue) hand(ctx context.Context, batch []*finished) {
	recs := make([]learn.Record, len(batch))
	for i, f := range batch {
		ev := q.read(f)
		recs[i] = learn.Record{Action: &ev}
		f.m, f.args = message{}, nil
	}
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		offer, cancel := context.WithTimeout(ctx, acceptTime)
		err := q.to.Accept(offer, recs)
		cancel()
		for _, f := range batch {
			if f.recorded != nil {
				f.recorded <- err
				f.recorded = nil
			}
		}
		if err == nil {
			return
		}
		if errors.Is(err, ErrRefused) || !q.again(pause) {
			q.dropped.Add(int64(len(batch)))
			q.log.Warn("calls not recorded", "count", len(batch), "err", err)
			return
		}
		q.log.Warn("calls not recorded yet", "count", len(batch), "err", err, "again in", pause)
	}
}

// again waits for the pause; false when the queue is ending.
func (q *queue) again(pause time.Duration) bool {
	select {
	case <-q.ending:
		return false
	case <-time.After(pause):
		return true
	}
}

// close hands over what waits, within drainTime, and says what was lost.
func (q *queue) close() {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return
	}
	q.closed = true
	close(q.in)
	close(q.ending)
	q.mu.Unlock()
	late := time.AfterFunc(drainTime, q.cancel)
	<-q.done
	late.Stop()
	q.cancel()
	if n := q.dropped.Load(); n > 0 {
		q.log.Warn("calls of this session that were not recorded", "count", n)
	}
}

// refusing says why no call is made in strict mode, "" when calls are made. It
// offers the Recorder nothing but a chance to show that it works again.
func (g *Gateway) refusing() string {
	ctx, cancel := context.WithTimeout(g.ctx, acceptTime)
	defer cancel()
	if err := g.o.Recorder.Accept(ctx, nil); err != nil {
		return "Lathe: no call is made, since calls cannot be recorded (" + plain(err.Error(), 500) + ") and this gateway is strict about it. Ask the person to see to it."
	}
	g.stuck.Store(false)
	return ""
}
