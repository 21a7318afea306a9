package next

import (
	"bytes"
	"encoding/json"
	"strings"

	"lathe/learn"
)

// maxRecent is the number of steps of a session that views look at.
const maxRecent = 6

// step is what is kept of a step.
type step struct {
	Label    int32  `json:"label"`
	Skeleton uint64 `json:"skeleton"`
	Intent   uint64 `json:"intent"`
	Status   uint8  `json:"status"`
	Shape    uint8  `json:"shape"` // of its output
}

var noStep = &step{Label: -1}

// session is how far a session is.
type session struct {
	ID        uint64   `json:"id"`
	Project   uint64   `json:"project"`
	Recent    []step   `json:"recent"` // the latest last
	Count     int      `json:"count"`
	Failure   uint64   `json:"failure"`  // what the last step failed with, 0 when it did not
	Verified  uint8    `json:"verified"` // last verification: 1 good, 2 bad
	SinceEdit int      `json:"since_edit"`
	SinceTest int      `json:"since_test"`
	Seen      uint64   `json:"seen"`   // hash of the set of labels
	Labels    []int32  `json:"labels"` // that set, up to 64
	Run       int      `json:"run"`    // times that the last label was called in a row
	Target    uint8    `json:"target"` // of the last step: 1 new, 2 the same as before, 3 an earlier one
	Targets   []uint64 `json:"targets"`
	Terms     []uint64 `json:"terms"`
	Listed    []uint64 `json:"listed"` // values of the latest list that no call took yet
	Waiting   int      `json:"waiting"`
	Turn      int      `json:"turn"` // values of it that were taken
	Used      uint64   `json:"used"`
}

const (
	maxSeen    = 64
	maxTargets = 32
	maxListed  = 32
	longAgo    = 1000
)

func (s *session) last(i int) *step {
	if i >= len(s.Recent) {
		return noStep
	}
	return &s.Recent[len(s.Recent)-1-i]
}

// begin is called when a task begins: what was done before belongs to another.
func (s *session) begin(t *learn.TaskRecord) {
	*s = session{ID: hashText(t.SessionID + "\x00" + t.TaskID), Project: s.Project, Used: s.Used, SinceEdit: longAgo, SinceTest: longAgo}
	for _, w := range terms(t.Prompt) {
		s.Terms = append(s.Terms, hashText(w))
	}
}

// Sight is what the predictor sees of a call's parameters and output, so that
// who replays need not keep these.
type Sight struct {
	shape  uint8    // how much the output is, and of what form
	listed []uint64 // the texts of the longest list in an output that is JSON
	given  []uint64 // the texts in the call's parameters
}

// See looks at a call.
func See(ev *learn.ActionOutcome) Sight {
	return Sight{outputShape(ev.ToolOutput), listIn(ev.ToolOutput), scalars(ev.ToolParameters, maxListed)}
}

// advance brings in a step.
func (s *session) advance(o *learn.Observation, seen Sight, label int32) {
	ev := o.Record.Action
	if s.ID == 0 {
		s.ID, s.SinceEdit, s.SinceTest = hashText(ev.SessionID+"\x00"+ev.TaskID), longAgo, longAgo
	}
	if s.last(0).Label == label {
		s.Run++
	} else {
		s.Run = 1
	}
	step := step{Label: label, Skeleton: hashText(o.Action.Skeleton), Intent: hashText(string(o.Action.Intent)), Shape: seen.shape}
	s.Failure = 0
	switch {
	case ev.Status.Failed():
		step.Status = 1
		s.Failure = 1
		if len(o.Signatures) > 0 {
			s.Failure = hashText(o.Signatures[0].ID)
		}
	case ev.Status == learn.StatusInterrupted:
		step.Status = 2
	}
	if s.Recent = append(s.Recent, step); len(s.Recent) > maxRecent {
		s.Recent = append(s.Recent[:0:0], s.Recent[1:]...)
	}
	s.Count++
	s.clocks(o)
	s.remember(label)
	s.aim(o.Action.Target)
	s.lists(seen)
}

func (s *session) clocks(o *learn.Observation) {
	s.SinceEdit, s.SinceTest = min(s.SinceEdit+1, longAgo), min(s.SinceTest+1, longAgo)
	switch o.Action.Intent {
	case learn.IntentEdit, learn.IntentCreate:
		s.SinceEdit = 0
	case learn.IntentTest:
		s.SinceTest = 0
	}
	if len(o.Action.Writes) > 0 {
		s.SinceEdit = 0
	}
	for _, v := range o.Verifications {
		s.Verified = 2
		if v.OK {
			s.Verified = 1
		}
	}
}

// remember adds a label to the set of those seen.
func (s *session) remember(label int32) {
	for _, l := range s.Labels {
		if l == label {
			return
		}
	}
	if len(s.Labels) < maxSeen {
		s.Labels = append(s.Labels, label)
		s.Seen ^= hashOf(uint64(label) + 7)
	}
}

func (s *session) aim(target string) {
	s.Target = 0
	if target == "" {
		return
	}
	h := hashText(target)
	s.Target = 1
	for i, t := range s.Targets {
		if t == h {
			s.Target = 3
			if i == len(s.Targets)-1 {
				s.Target = 2
			}
			s.Targets = append(s.Targets[:i], s.Targets[i+1:]...)
			break
		}
	}
	if s.Targets = append(s.Targets, h); len(s.Targets) > maxTargets {
		s.Targets = append(s.Targets[:0:0], s.Targets[1:]...)
	}
}

// lists keeps the values of the latest list that an output gave, and which of
// them calls have taken since: an agent that works through a list goes on.
func (s *session) lists(seen Sight) {
	taken := false
	for _, v := range seen.given {
		for i, l := range s.Listed {
			if l == v {
				s.Listed = append(s.Listed[:i:i], s.Listed[i+1:]...)
				taken = true
				break
			}
		}
	}
	if taken {
		s.Turn++
	}
	if len(seen.listed) > 0 {
		// A list that is being worked through is kept until it is done.
		if s.Turn == 0 || len(s.Listed) == 0 {
			s.Listed, s.Turn = seen.listed, 0
		}
	}
	s.Waiting = len(s.Listed)
}

// maxJSON bounds what is parsed of an output, in bytes.
const maxJSON = 64 << 10

// listIn is the longest list of texts in an output that is JSON.
func listIn(out learn.ToolOutput) []uint64 {
	text := out.Content
	if text == "" {
		text = out.Stdout
	}
	text = strings.TrimSpace(text)
	if len(text) < 2 || len(text) > maxJSON || text[0] != '{' && text[0] != '[' {
		return nil
	}
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return nil
	}
	var best []uint64
	longestList(v, 0, &best)
	return best
}

func longestList(v any, depth int, best *[]uint64) {
	if depth > 6 {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			longestList(v[k], depth+1, best)
		}
	case []any:
		var texts []uint64
		for _, e := range v {
			if t, ok := e.(string); ok && len(texts) < maxListed {
				texts = append(texts, hashText(t))
			} else if !ok {
				longestList(e, depth+1, best)
			}
		}
		if len(texts) > len(*best) {
			*best = texts
		}
	}
}

// scalars are the texts in a call's parameters.
func scalars(raw json.RawMessage, most int) []uint64 {
	var v any
	if len(raw) > maxJSON || json.Unmarshal(raw, &v) != nil {
		return nil
	}
	var out []uint64
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if len(out) < most {
				out = append(out, hashText(v))
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for _, k := range sortedKeys(v) {
				walk(v[k])
			}
		}
	}
	walk(v)
	return out
}

// outputShape tells how much a call gave, and of what form, not what.
func outputShape(out learn.ToolOutput) uint8 {
	text := out.Text()
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "":
		return 0
	case trimmed == "[]" || trimmed == "{}" || trimmed == "null":
		return 1
	case trimmed[0] == '{':
		return 2
	case trimmed[0] == '[':
		return 3
	}
	switch n := bytes.Count([]byte(trimmed), []byte("\n")); {
	case n == 0:
		return 4
	case n < 5:
		return 5
	case n < 25:
		return 6
	case n < 100:
		return 7
	}
	return 8
}
