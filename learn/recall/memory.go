package recall

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/s2"

	"lathe/learn"
)

// Memory is a projection of the ledger: a card for each object that recall may
// give. Nothing in it is read by a scan: objects are found by words, by the
// project whose best they are, or by the error that they are about.
type Memory struct {
	mu      sync.RWMutex
	cards   map[cardKey]*card
	best    map[string][]*card  // project -> its strategies, the greatest gain first
	errors  map[string]*known   // by error, see errorKey
	worst   map[string][]*known // project -> its errors, the most frequent first
	words   *lexicon
	now     time.Time // the latest event time
	reports []cardKey // by arrival, for the bound
}

type cardKey struct {
	kind learn.EntryKind
	id   string
}

// known is an error that a project met: how often, why, and what fixed it.
type known struct {
	project, signature, name string
	count                    int
	place                    int // among the errors of its project, and one
	at                       time.Time
	report                   *card // the surest one
	remedies                 []*card
}

// Bounds of a memory. Of the reports the latest are kept; strategies and
// remedies are bounded by their learners.
const (
	maxReportCards = 150_000
	maxListed      = 64 // strategies and errors of a project that are looked at whatever the words
)

// New returns an empty memory.
func New() *Memory {
	return &Memory{cards: map[cardKey]*card{}, best: map[string][]*card{}, errors: map[string]*known{}, worst: map[string][]*known{},
		words: newLexicon()}
}

func errorKey(project, signature string) string { return project + "\x00" + signature }

// Apply takes a ledger entry. Kinds that nothing is recalled of are passed over.
func (m *Memory) Apply(e learn.LedgerEntry) error {
	var c *card
	var err error
	switch e.Kind {
	case learn.EntryStrategy:
		c, err = strategyCard(e)
	case learn.EntryRemedy:
		c, err = remedyCard(e)
	case learn.EntryReport:
		c, err = reportCard(e)
	case learn.EntryState:
		return m.state(e)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	c.body = s2.Encode(nil, e.Body)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(c, e)
	return nil
}

// Object reads a strategy or a remedy into the type of its kind, and reports
// whether there is one.
func (m *Memory) Object(kind learn.EntryKind, id string, into any) (bool, error) {
	m.mu.RLock()
	c := m.cards[cardKey{kind, id}]
	m.mu.RUnlock()
	if c == nil {
		return false, nil
	}
	return m.read(c, into)
}

// read reads the object of a card.
func (m *Memory) read(c *card, into any) (bool, error) {
	m.mu.RLock()
	body := c.body
	m.mu.RUnlock()
	if body == nil {
		return false, nil
	}
	raw, err := s2.Decode(nil, body)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		return false, fmt.Errorf("%s %s: %w", c.kind, c.id, err)
	}
	return true, nil
}

// state follows the life of strategies.
func (m *Memory) state(e learn.LedgerEntry) error {
	var s learn.StateChange
	if err := json.Unmarshal(e.Body, &s); err != nil {
		return fmt.Errorf("state of %s: %w", e.ObjectID, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.cards[cardKey{learn.EntryStrategy, s.ObjectID}]; c != nil {
		c.served = s.To.Served()
	}
	return nil
}

func (m *Memory) put(c *card, e learn.LedgerEntry) {
	key := cardKey{c.kind, c.id}
	old := m.cards[key]
	if old != nil {
		m.take(old)
	}
	m.cards[key] = c
	if e.Timestamp.After(m.now) {
		m.now = e.Timestamp
	}
	m.words.add(c)
	switch c.kind {
	case learn.EntryStrategy:
		m.best[c.project] = insertCard(m.best[c.project], c)
	case learn.EntryRemedy:
		k := m.errorOf(c.project, c.signature)
		k.remedies = insertCard(k.remedies, c)
	case learn.EntryReport:
		m.count(c, e, old == nil)
	}
}

// take removes an object that is told anew.
func (m *Memory) take(c *card) {
	m.words.remove(c)
	same := func(o *card) bool { return o == c }
	switch c.kind {
	case learn.EntryStrategy:
		m.best[c.project] = slices.DeleteFunc(m.best[c.project], same)
	case learn.EntryRemedy:
		k := m.errorOf(c.project, c.signature)
		k.remedies = slices.DeleteFunc(k.remedies, same)
	}
	delete(m.cards, cardKey{c.kind, c.id})
}

func insertCard(list []*card, c *card) []*card {
	at, _ := slices.BinarySearchFunc(list, c, func(a, b *card) int { return cmp.Or(cmp.Compare(b.gain, a.gain), strings.Compare(a.id, b.id)) })
	return slices.Insert(list, at, c)
}

func (m *Memory) errorOf(project, signature string) *known {
	key := errorKey(project, signature)
	k := m.errors[key]
	if k == nil {
		k = &known{project: project, signature: signature}
		m.errors[key] = k
	}
	return k
}

// count brings in a report: one more failure of its error.
func (m *Memory) count(c *card, e learn.LedgerEntry, isNew bool) {
	k := m.errorOf(c.project, c.signature)
	if k.report == nil || c.gain >= k.report.gain || k.report.id == c.id {
		if k.report != nil {
			k.report.body = nil // never told again
		}
		k.report = c
	} else {
		c.body = nil
	}
	if c.at.After(k.at) {
		k.at = c.at
	}
	if k.name == "" {
		k.name = errorName(e.Body)
	}
	if !isNew {
		return
	}
	k.count++
	m.rank(k)
	m.reports = append(m.reports, cardKey{c.kind, c.id})
	if len(m.reports) > maxReportCards+maxReportCards/8 {
		m.forget(len(m.reports) - maxReportCards)
	}
}

// rank moves an error to its place among those of its project.
func (m *Memory) rank(k *known) {
	list := m.worst[k.project]
	if k.place == 0 {
		list = append(list, k)
		k.place = len(list)
		m.worst[k.project] = list
	}
	for at := k.place - 1; at > 0 && list[at-1].count < k.count; at-- {
		list[at-1], list[at] = list[at], list[at-1]
		list[at].place, list[at-1].place = at+1, at
	}
}

// forget drops the oldest reports. What they say of their errors stays.
func (m *Memory) forget(n int) {
	for _, key := range m.reports[:n] {
		if c := m.cards[key]; c != nil {
			m.take(c)
		}
	}
	m.reports = slices.Clone(m.reports[n:])
}

func errorName(body json.RawMessage) string {
	var r learn.FailureAnalysisReport
	if json.Unmarshal(body, &r) != nil {
		return ""
	}
	if r.ErrorPattern != nil && r.ErrorPattern.Name != "" {
		return r.ErrorPattern.Name
	}
	if len(r.Signatures) > 0 {
		return r.Signatures[0].Name
	}
	return r.RootCause
}
