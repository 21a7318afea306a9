package trial

import (
	"math"
	"slices"
)

// quantiles counts durations in buckets whose bounds grow by 2 %, so that a
// quantile is right within 1 % (Masson, Rim and Lee, "DDSketch", VLDB 2019).
type quantiles struct {
	N       int         `json:"n,omitempty"`
	Buckets map[int]int `json:"b,omitempty"`
}

const bucketGrowth = 1.0202 // (1+1%)/(1-1%)

// maxMS bounds a duration: ten days.
const maxMS = 10 * 24 * 3600 * 1000

func (q *quantiles) add(ms float64) {
	if !(ms > 0) {
		return
	}
	if q.Buckets == nil {
		q.Buckets = map[int]int{}
	}
	ms = min(max(ms, 0.001), maxMS)
	q.Buckets[int(math.Ceil(math.Log(ms)/math.Log(bucketGrowth)))]++
	q.N++
}

func (q *quantiles) merge(o *quantiles) {
	if q.Buckets == nil {
		q.Buckets = map[int]int{}
	}
	for b, n := range o.Buckets {
		q.Buckets[b] += n
	}
	q.N += o.N
}

// at is the p-quantile in milliseconds, 0 of nothing.
func (q *quantiles) at(p float64) float64 {
	if q.N == 0 {
		return 0
	}
	keys := make([]int, 0, len(q.Buckets))
	for b := range q.Buckets {
		keys = append(keys, b)
	}
	slices.Sort(keys)
	rank, seen := p*float64(q.N-1), 0
	for _, b := range keys {
		if seen += q.Buckets[b]; float64(seen) > rank {
			return 2 * math.Pow(bucketGrowth, float64(b)) / (bucketGrowth + 1)
		}
	}
	return 0
}
