package eventlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// tailMessages is how many messages before the checkpoint are read again at
// start: damage is likeliest where the disk was written last.
const tailMessages = 64

// openStream makes or finds the stream, verifies its tail and brings the
// state up to its end. The damage is what nobody has accepted yet.
func (l *Log) openStream(ctx context.Context, name Stream) (*stream, []Damage, error) {
	s := &stream{
		name: name, log: l, ids: make(idSet), chains: make(map[string]chainState),
		changed: make(chan struct{}), requests: make(chan *request, maxQueue), done: make(chan struct{}),
	}
	var err error
	if s.js, err = ensureStream(ctx, l.nc, l.js, name); err != nil {
		return s, nil, err
	}
	high, err := s.openMark()
	if err != nil {
		return s, nil, fmt.Errorf("high-water mark of stream %s: %w", name, err)
	}
	v, err := s.load(ctx, high)
	if err != nil {
		return s, nil, fmt.Errorf("reading stream %s: %w", name, err)
	}
	damage := v.damage
	if s.mark == nil {
		// A new stream has no mark yet, nor has a daemon that is new to a
		// shared one.
		fresh := s.head == 0 || l.opts.URL != "" && s.chains[l.writer].number == 0
		if !fresh {
			damage = append(damage, s.unmarked())
		}
		if fresh || l.opts.AcceptDamage {
			if err := s.remark(); err != nil {
				return s, nil, fmt.Errorf("high-water mark of stream %s: %w", name, err)
			}
		}
	}
	damage = l.sort(damage)
	if len(damage) > 0 && l.opts.AcceptDamage {
		return s, nil, s.accept(ctx, v, damage)
	}
	return s, damage, nil
}

// openMark returns the mark; s.mark stays nil when there is none to be read.
func (s *stream) openMark() (mark, error) {
	slot, value, err := openSlot(s.path("mark"), nil)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, errSlotDamaged) {
		return mark{}, nil
	}
	if err != nil {
		return mark{}, err
	}
	s.mark = slot
	high, err := decodeMark(value)
	if err != nil {
		return mark{}, fmt.Errorf("%w: restore or delete %s", err, s.path("mark"))
	}
	return high, nil
}

func (s *stream) unmarked() Damage {
	return Damage{
		Stream: s.name, Kind: Unmarked, FirstSeq: s.head, LastSeq: s.head,
		Detail: "the file " + s.path("mark") + " is missing or unreadable, so nobody can tell whether the end of the stream is complete",
	}
}

// remark makes a new high-water mark that says what is there.
func (s *stream) remark() error {
	if err := os.Remove(s.path("mark")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	value := mark{writer: s.log.writer, chainState: s.chains[s.log.writer]}.encode()
	var err error
	s.mark, _, err = openSlot(s.path("mark"), value)
	return err
}

// load reads the stream from a little before the checkpoint, or all of it
// when the checkpoint is not there, does not fit, or damage shows.
func (s *stream) load(ctx context.Context, high mark) (*verifier, error) {
	info, err := s.js.Info(ctx)
	if err != nil {
		return nil, err
	}
	last, lost := info.State.LastSeq, info.State.LastSeq-info.State.Msgs
	saved, err := readCheckpoint(s.path("ids"))
	if err != nil {
		s.log.logger.Warn("checkpoint not used, reading the whole stream", "stream", s.name, "error", err)
	}
	// Whoever accepts damage wants all of it found.
	quick := saved != nil && !s.log.opts.AcceptDamage
	if quick && saved.seq <= last && high.seq <= last && lost <= s.log.excusedCount(s.name) {
		from := uint64(1)
		if saved.seq > tailMessages {
			from = saved.seq - tailMessages + 1
		}
		inFile := uint64(len(saved.ids))
		v, err := s.scan(ctx, from, last, saved, saved.ids, high)
		if err != nil {
			return nil, err
		}
		if len(s.log.sort(v.damage)) == 0 {
			s.checkpointed.Store(inFile)
			s.checkpointSeq.Store(saved.seq)
			return v, nil
		}
	}
	// The ids of lost records are forgotten here, so that they can be stored
	// again.
	return s.scan(ctx, 1, last, saved, make(idSet), high)
}

// scan verifies the messages from from to last and makes the state from them
// and from ids, which includes what stands before.
func (s *stream) scan(ctx context.Context, from, last uint64, saved *checkpoint, ids idSet, high mark) (*verifier, error) {
	var start map[string]chainState
	if saved != nil && from > 1 {
		start = saved.before(from)
	}
	v := newVerifier(s.name, from, start)
	if saved != nil {
		for writer, st := range saved.chains {
			v.vouch(writer, st)
		}
	}
	v.vouch(high.writer, high.chainState)
	s.mu.Lock()
	s.ids, s.chains, s.head = ids, make(map[string]chainState), from-1
	s.mu.Unlock()
	err := s.fetch(ctx, from, last, func(seq uint64, data []byte) error {
		if f := v.take(seq, data); f != nil {
			s.advance(seq, f)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	v.finish(last)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chains = v.chains
	s.moveHead(last)
	return v, nil
}

// accept goes on after damage: the chains continue behind what is known to
// have been, so that the gap stays visible to Verify, and sequence numbers
// that readers may have seen are not given out a second time.
func (s *stream) accept(ctx context.Context, v *verifier, damage []Damage) error {
	var highest uint64
	s.mu.Lock()
	for writer, known := range v.known {
		if known.number > s.chains[writer].number {
			s.chains[writer] = known
		}
		highest = max(highest, known.seq)
	}
	s.mu.Unlock()
	for i := range damage {
		// Numbers past the end are given to fillers and new messages.
		d := &damage[i]
		if d.LastSeq = min(d.LastSeq, s.head); d.FirstSeq > d.LastSeq {
			d.FirstSeq, d.LastSeq = 0, 0
		}
	}
	if err := s.log.acceptAll(damage); err != nil {
		return err
	}
	for s.head < highest {
		f, message := s.build(kindFiller, nil)
		seq, err := s.publish(ctx, "", message)
		if err != nil {
			return fmt.Errorf("filling the place of lost messages in stream %s: %w", s.name, err)
		}
		s.advance(seq, f)
	}
	if err := s.writeMark(); err != nil {
		return err
	}
	return s.writeCheckpoint()
}

// path is where the file of that kind lies for this stream.
func (s *stream) path(kind string) string {
	return filepath.Join(s.log.opts.Dir, string(s.name)+"."+kind)
}
