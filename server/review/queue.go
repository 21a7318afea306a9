package review

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"lathe/learn"
)

// Kind says what an item proposes.
type Kind string

const (
	KindTool Kind = "tool"
	KindPlan Kind = "plan"
	// KindDescription is a changed tool description of a server behind the
	// gateway.
	KindDescription Kind = "description"
)

// Item is one proposal in the queue.
type Item struct {
	ID          string                          `json:"id"`
	Kind        Kind                            `json:"kind"`
	Title       string                          `json:"title"`
	Summary     string                          `json:"summary"`
	Project     string                          `json:"project_id,omitempty"`
	State       learn.State                     `json:"state"`
	Risk        string                          `json:"risk"`
	ContentHash string                          `json:"content_hash"`
	Created     time.Time                       `json:"created"`
	Changed     time.Time                       `json:"changed"`
	Decisions   []learn.Decision                `json:"decisions,omitempty"`
	Questions   []string                        `json:"questions,omitempty"` // asked back, unanswered
	Answers     []learn.Clarification           `json:"answers,omitempty"`   // asked back and answered, oldest first
	Evidence    []string                        `json:"evidence,omitempty"`
	Tool        *learn.ToolReviewRequest        `json:"tool,omitempty"`
	Plan        *learn.PlanModificationProposal `json:"plan,omitempty"`
	Description *learn.DescriptionChange        `json:"description,omitempty"`
	// Alone is set when Lathe brought the change into its file without a person.
	Alone *learn.AutonomousAct `json:"alone,omitempty"`
}

// Ledger is where decisions go before anything follows from them.
type Ledger interface {
	WriteLedger(ctx context.Context, entries []learn.LedgerEntry) error
}

// Options configure a Queue.
type Options struct {
	Ledger Ledger
	// Reviewer returns the reviewer's public key, or ErrNoReviewer.
	Reviewer func() (ed25519.PublicKey, error)
	Now      func() time.Time
}

// Queue is the set of proposals and what was decided on them.
type Queue struct {
	o      Options
	decide sync.Mutex // one decision at a time: the first wins, the second is told

	mu     sync.Mutex
	items  map[string]*Item // an Item is never changed, but replaced
	sorted []*Item          // the same, oldest first; nil after a change
	nonces map[string]bool
	moved  chan struct{} // closed at the next change of an item
}

// New makes an empty queue; fill it with Apply.
func New(o Options) *Queue {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Queue{o: o, items: map[string]*Item{}, nonces: map[string]bool{}, moved: make(chan struct{})}
}

// Apply projects one ledger entry. Entries of other kinds change nothing, and
// applying one twice changes nothing.
func (q *Queue) Apply(e learn.LedgerEntry) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	var err error
	switch e.Kind {
	case learn.EntryReview:
		var r learn.ToolReviewRequest
		if err = json.Unmarshal(e.Body, &r); err == nil {
			q.put(&Item{ID: r.ReviewID, Kind: KindTool, Title: r.Tool.Manifest.Name + " " + r.Tool.Manifest.Version,
				Summary: r.Summary, Risk: r.Validation.Risk, ContentHash: r.Tool.ContentHash, Evidence: r.Evidence, Tool: &r}, e)
		}
	case learn.EntryProposal:
		var p learn.PlanModificationProposal
		if err = json.Unmarshal(e.Body, &p); err == nil {
			q.put(&Item{ID: p.ProposalID, Kind: KindPlan, Title: strings.ReplaceAll(string(p.Type), "_", " ") + " in " + p.TargetPlanTemplate,
				Summary: p.Rationale, Risk: p.Risk, ContentHash: p.ContentHash, Evidence: p.Evidence, Plan: &p}, e)
		}
	case learn.EntryDescription:
		var c learn.DescriptionChange
		if err = json.Unmarshal(e.Body, &c); err == nil {
			q.put(descriptionItem(c), e)
		}
	case learn.EntryDecision:
		var d learn.Decision
		if err = json.Unmarshal(e.Body, &d); err == nil {
			q.applyDecision(d)
		}
	case learn.EntryAutonomy:
		var a learn.AutonomousAct
		if err = json.Unmarshal(e.Body, &a); err == nil {
			q.change(a.ProposalID, func(it *Item) { it.Alone, it.Changed = &a, a.Timestamp })
		}
	case learn.EntryState:
		var s learn.StateChange
		if err = json.Unmarshal(e.Body, &s); err == nil {
			q.change(s.ObjectID, func(it *Item) { it.State, it.Changed = s.To, s.Timestamp })
		}
	case learn.EntryClarification:
		var c learn.Clarification
		if err = json.Unmarshal(e.Body, &c); err == nil {
			q.applyAnswer(c)
		}
	}
	if err != nil {
		return fmt.Errorf("review: ledger entry %s (%s) is not readable: %w", e.ID, e.Kind, err)
	}
	return nil
}

// put adds an item, or renews one whose content changed: a changed object
// needs a new decision.
func (q *Queue) put(it *Item, e learn.LedgerEntry) {
	old := q.items[it.ID]
	if old != nil && old.ContentHash == it.ContentHash {
		return
	}
	it.State, it.Project, it.Created, it.Changed = learn.StateInReview, e.ProjectID, e.Timestamp, e.Timestamp
	if old != nil {
		it.Created, it.Decisions, it.Answers = old.Created, old.Decisions, old.Answers
	}
	q.replace(it)
}

func (q *Queue) replace(it *Item) {
	old := q.items[it.ID]
	q.items[it.ID] = it
	was := q.sorted
	q.sorted = nil
	if old != nil && was != nil && old.Created.Equal(it.Created) { // it stays where it is
		at, _ := slices.BinarySearchFunc(was, old, older)
		q.sorted = slices.Clone(was) // others hold the former one
		q.sorted[at] = it
	}
	close(q.moved)
	q.moved = make(chan struct{})
}

// Watch returns a channel that is closed at the next change of an item.
func (q *Queue) Watch() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.moved
}

// change replaces an item by a changed copy; one that is not there it leaves
// alone.
func (q *Queue) change(id string, f func(*Item)) {
	old := q.items[id]
	if old == nil {
		return
	}
	it := *old
	f(&it)
	q.replace(&it)
}

func (q *Queue) applyDecision(d learn.Decision) {
	if q.nonces[d.Nonce] {
		return
	}
	q.nonces[d.Nonce] = true
	if it := q.items[d.ObjectID]; it == nil || it.ContentHash != d.ContentHash {
		return
	}
	q.change(d.ObjectID, func(it *Item) {
		it.Decisions = append(slices.Clip(it.Decisions), d)
		it.Changed = d.Timestamp
		switch d.Verdict {
		case learn.VerdictApprove: // its signature is checked before anything follows from it
			it.State, it.Questions = learn.StateApproved, nil
		case learn.VerdictReject:
			it.State, it.Questions = learn.StateRejected, nil
		case learn.VerdictRequestClarification:
			it.Questions = append(slices.Clip(it.Questions), d.Reason)
		}
	})
}

// applyAnswer moves a question to those that are answered. An answer that came
// twice, or after the content changed, changes nothing.
func (q *Queue) applyAnswer(c learn.Clarification) {
	if it := q.items[c.ObjectID]; it == nil || it.ContentHash != c.ContentHash ||
		slices.ContainsFunc(it.Answers, func(a learn.Clarification) bool { return a.ClarificationID == c.ClarificationID }) {
		return
	}
	q.change(c.ObjectID, func(it *Item) {
		it.Answers, it.Changed = append(slices.Clip(it.Answers), c), c.Timestamp
		if at := slices.Index(it.Questions, c.Question); at >= 0 {
			it.Questions = slices.Delete(slices.Clone(it.Questions), at, at+1)
		}
	})
}

// Decide checks a decision and makes it: durable first, then visible. A
// refusal is an error that says why, and a ledger entry.
func (q *Queue) Decide(ctx context.Context, d learn.Decision) (Item, error) {
	q.decide.Lock()
	defer q.decide.Unlock()
	if err := q.check(d); err != nil {
		return Item{}, q.refuse(ctx, d, err)
	}
	return q.commit(ctx, d)
}

// refuse records a decision that does not hold, and says why.
func (q *Queue) refuse(ctx context.Context, d learn.Decision, why error) error {
	entry, err := learn.NewEntry(learn.EntryRefused, d.ObjectID, "", q.o.Now().UTC(),
		map[string]any{"decision": bounded(d), "why": why.Error()}, nil)
	if err == nil {
		err = q.o.Ledger.WriteLedger(ctx, []learn.LedgerEntry{entry})
	}
	if err != nil {
		return fmt.Errorf("decision refused: %w (and the refusal could not be recorded: %w)", why, err)
	}
	return fmt.Errorf("decision refused: %w", why)
}

// maxRefusedField bounds, in bytes, what a forger can write into the ledger.
const maxRefusedField = 500

func bounded(d learn.Decision) learn.Decision {
	for _, s := range []*string{&d.DecisionID, &d.ObjectID, &d.ContentHash, (*string)(&d.Verdict), &d.Reason, &d.Reviewer, &d.Nonce} {
		*s = strings.ToValidUTF8((*s)[:min(len(*s), maxRefusedField)], "")
	}
	d.Signature = d.Signature[:min(len(d.Signature), ed25519.SignatureSize)]
	return d
}

// commit makes a checked decision durable, then visible.
func (q *Queue) commit(ctx context.Context, d learn.Decision) (Item, error) {
	entry, err := learn.NewEntry(learn.EntryDecision, d.ObjectID, "", d.Timestamp, d, nil)
	if err != nil {
		return Item{}, fmt.Errorf("decision: %w", err)
	}
	if err := q.o.Ledger.WriteLedger(ctx, []learn.LedgerEntry{entry}); err != nil {
		return Item{}, fmt.Errorf("decision on %s not recorded, so it does not hold; try again: %w", d.ObjectID, err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.applyDecision(d)
	return *q.items[d.ObjectID], nil
}

func (q *Queue) check(d learn.Decision) error {
	public, err := q.o.Reviewer()
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	it := q.items[d.ObjectID]
	if it == nil {
		return fmt.Errorf("there is no proposal %q: see `lathe review list`", d.ObjectID)
	}
	if err := Check(public, d, it.ContentHash); err != nil {
		return err
	}
	switch d.Verdict {
	case learn.VerdictApprove, learn.VerdictReject, learn.VerdictRequestClarification:
	default:
		return fmt.Errorf("unknown verdict %q", d.Verdict)
	}
	if q.nonces[d.Nonce] {
		return fmt.Errorf("this decision was made already (a replay)")
	}
	if it.State != learn.StateInReview {
		return fmt.Errorf("%s is %s already: nothing is left to decide", it.Title, it.State)
	}
	return nil
}

// Get returns one item by its ID or by an unambiguous beginning of it.
func (q *Queue) Get(id string) (Item, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if it := q.items[id]; it != nil {
		return *it, nil
	}
	var found []*Item
	for key, it := range q.items {
		if id != "" && strings.HasPrefix(key, id) || it.Kind == KindTool && it.Tool.Tool.Manifest.Name == id {
			found = append(found, it)
		}
	}
	switch len(found) {
	case 0:
		return Item{}, fmt.Errorf("there is no proposal %q: see `lathe review list`", id)
	case 1:
		return *found[0], nil
	}
	return Item{}, fmt.Errorf("%q fits %d proposals: give more of the id", id, len(found))
}

// List returns the items in the given states (all when none is given), oldest
// first.
func (q *Queue) List(states ...learn.State) []Item {
	var out []Item
	for _, it := range q.Items() {
		if len(states) == 0 || slices.Contains(states, it.State) {
			out = append(out, *it)
		}
	}
	return out
}

// Items returns all items, oldest first. Neither the slice nor an item may be
// changed, and neither ever changes: an item that is replaced has another
// address.
func (q *Queue) Items() []*Item {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sorted == nil {
		q.sorted = slices.SortedFunc(maps.Values(q.items), older)
	}
	return q.sorted
}

// older orders items by age.
func older(a, b *Item) int {
	if c := a.Created.Compare(b.Created); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// Approval returns the approving decision on exactly contentHash, checked
// against the reviewer's key anew: what deployment and the first run ask.
func (q *Queue) Approval(objectID, contentHash string) (learn.Decision, error) {
	public, err := q.o.Reviewer()
	if err != nil {
		return learn.Decision{}, err
	}
	it, err := q.Get(objectID)
	if err != nil {
		return learn.Decision{}, err
	}
	for i := len(it.Decisions) - 1; i >= 0; i-- {
		d := it.Decisions[i]
		if d.Verdict == learn.VerdictApprove && d.ContentHash == contentHash {
			return d, Check(public, d, contentHash)
		}
	}
	return learn.Decision{}, fmt.Errorf("%s is not approved", it.Title)
}
