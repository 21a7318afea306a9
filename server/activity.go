package server

import (
	"context"
	"sync"
	"time"
)

// activity counts the work under way, so that shutdown can wait for it and an
// idle daemon can leave.
type activity struct {
	mu     sync.Mutex
	n      int // pieces of work that shutdown waits for
	open   int // connections, see touch
	closed bool
	last   time.Time
	done   chan struct{} // closed when n falls to zero after close
}

func newActivity() *activity { return &activity{last: time.Now(), done: make(chan struct{})} }

func (a *activity) enter() (release func(), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, ErrStopping
	}
	a.n++
	return sync.OnceFunc(func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.n--
		a.last = time.Now()
		if a.closed && a.n == 0 {
			close(a.done)
		}
	}), nil
}

func (a *activity) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	a.closed = true
	if a.n == 0 {
		close(a.done)
	}
}

// wait returns when nothing is under way any more.
func (a *activity) wait(ctx context.Context) error {
	select {
	case <-a.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// idle is how long nothing was under way.
func (a *activity) idle() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.n > 0 || a.open > 0 {
		return 0
	}
	return time.Since(a.last)
}

// touch counts a connection that may stay open for ever: it keeps the daemon
// from leaving, but shutdown does not wait for it.
func (a *activity) touch(delta int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open += delta
	a.last = time.Now()
}
