package monitor

import "container/list"

// fold moves days beyond retention into the cells without a date. It runs
// once a new day, over the cells.
func (m *Monitor) fold() {
	oldest := m.newest - retainDays
	for k, c := range m.calls {
		if k.Day >= oldest || k.Day == older {
			continue
		}
		delete(m.calls, k)
		k.Day = older
		if into := m.calls[k]; into == nil {
			m.calls[k] = c
		} else if into.merge(c) != nil {
			m.dropped.Cells++ // sketches of one version always merge
		}
	}
	for k, d := range m.days {
		if k.Day >= oldest || k.Day == older {
			continue
		}
		delete(m.days, k)
		k.Day = older
		if into := m.days[k]; into == nil {
			m.days[k] = d
		} else {
			into.merge(d)
		}
	}
}

func cutName(s string) string {
	if len(s) > maxNameBytes {
		return other
	}
	return s
}

// lru is a bounded map that forgets what was longest not put.
type lru[V any] struct {
	bound int
	order *list.List
	items map[string]*list.Element
}

type lruItem[V any] struct {
	Key   string
	Value V
}

func newLRU[V any](bound int) *lru[V] {
	return &lru[V]{bound: bound, order: list.New(), items: make(map[string]*list.Element)}
}

func (l *lru[V]) get(key string) (V, bool) {
	if e := l.items[key]; e != nil {
		return e.Value.(lruItem[V]).Value, true
	}
	var zero V
	return zero, false
}

func (l *lru[V]) put(key string, v V) {
	if e := l.items[key]; e != nil {
		e.Value = lruItem[V]{key, v}
		l.order.MoveToBack(e)
		return
	}
	l.items[key] = l.order.PushBack(lruItem[V]{key, v})
	if l.order.Len() > l.bound {
		old := l.order.Remove(l.order.Front()).(lruItem[V])
		delete(l.items, old.Key)
	}
}

// all lists the items, longest not put first.
func (l *lru[V]) all() []lruItem[V] {
	out := make([]lruItem[V], 0, l.order.Len())
	for e := l.order.Front(); e != nil; e = e.Next() {
		out = append(out, e.Value.(lruItem[V]))
	}
	return out
}
