package recovery

import "time"

// record is how a class did where it was the first guess: how often it was the
// answer then.
type record struct {
	N     counter `json:"n"`
	Right counter `json:"right"`
}

// recordPrior is how many guesses the calibrated probability is worth against
// a class's own record.
const recordPrior = 4

func (s *situation) recordKey(class string) string {
	return s.Project + "\x00" + s.Pattern + "\x00" + class
}

// sure is the confidence in a guess: its probability as the calibrator of all
// guesses reads it, and then by the record of its own kind here, since some
// answers are easier to be wrong about than others. The record is one of first
// guesses and says nothing of the others.
func (m *Miner) sure(s *situation, g guess, first bool, at time.Time) float64 {
	p := m.calibrator.Calibrate(g.P)
	r, ok := m.records.peek(s.recordKey(g.Class))
	if !ok || !first {
		return p
	}
	n, right := r.N.at(at, m.opt.HalfLife), r.Right.at(at, m.opt.HalfLife)
	return (right + recordPrior*p) / (n + recordPrior)
}

// learnRecord compares the first guess about a failure with what resolved it.
func (m *Miner) learnRecord(f *failure, fm *form, at time.Time) {
	if len(f.Guesses) == 0 || m.frozen {
		return
	}
	g := f.Guesses[0]
	right := g.Class == fm.Class
	m.calibrator.Observe(g.P, right)
	r := m.records.touch(f.Situation.recordKey(g.Class), func() *record { return &record{} })
	m.records.trim(m.opt.MaxContexts, func(*record) { m.stats.DroppedContexts++ })
	r.N.add(1, at, m.opt.HalfLife)
	if right {
		r.Right.add(1, at, m.opt.HalfLife)
	}
}
