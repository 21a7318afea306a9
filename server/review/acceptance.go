package review

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"lathe/learn"
)

// What makes a group of proposals stop: that many rejections in a row, and an
// interval of the share that people accept which lies below one half. If people
// accepted half of a group, its first five were all rejected once in 32 times.
const (
	minRejected = 5
	stopBelow   = 0.5
	stopLevel   = 0.95 // one-sided
)

// priorWeight is how many decisions the acceptance of all proposals together
// weighs in the estimate for one group.
const priorWeight = 4

// LowerBound is the lower confidence bound, at 1-alpha, of a share of which
// successes of n were seen.
type LowerBound func(successes, n int, alpha float64) float64

// tally is how a group was decided on, since a person last said that it may be
// proposed again.
type tally struct {
	accepted, judged int
	inARow           int // rejections since the last acceptance
}

func (t *tally) count(accepted bool) {
	t.judged++
	t.inARow++
	if accepted {
		t.accepted++
		t.inARow = 0
	}
}

// Acceptance learns which proposals people want, by kind, source and author. It
// is a projection of the ledger. Its methods may be called from any goroutine.
type Acceptance struct {
	bound LowerBound

	mu      sync.RWMutex
	groups  map[string][]learn.ProposalGroup // by object
	tallies map[learn.ProposalGroup]*tally
	all     tally
	stops   map[learn.ProposalGroup]learn.AcceptanceChange
	seen    map[string]bool // ids of decisions
	version uint64          // grows with each change
}

// Version grows with everything that changes a Confidence.
func (a *Acceptance) Version() uint64 {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.version
}

// NewAcceptance makes an empty one; fill it with Apply.
func NewAcceptance(bound LowerBound) *Acceptance {
	return &Acceptance{bound: bound, groups: map[string][]learn.ProposalGroup{}, tallies: map[learn.ProposalGroup]*tally{},
		stops: map[learn.ProposalGroup]learn.AcceptanceChange{}, seen: map[string]bool{}}
}

// Apply projects one ledger entry; applying one twice changes nothing.
func (a *Acceptance) Apply(e learn.LedgerEntry) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var err error
	switch e.Kind {
	case learn.EntryReview:
		var r learn.ToolReviewRequest
		if err = json.Unmarshal(e.Body, &r); err == nil {
			a.groups[r.ReviewID] = GroupsOf(&Item{Tool: &r})
		}
	case learn.EntryProposal:
		var p learn.PlanModificationProposal
		if err = json.Unmarshal(e.Body, &p); err == nil {
			a.groups[p.ProposalID] = GroupsOf(&Item{Plan: &p})
		}
	case learn.EntryDecision:
		var d learn.Decision
		if err = json.Unmarshal(e.Body, &d); err == nil && d.Verdict != learn.VerdictRequestClarification {
			a.count(d.ObjectID, d.DecisionID, d.Verdict == learn.VerdictApprove)
		}
	case learn.EntryState:
		var s learn.StateChange
		if err = json.Unmarshal(e.Body, &s); err == nil && s.To == learn.StateRolledBack {
			a.count(s.ObjectID, e.ID, false) // it was wanted less than was thought
		}
	case learn.EntryAcceptance:
		var c learn.AcceptanceChange
		if err = json.Unmarshal(e.Body, &c); err == nil {
			a.change(c)
		}
	}
	if err != nil {
		return fmt.Errorf("acceptance: ledger entry %s (%s) is not readable: %w", e.ID, e.Kind, err)
	}
	return nil
}

func (a *Acceptance) count(object, id string, accepted bool) {
	groups := a.groups[object]
	if groups == nil || a.seen[id] {
		return
	}
	a.seen[id] = true
	a.version++
	a.all.count(accepted)
	for _, g := range groups {
		if a.tallies[g] == nil {
			a.tallies[g] = &tally{}
		}
		a.tallies[g].count(accepted)
	}
}

func (a *Acceptance) change(c learn.AcceptanceChange) {
	switch {
	case a.seen[c.ChangeID]:
		return
	case c.Stopped:
		a.stops[c.Group] = c
	default:
		delete(a.stops, c.Group)
		a.tallies[c.Group] = &tally{}
	}
	a.seen[c.ChangeID] = true
	a.version++
}

// GroupsOf are the groups that a proposal belongs to, in this order: its kind,
// what it was concluded from, who made it. What is neither a tool nor a change
// of a plan has none.
func GroupsOf(it *Item) []learn.ProposalGroup {
	kind, source, author := "", "", "lathe"
	switch {
	case it.Plan != nil:
		kind, source = string(it.Plan.Type), "rules"
		if it.Plan.SourceReportID != "" {
			source = "failures"
		}
		if it.Plan.SourceStrategyID != "" {
			source = "strategies"
		}
	case it.Tool != nil:
		p := it.Tool.Tool.Manifest.Provenance
		if p.OpportunityID == "" {
			author = "person" // who brought it
		}
		author = cmp.Or(p.Author, author)
		kind, source = ToolKind(author), cmp.Or(string(p.Method), "rules")
	default:
		return nil // a changed description of a foreign tool is no proposal that could stop
	}
	return []learn.ProposalGroup{{By: "kind", Value: kind}, {By: "source", Value: source}, {By: "author", Value: author}}
}

// ToolKind is the kind of tools by one author: what an agent asks for, what
// Lathe finds, and what a person brings are wanted or not on their own.
func ToolKind(author string) string { return "tool_by_" + author }

// Stat is how people decided on a group.
type Stat struct {
	Group    learn.ProposalGroup
	Accepted int
	Judged   int
	Interval learn.Interval          // of the share that they accept, 95 %
	Stop     *learn.AcceptanceChange // why none are made any more, or nil
}

// Stats lists the groups by name.
func (a *Acceptance) Stats() []Stat {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var out []Stat
	for _, g := range slices.SortedFunc(maps.Keys(a.tallies), func(x, y learn.ProposalGroup) int {
		return cmp.Or(cmp.Compare(x.By, y.By), cmp.Compare(x.Value, y.Value))
	}) {
		s := Stat{Group: g, Accepted: a.tallies[g].accepted, Judged: a.tallies[g].judged, Interval: a.interval(a.tallies[g])}
		if stop, ok := a.stops[g]; ok {
			s.Stop = &stop
		}
		out = append(out, s)
	}
	return out
}

// interval is the exact two-sided interval of a share (Clopper and Pearson,
// 1934).
func (a *Acceptance) interval(t *tally) learn.Interval {
	if t.judged == 0 {
		return learn.Interval{High: 1, Level: stopLevel}
	}
	const alpha = (1 - stopLevel) / 2
	return learn.Interval{Low: a.bound(t.accepted, t.judged, alpha), High: 1 - a.bound(t.judged-t.accepted, t.judged, alpha), Level: stopLevel}
}

// Due lists the changes that the decisions so far call for and that are not in
// the ledger. Only kinds stop: that a source or an author is unlucky lowers
// confidence, but each kind stands for itself.
func (a *Acceptance) Due(now time.Time) []learn.AcceptanceChange {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var out []learn.AcceptanceChange
	for g, t := range a.tallies {
		if _, stopped := a.stops[g]; stopped || g.By != "kind" || t.inARow < minRejected {
			continue
		}
		upper := 1 - a.bound(t.judged-t.accepted, t.judged, 1-stopLevel)
		if upper >= stopBelow {
			continue
		}
		out = append(out, learn.AcceptanceChange{
			ChangeID: learn.UUIDv8("acceptance", g.By, g.Value, now.Format(time.RFC3339Nano)), Group: g, Stopped: true, Accepted: t.accepted, Judged: t.judged,
			Interval:  learn.Interval{High: upper, Level: stopLevel},
			Reason:    fmt.Sprintf("people accepted %d of %d, the last %d were all rejected; that says at most %.0f %%", t.accepted, t.judged, t.inARow, 100*upper),
			Timestamp: now,
		})
	}
	slices.SortFunc(out, func(x, y learn.AcceptanceChange) int { return cmp.Compare(x.Group.Value, y.Group.Value) })
	return out
}

// Stopped returns why no proposals of a kind are made any more, if so.
func (a *Acceptance) Stopped(kind string) (learn.AcceptanceChange, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	c, ok := a.stops[learn.ProposalGroup{By: "kind", Value: kind}]
	return c, ok
}

// Stops lists what is in force.
func (a *Acceptance) Stops() []learn.AcceptanceChange {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return slices.SortedFunc(maps.Values(a.stops), func(x, y learn.AcceptanceChange) int { return x.Timestamp.Compare(y.Timestamp) })
}

// Confidence updates what a proposal says of itself by how people decided on
// others of its kind, from its source, by its author. Each group's share is
// drawn towards that of all proposals (a Beta prior that weighs priorWeight
// decisions), and the groups' odds are put together as if independent (naive
// Bayes). Without decisions it is base.
func (a *Acceptance) Confidence(groups []learn.ProposalGroup, base float64) float64 {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.all.judged == 0 {
		return base
	}
	if !(base > 0) {
		base = 0.5 // nothing is known
	}
	base = min(base, 0.99)
	overall := (float64(a.all.accepted) + priorWeight/2) / (float64(a.all.judged) + priorWeight)
	shift := logit(overall)
	for _, g := range groups {
		if t := a.tallies[g]; t != nil {
			share := (float64(t.accepted) + priorWeight*overall) / (float64(t.judged) + priorWeight)
			shift += logit(share) - logit(overall)
		}
	}
	const most = 3 // what is said of itself is never drowned out
	return 1 / (1 + math.Exp(-logit(base)-max(-most, min(most, shift))))
}

func logit(p float64) float64 { return math.Log(p / (1 - p)) }
