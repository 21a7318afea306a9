package mcp

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
)

const taskMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"` + mcp.ProtocolVersion20260728 +
	`","io.modelcontextprotocol/clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}`

// told is a notification of a subscription.
type told struct {
	Meta          map[string]json.RawMessage `json:"_meta"`
	Notifications map[string]json.RawMessage `json:"notifications"`
	longState
}

// hear returns the next notification, which must be of this method and of the
// subscription "s".
func (w *wire) hear(method string) (n told) {
	w.t.Helper()
	r := w.receive()
	if r.Method != method {
		w.t.Fatalf("%s instead of %s: %s %s", r.Method, method, r.Params, r.Result)
	}
	if err := json.Unmarshal(r.Params, &n); err != nil {
		w.t.Fatal(err)
	}
	if got := string(n.Meta[mcp.MetaKeySubscriptionID]); got != `"s"` {
		w.t.Errorf("%s is of the subscription %s", method, got)
	}
	return n
}

// TestFollowersOfATaskAreTold: who subscribed to a task learns how it stands at
// once and how it ends, alone or beside what the library tells.
func TestFollowersOfATaskAreTold(t *testing.T) {
	for _, also := range []string{"", `,"toolsListChanged":true`} {
		t.Run("also"+also, func(t *testing.T) {
			b := newSlow()
			d := newDaemon(t, b)
			if err := d.start(t.Context()); err != nil {
				t.Fatal(err)
			}
			d.server.long.promptly = 0
			w := newWire(t, d, BridgeOptions{Ensure: d.start, Scope: Scope{ProjectID: "p"}})
			w.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{%s,%s}}`, longArguments, taskMeta)
			var made longState
			if r := w.receive(); json.Unmarshal(r.Result, &made) != nil || made.Type != "task" {
				t.Fatalf("no task: %s %+v", r.Result, r.Error)
			}
			<-b.started
			w.send(`{"jsonrpc":"2.0","id":"s","method":"subscriptions/listen","params":{"notifications":{"taskIds":["none",%q]%s},%s}}`, made.ID, also, taskMeta)
			ack := w.hear(mcp.MethodNotificationSubscriptionsAcknowledged)
			if got := string(ack.Notifications["taskIds"]); got != fmt.Sprintf("[%q]", made.ID) {
				t.Errorf("acknowledged: %s", got)
			}
			if got := string(ack.Notifications["toolsListChanged"]); (got == "true") != (also != "") {
				t.Errorf("acknowledged of the tools: %q", got)
			}
			if n := w.hear(notificationTasks); n.ID != made.ID || n.Status != "working" || n.Type != "" {
				t.Errorf("at first: %+v", n)
			}
			if also != "" {
				d.deploy("count_errors")
				w.hear(mcp.MethodNotificationToolsListChanged)
			}
			b.release <- true
			if n := w.hear(notificationTasks); n.ID != made.ID || n.Status != "completed" || n.Result.Structured == nil {
				t.Errorf("at its end: %+v", n)
			}
		})
	}
}

// TestOthersTasksCannotBeFollowed: what is of another project, or is not there,
// is not acknowledged; nothing to tell ends the subscription.
func TestOthersTasksCannotBeFollowed(t *testing.T) {
	b := newSlow()
	d := newDaemon(t, b)
	if err := d.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.server.long.promptly = 0
	w := newWire(t, d, BridgeOptions{Ensure: d.start, Scope: Scope{ProjectID: "p"}})
	w.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{%s,%s}}`, longArguments, taskMeta)
	var made longState
	if r := w.receive(); json.Unmarshal(r.Result, &made) != nil || made.Type != "task" {
		t.Fatalf("no task: %s %+v", r.Result, r.Error)
	}
	<-b.started
	other := newWire(t, d, BridgeOptions{Ensure: d.start, Scope: Scope{ProjectID: "q"}})
	other.send(`{"jsonrpc":"2.0","id":"s","method":"subscriptions/listen","params":{"notifications":{"taskIds":[%q]},%s}}`, made.ID, taskMeta)
	if ack := other.hear(mcp.MethodNotificationSubscriptionsAcknowledged); string(ack.Notifications["taskIds"]) != "[]" {
		t.Errorf("acknowledged: %s", ack.Notifications["taskIds"])
	}
	if r := other.receive(); string(r.ID) != `"s"` || !strings.Contains(string(r.Result), `"complete"`) {
		t.Errorf("the end: %s %s", r.ID, r.Result)
	}
	b.release <- true
	<-b.ended
}

// TestSlowFollowersCostNothing: of states that follow each other before they
// were taken only the last is kept.
func TestSlowFollowersCostNothing(t *testing.T) {
	h := newHTTP(t, &testBackend{})
	l := h.server.long
	now := l.now()
	one := &longTask{id: "a", project: "p", created: now, status: mcp.TaskStatusWorking, end: func() {}}
	l.all["a"] = one
	f := l.follow([]string{"a", "a", "b"}, "p")
	defer l.unfollow(f)
	for i := range 1000 {
		l.mu.Lock()
		l.set(one, mcp.TaskStatusWorking, fmt.Sprint(i))
		l.mu.Unlock()
	}
	if got := l.newsOf(f); len(got) != 1 || got[0]["statusMessage"] != "999" || len(f.wake) != 1 {
		t.Errorf("kept: %v", got)
	}
	if got := l.newsOf(f); len(got) != 0 {
		t.Errorf("told twice: %v", got)
	}
}
