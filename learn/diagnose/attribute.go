package diagnose

import (
	"cmp"
	"fmt"
	"slices"
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
	all := ranked(suspicions(newView(turns)))
	out := Attribution{}
	byAgent := map[string]float64{}
	for i, share := range shares(all) {
		s := Suspect{Agent: turns[all[i].step].Agent, Step: all[i].step, Score: share, Reasons: all[i].reasons}
		out.Suspects = append(out.Suspects, s)
		byAgent[s.Agent] += share
	}
	for agent, score := range byAgent {
		out.Agents = append(out.Agents, AgentSuspect{agent, score})
	}
	slices.SortFunc(out.Agents, func(a, b AgentSuspect) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Agent, b.Agent))
	})
	if len(out.Suspects) > 0 {
		out.Agent, out.Step = out.Suspects[0].Agent, out.Suspects[0].Step
	}
	return out
}

// suspicions weighs each turn in which an agent contributes.
func suspicions(v *view) []suspicion {
	var out []suspicion
	for i := range v.turns {
		if v.turns[i].kind != kindWork {
			continue
		}
		s := suspicion{step: i, reasons: []string{}}
		for _, sig := range signals {
			x := sig.value(v, i)
			if x == 0 {
				continue
			}
			s.odds += sig.weight * x
			if sig.weight > 0 {
				s.reasons = append(s.reasons, sig.says)
			}
		}
		out = append(out, s)
	}
	return out
}

// String is one line for a person.
func (s Suspect) String() string {
	return fmt.Sprintf("step %d, %s (%.0f %%): %s", s.Step, s.Agent, 100*s.Score, strings.Join(s.Reasons, "; "))
}
