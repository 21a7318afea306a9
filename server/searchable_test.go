package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestRestEndsForWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newIndexFollower(0)
		began := time.Now()
		f.rest(t.Context())
		if got := time.Since(began); got != indexRest {
			t.Errorf("with nobody waiting it rested %v, want %v", got, indexRest)
		}
		// A writer that rests before each batch, and somebody who waits.
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for seq := uint64(1); ctx.Err() == nil; seq++ {
				f.rest(ctx)
				<-time.After(10 * time.Millisecond) // a batch
				f.reach(seq)
			}
		}()
		synctest.Wait()
		began = time.Now()
		if err := f.wait(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(began); got != 30*time.Millisecond {
			t.Errorf("who waits for three batches of 10 ms waited %v", got)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.wait(short, 1<<40); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("what never comes: %v", err)
		}
		stop()
		<-ended
		if f.hurried() {
			t.Error("nobody waits any more, and it does not rest")
		}
	})
}
