package signature

import "math/bits"

// maxJoint is how many words that vary together are looked for.
const maxJoint = 3

// joint finds parameters that always vary together, so that no two lines
// differ in one of them only: it gives the shape without them when enough
// templates of the frame differ from it in the same two or three places.
func (m *miner) joint(sh *shape) *shape {
	if len(sh.items) > 64 {
		return sh
	}
	list := m.frames[sh.frame]
	list = list[max(0, len(list)-maxCandidates):]
	masks := make([]uint64, len(list)) // places in which a template differs; 0 for too many
	for k, t := range list {
		masks[k] = differences(t.shape, sh)
	}
	tried := map[uint64]bool{}
	for _, mask := range masks {
		if mask == 0 || tried[mask] || bits.OnesCount64(mask) < 2 || len(tried) > 32 {
			continue
		}
		tried[mask] = true
		if m.worth(sh, list, masks, mask) {
			for left := mask; left != 0; left &= left - 1 {
				sh = sh.with(bits.TrailingZeros64(left))
			}
			return sh
		}
	}
	return sh
}

// differences gives the places in which two shapes of a frame have different
// words, as bits; 0 when they are more than maxJoint or not of words.
func differences(t, sh *shape) (mask uint64) {
	for i := range t.items {
		if t.items[i].code == sh.items[i].code {
			continue
		}
		if mask |= 1 << i; bits.OnesCount64(mask) > maxJoint || !t.word(i) || !sh.word(i) {
			return 0
		}
	}
	return mask
}

// worth reports whether the words in the places of mask are parameters, by
// those that the templates have there which are the same otherwise.
func (m *miner) worth(sh *shape, list []*mined, masks []uint64, mask uint64) bool {
	total, same := 0.0, sh.total
	for left := mask; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		same -= sh.weight(i)
		words := map[uint64]bool{sh.items[i].code: true}
		sum := sh.priced().price[i]
		for k, t := range list {
			if it := t.shape.items[i]; masks[k] != 0 && masks[k]&^mask == 0 && !words[it.code] {
				words[it.code] = true
				sum += t.shape.price[i]
			}
		}
		one := sum / float64(len(words)) * crowd(len(words)) * m.fams.alone
		if total += one; one > highest {
			return false
		}
	}
	return total <= budget*same
}
