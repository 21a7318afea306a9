package lsp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"lathe/learn"
)

// queue is a review queue in memory: it keeps the promises that Proposals
// states, for real signatures or the lack of them.
type queue struct {
	mu        sync.Mutex
	items     map[string][]Proposal // by root
	changed   chan struct{}
	decisions []decision
	refusals  chan Refusal
}

type decision struct {
	ID, Hash string
	Verdict  learn.Verdict
	Reason   string
}

func newQueue() *queue {
	return &queue{items: map[string][]Proposal{}, changed: make(chan struct{}), refusals: make(chan Refusal, 100)}
}

func (q *queue) put(root string, ps ...Proposal) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, p := range ps {
		i := slices.IndexFunc(q.items[root], func(o Proposal) bool { return o.ID == p.ID })
		if i < 0 {
			q.items[root] = append(q.items[root], p)
		} else {
			q.items[root][i] = p
		}
	}
	q.broadcast()
}

func (q *queue) broadcast() {
	close(q.changed)
	q.changed = make(chan struct{})
}

func (q *queue) Concerning(_ context.Context, root string) []Proposal {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.items[root])
}

func (q *queue) Watch() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.changed
}

func (q *queue) Decide(_ context.Context, id, hash string, v learn.Verdict, reason string, s Signer) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for root, ps := range q.items {
		for i, p := range ps {
			if p.ID != id {
				continue
			}
			if p.ContentHash != hash {
				return errors.New("the content changed")
			}
			if len(s.Decide(id, hash, v, reason, time.Unix(0, 0)).Signature) == 0 {
				return errors.New("not signed")
			}
			if v != learn.VerdictRequestClarification {
				q.items[root] = slices.Delete(ps, i, i+1)
			}
			q.decisions = append(q.decisions, decision{id, hash, v, reason})
			q.broadcast()
			return nil
		}
	}
	return fmt.Errorf("there is no proposal %q", id)
}

// refuse is Options.Refused.
func (q *queue) refuse(_ context.Context, r Refusal) { q.refusals <- r }

func (q *queue) decided() []decision {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.decisions)
}

// signer signs with a constant: what signatures are worth is server/review's.
type signer struct{}

func (signer) Decide(id, hash string, v learn.Verdict, reason string, at time.Time) learn.Decision {
	return learn.Decision{ObjectID: id, ContentHash: hash, Verdict: v, Reason: reason, Timestamp: at, Signature: []byte("signed")}
}

// unlock gives all connections the right to decide, as the review page does.
func (s *Server) unlock(t testing.TB) {
	t.Helper()
	for _, c := range s.Connections() {
		if err := s.Unlock(c.ID, signer{}); err != nil {
			t.Fatal(err)
		}
	}
}
