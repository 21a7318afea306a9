package mine

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"lathe/learn"
)

const snapshotVersion = 3

var errDamaged = errors.New("mine: the snapshot is damaged or of other limits: replay the log")

type snapshot struct {
	Version    int                    `json:"version"`
	Arrivals   int64                  `json:"arrivals"`
	Now        time.Time              `json:"now"`
	Strata     map[string]*stratum    `json:"strata"`
	Next       int                    `json:"next"`  // ordinal
	Tasks      []*taskSeq             `json:"tasks"` // kept, oldest first
	Ladders    []ladderSnapshot       `json:"ladders"`
	Hypotheses []hypothesisSnapshot   `json:"hypotheses"`
	Strategies []learn.ProvenStrategy `json:"strategies"`
	Lives      []learn.ProvenStrategy `json:"lives"`
	Flow       *flow                  `json:"flow"`
	Stats      Stats                  `json:"stats"`
}

type ladderSnapshot struct {
	Level    level            `json:"level"`
	Names    []string         `json:"names"`
	Stream   []byte           `json:"stream"`
	Pool     []waitingPattern `json:"pool"`
	Admitted int              `json:"admitted"`
}

type hypothesisSnapshot struct {
	Level   level     `json:"level"`
	Name    string    `json:"name,omitempty"` // of a habit
	Items   []int32   `json:"items,omitempty"`
	Pattern PatternID `json:"pattern,omitempty"`
	Weight  float64   `json:"weight"`
	Since   int       `json:"since"`
	E       evidence  `json:"e"`
	In      bits      `json:"in"`
	Life    *life     `json:"life,omitempty"`
}

// Snapshot implements learn.Learner: JSON with a version.
func (m *Miner) Snapshot() ([]byte, error) {
	s := snapshot{Version: snapshotVersion, Arrivals: m.arrivals, Now: m.now, Strata: m.strata, Next: m.win.next,
		Strategies: m.Strategies(), Lives: m.Lives(), Flow: m.flow, Stats: m.Stats()}
	m.win.all(func(_ int, t *taskSeq) { s.Tasks = append(s.Tasks, t) })
	for _, l := range m.ladders {
		s.Ladders = append(s.Ladders, ladderSnapshot{l.level, l.names, l.stream.Snapshot(), l.pool, l.admitted})
	}
	for _, h := range m.hyps {
		out := hypothesisSnapshot{Level: h.level, Items: h.items, Pattern: h.pattern, Weight: h.weight, Since: h.since,
			E: h.e, In: h.in, Life: h.life}
		if h.habit != nil {
			out.Name = h.habit.title
		}
		s.Hypotheses = append(s.Hypotheses, out)
	}
	return json.Marshal(s)
}

// Restore implements learn.Learner; it fails on a snapshot of another version
// and leaves the Miner as it was.
func (m *Miner) Restore(data []byte) error {
	var s snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("mine: read snapshot: %w", err)
	}
	if s.Version != snapshotVersion {
		return fmt.Errorf("mine: snapshot has version %d, this program reads %d: replay the log", s.Version, snapshotVersion)
	}
	fresh := New(m.opt)
	if err := fresh.restore(&s); err != nil {
		return err
	}
	m.arrivals, m.now, m.strata, m.open, m.win = fresh.arrivals, fresh.now, fresh.strata, fresh.open, fresh.win
	m.ladders, m.habitual, m.hyps, m.flow, m.dirty = fresh.ladders, fresh.habitual, fresh.hyps, fresh.flow, true
	m.mu.Lock()
	defer m.mu.Unlock()
	m.strategies, m.lives, m.stats = s.Strategies, s.Lives, s.Stats
	return nil
}

func (m *Miner) restore(s *snapshot) error {
	if len(s.Ladders) != len(m.ladders) || len(s.Tasks) != min(s.Next, m.win.size) || slices.Contains(s.Tasks, nil) {
		return errDamaged
	}
	m.arrivals, m.now = s.Arrivals, s.Now
	if s.Flow == nil || s.Flow.Pending == nil || slices.Contains(s.Flow.Sessions, nil) {
		return errDamaged
	}
	m.flow = s.Flow
	for name, st := range s.Strata {
		if st == nil || slices.Contains(st.Open, nil) {
			return errDamaged
		}
		m.strata[name] = st
		for _, t := range st.Open {
			m.open[t.key()] = name
		}
	}
	for i, l := range m.ladders {
		if err := l.restore(&s.Ladders[i]); err != nil {
			return err
		}
	}
	m.win.next = s.Next - len(s.Tasks)
	for _, t := range s.Tasks {
		t.views = map[level]view{}
		for _, l := range m.ladders {
			t.views[l.level] = l.view(t)
		}
		m.win.add(t)
	}
	return m.restoreHypotheses(s.Hypotheses)
}

func (l *ladder) restore(s *ladderSnapshot) error {
	if s.Level != l.level {
		return fmt.Errorf("mine: the snapshot has level %q where %q belongs: replay the log", s.Level, l.level)
	}
	l.names, l.pool, l.admitted = s.Names, s.Pool, s.Admitted
	for i, n := range l.names {
		l.number[n] = int32(i)
	}
	return l.stream.Restore(s.Stream)
}

func (m *Miner) restoreHypotheses(all []hypothesisSnapshot) error {
	habits := map[string]*hypothesis{}
	for _, h := range m.habitual {
		habits[h.habit.title] = h
	}
	m.hyps = nil
	for _, s := range all {
		h := habits[s.Name]
		if s.Level != levelHabit {
			i := slices.IndexFunc(m.ladders, func(l *ladder) bool { return l.level == s.Level })
			if i < 0 || slices.ContainsFunc(s.Items, func(it int32) bool { return it < 0 || int(it) >= len(m.ladders[i].names) }) {
				return errDamaged
			}
			h = &hypothesis{level: s.Level, items: s.Items, pattern: s.Pattern}
			for _, it := range s.Items {
				h.names = append(h.names, m.ladders[i].names[it])
			}
			if s.Pattern != 0 {
				m.ladders[i].chosen[s.Pattern] = h
			} else {
				m.ladders[i].loose = append(m.ladders[i].loose, h)
			}
		}
		if h == nil || len(s.In) != len(newBits(m.win.size)) {
			return fmt.Errorf("mine: the snapshot has habit %q, which this program does not know: replay the log", s.Name)
		}
		h.weight, h.since, h.e, h.in, h.life = s.Weight, s.Since, s.E, s.In, s.Life
		m.hyps = append(m.hyps, h)
	}
	return nil
}
