package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/mark3labs/mcp-go/mcp"
)

// tasksExtension is what clients of the 2026-07-28 revision that can follow a
// task name in each request (SEP-2663). Whether a call becomes one is the
// server's to say: here a call of request_tool that takes longer than promptly.
const tasksExtension = "io.modelcontextprotocol/tasks"

const (
	promptly = 500 * time.Millisecond
	// pollEvery is how often clients are asked to look.
	pollEvery = time.Second
	// maxLongTasks bounds the tasks that are remembered, those that ended included.
	maxLongTasks = 256
)

// longTasks are the calls of that revision that go on in the background. The
// library serves each as a call of its own, whose answer is kept here.
// longtasks_wire.go reads what clients ask of them and writes what they are
// told; longtasks_listen.go tells who subscribed to one how it stands.
type longTasks struct {
	serve    func(http.ResponseWriter, *http.Request)
	scope    func(*http.Request) Scope
	closing  context.Context
	may      func(tool string) bool
	promptly time.Duration
	now      func() time.Time

	mu        sync.Mutex
	running   int
	all       map[string]*longTask
	followers map[*follower]bool
}

// longTask is one of them. Its fields are guarded by longTasks.mu.
type longTask struct {
	id               string
	project          string
	created, updated time.Time
	status           mcp.TaskStatus
	why              string
	result, failure  json.RawMessage
	// Of a call that asks something: what is not answered yet and what is, by
	// the call's own names, the round, and what goes back with the answers.
	asked, said map[string]json.RawMessage
	round       int
	state       json.RawMessage

	request *http.Request // of the call, in the task's context
	params  map[string]json.RawMessage
	rpc     json.RawMessage // the call's id
	end     context.CancelFunc
}

// take serves a request that has to do with tasks; false leaves it to the
// library, with its body as it was.
func (l *longTasks) take(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost || !mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion)) {
		return false
	}
	method := r.Header.Get(mcp.HeaderMethod)
	name, _ := mcp.DecodeHeaderValue(r.Header.Get(mcp.HeaderName))
	tasks := strings.HasPrefix(method, "tasks/")
	if !tasks && method != string(mcp.MethodSubscriptionsListen) && (method != string(mcp.MethodToolsCall) || !l.may(name)) {
		return false
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
	var c longCall
	if err != nil || json.Unmarshal(body, &c) != nil || c.Method != method || c.ID == nil || c.Params.Meta.Version != r.Header.Get(mcp.HeaderProtocolVersion) {
		return false // the library says what is wrong
	}
	switch {
	case tasks:
		l.about(w, r, &c, name)
	case method == string(mcp.MethodSubscriptionsListen):
		switch {
		case c.Params.Notifications.TaskIDs == nil:
			return false
		case c.declares():
			l.listen(w, r, &c)
		default:
			answerWith(w, c.ID, undeclared())
		}
	case !c.declares() || c.Params.Name != name:
		return false
	default:
		return l.begin(w, r, &c, body)
	}
	return true
}

// key is how a question is called outside: no name comes twice in a task.
func (t *longTask) key(own string) string { return strconv.Itoa(t.round) + "-" + own }

// set makes a task another and tells who follows it. The caller holds the lock.
func (l *longTasks) set(t *longTask, s mcp.TaskStatus, why string) {
	t.status, t.why, t.updated = s, why, l.now()
	l.changed(t)
}

// begin makes a call, and a task of it when it takes its time. False leaves it
// to the library, as there is no room for another task.
func (l *longTasks) begin(w http.ResponseWriter, r *http.Request, c *longCall, body []byte) bool {
	var whole struct {
		Params map[string]json.RawMessage `json:"params"`
	}
	if json.Unmarshal(body, &whole) != nil || !l.room() {
		return false
	}
	ctx, end := context.WithCancel(context.WithoutCancel(r.Context()))
	t := &longTask{id: uuid.NewString(), project: l.scope(r).ProjectID, created: l.now(), status: mcp.TaskStatusWorking,
		request: r.Clone(ctx), params: whole.Params, rpc: c.ID, end: end}
	t.updated = t.created
	got := make(chan *collected, 1)
	go func() { got <- l.run(t, body) }()
	soon := time.NewTimer(l.promptly)
	defer soon.Stop()
	select {
	case part := <-got:
		l.leave()
		end()
		part.copyTo(w)
		return true
	case <-r.Context().Done(): // the call is given up, as the revision has it
		end()
		go func() {
			<-got
			l.leave()
		}()
		return true
	case <-soon.C:
	}
	l.mu.Lock()
	l.all[t.id] = t
	created := t.describe()
	l.mu.Unlock()
	go l.settle(t, got)
	created["resultType"] = "task"
	answerWith(w, c.ID, created)
	return true
}

// run makes the call once more.
func (l *longTasks) run(t *longTask, body []byte) *collected {
	ctx, done := context.WithCancel(t.request.Context())
	defer done()
	defer context.AfterFunc(l.closing, done)()
	one := t.request.Clone(ctx)
	one.Body, one.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	part := &collected{header: http.Header{}}
	l.serve(part, one)
	return part
}

// settle takes the answer of a task's call.
func (l *longTasks) settle(t *longTask, got <-chan *collected) {
	var answer struct {
		Result json.RawMessage `json:"result"`
		Error  json.RawMessage `json:"error"`
	}
	if all := (<-got).answers(); len(all) > 0 {
		_ = json.Unmarshal(all[len(all)-1], &answer) // what is no answer is a failure
	}
	l.leave()
	var asks struct {
		Type     string                     `json:"resultType"`
		Requests map[string]json.RawMessage `json:"inputRequests"`
		State    json.RawMessage            `json:"requestState"`
	}
	_ = json.Unmarshal(answer.Result, &asks) // one that cannot be read asks nothing
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case t.status.IsTerminal(): // cancelled meanwhile
		return
	case asks.Type == string(mcp.ResultTypeInputRequired) && len(asks.Requests) > 0:
		t.asked, t.said, t.state = asks.Requests, map[string]json.RawMessage{}, asks.State
		t.round++
		l.set(t, mcp.TaskStatusInputRequired, "")
		return
	case answer.Result != nil:
		t.result = answer.Result
		l.set(t, mcp.TaskStatusCompleted, "")
	default:
		t.failure = answer.Error
		if t.failure == nil {
			t.failure = encode(map[string]any{"code": mcp.INTERNAL_ERROR, "message": "the call ended without an answer"})
		}
		l.set(t, mcp.TaskStatusFailed, "the call ended with a protocol error")
	}
	t.end()
}

// update notes answers to what a task asked, and goes on when all are there.
// The caller holds the lock.
func (l *longTasks) update(t *longTask, responses map[string]json.RawMessage) {
	if t.status != mcp.TaskStatusInputRequired {
		return
	}
	for own := range t.asked {
		if said, ok := responses[t.key(own)]; ok {
			t.said[own] = said
			delete(t.asked, own)
		}
	}
	if len(t.asked) > 0 {
		return
	}
	t.params["inputResponses"] = encode(t.said)
	delete(t.params, "requestState")
	if t.state != nil {
		t.params["requestState"] = t.state
	}
	body := encode(map[string]any{"jsonrpc": "2.0", "id": t.rpc, "method": mcp.MethodToolsCall, "params": t.params})
	l.set(t, mcp.TaskStatusWorking, "")
	l.running++
	got := make(chan *collected, 1)
	go func() { got <- l.run(t, body) }()
	go l.settle(t, got)
}

// room takes a place for a call that may become a task; leave gives it back.
func (l *longTasks) room() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	if l.running >= maxTasks || len(l.all) >= maxLongTasks {
		return false
	}
	l.running++
	return true
}

func (l *longTasks) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
}

// sweep forgets the tasks whose time is over, and of too many the first that
// ended. The caller holds the lock.
func (l *longTasks) sweep() {
	var ended []*longTask
	for id, t := range l.all {
		switch {
		case l.now().Sub(t.created) > taskKept:
			t.end()
			delete(l.all, id)
		case t.status.IsTerminal():
			ended = append(ended, t)
		}
	}
	slices.SortFunc(ended, func(a, b *longTask) int { return a.updated.Compare(b.updated) })
	for _, t := range ended[:min(len(ended), max(0, len(l.all)+1-maxLongTasks))] {
		delete(l.all, t.id)
	}
}
