package mine

import (
	"fmt"
	mathbits "math/bits"
	"slices"
)

// close counts a complete block: its tasks get their ordinals, each hypothesis
// its evidence, and only then new hypotheses are made. So a pattern is judged
// by blocks that close after it was chosen, and chosen by those that closed
// before; what is in open blocks decides nothing.
func (m *Miner) close(block []*taskSeq) error {
	has := map[*hypothesis]uint32{} // by place in the block
	start, good := m.win.next, uint32(0)
	for i, t := range block {
		t.Block, t.BlockLen = start, len(block)
		if t.Good {
			good |= 1 << i
		}
		if err := m.enter(t, func(h *hypothesis) { has[h] |= 1 << i }); err != nil {
			return fmt.Errorf("mine: task %s: %w", t.TaskID, err)
		}
	}
	for h, with := range has {
		c := counts{n: len(block), with: mathbits.OnesCount32(with), good: mathbits.OnesCount32(good),
			withGood: mathbits.OnesCount32(with & good)}
		h.e.add(c.factor(false))
		if h.life == nil {
			continue
		}
		h.life.Against.add(c.factor(true))
		for i, t := range block {
			if with&(1<<i) != 0 {
				h.life.see(t.Finished, m.opt.HalfLife)
			}
		}
	}
	for _, l := range m.ladders {
		m.admit(l)
		m.forget(l)
	}
	return nil
}

// enter gives a task its place in the window and tells which hypotheses it
// has.
func (m *Miner) enter(t *taskSeq, has func(*hypothesis)) error {
	_, slot, evicted := m.win.add(t)
	m.count(func(s *Stats) {
		s.Tasks = m.win.len()
		if evicted {
			s.DroppedTasks++
		}
	})
	if evicted {
		for _, h := range m.hyps {
			h.in.clear(slot)
		}
	}
	note := func(h *hypothesis) {
		h.in.set(slot)
		has(h)
	}
	for _, h := range m.habitual {
		if _, ok := h.habit.find(t); ok {
			note(h)
		}
	}
	t.views = map[level]view{}
	for _, l := range m.ladders {
		v := l.view(t)
		t.views[l.level] = v
		lost, err := l.add(v, m.opt.MaxGap, note)
		if err != nil {
			return err
		}
		if len(lost) > 0 {
			m.hyps = slices.DeleteFunc(m.hyps, func(h *hypothesis) bool { return slices.Contains(lost, h) })
			m.count(func(s *Stats) { s.DroppedPatterns += int64(len(lost)) })
		}
	}
	return nil
}

// view is the task's steps as items, immediate repeats of a step taken as one:
// how often one reads on is not a strategy.
func (l *ladder) view(t *taskSeq) view {
	var v view
	for j := range t.Steps {
		n := l.item(l.level.item(&t.Steps[j]))
		if k := len(v.items); k == 0 || v.items[k-1] != n {
			v.items, v.at = append(v.items, n), append(v.at, j)
		}
	}
	return v
}

// revise changes the verdict on a task whose block is closed, and the evidence
// that the block gave, as far as all of it is still kept.
func (m *Miner) revise(ordinal int, good bool) {
	t := m.win.at(ordinal)
	if t.Good == good {
		return
	}
	whole := t.Block >= m.win.first()
	for _, h := range m.hyps {
		if whole && h.since <= t.Block {
			h.e.remove(m.blockCounts(h, t).factor(false))
		}
	}
	t.Good = good
	if m.win.good.clear(m.win.slot(ordinal)); good {
		m.win.good.set(m.win.slot(ordinal))
	}
	for _, h := range m.hyps {
		if whole && h.since <= t.Block {
			h.e.add(m.blockCounts(h, t).factor(false))
		}
	}
}

// blockCounts is what the block of a kept task says of a hypothesis.
func (m *Miner) blockCounts(h *hypothesis, t *taskSeq) counts {
	c := counts{n: t.BlockLen}
	for o := t.Block; o < t.Block+t.BlockLen; o++ {
		slot := m.win.slot(o)
		with, good := h.in.has(slot), m.win.good.has(slot)
		if with {
			c.with++
		}
		if good {
			c.good++
		}
		if with && good {
			c.withGood++
		}
	}
	return c
}
