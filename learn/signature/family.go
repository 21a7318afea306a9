package signature

import "math"

// The measure of when words that differ are one parameter: what taking them for
// one costs (see price), lowered by how many different words were seen in that
// place, may not exceed this share of the words that agree.
const (
	budget      = 0.40
	highest     = 3.0  // what a single parameter may cost, however much agrees
	valueFactor = 0.4  // of a price, where the place also holds values
	knownFactor = 0.15 // of a price, where other words were found to be one parameter
)

// aloneFactor lowers prices where each line is judged at once. That two words
// were seen in a place so far says little then; after a thousand lines together
// it says that they are constants.
const aloneFactor = 0.69

// family is what was seen in one place of lines that are otherwise the same.
type family struct {
	distinct int32
	price    float32 // sum over the words
	values   bool    // numbers and the like were seen there too
}

// families counts them. Each distinct shape is counted once in each of its
// words' places.
type families struct {
	of      map[uint64]family
	counted map[uint64]struct{} // keys of shapes
	limit   int                 // shapes counted before all starts anew
	alone   float64             // what prices are multiplied with; see aloneFactor
}

func newFamilies(limit int) *families {
	return &families{of: map[uint64]family{}, counted: map[uint64]struct{}{}, limit: limit, alone: aloneFactor}
}

// terms fills sums with each item's share of a family's key and gives their
// total.
func terms(sh *shape, sums []uint64) (total uint64) {
	for i := range sh.items {
		sums[i] = mix(uint64(i+1)*0x9e3779b97f4a7c15, sh.items[i].code)
		total += sums[i]
	}
	return total
}

// count adds a shape, once.
func (f *families) count(sh *shape) {
	if _, ok := f.counted[sh.key]; ok {
		return
	}
	if len(f.counted) >= f.limit || len(f.of) >= 4*f.limit {
		clear(f.of)
		clear(f.counted)
	}
	f.counted[sh.key] = struct{}{}
	var buf [maxTokens]uint64
	total := terms(sh.priced(), buf[:])
	for i := range sh.items {
		it := &sh.items[i]
		if it.code != codeValue && it.code&codeWord == 0 {
			continue
		}
		k := mix(sh.frame, total-buf[i]+uint64(i))
		fam := f.of[k]
		if it.code == codeValue {
			fam.values = true
		} else {
			fam.distinct++
			fam.price += float32(sh.price[i])
		}
		f.of[k] = fam
	}
}

// reduce gives the shape with those words taken for values that are parameters
// by what was seen in their places.
func (f *families) reduce(sh *shape) *shape {
	var buf [maxTokens]uint64
	for range 4 { // a shape seldom has more parameters that look like words
		total := terms(sh, buf[:])
		best, margin := -1, 0.0
		for i := range sh.items {
			if !sh.word(i) {
				continue
			}
			fam := f.of[mix(sh.frame, total-buf[i]+uint64(i))]
			if !fam.values && sh.besideValue(i) { // join made one of them
				_, fam.values = f.counted[sh.with(i).collapse().key]
			}
			if fam.distinct < 2 && !fam.values {
				continue
			}
			cost := fam.cost() * f.alone
			if m := budget*(sh.total-sh.weight(i)) - cost; m >= 0 && cost <= highest && (best < 0 || m > margin) {
				best, margin = i, m
			}
		}
		if best < 0 {
			break
		}
		sh = sh.with(best)
		f.count(sh)
	}
	return sh
}

// cost is the price of taking the family's words for one parameter.
func (fam family) cost() float64 {
	if fam.distinct == 0 {
		return 0
	}
	c := float64(fam.price) / float64(fam.distinct) * crowd(int(fam.distinct))
	if fam.values {
		c *= valueFactor
	}
	return c
}

// crowd is how much cheaper a parameter gets with the number of different words
// seen in its place.
func crowd(n int) float64 {
	if n <= 2 {
		return 1
	}
	x := 2 / float64(n)
	return math.Pow(x, 1.75)
}

// weight is how much item i says that it has in common with another line:
// function words say less, and the head of a line nothing.
func (sh *shape) weight(i int) float64 {
	switch {
	case !sh.word(i) || i < sh.head:
		return 0
	case function[sh.items[i].text]:
		return 0.6
	}
	return 1
}
