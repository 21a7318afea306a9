package eventlog

import (
	"encoding/binary"
	"fmt"
)

// chainState is the end of one writer's hash chain in one stream.
type chainState struct {
	number uint64 // messages so far
	count  uint64 // records so far
	hash   hash   // of the last message
	seq    uint64 // of the last message
}

// after is the state once f, which stands at seq, has been taken.
func (f *frame) after(seq uint64) chainState {
	return chainState{number: f.number + 1, count: f.count + uint64(len(f.entries)), hash: f.hash, seq: seq}
}

// mark is the high-water mark: what the writer knows to be durable.
//
//	 0   8  number
//	 8   8  count
//	16  32  hash
//	48   8  sequence number
//	56   W  the writer's name
type mark struct {
	writer string
	chainState
}

func (m mark) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, m.number)
	b = binary.BigEndian.AppendUint64(b, m.count)
	b = append(b, m.hash[:]...)
	b = binary.BigEndian.AppendUint64(b, m.seq)
	return append(b, m.writer...)
}

func decodeMark(b []byte) (mark, error) {
	if len(b) <= 56 || len(b) > 56+maxWriterName {
		return mark{}, fmt.Errorf("a high-water mark of %d bytes", len(b))
	}
	return mark{writer: string(b[56:]), chainState: chainState{
		number: binary.BigEndian.Uint64(b),
		count:  binary.BigEndian.Uint64(b[8:]),
		hash:   hash(b[16:48]),
		seq:    binary.BigEndian.Uint64(b[48:]),
	}}, nil
}
