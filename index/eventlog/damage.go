package eventlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// DamageKind says what is wrong.
type DamageKind string

const (
	// Missing messages are not in the stream, though later ones are.
	Missing DamageKind = "missing"
	// Altered messages are there and do not prove themselves.
	Altered DamageKind = "altered"
	// Truncated is Missing at the end of a writer's chain.
	Truncated DamageKind = "truncated"
	// Forked messages prove themselves but do not continue their chain: two
	// daemons of one name, an old copy put back, or a forgery.
	Forked DamageKind = "forked"
	// Doubled records have an id that an earlier record has.
	Doubled DamageKind = "doubled"
	// Unmarked says that the high-water mark is lost, so that a loss at the
	// end of the stream could not be seen.
	Unmarked DamageKind = "unmarked"
)

// Damage is one thing wrong with a stream.
type Damage struct {
	Stream Stream     `json:"stream"`
	Kind   DamageKind `json:"kind"`
	// Writer is whose chain it is, empty when that cannot be told.
	Writer string `json:"writer,omitempty"`
	// FirstSeq to LastSeq are the sequence numbers concerned.
	FirstSeq uint64 `json:"first_seq"`
	LastSeq  uint64 `json:"last_seq"`
	// Messages and Records are how many the writer had there; FirstRecord is
	// how many records it had written before. All zero when unknown.
	Messages    uint64 `json:"messages"`
	FirstRecord uint64 `json:"first_record"`
	Records     uint64 `json:"records"`
	Detail      string `json:"detail"`
	// Accepted: somebody opened the log with Options.AcceptDamage since.
	Accepted bool `json:"accepted"`
}

// String is one line for a person.
func (d Damage) String() string {
	s := fmt.Sprintf("stream %s, %s", d.Stream, d.Kind)
	if d.Messages > 0 {
		s += fmt.Sprintf(": %d messages with %d records (number %d to %d of writer %s)",
			d.Messages, d.Records, d.FirstRecord+1, d.FirstRecord+d.Records, d.Writer)
	}
	if d.LastSeq >= d.FirstSeq && d.LastSeq > 0 {
		s += fmt.Sprintf(", sequence %d to %d", d.FirstSeq, d.LastSeq)
	}
	return s + ": " + d.Detail
}

// covers reports whether accepting d accepted other.
func (d Damage) covers(other Damage) bool {
	if d.Stream != other.Stream || d.Writer != other.Writer {
		return false
	}
	if other.Messages > 0 && d.Messages > 0 {
		return d.FirstRecord <= other.FirstRecord && other.FirstRecord+other.Records <= d.FirstRecord+d.Records &&
			other.Messages <= d.Messages
	}
	return d.Kind == other.Kind && d.FirstSeq <= other.FirstSeq && other.LastSeq <= d.LastSeq
}

// DamageError says that Open found the log damaged.
type DamageError struct {
	Dir    string
	Damage []Damage
}

// Error implements error. It names the first few damages and what to do.
func (e *DamageError) Error() string {
	const shown = 5
	var lines []string
	for i, d := range e.Damage {
		if i == shown {
			lines = append(lines, fmt.Sprintf("and %d more (lathe verify lists them)", len(e.Damage)-shown))
			break
		}
		lines = append(lines, d.String())
	}
	return fmt.Sprintf("the event log in %s is damaged: %s. Restore a backup (lathe restore), or go on with what is left by accepting the damage (lathe serve --accept-damage): what is lost stays listed in lathe verify",
		e.Dir, strings.Join(lines, "; "))
}

// acceptedPath is the file that lists what was accepted.
func (l *Log) acceptedPath() string { return filepath.Join(l.opts.Dir, "accepted.json") }

func (l *Log) loadAccepted() error {
	b, err := os.ReadFile(l.acceptedPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the list of accepted damage: %w", err)
	}
	if err := json.Unmarshal(b, &l.accepted); err != nil {
		return fmt.Errorf("%s is not a list of accepted damage: %w; restore it, or delete it and accept the damage again", l.acceptedPath(), err)
	}
	return nil
}

// acceptAll adds to the list of accepted damage, durably.
func (l *Log) acceptAll(damage []Damage) error {
	all := slices.Clone(l.accepted)
	for _, d := range damage {
		d.Accepted = true
		all = append(all, d)
		l.logger.Warn("event log: damage accepted", "damage", d.String())
	}
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(l.acceptedPath(), append(b, '\n')); err != nil {
		return fmt.Errorf("writing the list of accepted damage: %w", err)
	}
	l.accepted = all
	return nil
}

// sort marks what was accepted before and returns what was not.
func (l *Log) sort(damage []Damage) (open []Damage) {
	for i := range damage {
		d := &damage[i]
		d.Accepted = slices.ContainsFunc(l.accepted, func(a Damage) bool { return a.covers(*d) })
		if !d.Accepted {
			open = append(open, *d)
		}
	}
	return open
}

// unreadable says that there is nothing to read at its sequence numbers.
func (d Damage) unreadable() bool {
	return d.Kind == Missing || d.Kind == Altered || d.Kind == Truncated
}

// excused reports whether message seq of the stream is in accepted damage.
func (l *Log) excused(name Stream, seq uint64) bool {
	return slices.ContainsFunc(l.accepted, func(a Damage) bool {
		return a.Stream == name && a.unreadable() && a.FirstSeq <= seq && seq <= a.LastSeq
	})
}

// excusedCount is at least how many of a stream's sequence numbers are in
// accepted damage.
func (l *Log) excusedCount(name Stream) uint64 {
	var n uint64
	for _, a := range l.accepted {
		if a.Stream == name && a.unreadable() && a.LastSeq >= a.FirstSeq && a.LastSeq > 0 {
			n += a.LastSeq - a.FirstSeq + 1
		}
	}
	return n
}
