package mine

import (
	"encoding/json"
	"fmt"
	"math"
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
	MaxTasks    int     // finished tasks kept, the newest (2000)
	MaxSteps    int     // steps kept of a task, the last (120)
	MaxPatterns int     // patterns mined at one level of a group of tasks (2000)
	MinTasks    int     // successful tasks with the pattern (5)
	MinSessions int     // distinct sessions among them (3)
	MaxQ        float64 // false discovery rate, Benjamini-Hochberg (0.05)
	MinOdds     float64 // odds ratio, successes against failures (2)
	MaxGap      int     // other steps between two neighbours (2; negative: none)
	MaxLength   int     // steps of a strategy (6)
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		v  *int
		to int
	}{
		{&o.MaxTasks, 2000}, {&o.MaxSteps, 120}, {&o.MaxPatterns, 2000}, {&o.MinTasks, 5},
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
	return o
}

// Stats counts what the Miner keeps and what it dropped to stay in bounds, and
// says what the last Conclude looked at.
type Stats struct {
	Tasks         int   `json:"tasks"`     // kept
	Successes     int   `json:"successes"` // of these, as of the last Conclude
	Failures      int   `json:"failures"`
	DroppedTasks  int64 `json:"dropped_tasks"`
	DroppedSteps  int64 `json:"dropped_steps"`
	RaisedSupport int64 `json:"raised_support"` // times that there were more than MaxPatterns
	// Tested is the number of hypotheses that were corrected for, SmallestQ
	// the best of their corrected p-values, or 1.
	Tested    int     `json:"tested"`
	SmallestQ float64 `json:"smallest_q"`
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
}

// told is what the ledger knows of a strategy.
type told struct {
	Support int     `json:"support"`
	Rate    float64 `json:"rate"`
}

// Miner is the learner "mine" and a learn.Concluder. One goroutine calls
// Apply, Conclude, Snapshot and Restore; Strategies and Stats may be called
// from others.
type Miner struct {
	opt   Options
	tasks []taskSeq // by arrival; only the learning goroutine touches it
	dirty bool
	told  map[string]told

	mu         sync.RWMutex
	strategies []learn.ProvenStrategy
	stats      Stats
}

// New returns a Miner that has seen no task.
func New(o Options) *Miner { return &Miner{opt: o.withDefaults(), told: map[string]told{}} }

// Name implements learn.Learner.
func (m *Miner) Name() string { return "mine" }

// Strategies returns the proven strategies as of the last Conclude, the
// strongest first.
func (m *Miner) Strategies() []learn.ProvenStrategy {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Clone(m.strategies)
}

// Stats returns what is kept and what was dropped.
func (m *Miner) Stats() Stats {
	m.mu.RLock()
	defer m.mu.RUnlock()
	out := m.stats
	out.Nearest = slices.Clone(out.Nearest)
	return out
}

// Apply implements learn.Learner: it keeps the sequence of a finished task
// whose outcome is known. A task that is judged again replaces itself.
func (m *Miner) Apply(o *learn.Observation, _ func(learn.LedgerEntry)) error {
	t := o.Finished
	if t == nil {
		return nil
	}
	i := slices.IndexFunc(m.tasks, func(k taskSeq) bool { return k.TaskID == t.TaskID && k.ProjectID == t.ProjectID })
	if i >= 0 {
		m.tasks, m.dirty = slices.Delete(m.tasks, i, i+1), true
	}
	dropped := Stats{}
	if t.Outcome != learn.OutcomeUnknown && len(t.Steps) > 0 {
		seq, cut := m.keep(t)
		dropped.DroppedSteps = int64(cut)
		m.tasks, m.dirty = append(m.tasks, seq), true
	}
	if over := len(m.tasks) - m.opt.MaxTasks; over > 0 {
		m.tasks = slices.Delete(m.tasks, 0, over)
		dropped.DroppedTasks = int64(over)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Tasks = len(m.tasks)
	m.stats.DroppedTasks += dropped.DroppedTasks
	m.stats.DroppedSteps += dropped.DroppedSteps
	return nil
}

// maxCommand is the number of bytes of a command that is kept for
// generalising.
const maxCommand = 240

func (m *Miner) keep(t *learn.Task) (seq taskSeq, dropped int) {
	seq = taskSeq{
		TaskID: t.TaskID, ProjectID: t.ProjectID, SessionID: t.SessionID, ProblemType: t.ProblemType,
		Good: t.Outcome == learn.OutcomeSuccess, Finished: t.Finished, Terms: terms(t.Prompt),
	}
	dropped = max(0, len(t.Steps)-m.opt.MaxSteps)
	extensions := map[string]int{}
	for _, s := range t.Steps[dropped:] {
		command := s.Command
		if len(command) > maxCommand {
			command = ""
		}
		seq.Steps = append(seq.Steps, seqStep{s.EventID, s.Tool, s.Intent, clip(s.Skeleton), s.Status.Failed(), command, s.DurationMS, s.Tokens})
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

// Conclude implements learn.Concluder: it contrasts the tasks of each project,
// and of all together, and emits an EntryStrategy for what is new or changed
// notably. Without a new task since the last time it does nothing.
func (m *Miner) Conclude(emit func(learn.LedgerEntry)) error {
	if !m.dirty {
		return nil
	}
	found, err := m.look()
	if err != nil {
		return err
	}
	var all []learn.ProvenStrategy
	for _, s := range found.proven {
		s.locate(m.opt.MaxGap)
		all = append(all, strategy(s))
	}
	for _, s := range all {
		if err := m.tell(s, emit); err != nil {
			return err
		}
	}
	m.dirty = false
	m.mu.Lock()
	defer m.mu.Unlock()
	m.strategies = all
	found.describe(m.opt, m.tasks, &m.stats)
	return nil
}

func (m *Miner) tell(s learn.ProvenStrategy, emit func(learn.LedgerEntry)) error {
	was, known := m.told[s.StrategyID]
	if known && float64(s.Support) < 1.25*float64(was.Support) && math.Abs(s.SuccessRate-was.Rate) < 0.05 {
		return nil
	}
	e, err := learn.NewEntry(learn.EntryStrategy, s.StrategyID, s.ProjectID, s.LastConfirmed, s, s.Evidence)
	if err != nil {
		return fmt.Errorf("mine: strategy %s: %w", s.StrategyID, err)
	}
	m.told[s.StrategyID] = told{s.Support, s.SuccessRate}
	emit(e)
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

const snapshotVersion = 2

type snapshot struct {
	Version    int                    `json:"version"`
	Tasks      []taskSeq              `json:"tasks"`
	Dirty      bool                   `json:"dirty"`
	Told       map[string]told        `json:"told"`
	Strategies []learn.ProvenStrategy `json:"strategies"`
	Stats      Stats                  `json:"stats"`
}

// Snapshot implements learn.Learner: JSON with a version.
func (m *Miner) Snapshot() ([]byte, error) {
	return json.Marshal(snapshot{snapshotVersion, m.tasks, m.dirty, m.told, m.Strategies(), m.Stats()})
}

// Restore implements learn.Learner; it fails on a snapshot of another version
// and leaves the Miner as it was.
func (m *Miner) Restore(data []byte) error {
	var s snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("mine: read snapshot: %w", err)
	}
	if s.Version != snapshotVersion {
		return fmt.Errorf("mine: snapshot has version %d, this program reads %d: replay the log", s.Version, snapshotVersion)
	}
	if s.Told == nil {
		s.Told = map[string]told{}
	}
	m.tasks, m.dirty, m.told = s.Tasks, s.Dirty, s.Told
	m.mu.Lock()
	defer m.mu.Unlock()
	m.strategies, m.stats = s.Strategies, s.Stats
	return nil
}
