package learn

import "math"

// Reliability counts how often things that were called probable were right:
// the table by which a calibration is judged. The zero value is empty.
type Reliability struct {
	Bins [10]ReliabilityBin `json:"bins"`
}

// ReliabilityBin holds the answers whose claimed probability lay in one tenth.
type ReliabilityBin struct {
	N       int     `json:"n"`
	Right   int     `json:"right"`
	Claimed float64 `json:"claimed"` // sum
}

// Observe counts one claim, made before the answer was known.
func (r *Reliability) Observe(claimed float64, right bool) {
	b := &r.Bins[min(int(min(max(claimed, 0), 1)*10), 9)]
	b.N++
	b.Claimed += claimed
	if right {
		b.Right++
	}
}

// N is the number of claims.
func (r *Reliability) N() int {
	n := 0
	for _, b := range r.Bins {
		n += b.N
	}
	return n
}

// Total is all bins together.
func (r *Reliability) Total() ReliabilityBin {
	var t ReliabilityBin
	for _, b := range r.Bins {
		t.N, t.Right, t.Claimed = t.N+b.N, t.Right+b.Right, t.Claimed+b.Claimed
	}
	return t
}

// Error is the expected calibration error (Naeini, Cooper and Hauskrecht
// 2015): the distance between claimed and right shares, weighed by the bins'
// sizes. It is 0 of nothing.
func (r *Reliability) Error() float64 {
	sum := 0.0
	for _, b := range r.Bins {
		sum += math.Abs(b.Claimed - float64(b.Right))
	}
	return sum / float64(max(r.N(), 1))
}

// Chance is the Error to expect of these many claims were every one exactly as
// likely right as it claimed: below it, an Error tells nothing. It is the mean
// absolute deviation of each bin's binomial (De Moivre 1730).
func (r *Reliability) Chance() float64 {
	sum := 0.0
	for _, b := range r.Bins {
		sum += b.deviation()
	}
	return sum / float64(max(r.N(), 1))
}

// deviation is how far the right ones of a bin are from those claimed, in the
// mean, by chance alone.
func (b *ReliabilityBin) deviation() float64 {
	n := float64(b.N)
	if b.N == 0 || b.Claimed <= 0 || b.Claimed >= n {
		return 0
	}
	p := b.Claimed / n
	k := math.Floor(b.Claimed) + 1
	all, _ := math.Lgamma(n + 1)
	in, _ := math.Lgamma(k + 1)
	out, _ := math.Lgamma(n - k + 1)
	return 2 * k * math.Exp(all-in-out+k*math.Log(p)+(n-k+1)*math.Log(1-p))
}

// Interval is what share may really be right, with 95 % confidence, given how
// many of the bin were (Wilson 1927). Of nothing it is 0 to 1.
func (b *ReliabilityBin) Interval() (low, high float64) {
	if b.N == 0 {
		return 0, 1
	}
	const z = 1.96
	n, p := float64(b.N), float64(b.Right)/float64(b.N)
	centre := p + z*z/(2*n)
	half := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, (centre-half)/(1+z*z/n)), min(1, (centre+half)/(1+z*z/n))
}
