package llm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// ErrOpen: a model failed again and again, and is left alone for a while.
var ErrOpen = errors.New("llm: left alone after failures")

const (
	breakerFailures = 3 // in a row
	breakerWait     = time.Minute
	breakerMaxWait  = 10 * time.Minute
	maxBreakers     = 1000
)

// breakers are circuit breakers by name: after three failures in a row a model
// is not asked for a minute, then once; each failure of that doubles the wait,
// to ten minutes. (Nygard, Release It!, 2007.)
type breakers struct {
	now func() time.Time

	mu     sync.Mutex
	byName map[string]*breaker
}

type breaker struct {
	failures int
	wait     time.Duration
	until    time.Time
	used     time.Time
	told     bool // that it is open was said once
}

func newBreakers(now func() time.Time) *breakers {
	return &breakers{now: now, byName: map[string]*breaker{}}
}

func (bs *breakers) get(name string) *breaker {
	b := bs.byName[name]
	if b == nil {
		if len(bs.byName) >= maxBreakers {
			bs.dropOldest()
		}
		b = &breaker{wait: breakerWait}
		bs.byName[name] = b
	}
	b.used = bs.now()
	return b
}

func (bs *breakers) dropOldest() {
	var oldest string
	for name, b := range bs.byName {
		if oldest == "" || b.used.Before(bs.byName[oldest].used) {
			oldest = name
		}
	}
	delete(bs.byName, oldest)
}

// allow reports whether the model may be asked, ErrOpen when not; first is
// true when that is said the first time. One caller at a time probes.
func (bs *breakers) allow(name string) (first bool, err error) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	b, now := bs.get(name), bs.now()
	if b.failures < breakerFailures {
		return false, nil
	}
	if now.Before(b.until) {
		first, b.told = !b.told, true
		return first, fmt.Errorf("%w: %s failed %d times in a row; asked again in %s", ErrOpen, name, b.failures, b.until.Sub(now).Round(time.Second))
	}
	b.until = now.Add(b.wait) // the others wait for this one
	return false, nil
}

// done tells how asking went.
func (bs *breakers) done(name string, err error) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	b := bs.get(name)
	switch {
	case err == nil:
		*b = breaker{wait: breakerWait, used: b.used}
	case !blames(err):
	default:
		if b.failures++; b.failures > breakerFailures {
			b.wait = min(2*b.wait, breakerMaxWait)
		}
		b.until, b.told = bs.now().Add(b.wait), false
	}
}

// blames reports whether an error is the model's own, not the question's or
// the caller's.
func blames(err error) bool {
	var api *APIError
	if errors.As(err, &api) {
		switch api.Status {
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
			return false
		}
		return true
	}
	return !errors.Is(err, ErrRequest) && !errors.Is(err, ErrDropped) && !errors.Is(err, ErrBudget) &&
		!errors.Is(err, ErrPending) && !errors.Is(err, context.Canceled)
}
