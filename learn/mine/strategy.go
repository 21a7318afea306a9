package mine

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"lathe/learn"
)

const (
	maxOccurrences = 200 // looked at when generalising
	maxShown       = 3   // tasks whose events are the evidence
	minLift        = 1.5
)

// strategy makes the domain object of a sighting.
func strategy(s *sighting) learn.ProvenStrategy {
	t, project, tasks := s.table, s.group.project, s.group.tasks
	with := t.withGood + t.withBad
	out := learn.ProvenStrategy{
		StrategyID: learn.UUIDv8(append([]string{"strategy", project, string(s.level)}, s.names...)...),
		ProjectID:  project, Support: with, SuccessRate: float64(t.withGood) / float64(with),
		SuccessInterval: wilson(t.withGood, with), Contrast: t.oddsRatio(), PValue: s.q,
	}
	shown := 0
	for i := len(tasks) - 1; i >= 0; i-- {
		if !s.has[i] || !tasks[i].Good {
			continue
		}
		if tasks[i].Finished.After(out.LastConfirmed) {
			out.LastConfirmed = tasks[i].Finished
		}
		if shown++; shown <= maxShown {
			for _, at := range s.where[i] {
				out.Evidence = append(out.Evidence, tasks[i].Steps[at].EventID)
			}
			if len(s.where[i]) == 0 { // the lack of something has no event: the task's last one stands for it
				out.Evidence = append(out.Evidence, tasks[i].Steps[len(tasks[i].Steps)-1].EventID)
			}
		}
	}
	out.AveragePerformanceMetrics = metrics(s, tasks)
	out.TemplatePlanFragment = fragment(s, tasks, project != "")
	out.ApplicabilityConditions, out.RelatedProblemTypes = conditions(s, tasks)
	out.Name, out.Description = s.title(), s.description()
	out.TemplatePlanFragment.Name = out.Name
	return out
}

// metrics are the means over the occurrences in successful tasks.
func metrics(s *sighting, tasks []*taskSeq) learn.PerformanceMetrics {
	var m learn.PerformanceMetrics
	n := 0.0
	for i, t := range tasks {
		if !s.has[i] || !t.Good {
			continue
		}
		n++
		for _, at := range s.where[i] {
			m.DurationMS += t.Steps[at].DurationMS
			m.Tokens += float64(t.Steps[at].Tokens)
		}
	}
	m.DurationMS, m.Tokens, m.Calls = m.DurationMS/n, m.Tokens/n, float64(s.length())
	return m
}

// fragment generalises the occurrences into a chain of plan tasks. Parameters
// that had equal values in every occurrence have one name: what a later step
// takes from an earlier one. Constants leave their project only inside of
// skeletons, which have none.
func fragment(s *sighting, tasks []*taskSeq, constants bool) learn.TaskGraph {
	g := learn.TaskGraph{Dependencies: map[string][]string{}}
	params := map[string]string{} // values, joined, to name
	for k := range s.length() {
		var steps []*seqStep
		for i := range tasks {
			if s.has[i] && tasks[i].Good && len(steps) < maxOccurrences {
				steps = append(steps, &tasks[i].Steps[s.where[i][k]])
			}
		}
		id := "s" + strconv.Itoa(k+1)
		raw, err := json.Marshal(arguments(steps, constants, params))
		if err != nil { // a map of strings always marshals
			raw = nil
		}
		g.Tasks = append(g.Tasks, learn.PlanTask{ID: id, ToolName: steps[0].Tool, Arguments: raw})
		if k > 0 {
			g.Dependencies[id] = []string{"s" + strconv.Itoa(k)}
		}
	}
	return g
}

// arguments are the call's arguments as a template: {"command": ...} for a
// shell, one parameter for each name in the skeleton of another tool, or the
// intent alone where the calls have nothing else in common.
func arguments(steps []*seqStep, constants bool, params map[string]string) map[string]string {
	var words [][]string
	same := true
	for _, st := range steps {
		w := strings.Fields(st.Command)
		same = same && len(w) > 0 && (len(words) == 0 || len(w) == len(words[0]))
		words = append(words, w)
	}
	sameSkeleton := !slices.ContainsFunc(steps, func(st *seqStep) bool { return st.Skeleton != steps[0].Skeleton })
	switch {
	case same && constants && sameSkeleton:
		return map[string]string{"command": strings.Join(column(words, params), " ")}
	case sameSkeleton && steps[0].Command == "" && strings.HasSuffix(steps[0].Skeleton, ")"):
		_, list, _ := strings.Cut(strings.TrimSuffix(steps[0].Skeleton, ")"), "(")
		out := map[string]string{}
		for _, p := range strings.Split(list, ",") {
			if n, _, _ := strings.Cut(strings.TrimSpace(p), ":"); n != "" {
				out[n] = "{" + n + "}"
			}
		}
		return out
	case sameSkeleton:
		return map[string]string{"command": braces(steps[0].Skeleton)}
	}
	return map[string]string{"intent": string(steps[0].Intent)}
}

// column anti-unifies commands of equal length word by word.
func column(words [][]string, params map[string]string) []string {
	out := slices.Clone(words[0])
	for j := range out {
		values := make([]string, len(words))
		constant := true
		for i := range words {
			values[i] = words[i][j]
			constant = constant && values[i] == values[0]
		}
		if constant {
			continue
		}
		key := strings.Join(values, "\x00")
		if params[key] == "" {
			params[key] = "p" + strconv.Itoa(len(params)+1)
		}
		out[j] = "{" + params[key] + "}"
	}
	return out
}

func braces(skeleton string) string {
	return strings.NewReplacer("<", "{", ">", "}").Replace(skeleton)
}

// conditions are the features of tasks that stand out among those with the
// pattern: at least half of them have it, and minLift times the usual share.
func conditions(s *sighting, tasks []*taskSeq) (conditions, problems []string) {
	with, all := map[string]int{}, map[string]int{}
	n := 0
	for i, t := range tasks {
		features := []string{"problem_type: " + t.ProblemType, "language: " + t.Language}
		for _, term := range t.Terms {
			features = append(features, "prompt mentions: "+term)
		}
		if s.has[i] {
			n++
		}
		for _, f := range features {
			if strings.HasSuffix(f, ": ") {
				continue
			}
			all[f]++
			if s.has[i] {
				with[f]++
			}
		}
	}
	lift := func(f string) float64 {
		return float64(with[f]) / float64(n) / (float64(all[f]) / float64(len(tasks)))
	}
	for _, f := range sortedKeys(with) {
		if 2*with[f] >= n && lift(f) >= minLift && with[f] >= 3 {
			conditions = append(conditions, fmt.Sprintf("%s (lift %.1f)", f, math.Round(lift(f)*10)/10))
		}
		if p, ok := strings.CutPrefix(f, "problem_type: "); ok && 4*with[f] >= n {
			problems = append(problems, p)
		}
	}
	slices.SortStableFunc(conditions, func(a, b string) int { return strings.Compare(b[:1], a[:1]) })
	return conditions[:min(len(conditions), 8)], problems
}
