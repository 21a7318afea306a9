package recovery

import (
	"errors"
	"testing"

	"lathe/learn"
)

// TestReplayAsksBeforeItLearns: of five sessions with the same remedy the
// first teaches all others, and the first two are thin evidence.
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
	cases, err := Replay(ReplayOptions{}, stream)
	if err != nil || len(cases) != 5 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for i, c := range cases {
		if c.Truth != "do pip install {module}" || !c.Specific || c.SeenHere != (i > 0) || (len(c.Offers) > 0) != (i > 0) {
			t.Errorf("case %d: %+v", i, c)
		}
	}
	if got := Measure(cases, Threshold{Support: 2}); got.Hit1 != 0.8 || got.Hit3 != 0.8 || got.Precision != 1 || got.Coverage != 0.6 || got.CallsSaved != 3 {
		t.Errorf("measured %+v", got)
	}
	broken := errors.New("broken")
	if _, err := Replay(ReplayOptions{}, func(yield func(*learn.Observation, error) bool) { yield(nil, broken) }); !errors.Is(err, broken) {
		t.Errorf("a broken stream ended in %v", err)
	}
}
