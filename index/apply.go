package index

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	index "github.com/blevesearch/bleve_index_api"

	"lathe/learn"
)

// maxText bounds the searchable text of one document, in bytes; of a longer
// one the beginning and the end are kept, where errors stand.
const maxText = 4096

// EventDoc is an event as it is searched.
type EventDoc struct {
	ID         string    `json:"-"`
	Project    string    `json:"project"`
	Session    string    `json:"session"`
	Task       string    `json:"task"`
	Agent      string    `json:"agent"`
	Tool       string    `json:"tool"`
	Intent     string    `json:"intent"`
	Status     string    `json:"status"`
	Skeleton   string    `json:"skeleton"`
	Signatures []string  `json:"signatures"`
	Summary    string    `json:"summary"` // one line
	Text       string    `json:"text"`    // searched, not stored
	Time       time.Time `json:"time"`
}

// NewEventDoc makes the document of an action.
func NewEventDoc(ev *learn.ActionOutcome, act learn.Action, sigs []learn.ErrorSignature) EventDoc {
	d := EventDoc{
		ID: ev.ID, Project: ev.ProjectID, Session: ev.SessionID, Task: ev.TaskID, Agent: ev.AgentID,
		Tool: ev.ToolName, Intent: string(act.Intent), Status: string(ev.Status), Skeleton: ends(act.Skeleton, 500),
		Time: ev.Timestamp.UTC(),
	}
	for _, s := range sigs {
		d.Signatures = append(d.Signatures, s.ID)
	}
	call := act.Command
	if call == "" {
		call = string(ev.ToolParameters)
	}
	d.Summary = ends(strings.Join(strings.Fields(call), " "), 300)
	d.Text = ends(call, maxText/2) + "\n" + ends(ev.ToolOutput.Text(), maxText)
	if ev.ErrorDetails != nil {
		d.Text += "\n" + ends(ev.ErrorDetails.Message, maxText/2)
	}
	return d
}

// ApplyEvents writes documents up to message seq, durably.
func (x *Index) ApplyEvents(seq uint64, docs []EventDoc) error {
	p := x.events
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.bleve.NewBatch()
	known, err := p.lookup()
	if err != nil {
		return err
	}
	defer func() { _ = known.reader.Close() }() // only read
	var added uint64
	for _, d := range docs {
		isNew, err := known.isNew(d.ID)
		if err != nil {
			return err
		}
		if isNew {
			added++
		}
		if err := b.Index(d.ID, d); err != nil {
			return fmt.Errorf("index: event %s: %w", d.ID, err)
		}
	}
	return p.commit(b, seq, added)
}

type objectDoc struct {
	Kind    string    `json:"kind"`
	Object  string    `json:"object"`
	Project string    `json:"project"`
	Text    string    `json:"text"`
	Body    string    `json:"body"` // the ledger entry
	Time    time.Time `json:"time"`
}

// ApplyLedger writes the entries up to message seq, durably. The latest entry
// of a kind and object replaces the former.
func (x *Index) ApplyLedger(seq uint64, entries []learn.LedgerEntry) error {
	p := x.objects
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.bleve.NewBatch()
	known, err := p.lookup()
	if err != nil {
		return err
	}
	defer func() { _ = known.reader.Close() }() // only read
	var added uint64
	for _, e := range entries {
		raw, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("index: ledger entry %s: %w", e.ID, err)
		}
		id := objectKey(e.Kind, e.ObjectID)
		isNew, err := known.isNew(id)
		if err != nil {
			return err
		}
		if isNew {
			added++
		}
		d := objectDoc{Kind: string(e.Kind), Object: e.ObjectID, Project: e.ProjectID, Body: string(raw),
			Text: ends(words(e.Body), maxText), Time: e.Timestamp.UTC()}
		if err := b.Index(id, d); err != nil {
			return fmt.Errorf("index: ledger entry %s: %w", e.ID, err)
		}
	}
	return p.commit(b, seq, added)
}

// lookup tells which documents are in an index before a batch.
type lookup struct {
	name   string
	reader index.IndexReader
	seen   map[string]bool
}

func (p *part) lookup() (*lookup, error) {
	advanced, err := p.bleve.Advanced()
	if err != nil {
		return nil, fmt.Errorf("index: look into %s: %w", p.name, err)
	}
	r, err := advanced.Reader()
	if err != nil {
		return nil, fmt.Errorf("index: look into %s: %w", p.name, err)
	}
	return &lookup{p.name, r, map[string]bool{}}, nil
}

// isNew reports whether neither index nor batch has a document of this id. It
// reads no stored field.
func (l *lookup) isNew(id string) (bool, error) {
	if l.seen[id] {
		return false, nil
	}
	l.seen[id] = true
	found, err := l.reader.InternalID(id)
	if err != nil {
		return false, fmt.Errorf("index: look up %s in %s: %w", id, l.name, err)
	}
	return found == nil, nil
}

func objectKey(kind learn.EntryKind, objectID string) string { return string(kind) + "/" + objectID }

// words is the text of all strings in a JSON value.
func words(raw json.RawMessage) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return ""
	}
	var b strings.Builder
	gather(&b, v)
	return b.String()
}

func gather(b *strings.Builder, v any) {
	if b.Len() > 4*maxText {
		return
	}
	switch v := v.(type) {
	case string:
		if !learn.ValidID(v) { // an id is looked up, not searched
			b.WriteString(v)
			b.WriteByte('\n')
		}
	case []any:
		for _, e := range v {
			gather(b, e)
		}
	case map[string]any:
		for _, e := range v {
			gather(b, e)
		}
	}
}

// ends cuts s to at most n bytes by taking out its middle.
func ends(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n/2], "") + " … " + strings.ToValidUTF8(s[len(s)-n/2:], "")
}
