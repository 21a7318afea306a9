package recovery

import (
	"slices"
	"sync"
	"time"

	"lathe/learn"
)

// Miner is the learner "recovery". One goroutine calls Apply, Snapshot and
// Restore; Offer, Remedies, Named, Stats and Judge may be called from others.
type Miner struct {
	opt Options

	mu       sync.RWMutex
	sessions *lru[*session]
	buckets  *lru[*bucket]
	memory   *lru[*node]          // by context, see situation
	habits   *lru[*habit]         // by project and intent
	records  *lru[*record]        // by project, pattern and class
	latest   map[string]time.Time // newest event time, by project
	stats    Stats
	// calibrator says how often a guess of some probability is right; it learns
	// from each resolution that was guessed at before.
	calibrator *learn.Calibrator
	// guesses is how many are kept with a failure: one, and more in Replay, which
	// is told of each failure and each resolution.
	guesses  int
	frozen   bool // nothing is learned
	opened   func(*failure, *learn.ErrorSignature)
	resolved func(*session, *failure, *form, bool)
}

// New returns a Miner that has learned nothing yet.
func New(o Options) *Miner {
	return &Miner{
		opt: o.withDefaults(), sessions: newLRU[*session](), buckets: newLRU[*bucket](),
		memory: newLRU[*node](), habits: newLRU[*habit](), records: newLRU[*record](), latest: map[string]time.Time{},
		calibrator: learn.NewCalibrator(learn.CalibratorOptions{}), guesses: 1,
	}
}

// Name implements learn.Learner.
func (m *Miner) Name() string { return "recovery" }

// Stats returns what was seen and dropped so far.
func (m *Miner) Stats() Stats {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.stats
}

// Apply implements learn.Learner. It emits an EntryRemedy when a remedy
// becomes offerable or changes notably.
func (m *Miner) Apply(o *learn.Observation, emit func(learn.LedgerEntry)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := o.Record.Task; t != nil {
		m.endTask(t)
		m.heard(t, emit)
		return nil
	}
	ev := o.Record.Action
	if ev == nil || ev.Status == learn.StatusInterrupted || ev.ActionType == learn.LLMInference {
		return nil
	}
	m.note(ev.ProjectID, ev.Timestamp)
	s := m.sessions.touch(ev.ProjectID+"\x00"+ev.SessionID, func() *session {
		return &session{Project: ev.ProjectID, ID: ev.SessionID, Counted: map[string]bool{}}
	})
	m.sessions.trim(m.opt.MaxSessions, func(old *session) {
		m.stats.DroppedSessions++
		m.stats.Abandoned += int64(len(old.Open))
	})
	var entries []learn.LedgerEntry
	st := stepOf(o)
	index := s.push(st)
	s.noteWrites(st)
	if st.Failed {
		entries = m.failed(s, st, index, o)
	} else {
		entries = m.succeeded(s, st, index)
	}
	m.practise(s, st)
	m.stats.Abandoned += int64(s.prune(m.opt.MaxSpan))
	for _, e := range entries {
		emit(e)
	}
	return nil
}

// note keeps the newest event time of each project, which is the clock that
// its evidence decays by.
func (m *Miner) note(project string, at time.Time) {
	if at.After(m.latest[project]) {
		m.latest[project] = at
	}
}

// endTask gives up what the task left open: the next task's successes say
// nothing about it.
func (m *Miner) endTask(t *learn.TaskRecord) {
	if t.Phase != learn.TaskFinish {
		return
	}
	if s, ok := m.sessions.peek(t.ProjectID + "\x00" + t.SessionID); ok {
		m.stats.Abandoned += int64(len(s.Open))
		s.Open = nil
		s.prune(m.opt.MaxSpan)
	}
}

// failed opens a failure. When the same signature was open already, what was
// done since did not help: that is evidence against it.
func (m *Miner) failed(s *session, st step, index int, o *learn.Observation) []learn.LedgerEntry {
	sigs := o.Signatures
	if len(sigs) == 0 || sigs[0].ID == "" {
		return nil
	}
	var entries []learn.LedgerEntry
	s.pass(st, index, sigs)
	for _, sig := range sigs {
		i := slices.IndexFunc(s.Open, func(f failure) bool { return f.SigID == sig.ID && repeats(&f, st) })
		if i < 0 {
			continue
		}
		f := s.Open[i]
		s.Open = slices.Delete(s.Open, i, i+1)
		m.stats.Returned++
		// A passing failure that has not passed yet says nothing against waiting.
		if fm, ok := extract(&f, st, s.between(f.Index, index), s.wrote); ok && fm.Kind != KindRetry {
			entries = append(entries, m.count(s, &f, &fm, st.At, false)...)
		}
	}
	m.stats.Failures++
	f := failureOf(st, index, sigs[0])
	f.Situation = situationOf(s, s.Project, st, &sigs[0], "")
	f.Aliases = m.aliases(s, s.Project, st, f.Situation.Used, m.latest[s.Project])
	q := Query{ProjectID: s.Project, SessionID: s.ID, Action: o.Action, Trusted: m.opt.asOf(s.Project)}
	for _, r := range m.ranked(&q, &sigs[0], m.guesses, 0) {
		r.Commands = commandsOf(r.offer.Actions)
		f.Guesses = append(f.Guesses, r.guess)
	}
	if m.opened != nil {
		m.opened(&f, &sigs[0])
	}
	s.Open = append(s.Open, f)
	return entries
}

// succeeded closes the failures that this success resolves.
func (m *Miner) succeeded(s *session, st step, index int) []learn.LedgerEntry {
	var entries []learn.LedgerEntry
	var open []failure
	for _, f := range s.Open {
		if !resolves(&f, st) || s.waits(&f, st) {
			open = append(open, f)
			continue
		}
		m.stats.Resolved++
		call, end := st, index
		if f.Past != nil && sameHead(*f.Past, st) {
			call, end = *f.Past, f.PastIndex
		}
		fm, ok := extract(&f, call, s.between(f.Index, end), s.wrote)
		if m.resolved != nil {
			m.resolved(s, &f, &fm, ok)
		}
		if ok {
			m.learnRecord(&f, &fm, st.At)
			entries = append(entries, m.count(s, &f, &fm, st.At, true)...)
		}
	}
	s.Open = open
	return entries
}

// count adds one observation of a form to every bucket that it belongs to, and
// of its class to every context.
func (m *Miner) count(s *session, f *failure, fm *form, at time.Time, worked bool) []learn.LedgerEntry {
	if m.frozen {
		return nil
	}
	m.remember(s, f, fm, at, worked)
	if !specific(fm.Class) {
		return nil
	}
	var entries []learn.LedgerEntry
	key := fm.key()
	shared := public(fm.Actions)
	for _, place := range places(s.Project, f.Language, f.PatternID, f.SigID) {
		if place.Project == "" && !shared {
			continue
		}
		b := m.bucket(place)
		c, dropped := b.find(key, fm, m.opt.MaxForms)
		if dropped {
			m.stats.DroppedForms++
		}
		sign := map[bool]string{true: "+", false: "-"}[worked]
		if !s.once(c.ID + sign) {
			continue
		}
		if worked {
			c.worked(fm, f.SigID, at, m.opt.HalfLife)
		} else {
			c.Fail.add(1, at, m.opt.HalfLife)
		}
		if e, ok := m.tell(b, c, at); ok {
			entries = append(entries, e)
		}
	}
	return entries
}

// bucket returns the bucket of a place, made when there is none.
func (m *Miner) bucket(p place) *bucket {
	b := m.buckets.touch(p.id(), func() *bucket {
		return &bucket{Project: p.Project, Language: p.Language, Pattern: p.Pattern, Signature: p.Signature}
	})
	m.buckets.trim(m.opt.MaxBuckets, func(*bucket) { m.stats.DroppedBuckets++ })
	return b
}

// place names a bucket.
type place struct{ Project, Language, Pattern, Signature string }

func (p place) id() string {
	return p.Project + "\x00" + p.Language + "\x00" + p.Pattern + "\x00" + p.Signature
}

// places lists the buckets of a failure, the narrowest first: the order in
// which Offer backs off. The last of each scope takes remedies of any pattern.
func places(project, language, pattern, signature string) []place {
	out := []place{{project, "", pattern, signature}, {project, "", pattern, ""}, {project, "", "", ""}}
	if language != "" {
		out = append(out, place{"", language, pattern, signature}, place{"", language, pattern, ""}, place{"", language, "", ""})
	}
	return append(out, place{"", "", pattern, signature}, place{"", "", pattern, ""}, place{"", "", "", ""})
}
