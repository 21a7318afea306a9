package sandbox

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// PoolOptions bound a Pool. Zero fields take the defaults that are said.
type PoolOptions struct {
	Interpreters int           // at most, busy ones included: 8
	MemoryBytes  int64         // resident in all interpreters that wait: 256 MiB
	Idle         time.Duration // how long one waits for its next call: 5 minutes
	Calls        int           // how many calls one answers before another takes its place: 1000
}

// retryWarm is how long a key whose interpreter could not be had runs cold.
const retryWarm = time.Minute

// newInterpreter is what an interpreter is taken to need until it says so.
const newInterpreter = 16 << 20

// Pool keeps warm interpreters, one for each key, and makes calls cold where
// that cannot be had: when the interpreter of that key is busy, could not be
// started, or was ended. Safe for concurrent use.
type Pool struct {
	l *Launcher
	o PoolOptions

	mu      sync.Mutex
	entries map[string]*interpreter
	failed  map[string]time.Time // keys that run cold, until then
	stats   PoolStats
	closed  bool
	alive   sync.WaitGroup // interpreters from their start to their end
}

// interpreter is one entry: busy means that a caller, and nobody else, uses it.
type interpreter struct {
	key      string
	warm     *Warm
	busy     bool
	calls    int
	used     time.Time
	resident int64
	idle     *time.Timer
}

// PoolStats say what a pool did.
type PoolStats struct {
	Interpreters  int   `json:"interpreters"` // now
	ResidentBytes int64 `json:"resident_bytes"`
	Warm          int64 `json:"warm_calls"`
	Cold          int64 `json:"cold_calls"`
	Started       int64 `json:"started"`
	Ended         int64 `json:"ended"`
}

// NewPool makes an empty pool. Close it before the program ends.
func NewPool(l *Launcher, o PoolOptions) *Pool {
	if o.Interpreters <= 0 {
		o.Interpreters = 8
	}
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = 256 << 20
	}
	if o.Idle <= 0 {
		o.Idle = 5 * time.Minute
	}
	if o.Calls <= 0 {
		o.Calls = 1000
	}
	return &Pool{l: l, o: o, entries: map[string]*interpreter{}, failed: map[string]time.Time{}}
}

// Stats are the pool's numbers now.
func (p *Pool) Stats() PoolStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Interpreters = len(p.entries)
	for _, e := range p.entries {
		s.ResidentBytes += e.resident
	}
	return s
}

// Call runs `python3 -I program` with stdin as its input, in the sandbox that
// spec describes: in the interpreter of that key, or else in a new one. Calls
// with the same key must have the same spec and program. The answer says
// whether it was warm.
func (p *Pool) Call(ctx context.Context, key string, spec *Spec, program Program, stdin []byte) (*Result, bool, error) {
	if e := p.take(ctx, key, spec, program); e != nil {
		res, err := e.warm.Call(ctx, stdin)
		p.give(e)
		if !errors.Is(err, ErrNotWarm) {
			p.count(func(s *PoolStats) { s.Warm++ })
			return res, true, err
		}
	}
	p.count(func(s *PoolStats) { s.Cold++ })
	s := *spec
	s.Args = append([]string{"python3", "-I", program.Path}, program.Args...)
	s.Stdin = bytes.NewReader(stdin)
	res, err := p.l.Run(ctx, &s)
	return res, false, err
}

func (p *Pool) count(f func(*PoolStats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.stats)
}

// take gets the interpreter of that key, busy from now on, starting one when
// there is room; nil when the call must be cold.
func (p *Pool) take(ctx context.Context, key string, spec *Spec, program Program) *interpreter {
	if slices.ContainsFunc(spec.Binds, func(b Bind) bool { return b.Staged }) {
		return nil
	}
	p.mu.Lock()
	e := p.entries[key]
	if e != nil && (e.busy || p.closed) {
		p.mu.Unlock()
		return nil
	}
	if e != nil {
		e.busy = true
		e.idle.Stop()
		p.mu.Unlock()
		if e.calls < p.o.Calls && e.warm.Settle() == nil {
			return e
		}
		p.end(e)
		p.mu.Lock()
	}
	if p.closed || p.entries[key] != nil || time.Now().Before(p.failed[key]) || !p.room() {
		p.mu.Unlock()
		return nil
	}
	e = &interpreter{key: key, busy: true, resident: newInterpreter}
	p.entries[key] = e
	p.stats.Started++
	p.alive.Add(1)
	p.mu.Unlock()
	w, err := p.l.Warm(ctx, spec, program)
	p.mu.Lock()
	defer p.mu.Unlock()
	e.warm = w
	if err == nil && !p.closed {
		return e
	}
	p.drop(e)
	if err != nil && ctx.Err() == nil {
		if len(p.failed) > 1000 {
			clear(p.failed)
		}
		p.failed[key] = time.Now().Add(retryWarm)
	}
	return nil
}

// room makes place for one more interpreter, by ending those that waited
// longest; false when the others are busy. p.mu is held.
func (p *Pool) room() bool {
	for {
		var oldest *interpreter
		total := int64(newInterpreter)
		for _, e := range p.entries {
			total += e.resident
			if !e.busy && (oldest == nil || e.used.Before(oldest.used)) {
				oldest = e
			}
		}
		if len(p.entries) < p.o.Interpreters && total <= p.o.MemoryBytes {
			return true
		}
		if oldest == nil {
			return false
		}
		p.drop(oldest)
	}
}

// give puts an interpreter back after a call.
func (p *Pool) give(e *interpreter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.calls++
	e.used = time.Now()
	e.resident = e.warm.Resident()
	if p.closed || !e.warm.usable() {
		p.drop(e)
		return
	}
	e.busy = false
	e.idle = time.AfterFunc(p.o.Idle, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !e.busy && p.entries[e.key] == e && time.Since(e.used) >= p.o.Idle {
			p.drop(e)
		}
	})
}

// end takes out an interpreter that its caller holds.
func (p *Pool) end(e *interpreter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(e)
}

// drop takes an interpreter out and ends it in the background. p.mu is held.
func (p *Pool) drop(e *interpreter) {
	if e.idle != nil {
		e.idle.Stop()
	}
	delete(p.entries, e.key)
	p.stats.Ended++
	if e.warm == nil {
		p.alive.Done()
		return
	}
	go func() {
		defer p.alive.Done()
		_ = e.warm.Close() // its end is all that matters
	}()
}

// Close ends every interpreter, calls that are under way included, and returns
// when their processes are gone. Calls after that are cold.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	for _, e := range p.entries {
		if !e.busy {
			p.drop(e)
		} else if e.warm != nil {
			e.warm.kill() // give drops it
		}
	}
	p.mu.Unlock()
	p.alive.Wait()
}
