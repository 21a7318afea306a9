package monitor

import "sort"

// heavy is a Space-Saving summary (Metwally et al. 2005) with weights: the
// keys with the greatest weight in bounded space. The weight of a key that is
// kept is overestimated by at most its Error, and every key heavier than total
// weight / capacity is kept.
type heavy struct {
	Capacity int
	Items    map[string]*item
}

// item is one key's weight, with how much of it may be another key's.
type item struct {
	Label  string  `json:"label"`
	Weight float64 `json:"weight"`
	Error  float64 `json:"error"`
}

func newHeavy(capacity int) *heavy { return &heavy{Capacity: capacity, Items: make(map[string]*item)} }

func (h *heavy) add(key, label string, weight float64) {
	if it := h.Items[key]; it != nil {
		it.Weight += weight
		return
	}
	floor := 0.0
	if len(h.Items) >= h.Capacity {
		least := h.least()
		floor = h.Items[least].Weight
		delete(h.Items, least)
	}
	h.Items[key] = &item{Label: label, Weight: floor + weight, Error: floor}
}

// least is the key with the least weight; of equals the first by name, so that
// the same stream gives the same summary.
func (h *heavy) least() string {
	least := ""
	for k, it := range h.Items {
		if least == "" || it.Weight < h.Items[least].Weight || it.Weight == h.Items[least].Weight && k < least {
			least = k
		}
	}
	return least
}

// merge adds another summary (Agarwal et al., "Mergeable summaries", PODS
// 2012): a key that one side lacks may have had up to that side's least
// weight there, if it is full.
func (h *heavy) merge(o *heavy) {
	hFloor, oFloor := h.floor(), o.floor()
	for k, it := range h.Items {
		if o.Items[k] == nil {
			it.Weight += oFloor
			it.Error += oFloor
		}
	}
	for k, it := range o.Items {
		if mine := h.Items[k]; mine != nil {
			mine.Weight += it.Weight
			mine.Error += it.Error
		} else {
			h.Items[k] = &item{Label: it.Label, Weight: it.Weight + hFloor, Error: it.Error + hFloor}
		}
	}
	for _, k := range h.sorted()[min(h.Capacity, len(h.Items)):] {
		delete(h.Items, k)
	}
}

func (h *heavy) floor() float64 {
	if len(h.Items) < h.Capacity {
		return 0
	}
	return h.Items[h.least()].Weight
}

// sorted lists the keys, heaviest first.
func (h *heavy) sorted() []string {
	keys := make([]string, 0, len(h.Items))
	for k := range h.Items {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		a, b := h.Items[keys[i]], h.Items[keys[j]]
		if a.Weight != b.Weight {
			return a.Weight > b.Weight
		}
		return keys[i] < keys[j]
	})
	return keys
}
