package recovery

import (
	"errors"
	"testing"

	"lathe/learn"
)

// TestReplayAsksBeforeItLearns: of five sessions with the same remedy the
// first two teach, the others are met.
func TestReplayAsksBeforeItLearns(t *testing.T) {
	w := newWorld(t, Options{})
	stream := func(yield func(*learn.Observation, error) bool) {
		for _, session := range []string{"a", "b", "c", "d", "e"} {
			for _, c := range installed("yaml") {
				w.n++
				if !yield(w.observe("p", session, c), nil) {
					return
				}
			}
		}
	}
	got, err := Replay(Options{}, stream)
	want := Measures{Resolved: 5, Offered: 3, First: 3, Three: 3, CallsSaved: 3}
	if err != nil || got != want || got.Hit1() != 0.6 || got.Coverage() != 0.6 || got.Precision() != 1 {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	broken := errors.New("broken")
	if _, err := Replay(Options{}, func(yield func(*learn.Observation, error) bool) { yield(nil, broken) }); !errors.Is(err, broken) {
		t.Errorf("a broken stream ended in %v", err)
	}
}
