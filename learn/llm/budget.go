package llm

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"lathe/learn"
)

// ErrBudget: what may be spent in an hour is spent.
var ErrBudget = errors.New("llm: the hour's budget is spent")

// Limits are what may be spent in any hour.
type Limits struct {
	Calls  int   // requests sent, repeats included
	Tokens int64 // in and out
}

// spending is what was spent in one minute.
type spending struct {
	minute int64 // since 1970
	calls  int
	tokens int64
}

// Budget bounds what models cost in any hour, to the minute. What is not yet
// known is reserved. Safe for concurrent use.
type Budget struct {
	limits Limits
	now    func() time.Time

	mu       sync.Mutex
	minutes  []spending // oldest first, at most 61
	reserved int64
	known    map[string]int64 // questions counted, by id: the minute
}

// NewBudget makes one with nothing spent; see Restore.
func NewBudget(l Limits, now func() time.Time) *Budget {
	return &Budget{limits: l, now: now, known: map[string]int64{}}
}

// Restore counts what the ledger tells of the last hour. Questions that this
// process put itself are known, and passed over.
func (b *Budget) Restore(a learn.ModelAnswer, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	minute := at.Unix() / 60
	if _, ok := b.known[a.AskID]; ok || minute < b.now().Unix()/60-60 {
		return
	}
	b.known[a.AskID] = minute
	b.add(min(minute, b.now().Unix()/60), a.Calls, a.TokensIn+a.TokensOut)
}

// Spent is what the last hour cost, without what is reserved.
func (b *Budget) Spent() (calls int, tokens int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sum()
}

// own makes a question known, so that Restore passes it over.
func (b *Budget) own(ask string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known[ask] = b.now().Unix() / 60
}

// call counts a request that is about to be sent.
func (b *Budget) call() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if calls, _ := b.sum(); calls >= b.limits.Calls {
		return fmt.Errorf("%w: %d requests in the last hour; raise model.calls_per_hour, or wait", ErrBudget, calls)
	}
	b.add(b.now().Unix()/60, 1, 0)
	return nil
}

// reserve holds tokens back for a question until settle says what it took.
func (b *Budget) reserve(tokens int64) (settle func(actual int64), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, spent := b.sum(); spent+b.reserved+tokens > b.limits.Tokens {
		return nil, fmt.Errorf("%w: %d tokens in the last hour and %d more wanted; raise model.tokens_per_hour, or wait", ErrBudget, spent+b.reserved, tokens)
	}
	b.reserved += tokens
	return func(actual int64) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.reserved -= tokens
		b.add(b.now().Unix()/60, 0, actual)
	}, nil
}

func (b *Budget) add(minute int64, calls int, tokens int64) {
	for i := range b.minutes {
		if b.minutes[i].minute == minute {
			b.minutes[i].calls += calls
			b.minutes[i].tokens += tokens
			return
		}
	}
	b.minutes = append(b.minutes, spending{minute, calls, tokens})
}

// sum adds the last hour up, the minute in which it began included, and
// forgets what is older.
func (b *Budget) sum() (calls int, tokens int64) {
	first := b.now().Unix()/60 - 60
	kept := b.minutes[:0]
	for _, s := range b.minutes {
		if s.minute >= first {
			kept, calls, tokens = append(kept, s), calls+s.calls, tokens+s.tokens
		}
	}
	b.minutes = kept
	for id, minute := range b.known {
		if minute < first {
			delete(b.known, id)
		}
	}
	return calls, tokens
}
