package mcp

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
)

// notificationTasks tells the state of a task to who follows it.
const notificationTasks = "notifications/tasks"

// follower is a subscription that names tasks. Its fields are guarded by
// longTasks.mu, wake excepted.
type follower struct {
	// news has the tasks that are followed, true where the state is to be told.
	// A state that is followed by another before it was told is left out, so
	// that a client that reads slowly costs no memory.
	news map[string]bool
	wake chan struct{} // has room for one
}

// others reports whether a subscription asks for more than tasks.
func (c *longCall) others() bool {
	n := c.Params.Notifications
	return n.Tools || n.Prompts || n.Resources || len(n.URIs) > 0
}

// listen serves a subscription that names tasks. What else it asks for the
// library serves, on the same stream. The state of each task is told once the
// subscription is acknowledged, so that nothing is missed in between.
func (l *longTasks) listen(w http.ResponseWriter, r *http.Request, c *longCall) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	a := &answer{ResponseWriter: w, header: http.Header{}}
	defer a.end()
	f := l.follow(c.Params.Notifications.TaskIDs, l.scope(r).ProjectID)
	defer l.unfollow(f)
	followed := append([]string{}, slices.Sorted(maps.Keys(f.news))...) // a list in JSON, an empty one too
	if c.others() {
		told := make(chan struct{})
		a.ackTasks = followed
		a.onAcknowledged(func() {
			go func() {
				defer close(told)
				l.tell(ctx, a, c.ID, f)
			}()
		})
		l.serve(a, r.WithContext(ctx))
		cancel()
		a.end()
		if a.wasAcknowledged() {
			<-told
		}
		return
	}
	meta := map[string]any{mcp.MetaKeySubscriptionID: c.ID}
	ack := map[string]any{"jsonrpc": "2.0", "method": mcp.MethodNotificationSubscriptionsAcknowledged,
		"params": map[string]any{"_meta": meta, "notifications": map[string]any{"taskIds": followed}}}
	if a.notify(encode(ack)) != nil {
		return // the client is gone
	}
	if len(followed) > 0 {
		l.tell(ctx, a, c.ID, f)
	}
	// A client that is gone needs no result.
	_ = a.notify(encode(map[string]any{"jsonrpc": "2.0", "id": c.ID, "result": map[string]any{"resultType": mcp.ResultTypeComplete, "_meta": meta}}))
}

// follow begins to keep the news of those of the named tasks that are the
// project's.
func (l *longTasks) follow(ids []string, project string) *follower {
	f := &follower{news: map[string]bool{}, wake: make(chan struct{}, 1)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	for _, id := range ids[:min(len(ids), maxWatched)] {
		if t := l.all[id]; t != nil && t.project == project {
			f.news[id] = true
		}
	}
	if len(f.news) > 0 {
		l.followers[f] = true
		f.wake <- struct{}{}
	}
	return f
}

func (l *longTasks) unfollow(f *follower) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.followers, f)
}

// changed tells the followers of a task that it is another now. The caller
// holds the lock.
func (l *longTasks) changed(t *longTask) {
	for f := range l.followers {
		if _, ok := f.news[t.id]; ok {
			f.news[t.id] = true
			select {
			case f.wake <- struct{}{}:
			default: // it is to look already
			}
		}
	}
}

// tell sends the news of a follower until the subscription or the client ends.
func (l *longTasks) tell(ctx context.Context, a *answer, subscription json.RawMessage, f *follower) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		}
		for _, state := range l.newsOf(f) {
			state["_meta"] = map[string]any{mcp.MetaKeySubscriptionID: subscription}
			if a.notify(encode(map[string]any{"jsonrpc": "2.0", "method": notificationTasks, "params": state})) != nil {
				return
			}
		}
	}
}

// newsOf takes what is to be told to a follower, in the order of the tasks' names.
func (l *longTasks) newsOf(f *follower) (states []map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(f.news)) {
		if t := l.all[id]; f.news[id] && t != nil {
			states = append(states, t.describe())
		}
		f.news[id] = false
	}
	return states
}
