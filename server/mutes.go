package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"lathe/index/graph"
	"lathe/learn"
)

// mutes are the person's wishes for less unasked advice, a projection of the
// ledger. Who asks is answered all the same.
type mutes struct {
	mu   sync.RWMutex
	list []learn.Mute // in force, or past their time; oldest first
}

// maxMutes bounds what is in force at once.
const maxMutes = 1000

func (m *mutes) apply(e learn.LedgerEntry) error {
	if e.Kind != learn.EntryMute {
		return nil
	}
	var mute learn.Mute
	if err := json.Unmarshal(e.Body, &mute); err != nil {
		return fmt.Errorf("mute: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = slices.DeleteFunc(m.list, func(o learn.Mute) bool { return o.MuteID == mute.MuteID })
	if !mute.Lifted {
		m.list = append(m.list, mute)
	}
	m.list = m.list[max(0, len(m.list)-maxMutes):]
	return nil
}

// inForce lists the mutes that hold now.
func (m *mutes) inForce(now time.Time) []learn.Mute {
	m.mu.RLock()
	defer m.mu.RUnlock()
	out := []learn.Mute{}
	for _, mute := range m.list {
		if mute.Until.IsZero() || now.Before(mute.Until) {
			out = append(out, mute)
		}
	}
	return out
}

// silent says whether nothing is to be said, unasked, of a failure in a
// project; and why.
func (m *mutes) silent(project string, sigs []learn.ErrorSignature, now time.Time) (string, bool) {
	for _, mute := range m.inForce(now) {
		if mute.ProjectID != "" && mute.ProjectID != project {
			continue
		}
		if mute.SignatureID == "" || slices.ContainsFunc(sigs, func(s learn.ErrorSignature) bool {
			return s.ID == mute.SignatureID || s.PatternID == mute.SignatureID
		}) {
			return "a person muted this advice (lathe mute list)", true
		}
	}
	return "", false
}

// MuteCall mutes advice, or lifts mutes. Signature is the id of a signature or
// of a pattern; For is a duration, 0 without an end.
type MuteCall struct {
	SignatureID string        `json:"signature_id,omitempty"`
	ProjectID   string        `json:"project_id,omitempty"`
	For         time.Duration `json:"for_ns,omitempty"`
	Lift        string        `json:"lift,omitempty"` // the id of a mute, an unambiguous beginning of it, or "all"
}

// maxMute is the longest time that is taken for meant.
const maxMute = 366 * 24 * time.Hour

// mute writes a person's wish into the ledger, and returns what holds then.
func (d *Daemon) mute(ctx context.Context, c MuteCall) ([]learn.Mute, error) {
	release, err := d.enter()
	if err != nil {
		return nil, err
	}
	defer release()
	if c.Lift != "" {
		_, err := d.unmute(ctx, c.Lift)
		return d.mutes.inForce(d.now()), err
	}
	if c.For < 0 || c.For > maxMute {
		return nil, fmt.Errorf("a mute lasts up to a year, not %s; leave the duration out for one without an end", c.For)
	}
	if _, err := d.clean(&c.SignatureID, &c.ProjectID); err != nil {
		return nil, err
	}
	if err := d.knownFailure(c.SignatureID); err != nil {
		return nil, err
	}
	now := d.now()
	m := learn.Mute{SignatureID: c.SignatureID, ProjectID: c.ProjectID, Timestamp: now}
	if c.For > 0 {
		m.Until = now.Add(c.For)
	}
	m.MuteID = learn.UUIDv8("mute", m.SignatureID, m.ProjectID, now.Format(time.RFC3339Nano))
	if err := d.writeLedger(ctx, learn.EntryMute, m.MuteID, m.ProjectID, m, nil); err != nil {
		return nil, err
	}
	return d.mutes.inForce(d.now()), d.ledgerSettled(ctx)
}

// knownFailure refuses the name of a kind of failure that is neither a pattern
// nor was ever met: a mute of it would silence nothing, and nobody would notice.
func (d *Daemon) knownFailure(id string) error {
	if id == "" {
		return nil
	}
	patterns := d.learners.reader.signatures
	if _, ok := patterns.Pattern(id); ok {
		return nil
	}
	if _, ok := d.graph.Node(graph.ID(graph.Error, "", id), ""); ok {
		return nil
	}
	words := strings.FieldsFunc(strings.ToLower(id), func(r rune) bool { return r < 'a' || r > 'z' })
	var alike []string
	most := 1
	for _, p := range patterns.Patterns() {
		shared := 0
		for _, w := range words {
			if len(w) > 2 && strings.Contains(p.ID, w) {
				shared++
			}
		}
		if shared > most {
			alike, most = nil, shared
		}
		if shared == most {
			alike = append(alike, p.ID)
		}
	}
	hint := "`lathe graph list --kind ErrorPattern` shows those that were met"
	if len(alike) > 0 {
		hint = "alike: " + strings.Join(alike[:min(len(alike), 5)], ", ")
	}
	return noSuch("no kind of failure is called %.80q: %s", id, hint)
}

// errNoMute says that an id names no mute.
var errNoMute = errors.New("there is no such mute")

// unmute lifts one mute, or all.
func (d *Daemon) unmute(ctx context.Context, id string) (lifted []learn.Mute, err error) {
	for _, m := range d.mutes.inForce(d.now()) {
		if id == "all" || id != "" && strings.HasPrefix(m.MuteID, id) {
			lifted = append(lifted, m)
		}
	}
	if len(lifted) == 0 && id != "all" {
		return nil, fmt.Errorf("%w %.80q: `lathe mute list` shows them", errNoMute, id)
	}
	if len(lifted) > 1 && id != "all" {
		return nil, fmt.Errorf("%q fits %d mutes: give more of the id", id, len(lifted))
	}
	for _, m := range lifted {
		m.Lifted, m.Timestamp = true, d.now()
		if err := d.writeLedger(ctx, learn.EntryMute, m.MuteID, m.ProjectID, m, nil); err != nil {
			return lifted, err
		}
	}
	return lifted, d.ledgerSettled(ctx)
}
