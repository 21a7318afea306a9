package diagnose

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
)

// Suspect is a step that may hold the decisive mistake of a failed task: the
// earliest whose correction would have saved it.
type Suspect struct {
	Agent string `json:"agent"`
	Step  int    `json:"step"` // index in the history, from 0
	// Score is the share of suspicion, all steps together being 1. It ranks;
	// it is not the probability of being right.
	Score   float64  `json:"score"`
	Reasons []string `json:"reasons"`
}

// Attribution is who is to blame for a failed conversation.
type Attribution struct {
	Agent    string         `json:"agent"`
	Step     int            `json:"step"`
	Suspects []Suspect      `json:"suspects"` // of all steps, the likeliest first
	Agents   []AgentSuspect `json:"agents"`   // the same by agent
}

// AgentSuspect is what falls on one agent.
type AgentSuspect struct {
	Agent string  `json:"agent"`
	Score float64 `json:"score"`
}

// Attribute says where a failed conversation went wrong, without a model and
// without knowing the right answer. Each turn in which an agent contributes
// collects suspicion in log odds from signals that hold for any group of
// agents; see signals. The task's statement, answers of programs and empty
// turns cannot be to blame. A conversation in which nobody contributes gives
// no suspects.
func Attribute(c Conversation) Attribution {
	turns := readTurns(c)
	v := newView(turns)
	var out Attribution
	total := 0.0
	for i := range turns {
		if turns[i].kind != kindWork {
			continue
		}
		s := Suspect{Agent: turns[i].Agent, Step: i, Reasons: []string{}}
		odds := 0.0
		for _, sig := range signals {
			x := sig.value(v, i)
			if x == 0 {
				continue
			}
			odds += sig.weight * x
			if sig.weight > 0 {
				s.Reasons = append(s.Reasons, sig.says)
			}
		}
		s.Score = math.Exp(odds)
		total += s.Score
		out.Suspects = append(out.Suspects, s)
	}
	byAgent := map[string]float64{}
	for i := range out.Suspects {
		out.Suspects[i].Score /= total
		byAgent[out.Suspects[i].Agent] += out.Suspects[i].Score
	}
	slices.SortStableFunc(out.Suspects, func(a, b Suspect) int {
		return compareScores(a.Score, b.Score)
	})
	for agent, score := range byAgent {
		out.Agents = append(out.Agents, AgentSuspect{agent, score})
	}
	sort.Slice(out.Agents, func(i, j int) bool {
		a, b := out.Agents[i], out.Agents[j]
		return a.Score > b.Score || a.Score == b.Score && a.Agent < b.Agent
	})
	if len(out.Suspects) > 0 {
		out.Agent, out.Step = out.Suspects[0].Agent, out.Suspects[0].Step
	}
	return out
}

func compareScores(a, b float64) int {
	switch {
	case a > b:
		return -1
	case a < b:
		return 1
	}
	return 0
}

// String is one line for a person.
func (s Suspect) String() string {
	return fmt.Sprintf("step %d, %s (%.0f %%): %s", s.Step, s.Agent, 100*s.Score, strings.Join(s.Reasons, "; "))
}
