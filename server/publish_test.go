package server

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestPublisherGathers: what comes close together is told once, what keeps
// coming is told now and then, and who waits returns when it is told.
func TestPublisherGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		told, state, said := 0, 0, 0
		var mu sync.Mutex
		p := newPublisher(func() { mu.Lock(); told++; said = state; mu.Unlock() })
		var all sync.WaitGroup
		all.Go(func() { _ = p.run(ctx) })
		set := func() { mu.Lock(); state++; mu.Unlock() }
		count := func() int { mu.Lock(); defer mu.Unlock(); return told }
		var many sync.WaitGroup
		for range 50 {
			many.Go(func() {
				set()
				if err := p.wait(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		many.Wait()
		if count() != 1 || said != 50 {
			t.Errorf("50 changes at once were told %d times, up to the %dth", count(), said)
		}
		for range 200 { // for four seconds, too close together to be quiet between
			set()
			p.ask()
			<-time.After(publishQuiet / 2) // of the bubble's clock
		}
		synctest.Wait()
		if n := count() - 1; n < 9 || n > 11 {
			t.Errorf("changes of four seconds were told %d times", n)
		}
		end()
		all.Wait()
	})
}
