package refine

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"time"

	"lathe/learn"
)

// Bounds of Negatives.
const (
	maxSequences     = 5_000 // in all projects; the one seen longest ago leaves
	maxSequenceSteps = 5     // up to the failing one
	maxCauses        = 20_000
	maxSequenceTerms = 24
	minFailedTasks   = 2 // distinct tasks that failed so
)

// FailedSequence is a negative example for a planner: what tasks did that failed
// in the end, and what the failure was that none of them got past. A planner
// that is about to plan these steps should plan otherwise, or see to the cause
// first. What is kept of a step is its form, never text that a tool printed;
// Cause is the name of the error's pattern.
type FailedSequence struct {
	SequenceID  string       `json:"sequence_id"`
	ProjectID   string       `json:"project_id"`
	Steps       []FailedStep `json:"steps"` // in order; the last is the one that failed
	SignatureID string       `json:"signature_id"`
	PatternID   string       `json:"pattern_id"`
	Cause       string       `json:"cause"`
	// FailedTasks had the sequence and failed; GoodTasks had it, with the same
	// failure at its end, and succeeded all the same.
	FailedTasks int       `json:"failed_tasks"`
	GoodTasks   int       `json:"good_tasks"`
	Sessions    int       `json:"sessions"`
	LastSeen    time.Time `json:"last_seen"`
	// Evidence are the event ids of the steps in the newest such task; the last
	// is the failure, which diagnose explains.
	Evidence []string `json:"evidence"`
	// Fits is how well it fits what was asked for, 0 to 1.
	Fits float64 `json:"fits,omitempty"`
}

// FailedStep is one step of a FailedSequence.
type FailedStep struct {
	ToolName string       `json:"tool_name"`
	Intent   learn.Intent `json:"intent"`
	Skeleton string       `json:"skeleton"` // see learn.Action
}

// NegativeQuery asks for failed sequences. Without Prompt and Steps the most
// frequent ones of the project come.
type NegativeQuery struct {
	ProjectID   string
	ProblemType string
	Prompt      string       // the task in words
	Steps       []FailedStep // of a plan, in its order
	Limit       int          // 0 is 5
}

// Negatives is the learner "failed_sequences". One goroutine calls Apply,
// Snapshot and Restore; Recall may be called from others.
type Negatives struct {
	mu        sync.RWMutex
	sequences map[string]*sequence
	causes    map[string]errorName // signature id -> what it is called
	dropped   int64
}

type errorName struct {
	PatternID string `json:"pattern_id"`
	Name      string `json:"name"`
}

type sequence struct {
	FailedSequence
	Met      sessions       `json:"met"`
	Failed   sessions       `json:"failed"` // tasks, counted as sessions are
	Good     sessions       `json:"good"`
	Terms    map[string]int `json:"terms,omitempty"` // of prompts -> tasks
	Problems map[string]int `json:"problems,omitempty"`
}

// NewNegatives returns Negatives that have seen nothing.
func NewNegatives() *Negatives {
	return &Negatives{sequences: map[string]*sequence{}, causes: map[string]errorName{}}
}

// Name implements learn.Learner.
func (*Negatives) Name() string { return "failed_sequences" }

// Apply implements learn.Learner.
func (n *Negatives) Apply(o *learn.Observation, _ func(learn.LedgerEntry)) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(o.Signatures) > 0 {
		if len(n.causes) >= maxCauses {
			clear(n.causes) // they come again with their errors
		}
		s := o.Signatures[0]
		n.causes[s.ID] = errorName{s.PatternID, learn.Shown(s.Name, 120)}
	}
	t := o.Finished
	if t == nil {
		return nil
	}
	switch t.Outcome {
	case learn.OutcomeFailure:
		if at := unresolved(t.Steps); at >= 0 {
			n.learn(t, at)
		}
	case learn.OutcomeSuccess: // it got past what it met
		for i := range t.Steps {
			if s := n.sequences[sequenceID(t.ProjectID, t.Steps, i)]; s != nil {
				s.Good.add(hash32(t.TaskID))
				s.GoodTasks = s.Good.count()
			}
		}
	}
	return nil
}

// unresolved is the last failing step that no later one of the same form got
// past, or -1.
func unresolved(steps []learn.Step) int {
	passed := map[string]bool{}
	for i, s := range slices.Backward(steps) {
		form := s.Tool + "\x00" + s.Skeleton
		if s.Status == learn.StatusSuccess {
			passed[form] = true
		}
		if s.Status.Failed() && len(s.Signatures) > 0 && !passed[form] {
			return i
		}
	}
	return -1
}

// ending are the indices of the steps that lead to one, without those that only
// look around and without immediate repeats.
func ending(steps []learn.Step, at int) []int {
	out := []int{at}
	for i := at - 1; i >= 0 && len(out) < maxSequenceSteps; i-- {
		next := steps[out[len(out)-1]]
		if steps[i].Intent.ReadOnly() || steps[i].Tool == next.Tool && steps[i].Skeleton == next.Skeleton {
			continue
		}
		out = append(out, i)
	}
	slices.Reverse(out)
	return out
}

// sequenceID names the failure of a form of call after the two before it: more
// would make every task its own. It is "" for a step that did not fail.
func sequenceID(project string, steps []learn.Step, at int) string {
	if !steps[at].Status.Failed() || len(steps[at].Signatures) == 0 {
		return ""
	}
	parts := []string{"failed sequence", project, steps[at].Signatures[0]}
	all := ending(steps, at)
	for _, i := range all[max(0, len(all)-3):] {
		parts = append(parts, steps[i].Tool, steps[i].Skeleton)
	}
	return learn.UUIDv8(parts...)
}

func (n *Negatives) learn(t *learn.Task, at int) {
	id := sequenceID(t.ProjectID, t.Steps, at)
	s := n.sequences[id]
	if s == nil {
		n.makeRoom()
		s = &sequence{Terms: map[string]int{}, Problems: map[string]int{}}
		s.SequenceID, s.ProjectID, s.SignatureID = id, t.ProjectID, t.Steps[at].Signatures[0]
		n.sequences[id] = s
	}
	before := s.Failed.count()
	s.Failed.add(hash32(t.TaskID))
	s.Met.add(hash32(t.SessionID))
	if s.Failed.count() > before { // not one that is judged again
		for _, w := range promptTerms(t.Prompt) {
			if len(s.Terms) < 4*maxSequenceTerms || s.Terms[w] > 0 {
				s.Terms[w]++
			}
		}
		if t.ProblemType != "" && len(s.Problems) < maxSequenceTerms {
			s.Problems[t.ProblemType]++
		}
	}
	s.FailedTasks, s.Sessions = s.Failed.count(), s.Met.count()
	s.Steps, s.Evidence = nil, nil
	for _, i := range ending(t.Steps, at) {
		st := t.Steps[i]
		s.Steps = append(s.Steps, FailedStep{ToolName: st.Tool, Intent: st.Intent, Skeleton: learn.Shown(st.Skeleton, 240)})
		s.Evidence = append(s.Evidence, st.EventID)
	}
	if t.Finished.After(s.LastSeen) {
		s.LastSeen = t.Finished
	}
	if c, ok := n.causes[s.SignatureID]; ok {
		s.PatternID, s.Cause = c.PatternID, c.Name
	}
}

func (n *Negatives) makeRoom() {
	if len(n.sequences) < maxSequences {
		return
	}
	oldest := ""
	for id, s := range n.sequences {
		if oldest == "" || s.LastSeen.Before(n.sequences[oldest].LastSeen) {
			oldest = id
		}
	}
	delete(n.sequences, oldest)
	n.dropped++
}

func hash32(s string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s)) // never fails
	return h.Sum32()
}

// promptTerms are the distinct longer words of a prompt.
func promptTerms(prompt string) []string {
	var out []string
	words := strings.FieldsFunc(strings.ToLower(prompt[:min(len(prompt), 4096)]), func(r rune) bool { return r < 'a' || r > 'z' })
	for _, w := range words {
		if len(w) >= 4 && len(w) <= 20 && len(out) < maxSequenceTerms && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

const negativesVersion = 1

type negativesSnapshot struct {
	Version   int                  `json:"version"`
	Sequences map[string]*sequence `json:"sequences"`
	Causes    map[string]errorName `json:"causes"`
	Dropped   int64                `json:"dropped"`
}

// Snapshot implements learn.Learner.
func (n *Negatives) Snapshot() ([]byte, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return json.Marshal(negativesSnapshot{negativesVersion, n.sequences, n.causes, n.dropped})
}

// Restore implements learn.Learner; it fails on a snapshot of another version
// and leaves the Negatives as they were.
func (n *Negatives) Restore(data []byte) error {
	var s negativesSnapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("failed sequences: read snapshot: %w", err)
	}
	if s.Version != negativesVersion {
		return fmt.Errorf("failed sequences: snapshot has version %d, this program reads %d: replay the log", s.Version, negativesVersion)
	}
	fresh := NewNegatives()
	for id, q := range s.Sequences {
		if q == nil {
			continue
		}
		if q.Terms == nil {
			q.Terms = map[string]int{}
		}
		if q.Problems == nil {
			q.Problems = map[string]int{}
		}
		fresh.sequences[id] = q
	}
	if s.Causes != nil {
		fresh.causes = s.Causes
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sequences, n.causes, n.dropped = fresh.sequences, fresh.causes, s.Dropped
	return nil
}
