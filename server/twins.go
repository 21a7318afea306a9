package server

import (
	"bytes"
	"container/list"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"lathe/learn"
)

// twins knows the calls that two doors may tell of under two identities: a
// gateway and the hooks of the agent before it, a generated tool's run and the
// hooks of the agent that called it, hooks that carry no id of the call and the
// agent's own recording. The first that comes is stored, the other is the same
// event: counted twice, every figure would be wrong.
//
// A call of one door is the same as that of another when both know the agent's
// id of it and the ids agree; else when project, tool, parameters and time
// agree, and the session, where both doors know the agent's. Each pairs once, so
// that a call made three times is three calls. The memory is bounded: what finds
// its twin only after halves other calls is counted twice.
type twins struct {
	mu     sync.Mutex
	halves *list.List // of *half, in the order in which they came
	byID   map[string]*list.Element
	alone  map[place][]*half // those without a twin yet, in that order
	gone   []string          // ids of those that were left out, in order
	left   map[string]bool
}

const (
	maxHalves   = 5_000
	maxLeftOut  = 10_000
	twinsSlack  = 10 * time.Second // how far the doors' times of a call may lie apart
	twinsRecent = time.Hour        // what an import tells of earlier was told live before it, or never
)

// place is where a half is looked for: a call has one twin at most at each door.
type place struct {
	key    string
	source learn.Source
}

// half is a call as one door tells it.
type half struct {
	ID      string       `json:"id"`
	Keys    []string     `json:"keys"` // where its twin is looked for
	Tool    string       `json:"tool"`
	Session string       `json:"session"`
	Call    string       `json:"call,omitempty"` // the agent's id of it
	Source  learn.Source `json:"source"`
	Began   time.Time    `json:"began"`
	Ended   time.Time    `json:"ended"`
	Paired  bool         `json:"paired,omitempty"`
	// Expected: a gateway said that it will tell of it.
	Expected bool `json:"expected,omitempty"`
}

func newTwins() *twins {
	t := &twins{}
	t.clear()
	return t
}

func (t *twins) clear() {
	t.halves, t.byID, t.alone = list.New(), map[string]*list.Element{}, map[place][]*half{}
	t.gone, t.left = nil, map[string]bool{}
}

// doors are those of whose calls another may tell.
var doors = []learn.Source{learn.SourceGateway, learn.SourceHook, learn.SourceImport, learn.SourceOTLP}

// halfOf is a call as its record tells it; nil for one that only one door sees.
func halfOf(ev *learn.ActionOutcome) *half {
	if !slices.Contains(doors, ev.Source) || ev.ActionType != learn.ToolCall {
		return nil
	}
	h := &half{ID: ev.ID, Session: ev.SessionID, Source: ev.Source, Began: ev.Timestamp,
		Ended: ev.Timestamp.Add(time.Duration(ev.ResourceMetrics.DurationMS * float64(time.Millisecond)))}
	if ev.Generated == nil { // the id of a run is the daemon's own
		h.Call = ev.CallID
	}
	tool, parameters := called(ev)
	h.Tool = plainName(tool)
	if canonical, ok := canonicalJSON(parameters); ok {
		h.Keys = append(h.Keys, learn.UUIDv8("twin by parameters", ev.ProjectID, canonical))
	}
	if h.Call != "" {
		h.Keys = append(h.Keys, learn.UUIDv8("twin by call", ev.ProjectID, h.Call))
	}
	return h
}

// called is the tool that a call is about and its parameters: some tools call
// another by its name.
func called(ev *learn.ActionOutcome) (string, json.RawMessage) {
	name := plainName(ev.ToolName)
	if !endsIn(name, "run_tool") && !endsIn(name, "call_tool") {
		return ev.ToolName, ev.ToolParameters
	}
	var inner struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	}
	if json.Unmarshal(ev.ToolParameters, &inner) != nil || inner.Name == "" {
		return ev.ToolName, ev.ToolParameters
	}
	return inner.Name, inner.Arguments
}

// plainName is a tool's name in lower case with its separators alike: agents put
// the server's name before it, each in its own way.
func plainName(tool string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(tool), func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127)
	}), "_")
}

// endsIn reports whether a plain name is the other one, or that with something
// before it.
func endsIn(name, end string) bool {
	return end != "" && (name == end || strings.HasSuffix(name, "_"+end))
}

// canonicalJSON is a JSON value with sorted keys and without spaces; nothing is
// the empty object.
func canonicalJSON(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 {
		return "{}", true
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return "", false
	}
	if v == nil {
		return "{}", true
	}
	out, err := json.Marshal(v)
	return string(out), err == nil
}

// twinOf reports whether two doors tell of one call.
func (h *half) twinOf(o *half) bool {
	if h.Source == o.Source || h.ID == o.ID || h.Paired || o.Paired {
		return false
	}
	served := h.Source == learn.SourceGateway || o.Source == learn.SourceGateway // whose session is its own
	switch {
	case !served && h.Session != o.Session:
		return false
	case h.Call != "" && o.Call != "":
		return served && h.Call == o.Call // within a session the ids tell
	}
	return (endsIn(h.Tool, o.Tool) || endsIn(o.Tool, h.Tool)) &&
		!h.Began.After(o.Ended.Add(twinsSlack)) && !o.Began.After(h.Ended.Add(twinsSlack))
}

// meet says what to do with a record that is not in the log. Left out: another
// door told of the call. Otherwise as is not "" when a gateway will tell of it
// under that id, which is the one to store it by.
func (t *twins) meet(h *half, now time.Time) (out bool, as string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left[h.ID] {
		return true, ""
	}
	if at := t.byID[h.ID]; at != nil { // it comes again, or was expected
		if known := at.Value.(*half); known.Expected {
			h.Paired = known.Paired
			t.remove(at)
			t.add(h) // its parameters are without secrets now
		}
		return false, ""
	}
	if o := t.twin(h); o != nil {
		t.notAlone(o)
		o.Paired = true
		t.leaveOut(h.ID)
		if o.Expected {
			return false, o.ID
		}
		return true, ""
	}
	if h.Source != learn.SourceImport || now.Sub(h.Ended) < twinsRecent {
		t.add(h)
	}
	return false, ""
}

// twin finds the half of another door, the oldest; nil for none. The caller
// holds the lock.
func (t *twins) twin(h *half) *half {
	for _, key := range h.Keys {
		for _, door := range doors {
			if door == h.Source {
				continue
			}
			for _, o := range t.alone[place{key, door}] {
				if h.twinOf(o) {
					return o
				}
			}
		}
	}
	return nil
}

// expect notes a call that a gateway asked about and will tell of.
func (t *twins) expect(ev learn.ActionOutcome, now time.Time) {
	ev.Source, ev.ActionType, ev.Timestamp = learn.SourceGateway, learn.ToolCall, now
	h := halfOf(&ev)
	h.Expected = true
	t.mu.Lock()
	defer t.mu.Unlock()
	t.add(h)
}

// lost forgets calls that could not be stored: another door may tell of them.
func (t *twins) lost(recs []learn.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, rec := range recs {
		if at := t.byID[rec.ID()]; at != nil {
			t.remove(at)
		}
	}
}

// add remembers a call. The caller holds the lock.
func (t *twins) add(h *half) {
	if t.byID[h.ID] != nil {
		return
	}
	if t.halves.Len() >= maxHalves {
		t.remove(t.halves.Front())
	}
	t.byID[h.ID] = t.halves.PushBack(h)
	if !h.Paired {
		for _, key := range h.Keys {
			at := place{key, h.Source}
			t.alone[at] = append(t.alone[at], h)
		}
	}
}

func (t *twins) remove(at *list.Element) {
	h := t.halves.Remove(at).(*half)
	delete(t.byID, h.ID)
	t.notAlone(h)
}

// notAlone takes a half off the places where its twin would look for it.
func (t *twins) notAlone(h *half) {
	for _, key := range h.Keys {
		at := place{key, h.Source}
		all := t.alone[at]
		switch i := slices.Index(all, h); {
		case i == 0: // the oldest, most often
			all = all[1:]
		case i > 0:
			all = slices.Delete(all, i, i+1)
		}
		if len(all) == 0 {
			delete(t.alone, at)
		} else {
			t.alone[at] = all
		}
	}
}

// leaveOut remembers who was left out: its recording may be imported later. The
// caller holds the lock.
func (t *twins) leaveOut(id string) {
	if t.left[id] {
		return
	}
	if len(t.gone) >= maxLeftOut {
		delete(t.left, t.gone[0])
		t.gone = t.gone[1:]
	}
	t.gone, t.left[id] = append(t.gone, id), true
}

func (*twins) Name() string { return "twins" }

// Apply implements learn.Learner: after a rebuild what the log holds is known.
func (t *twins) Apply(o *learn.Observation, _ func(learn.LedgerEntry)) error {
	ev := o.Record.Action
	if ev == nil || ev.Source == learn.SourceImport { // of long ago, or known since it came
		return nil
	}
	t.mu.Lock()
	known := t.byID[ev.ID] != nil
	t.mu.Unlock()
	if known {
		return nil
	}
	if h := halfOf(ev); h != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.add(h)
	}
	return nil
}

// twinsState is what outlives the daemon.
type twinsState struct {
	Halves []*half  `json:"halves"`
	Left   []string `json:"left_out"`
}

func (t *twins) Snapshot() ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	state := twinsState{Left: t.gone}
	for at := t.halves.Front(); at != nil; at = at.Next() {
		state.Halves = append(state.Halves, at.Value.(*half))
	}
	return json.Marshal(state)
}

func (t *twins) Restore(b []byte) error {
	var s twinsState
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("twins: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clear()
	for _, h := range s.Halves {
		if h != nil {
			t.add(h)
		}
	}
	for _, id := range s.Left {
		t.leaveOut(id)
	}
	return nil
}
