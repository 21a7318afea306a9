package eventlog

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// verifier checks one stream's messages, given in order, against themselves,
// against their writers' chains, and against what is known from outside the
// stream: high-water mark and checkpoint. It also gathers the state.
type verifier struct {
	stream Stream
	codec  *codec // nil: bodies are not opened, the message's hash must do
	from   uint64 // first sequence number of the scan
	last   uint64 // last one seen

	chains map[string]chainState
	// known is the furthest state of each writer that something outside the
	// stream vouches for.
	known map[string]chainState
	// proven are the sequence numbers at which a hash is vouched for.
	proven map[uint64]hash

	gaps     []gap
	damage   []Damage
	messages uint64
	records  uint64
}

// gap is a run of sequence numbers without a readable message.
type gap struct {
	first, last uint64
	fault       string // why an altered one cannot be read, empty when missing
	explained   bool   // a chain tells what stood there
}

// newVerifier scans from sequence number from. start are the chains as of
// there: a writer that is in neither start nor known begins at zero.
func newVerifier(name Stream, from uint64, start map[string]chainState) *verifier {
	v := &verifier{
		stream: name, from: from, last: from - 1, chains: make(map[string]chainState),
		known: make(map[string]chainState), proven: make(map[uint64]hash),
	}
	maps.Copy(v.chains, start)
	return v
}

// vouch tells the verifier of a state that was durable once.
func (v *verifier) vouch(writer string, st chainState) {
	if st.number == 0 {
		return
	}
	if st.number > v.known[writer].number {
		v.known[writer] = st
	}
	if st.seq >= v.from {
		v.proven[st.seq] = st.hash
	}
}

// take checks the message at seq and returns it, nil when it cannot be read.
func (v *verifier) take(seq uint64, data []byte) *frame {
	v.skipTo(seq)
	v.last = seq
	v.messages++
	f, err := decodeFrame(data)
	if err == nil && v.codec != nil {
		_, err = f.open(v.codec)
	}
	if err != nil {
		v.gaps = append(v.gaps, gap{first: seq, last: seq, fault: err.Error()})
		return nil
	}
	v.records += uint64(len(f.entries))
	v.link(seq, f)
	if want, ok := v.proven[seq]; ok && want != f.hash {
		v.fork(seq, f, "it is not the message that the high-water mark or checkpoint knows")
	}
	v.chains[f.writer] = f.after(seq)
	return f
}

// skipTo notes that nothing stands between the last message and seq.
func (v *verifier) skipTo(seq uint64) {
	if seq > v.last+1 {
		v.gaps = append(v.gaps, gap{first: v.last + 1, last: seq - 1})
	}
}

// link checks f against the message before it in its chain.
func (v *verifier) link(seq uint64, f *frame) {
	end, met := v.chains[f.writer]
	if _, vouched := v.known[f.writer]; !met && vouched && v.from > 1 {
		return // the scan begins in the middle of this chain
	}
	switch {
	case f.number < end.number || f.count < end.count:
		v.fork(seq, f, fmt.Sprintf("it says to be message %d of its writer, which has written %d", f.number+1, end.number))
	case f.number > end.number:
		v.lost(f.writer, end, chainState{number: f.number, count: f.count, seq: seq - 1}, Missing)
	case f.prev != end.hash || f.count != end.count:
		v.fork(seq, f, "it does not follow its writer's message before")
	}
}

func (v *verifier) fork(seq uint64, f *frame, detail string) {
	v.damage = append(v.damage, Damage{
		Stream: v.stream, Kind: Forked, Writer: f.writer, FirstSeq: seq, LastSeq: seq,
		FirstRecord: f.count, Records: uint64(len(f.entries)), Detail: detail,
	})
}

// lost notes that a writer's messages after from and up to to are not there.
func (v *verifier) lost(writer string, from, to chainState, kind DamageKind) {
	d := Damage{
		Stream: v.stream, Kind: kind, Writer: writer, FirstSeq: from.seq + 1, LastSeq: to.seq,
		Messages: to.number - from.number, FirstRecord: from.count, Records: to.count - from.count,
		Detail: "the stream does not have them any more, or cannot read them",
	}
	first, last := uint64(0), uint64(0)
	for i := range v.gaps {
		g := &v.gaps[i]
		if g.last <= from.seq || g.first > to.seq {
			continue
		}
		g.explained = true
		if first == 0 {
			first = max(g.first, from.seq+1)
		}
		last = min(g.last, to.seq)
		if g.fault != "" && kind == Missing {
			d.Kind, d.Detail = Altered, g.fault
		}
	}
	// Without a gap the numbers have been given to later messages.
	if first > 0 && kind != Truncated {
		d.FirstSeq, d.LastSeq = first, last
	}
	v.damage = append(v.damage, d)
}

// finish tells the verifier that the stream ends at head and returns all
// damage, in order of sequence numbers.
func (v *verifier) finish(head uint64) []Damage {
	v.skipTo(head + 1)
	for _, writer := range slices.Sorted(maps.Keys(v.known)) {
		known, found := v.known[writer], v.chains[writer]
		switch {
		case known.number > found.number:
			v.lost(writer, found, known, Truncated)
		case known.number == found.number && known.hash != found.hash && known.seq != found.seq:
			v.damage = append(v.damage, Damage{
				Stream: v.stream, Kind: Forked, Writer: writer, FirstSeq: found.seq, LastSeq: found.seq,
				Detail: "the writer's last message is not the one that the high-water mark or checkpoint knows",
			})
		}
	}
	for _, g := range v.gaps {
		if g.explained {
			continue
		}
		d := Damage{Stream: v.stream, Kind: Missing, FirstSeq: g.first, LastSeq: g.last, Detail: "no message stands there; how many records it had is unknown"}
		if g.fault != "" {
			d.Kind, d.Detail = Altered, g.fault+"; how many records it had is unknown"
		}
		v.damage = append(v.damage, d)
	}
	slices.SortStableFunc(v.damage, func(a, b Damage) int { return cmp.Compare(a.FirstSeq, b.FirstSeq) })
	return v.damage
}
