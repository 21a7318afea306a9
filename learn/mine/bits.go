package mine

import (
	"encoding/binary"
	mathbits "math/bits"
)

// bits is a set of the tasks of one group, by their place in it.
type bits []uint64

func newBits(n int) bits { return make(bits, (n+63)/64) }

func (b bits) set(i int) { b[i/64] |= 1 << (i % 64) }

func (b bits) clear(i int) { b[i/64] &^= 1 << (i % 64) }

func (b bits) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

// in is has for places that may be beyond the end.
func (b bits) in(i int) bool { return i/64 < len(b) && b.has(i) }

func (b bits) count() (n int) {
	for _, w := range b {
		n += mathbits.OnesCount64(w)
	}
	return n
}

func onesCount(w uint64) int { return mathbits.OnesCount64(w) }

// shared counts what is in b and in c.
func (b bits) shared(c bits) (n int) {
	for i, w := range b {
		n += mathbits.OnesCount64(w & c[i])
	}
	return n
}

func (b bits) and(c bits) bits {
	out := make(bits, len(b))
	for i := range b {
		out[i] = b[i] & c[i]
	}
	return out
}

// key is equal for equal sets.
func (b bits) key() string {
	raw := make([]byte, 0, 8*len(b))
	for _, w := range b {
		raw = binary.LittleEndian.AppendUint64(raw, w)
	}
	return string(raw)
}

// alike is the Jaccard index of two sets (1901): what is in both, as a share
// of what is in either.
func (b bits) alike(c bits) float64 {
	both := b.shared(c)
	either := b.count() + c.count() - both
	if either == 0 {
		return 1
	}
	return float64(both) / float64(either)
}
