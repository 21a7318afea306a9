package mine

import (
	"encoding/json"
	"hash/fnv"
	"slices"
	"strings"

	"lathe/learn"
	"lathe/learn/template"
)

// A finished task tells neither the parameters of structured calls nor what
// was printed. So the Miner looks at each call as it comes, and keeps until the
// task ends: its parameters, and which of its arguments an earlier call of the
// session had printed. Of an output only fingerprints of its tokens are kept,
// and of the plain words in it nothing: that a word was printed before says
// nothing of where it comes from.

const (
	maxSessions  = 64  // sessions followed at a time
	maxCalls     = 12  // calls of a session whose outputs are known
	maxTokens    = 384 // tokens of an output
	maxOutput    = 1 << 16
	maxParams    = 1024 // bytes of a call's parameters
	maxValues    = 16   // arguments of a call looked up
	maxPending   = 8192 // calls whose task has not ended
	minReference = 4    // bytes of a value that can be a reference
)

// flow follows the calls of sessions. It is part of a snapshot.
type flow struct {
	Sessions []*flowSession          `json:"sessions"` // the newest last
	Pending  map[string]*pendingCall `json:"pending"`  // by event
	Queue    []string                `json:"queue"`    // of pending, the oldest first
}

type flowSession struct {
	Key   string     `json:"key"`
	Calls []flowCall `json:"calls"`
}

type flowCall struct {
	EventID string   `json:"event_id"`
	Tokens  []uint64 `json:"tokens"` // sorted fingerprints
}

// pendingCall is what waits for the end of its task.
type pendingCall struct {
	Params json.RawMessage `json:"params,omitempty"`
	From   []origin        `json:"from,omitempty"`
}

// origin says that an earlier call printed the value of an argument.
type origin struct {
	Value   string `json:"value"`
	EventID string `json:"event_id"`
}

func newFlow() *flow { return &flow{Pending: map[string]*pendingCall{}} }

// see takes a call in.
func (f *flow) see(ev *learn.ActionOutcome, a *learn.Action) {
	s := f.session(ev.ProjectID + "\x00" + ev.SessionID)
	call := &pendingCall{}
	if a.Command == "" && len(ev.ToolParameters) <= maxParams && json.Valid(ev.ToolParameters) {
		call.Params = slices.Clone(ev.ToolParameters)
	}
	for _, v := range values(ev, a) {
		mark := fingerprint(v)
		for _, c := range s.Calls {
			if _, found := slices.BinarySearch(c.Tokens, mark); found {
				call.From = append(call.From, origin{v, c.EventID})
			}
		}
	}
	if call.Params != nil || len(call.From) > 0 {
		f.keep(ev.ID, call)
	}
	if len(s.Calls) == maxCalls {
		s.Calls = slices.Delete(s.Calls, 0, 1)
	}
	s.Calls = append(s.Calls, flowCall{ev.ID, tokensOf(ev.ToolOutput.Text())})
}

func (f *flow) session(key string) *flowSession {
	i := slices.IndexFunc(f.Sessions, func(s *flowSession) bool { return s.Key == key })
	s := &flowSession{Key: key}
	if i >= 0 {
		s = f.Sessions[i]
		f.Sessions = slices.Delete(f.Sessions, i, i+1)
	}
	f.Sessions = append(f.Sessions, s)
	f.Sessions = slices.Delete(f.Sessions, 0, max(0, len(f.Sessions)-maxSessions))
	return s
}

func (f *flow) keep(id string, c *pendingCall) {
	if f.Pending[id] == nil {
		f.Queue = append(f.Queue, id)
	}
	f.Pending[id] = c
	for len(f.Queue) > maxPending {
		delete(f.Pending, f.Queue[0])
		f.Queue = f.Queue[1:]
	}
}

// take hands a call over to its finished task. It stays until newer ones push
// it out, for the task may be judged again.
func (f *flow) take(id string) (params json.RawMessage, from []origin) {
	if c := f.Pending[id]; c != nil {
		return c.Params, c.From
	}
	return nil, nil
}

// values are the arguments of a call that could be references.
func values(ev *learn.ActionOutcome, a *learn.Action) (out []string) {
	add := func(v string) {
		if len(out) < maxValues && referable(v) && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	for _, arg := range a.Arguments {
		add(arg.Value)
	}
	if a.Command == "" {
		var params any
		if json.Unmarshal(ev.ToolParameters, &params) == nil {
			leaves(params, 0, add)
		}
	}
	return out
}

// leaves visits the strings in a JSON value, objects by sorted keys.
func leaves(v any, depth int, visit func(string)) {
	switch v := v.(type) {
	case string:
		visit(v)
	case []any:
		for _, x := range v[:min(len(v), maxValues)] {
			if depth < 4 {
				leaves(x, depth+1, visit)
			}
		}
	case map[string]any:
		for _, k := range sortedKeys(v) {
			if depth < 4 {
				leaves(v[k], depth+1, visit)
			}
		}
	}
}

// referable reports whether a token says where it comes from: a plain word
// does not.
func referable(s string) bool {
	if len(s) < minReference || len(s) > 200 || strings.ContainsAny(s, " \t\r\n") {
		return false
	}
	return strings.ContainsAny(s, "0123456789_./-:@") || strings.ToLower(s[1:]) != s[1:]
}

// tokensOf are the fingerprints of the referable tokens of an output.
func tokensOf(text string) []uint64 {
	text = text[:min(len(text), maxOutput)]
	seen := map[uint64]bool{}
	add := func(w string) {
		if len(seen) < maxTokens && referable(w) {
			seen[fingerprint(w)] = true
		}
	}
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n\"'`,;()[]{}<>=|", r) }) {
		w = strings.Trim(w, ".:")
		add(w)
		if head, _, cut := strings.Cut(w, ":"); cut { // file:line:text
			add(head)
		}
	}
	out := make([]uint64, 0, len(seen))
	for x := range seen {
		out = append(out, x)
	}
	slices.Sort(out)
	return out
}

func fingerprint(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(strings.TrimPrefix(s, "./")))
	return h.Sum64()
}

// words are the tokens of a command, as a template aligns them.
func words(command string) []string { return template.Tokens(command) }
