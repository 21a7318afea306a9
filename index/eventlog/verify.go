package eventlog

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// VerifyReport is what Verify found.
type VerifyReport struct {
	// OK: no damage but what was accepted before.
	OK      bool           `json:"ok"`
	Streams []StreamReport `json:"streams"`
}

// Damage lists the damage of all streams.
func (r *VerifyReport) Damage() []Damage {
	var all []Damage
	for _, s := range r.Streams {
		all = append(all, s.Damage...)
	}
	return all
}

// StreamReport is what Verify found in one stream.
type StreamReport struct {
	Stream   Stream         `json:"stream"`
	Head     uint64         `json:"head"`
	Messages uint64         `json:"messages"`
	Records  uint64         `json:"records"`
	Bytes    uint64         `json:"bytes"` // as stored
	Writers  []WriterReport `json:"writers"`
	Damage   []Damage       `json:"damage"`
}

// WriterReport is the end of one writer's chain.
type WriterReport struct {
	Writer   string `json:"writer"`
	Messages uint64 `json:"messages"` // including lost ones
	Records  uint64 `json:"records"`
	Hash     string `json:"hash"` // hex, of its last message
}

// Verify reads both streams as of now from the first message to the last and
// checks every hash, checksum, chain and id. Writers may go on meanwhile.
// progress, if not nil, is told the messages done and the total now and then.
// The error is for what kept it from reading, not for what it found.
func (l *Log) Verify(ctx context.Context, progress func(done, total uint64)) (*VerifyReport, error) {
	l.gate.RLock()
	closed := l.closed
	l.gate.RUnlock()
	if closed {
		return nil, ErrClosed
	}
	const often = 64
	total, done := uint64(0), uint64(0)
	for _, s := range l.streams() {
		total += s.headSeq()
	}
	step := func() {
		if done++; progress != nil && (done%often == 0 || done == total) {
			progress(min(done, total), total)
		}
	}
	report := &VerifyReport{OK: true}
	for _, s := range l.streams() {
		sr, err := s.verify(ctx, step)
		if err != nil {
			return nil, fmt.Errorf("verifying stream %s: %w", s.name, err)
		}
		for _, d := range sr.Damage {
			report.OK = report.OK && d.Accepted
		}
		report.Streams = append(report.Streams, *sr)
	}
	return report, nil
}

func (s *stream) verify(ctx context.Context, step func()) (*StreamReport, error) {
	v := newVerifier(s.name, 1, nil)
	v.codec = s.log.codec
	s.mu.RLock()
	head := s.head
	for writer, st := range s.chains {
		v.vouch(writer, st)
	}
	s.mu.RUnlock()
	report := &StreamReport{Stream: s.name, Head: head}
	err := s.fetch(ctx, 1, head, func(seq uint64, data []byte) error {
		step()
		report.Bytes += uint64(len(data))
		if f := v.take(seq, data); f != nil {
			s.checkIDs(v, seq, f)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	report.Damage = v.finish(head)
	s.log.sort(report.Damage)
	report.Messages, report.Records = v.messages, v.records
	for _, writer := range slices.Sorted(maps.Keys(v.chains)) {
		end := v.chains[writer]
		report.Writers = append(report.Writers, WriterReport{
			Writer: writer, Messages: end.number, Records: end.count, Hash: fmt.Sprintf("%x", end.hash),
		})
	}
	return report, nil
}

// checkIDs reports records whose id is known from another place.
func (s *stream) checkIDs(v *verifier, seq uint64, f *frame) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i, e := range f.entries {
		if where, ok := s.ids[e.key]; !ok || where != locate(seq, i) {
			v.damage = append(v.damage, Damage{
				Stream: s.name, Kind: Doubled, Writer: f.writer, FirstSeq: seq, LastSeq: seq,
				FirstRecord: f.count + uint64(i), Records: 1,
				Detail: fmt.Sprintf("record %d has the id of record %d of message %d", i, where.index(), where.seq()),
			})
		}
	}
}
