package trial

import (
	"math"
	"time"

	"lathe/learn"
)

// Counts are successes and failures of one arm, one for each task.
type Counts struct {
	Successes int `json:"successes"`
	Failures  int `json:"failures"`
}

// N is the number of tasks.
func (c Counts) N() int { return c.Successes + c.Failures }

// Rate is the share of successes, 0 without any task.
func (c Counts) Rate() float64 {
	if c.N() == 0 {
		return 0
	}
	return float64(c.Successes) / float64(c.N())
}

func (c *Counts) add(good bool) {
	if good {
		c.Successes++
	} else {
		c.Failures++
	}
}

// arm adds up one group's tasks.
type arm struct {
	Counts
	Tasks      Counts // how the tasks themselves ended, where known
	Assigned   int    // assignments
	Unknown    int    // tasks without a result
	Observable int    // those of which Taken is known
	Taken      int
	TakenWell  Counts // of those taken
	costs      [len(costNames)]struct {
		n   int
		sum float64 // of the logarithms, see scale
	}
}

// comparison is treatment against control, of a kind of advice or an object.
type comparison struct {
	kind, object       string
	treatment, control arm    // tasks that were drawn
	served             Counts // all that it was served to
	success            score
	watch              score                 // success since it was promoted, see alarm
	costs              [len(costNames)]score // of kinds only
	standing           *learn.TrialVerdict   // promote or retire
	dirty              bool                  // results since the last look
	last               time.Time             // of the results
}

// The costs, in the order of comparison.costs, and what each is at most.
// Compared are logarithms of 1 + cost, hence ratios.
var costNames = [...]string{"calls", "seconds", "tokens"}

var costLimits = [...]float64{1000, 86_400, 1e8}

// scale brings a cost into [0, 1].
func scale(i int, x float64) float64 {
	return math.Log1p(min(x, costLimits[i])) / math.Log1p(costLimits[i])
}

// stands reports whether the verdict v holds of c, which may be nil.
func (c *comparison) stands(v string) bool {
	return c != nil && c.standing != nil && c.standing.Verdict == v
}

func (c *comparison) arm(r *learn.TrialRecord) *arm {
	if r.Arm == learn.TrialControl {
		return &c.control
	}
	return &c.treatment
}

// kind is the comparison of a kind of advice, nil beyond the bound.
func (t *Trial) kind(name string) *comparison {
	c := t.kinds[name]
	if c == nil && len(t.kinds) < maxKinds {
		c = &comparison{kind: name}
		t.kinds[name] = c
	}
	return c
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (t *Trial) object(kind, id string) *comparison {
	c := t.objects[pair(kind, id)]
	if c == nil && len(t.objects) < maxObjects {
		c = &comparison{kind: kind, object: id}
		t.objects[pair(kind, id)] = c
	}
	return c
}

// count takes in a result: once a task for its kind, and once for its object.
func (t *Trial) count(r *learn.TrialRecord) {
	t.settled.put(r.TrialID, true)
	task := pair(r.ProjectID, r.TaskID)
	counted, _ := t.counted.get(task)
	if counted == nil {
		counted = map[string]bool{}
		t.counted.put(task, counted)
	}
	for _, c := range []*comparison{t.kind(r.AdviceKind), t.object(r.AdviceKind, r.ObjectID)} {
		if c == nil {
			t.dropped++
			continue
		}
		if key := pair(c.kind, c.object); !counted[key] {
			counted[key] = true
			c.add(r)
			t.dirty = t.dirty || c.dirty
		}
	}
}

func (c *comparison) add(r *learn.TrialRecord) {
	a := c.arm(r)
	a.uptake(r)
	if r.Worked != nil && r.Arm != learn.TrialControl {
		c.served.add(*r.Worked)
	}
	if !measured(r) {
		return
	}
	if r.TaskResult == learn.OutcomeSuccess || r.TaskResult == learn.OutcomeFailure {
		a.Tasks.add(r.TaskResult == learn.OutcomeSuccess)
	}
	if r.Worked == nil {
		a.Unknown++
		return
	}
	a.add(*r.Worked)
	c.dirty, c.last = true, later(c.last, r.Timestamp)
	y := 0.0
	if *r.Worked {
		y = 1
	}
	c.success.add(r.Arm != learn.TrialControl, treated(r), y)
	if c.stands(learn.TrialPromote) {
		c.watch.add(r.Arm != learn.TrialControl, treated(r), y)
		for i, capital := range c.watch.Down {
			c.watch.Down[i] = max(capital, 0) // what helped long ago is no credit
		}
	}
	if c.object == "" {
		c.addCosts(a, r)
	}
}

// uptake counts whether the advised was done, and how well.
func (a *arm) uptake(r *learn.TrialRecord) {
	if !r.Observable {
		return
	}
	a.Observable++
	if !r.Taken {
		return
	}
	a.Taken++
	if r.Worked != nil {
		a.TakenWell.add(*r.Worked)
	}
}

// addCosts compares what the tasks cost; a cost of 0 was not measured.
func (c *comparison) addCosts(a *arm, r *learn.TrialRecord) {
	for i, x := range [...]float64{r.Calls, r.DurationMS / 1000, r.Tokens} {
		if !(x > 0) || math.IsInf(x, 0) {
			continue
		}
		a.costs[i].n++
		a.costs[i].sum += math.Log1p(x)
		c.costs[i].add(r.Arm != learn.TrialControl, treated(r), scale(i, x))
	}
}
