package mine

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"lathe/learn"
)

// Options bounds what the Miner keeps and what it takes for proven. The zero
// value means the defaults beside the fields.
type Options struct {
	MaxTasks    int     // tasks kept, the newest (2048)
	MaxSteps    int     // steps kept of a task, the last (120)
	MaxPatterns int     // hypotheses of one level; of one group in Contrast (1000)
	MinTasks    int     // successful tasks with the pattern (5)
	MinSessions int     // distinct sessions among them (3)
	MaxQ        float64 // level of error (0.05)
	MinOdds     float64 // odds ratio, successes against failures (2)
	MaxGap      int     // other steps between two neighbours (2; negative: none)
	MaxLength   int     // steps of a strategy (6)
	// HalfLife is the time, by the events' clock, after which a sighting of a
	// strategy counts half for whether it is alive (90 days).
	HalfLife time.Duration
	// MaxBytes bounds the pattern state of one level (64 MiB).
	MaxBytes int64
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		v  *int
		to int
	}{
		{&o.MaxTasks, 2048}, {&o.MaxSteps, 120}, {&o.MaxPatterns, 1000}, {&o.MinTasks, 5},
		{&o.MinSessions, 3}, {&o.MaxLength, 6}, {&o.MaxGap, 2},
	} {
		if *d.v == 0 {
			*d.v = d.to
		}
	}
	o.MaxGap = max(0, o.MaxGap)
	if o.MaxQ == 0 {
		o.MaxQ = 0.05
	}
	if o.MinOdds == 0 {
		o.MinOdds = 2
	}
	if o.HalfLife == 0 {
		o.HalfLife = 90 * 24 * time.Hour
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 64 << 20
	}
	return o
}

// Stats counts what the Miner keeps and what it dropped to stay in bounds, and
// says how things stand.
type Stats struct {
	Tasks     int `json:"tasks"`     // kept, of closed blocks
	Waiting   int `json:"waiting"`   // in open blocks: not counted yet
	Strata    int `json:"strata"`    // project and problem type
	Successes int `json:"successes"` // of the kept tasks
	Failures  int `json:"failures"`
	// Dropped are tasks that left the window or never had a block, steps cut
	// off, patterns and hypotheses given up; Stream is what the pattern states
	// gave up.
	DroppedTasks    int64   `json:"dropped_tasks"`
	DroppedSteps    int64   `json:"dropped_steps"`
	DroppedPatterns int64   `json:"dropped_patterns"`
	Stream          Dropped `json:"dropped_by_stream"`
	// Frequent are the frequent patterns of all levels, Hypotheses what is
	// tested, SmallestQ the least level at which one of them is declared, or 1.
	Frequent   int     `json:"frequent"`
	Hypotheses int     `json:"hypotheses"`
	SmallestQ  float64 `json:"smallest_q"`
	// Nearest are those that are not proven, the best first.
	Nearest []Candidate `json:"nearest,omitempty"`
}

// taskSeq is what is kept of a finished task.
type taskSeq struct {
	TaskID      string    `json:"task_id"`
	ProjectID   string    `json:"project_id"`
	SessionID   string    `json:"session_id,omitempty"`
	ProblemType string    `json:"problem_type,omitempty"`
	Language    string    `json:"language,omitempty"`
	Terms       []string  `json:"terms,omitempty"`
	Good        bool      `json:"good"`
	Finished    time.Time `json:"finished"`
	Steps       []seqStep `json:"steps"`
	// Block is the ordinal of the first task of its block, BlockLen how many
	// these are; set when it closes.
	Block    int `json:"block,omitempty"`
	BlockLen int `json:"block_len,omitempty"`

	views map[level]view // derived, of a closed task
}

type seqStep struct {
	EventID    string       `json:"event_id"`
	Tool       string       `json:"tool"`
	Intent     learn.Intent `json:"intent"`
	Skeleton   string       `json:"skeleton"`
	Failed     bool         `json:"failed,omitempty"`
	Command    string       `json:"command,omitempty"`
	DurationMS float64      `json:"ms,omitempty"`
	Tokens     int64        `json:"tokens,omitempty"`
	Target     string       `json:"target,omitempty"`
	Signature  string       `json:"signature,omitempty"` // of a failure, the first
	// What flow kept of the call.
	Params json.RawMessage `json:"params,omitempty"`
	From   []origin        `json:"from,omitempty"`
}

// Miner is the learner "mine". One goroutine calls Apply, Conclude, Snapshot
// and Restore; Strategies, Nearest and Stats may be called from others.
type Miner struct {
	opt      Options
	arrivals int64
	strata   map[string]*stratum
	open     map[taskKey]string // tasks in open blocks, to their stratum
	win      *window
	ladders  []*ladder
	habitual []*hypothesis
	hyps     []*hypothesis // all, the habitual first
	flow     *flow
	now      time.Time // of the newest task
	dirty    bool

	mu         sync.RWMutex
	strategies []learn.ProvenStrategy // served
	lives      []learn.ProvenStrategy // all that were ever confirmed
	stats      Stats
}

// New returns a Miner that has seen no task.
func New(o Options) *Miner {
	m := &Miner{opt: o.withDefaults()}
	m.begin()
	return m
}

// begin makes the state of a Miner that has seen no task.
func (m *Miner) begin() {
	m.strata, m.open, m.win = map[string]*stratum{}, map[taskKey]string{}, newWindow(m.opt.MaxTasks)
	m.hyps, m.habitual, m.ladders, m.flow = nil, nil, nil, newFlow()
	all := allHabits()
	for i := range all {
		m.habitual = append(m.habitual, &hypothesis{level: levelHabit, habit: &all[i], names: []string{all[i].title},
			weight: habitShare / float64(len(all)), in: newBits(m.win.size)})
	}
	m.hyps = slices.Clone(m.habitual)
	for _, l := range []level{levelSkeleton, levelProgram, levelIntent} {
		s, err := NewStream(StreamOptions{MinSupport: m.opt.MinTasks, MaxLength: m.opt.MaxLength, MaxGap: m.opt.MaxGap,
			MaxPatterns: 1 << 20, MaxBytes: m.opt.MaxBytes})
		if err != nil {
			panic(err) // the options are bounded by withDefaults
		}
		m.ladders = append(m.ladders, &ladder{level: l, number: map[string]int32{}, stream: s, chosen: map[PatternID]*hypothesis{}})
	}
}

// Name implements learn.Learner.
func (m *Miner) Name() string { return "mine" }

// Strategies returns the strategies that are served, the strongest first.
func (m *Miner) Strategies() []learn.ProvenStrategy {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Clone(m.strategies)
}

// Lives returns every strategy that was ever confirmed, in whatever state, as
// the ledger knows it.
func (m *Miner) Lives() []learn.ProvenStrategy {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Clone(m.lives)
}

// Stats returns what is kept and what was dropped.
func (m *Miner) Stats() Stats {
	m.mu.RLock()
	defer m.mu.RUnlock()
	out := m.stats
	out.Nearest = slices.Clone(out.Nearest)
	return out
}

func (m *Miner) count(change func(*Stats)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.stats)
}

// Apply implements learn.Learner: a finished task whose outcome is known joins
// the open block of its stratum; when that completes it, the block is counted,
// and what changed in the life of a strategy is emitted. A task that is judged
// again replaces itself while its block is open; later only its verdict
// counts anew.
func (m *Miner) Apply(o *learn.Observation, emit func(learn.LedgerEntry)) error {
	if ev := o.Record.Action; ev != nil {
		m.flow.see(ev, &o.Action)
	}
	t := o.Finished
	if t == nil {
		return nil
	}
	key := taskKey{t.ProjectID, t.TaskID}
	known := t.Outcome != learn.OutcomeUnknown && len(t.Steps) > 0
	if ordinal, ok := m.win.byKey[key]; ok {
		if known {
			m.revise(ordinal, t.Outcome == learn.OutcomeSuccess)
			m.dirty = true
			return m.live(emit)
		}
		return nil
	}
	if s, i := m.waiting(key); i >= 0 {
		s.Open = slices.Delete(s.Open, i, i+1)
		delete(m.open, key)
	}
	if !known {
		return nil
	}
	seq, cut := keep(t, m.opt.MaxSteps)
	for i := range seq.Steps {
		seq.Steps[i].Params, seq.Steps[i].From = m.flow.take(seq.Steps[i].EventID)
	}
	if seq.Finished.After(m.now) {
		m.now = seq.Finished
	}
	block := m.wait(&seq)
	m.dirty = true
	m.count(func(s *Stats) {
		s.DroppedSteps += int64(cut)
		s.Waiting, s.Strata = len(m.open), len(m.strata)
	})
	if block == nil {
		return nil
	}
	if err := m.close(block); err != nil {
		return err
	}
	return m.live(emit)
}

// maxCommand is the number of bytes of a command that is kept for
// generalising.
const maxCommand = 240

// keep makes what is kept of a task, and says how many steps it dropped.
func keep(t *learn.Task, maxSteps int) (seq taskSeq, dropped int) {
	seq = taskSeq{
		TaskID: t.TaskID, ProjectID: t.ProjectID, SessionID: t.SessionID, ProblemType: t.ProblemType,
		Good: t.Outcome == learn.OutcomeSuccess, Finished: t.Finished, Terms: terms(t.Prompt),
	}
	dropped = max(0, len(t.Steps)-maxSteps)
	extensions := map[string]int{}
	for _, s := range t.Steps[dropped:] {
		command := s.Command
		if len(command) > maxCommand {
			command = ""
		}
		seq.Steps = append(seq.Steps, seqStep{EventID: s.EventID, Tool: s.Tool, Intent: s.Intent, Skeleton: clip(s.Skeleton),
			Failed: s.Status.Failed(), Command: command, DurationMS: s.DurationMS, Tokens: s.Tokens, Target: clip(s.Target)})
		if s.Status.Failed() && len(s.Signatures) > 0 {
			seq.Steps[len(seq.Steps)-1].Signature = s.Signatures[0]
		}
		if ext := path.Ext(s.Target); len(ext) > 1 && len(ext) <= 5 {
			extensions[ext[1:]]++
		}
	}
	for ext, n := range extensions {
		if n > extensions[seq.Language] || n == extensions[seq.Language] && ext < seq.Language {
			seq.Language = ext
		}
	}
	return seq, dropped
}

func clip(s string) string {
	if len(s) > maxCommand {
		return strings.ToValidUTF8(s[:maxCommand], "")
	}
	return s
}

// terms are the distinct longer words of a prompt, up to 24.
func terms(prompt string) []string {
	var out []string
	words := strings.FieldsFunc(strings.ToLower(prompt[:min(len(prompt), 4096)]), func(r rune) bool { return r < 'a' || r > 'z' })
	for _, w := range words {
		if len(w) >= 4 && len(w) <= 20 && len(out) < 24 && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// Conclude implements learn.Concluder: it renews the counts and what is nearest
// to being proven. It emits nothing: what the ledger is told depends on the
// log alone, not on when somebody asks.
func (m *Miner) Conclude(func(learn.LedgerEntry)) error {
	if !m.dirty {
		return nil
	}
	all := m.survey()
	_, repeats := m.proven(all)
	near, least := m.nearest(all, repeats), 1.0
	frequent, dropped := 0, Dropped{}
	for _, f := range all {
		least = min(least, f.q)
	}
	for _, l := range m.ladders {
		d := l.stream.Dropped()
		frequent += l.stream.Frequent()
		dropped = Dropped{dropped.Candidates + d.Candidates, dropped.Patterns + d.Patterns, dropped.Tasks + d.Tasks, dropped.Steps + d.Steps}
	}
	m.dirty = false
	m.count(func(s *Stats) {
		s.Tasks, s.Successes = m.win.len(), m.win.good.count()
		s.Failures = s.Tasks - s.Successes
		s.Waiting, s.Strata = len(m.open), len(m.strata)
		s.Stream, s.Frequent, s.Hypotheses, s.SmallestQ, s.Nearest = dropped, frequent, len(m.hyps), least, near
	})
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
