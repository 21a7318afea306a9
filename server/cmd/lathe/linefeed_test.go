package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestLineFeedAnswersInTime: who types a line and waits is answered, and so is
// a line in a stream that never rests.
func TestLineFeedAnswersInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, w := io.Pipe()
		f := &lineFeed{limit: 8}
		start, waiting := time.Now(), 0
		var log []string
		done := make(chan error)
		go func() {
			done <- f.each(context.Background(), in,
				func(line []byte) error { log, waiting = append(log, string(line)), waiting+1; return nil },
				func() error {
					if waiting > 0 {
						log = append(log, fmt.Sprint("answered ", time.Since(start)))
					}
					waiting = 0
					return nil
				})
		}()
		fmt.Fprint(w, "one\ntw")
		synctest.Wait()
		<-time.After(idle)
		fmt.Fprint(w, "o is too long\r\n")
		for range 12 { // never 200 ms without input
			<-time.After(100 * time.Millisecond)
			fmt.Fprint(w, "x")
		}
		fmt.Fprint(w, "\nlast")
		w.Close()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		want := "one, answered 200ms, two is t, answered 1.2s, xxxxxxxx, last"
		if got := strings.Join(log, ", "); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// TestLineFeedStops: when its reader fails, and when it is told to.
func TestLineFeedStops(t *testing.T) {
	f := &lineFeed{limit: 8}
	nop := func() error { return nil }
	err := f.each(t.Context(), io.MultiReader(strings.NewReader("a\n"), failing{}), func([]byte) error { return nil }, nop)
	if err == nil || !strings.Contains(err.Error(), "read the input: broken") {
		t.Errorf("got %v", err)
	}
	if f.number != 1 {
		t.Errorf("%d lines, want 1", f.number)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in, w := io.Pipe()
	defer w.Close()
	if err := f.each(ctx, in, func([]byte) error { return nil }, nop); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, fmt.Errorf("broken") }
