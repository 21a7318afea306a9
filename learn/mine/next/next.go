package next

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"lathe/learn"
)

// Options bounds a Predictor. The zero value means the defaults beside the
// fields.
type Options struct {
	MaxSessions int // sessions whose last steps are kept, the latest (1000)
	MaxLabels   int // different actions told apart (1000)
	MaxContexts int // contexts counted of one view (20,000)
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		v  *int
		to int
	}{{&o.MaxSessions, 1000}, {&o.MaxLabels, 1000}, {&o.MaxContexts, 20_000}} {
		if *d.v <= 0 {
			*d.v = d.to
		}
	}
	return o
}

// Action is one action that may come next.
type Action struct {
	// Action is a tool, or the first program of a shell command.
	Action      string  `json:"action"`
	Probability float64 `json:"probability"`
	// Example is the form in which this action is usually called, and Seen how
	// often it followed the session's last action.
	Example string `json:"example,omitempty"`
	Seen    int    `json:"seen"`
}

// Predictor is the learner "next": it predicts what a session does next from what
// it and earlier sessions did. It looks at the history in several views (see
// views), counts for each view what followed, with back-off to a shorter view
// by absolute discounting (Ney, Essen and Kneser 1994), and mixes them in the
// logarithmic domain (Mattern 2012) with weights that are learned online, by
// gradient descent with AdaGrad's steps (Duchi, Hazan and Singer 2011), from
// each action as it comes. A weight belongs to a view and to how much the view
// has seen of the present context.
//
// One goroutine calls Apply, Snapshot and Restore; Predict may be called from
// others.
type Predictor struct {
	opt Options

	mu       sync.RWMutex
	labels   []string
	number   map[string]int32
	tables   []*table // by view
	mixer    *mixer
	sessions map[string]*session
	clock    uint64 // counts sessions' steps, to find the oldest
	forms    map[uint64]*form
	dropped  int64
}

// New returns a Predictor that has seen nothing.
func New(o Options) *Predictor {
	n := &Predictor{opt: o.withDefaults()}
	n.reset()
	return n
}

func (n *Predictor) reset() {
	n.labels, n.number = nil, map[string]int32{}
	n.tables = make([]*table, len(views))
	for i := range n.tables {
		n.tables[i] = newTable()
	}
	n.mixer = newMixer()
	n.sessions, n.forms = map[string]*session{}, map[uint64]*form{}
	n.clock, n.dropped = 0, 0
}

// Name implements learn.Learner.
func (n *Predictor) Name() string { return "next" }

// Dropped counts the contexts that were forgotten to stay within bounds.
func (n *Predictor) Dropped() int64 {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.dropped
}

// Apply implements learn.Learner: it learns from an action what follows the
// session's former ones, and keeps the prompt of a task that begins.
func (n *Predictor) Apply(o *learn.Observation, _ func(learn.LedgerEntry)) error {
	if ev := o.Record.Action; ev != nil {
		n.Take(o, See(ev), true)
	} else {
		n.Take(o, Sight{}, true)
	}
	return nil
}

// Take is Apply for an action that was looked at before; when learning is
// false, it only follows the session.
func (n *Predictor) Take(o *learn.Observation, seen Sight, learning bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if t := o.Record.Task; t != nil {
		n.task(t)
		return
	}
	ev := o.Record.Action
	if ev == nil || ev.ActionType == learn.LLMInference {
		return
	}
	s := n.session(ev.ProjectID, ev.SessionID)
	label := n.label(Label(o))
	if learning {
		n.learn(s, label)
		n.form(s, label, o.Action.Skeleton)
	}
	s.advance(o, seen, label)
}

// task begins a task in a session, which it tells the prompt of.
func (n *Predictor) task(t *learn.TaskRecord) {
	if t.Phase != learn.TaskStart {
		return
	}
	s := n.session(t.ProjectID, t.SessionID)
	s.begin(t)
}

func (n *Predictor) session(project, id string) *session {
	key := project + "\x00" + id
	n.clock++
	s, ok := n.sessions[key]
	if !ok {
		s = &session{Project: hashText(project)}
		n.sessions[key] = s
		if len(n.sessions) > n.opt.MaxSessions {
			n.forgetSessions()
		}
	}
	s.Used = n.clock
	return s
}

// forgetSessions drops the quarter of the sessions that was used longest ago.
func (n *Predictor) forgetSessions() {
	used := make([]uint64, 0, len(n.sessions))
	for _, s := range n.sessions {
		used = append(used, s.Used)
	}
	slices.Sort(used)
	oldest := used[len(used)/4]
	for k, s := range n.sessions {
		if s.Used < oldest {
			delete(n.sessions, k)
		}
	}
}

// label numbers an action; the ones beyond the bound share a number.
func (n *Predictor) label(name string) int32 {
	if i, ok := n.number[name]; ok {
		return i
	}
	if len(n.labels) >= n.opt.MaxLabels {
		name = ""
		if i, ok := n.number[name]; ok {
			return i
		}
	}
	i := int32(len(n.labels))
	n.labels = append(n.labels, name)
	n.number[name] = i
	return i
}

// learn counts that label followed in each context of the session, after the
// weights have learned from what was expected.
func (n *Predictor) learn(s *session, label int32) {
	q := n.question(s)
	n.mixer.learn(q, label)
	for v, keys := range q.keys {
		t := n.tables[v]
		for _, k := range keys {
			t.add(k, label)
		}
		n.dropped += t.bound(n.opt.MaxContexts)
	}
}

// Predict returns the most actions that probably come next in a session, the
// likeliest first. It is empty before anything was learned.
func (n *Predictor) Predict(project, id string, most int) []Action {
	n.mu.RLock()
	defer n.mu.RUnlock()
	s, ok := n.sessions[project+"\x00"+id]
	if !ok {
		s = &session{Project: hashText(project)}
	}
	q := n.question(s)
	p := n.mixer.mix(q)
	order := make([]int, len(q.labels))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if p[a] != p[b] {
			return cmpFloat(p[b], p[a])
		}
		return int(q.labels[a] - q.labels[b])
	})
	out := []Action{}
	for _, i := range order[:min(len(order), most)] {
		a := Action{Action: n.labels[q.labels[i]], Probability: p[i]}
		if f := n.forms[formKey(s, q.labels[i])]; f != nil {
			a.Example, a.Seen = f.Text, f.Count
		}
		out = append(out, a)
	}
	return out
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Uses reports whether an action was ever taken in a project; of the empty
// name, whether any was.
func (n *Predictor) Uses(project, action string) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	c := n.tables[viewProject].Contexts[hashText(project)]
	if c == nil || action == "" {
		return c != nil
	}
	label, ok := n.number[action]
	return ok && slices.Contains(c.Labels, label)
}

// Label is what is predicted of an action: the tool, or the first program
// of a shell command.
func Label(o *learn.Observation) string {
	a := &o.Action
	if a.Command == "" {
		return o.Record.Action.ToolName
	}
	for _, p := range a.Programs {
		if p != "cd" && p != "" {
			return clip(p)
		}
	}
	if a.Program != "" {
		return clip(a.Program)
	}
	return o.Record.Action.ToolName
}

// form is the commonest skeleton of an action after another one in a project,
// which it does not leave, found with
// one counter (Boyer and Moore 1981).
type form struct {
	Text  string `json:"text"`
	Lead  int    `json:"lead"`
	Count int    `json:"count"` // times that the action followed
}

const maxForms = 20_000

func formKey(s *session, label int32) uint64 {
	return hashOf(s.Project, uint64(s.last(0).Label)+2, uint64(label)+1)
}

func (n *Predictor) form(s *session, label int32, skeleton string) {
	key := formKey(s, label)
	f := n.forms[key]
	if f == nil {
		if len(n.forms) >= maxForms {
			return
		}
		f = &form{}
		n.forms[key] = f
	}
	f.Count++
	switch {
	case f.Text == skeleton:
		f.Lead++
	case f.Lead == 0:
		f.Text, f.Lead = clip(skeleton), 1
	default:
		f.Lead--
	}
}

const snapshotVersion = 2

type snapshot struct {
	Version  int                 `json:"version"`
	Views    []string            `json:"views"`
	Labels   []string            `json:"labels"`
	Tables   []*table            `json:"tables"`
	Mixer    *mixer              `json:"mixer"`
	Sessions map[string]*session `json:"sessions"`
	Clock    uint64              `json:"clock"`
	Forms    map[uint64]*form    `json:"forms"`
	Dropped  int64               `json:"dropped"`
}

func viewNames() []string {
	out := make([]string, len(views))
	for i, v := range views {
		out[i] = v.name
	}
	return out
}

// Snapshot implements learn.Learner: JSON with a version.
func (n *Predictor) Snapshot() ([]byte, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return json.Marshal(snapshot{snapshotVersion, viewNames(), n.labels, n.tables, n.mixer, n.sessions, n.clock, n.forms, n.dropped})
}

// whole reports whether nothing is missing that predicting relies on.
func (s *snapshot) whole() bool {
	known := func(l int32) bool { return l >= 0 && int(l) < len(s.Labels) }
	for _, t := range s.Tables {
		if t == nil {
			continue
		}
		for _, c := range t.Contexts {
			if c == nil || len(c.Labels) != len(c.Times) || !all(c.Labels, known) {
				return false
			}
		}
	}
	for _, v := range s.Sessions {
		if v == nil || !all(v.Labels, known) {
			return false
		}
	}
	for _, f := range s.Forms {
		if f == nil {
			return false
		}
	}
	return true
}

func all(labels []int32, ok func(int32) bool) bool {
	return !slices.ContainsFunc(labels, func(l int32) bool { return !ok(l) })
}

// Restore implements learn.Learner; it fails on a snapshot of another version
// or of other views and leaves the Predictor as it was.
func (n *Predictor) Restore(data []byte) error {
	var s snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("next: read snapshot: %w", err)
	}
	if s.Version != snapshotVersion || !slices.Equal(s.Views, viewNames()) || len(s.Tables) != len(views) || !s.Mixer.fits() {
		return fmt.Errorf("next: the snapshot is of version %d or has other views than this program's %d: replay the log", s.Version, snapshotVersion)
	}
	if !s.whole() {
		return errors.New("next: the snapshot is damaged: replay the log")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.reset()
	n.labels, n.mixer, n.clock, n.dropped = s.Labels, s.Mixer, s.Clock, s.Dropped
	for i, name := range s.Labels {
		n.number[name] = int32(i)
	}
	for i, t := range s.Tables {
		if t != nil {
			n.tables[i] = t
			t.recount()
		}
	}
	for k, v := range s.Sessions {
		n.sessions[k] = v
	}
	for k, v := range s.Forms {
		n.forms[k] = v
	}
	return nil
}
