package lsp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
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
	needSign  bool // every verdict needs a signature
}

type decision struct {
	ID, Hash string
	Verdict  learn.Verdict
	Reason   string
	Signed   bool
}

func newQueue() *queue {
	return &queue{items: map[string][]Proposal{}, changed: make(chan struct{})}
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
	if s == nil && (q.needSign || v == learn.VerdictApprove) {
		return ErrLocked
	}
	for root, ps := range q.items {
		for i, p := range ps {
			if p.ID != id {
				continue
			}
			if p.ContentHash != hash {
				return errors.New("the content changed")
			}
			if s != nil && len(s.Decide(id, hash, v, reason, time.Unix(0, 0)).Signature) == 0 {
				return errors.New("not signed")
			}
			if v != learn.VerdictRequestClarification {
				q.items[root] = slices.Delete(ps, i, i+1)
			}
			q.decisions = append(q.decisions, decision{id, hash, v, reason, s != nil})
			q.broadcast()
			return nil
		}
	}
	return fmt.Errorf("there is no proposal %q", id)
}

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
