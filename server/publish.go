package server

import (
	"context"
	"sync"
	"time"
)

// The tool list is told to sessions once it has been quiet for publishQuiet, and
// after publishLatest at any rate: every change costs each agent the whole list.
const (
	publishQuiet  = 40 * time.Millisecond
	publishLatest = 400 * time.Millisecond
)

// publisher brings changes of the tool list into the sessions, those that come
// close together at once.
type publisher struct {
	publish func()
	wanted  chan struct{} // somebody asked since the last look
	done    *follower     // the last request that is served

	mu    sync.Mutex
	asked uint64
}

func newPublisher(publish func()) *publisher {
	return &publisher{publish: publish, wanted: make(chan struct{}, 1), done: newFollower(0)}
}

// ask wants the list told, and returns the request's number.
func (p *publisher) ask() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	select {
	case p.wanted <- struct{}{}:
	default: // somebody has asked already
	}
	return p.asked
}

// wait asks, and returns when sessions know all that was so before. It needs run.
func (p *publisher) wait(ctx context.Context) error { return p.done.wait(ctx, p.ask()) }

// run serves requests until ctx ends.
func (p *publisher) run(ctx context.Context) error {
	for {
		select {
		case <-p.wanted:
		case <-ctx.Done():
			return nil
		}
		if !p.gather(ctx) {
			return nil
		}
		p.mu.Lock()
		n := p.asked
		p.mu.Unlock()
		p.publish()
		p.done.reach(n)
	}
}

// gather waits for more requests, as long as they keep coming; false means that
// ctx ended.
func (p *publisher) gather(ctx context.Context) bool {
	latest, quiet := time.NewTimer(publishLatest), time.NewTimer(publishQuiet)
	defer latest.Stop()
	defer quiet.Stop()
	for {
		select {
		case <-p.wanted:
			quiet.Reset(publishQuiet)
		case <-quiet.C:
			return true
		case <-latest.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
}
