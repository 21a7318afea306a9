package recovery

import "container/list"

// lru is a map that knows which entry was touched least recently.
type lru[V any] struct {
	order *list.List // of *entry[V], the most recent in front
	byKey map[string]*list.Element
}

type entry[V any] struct {
	Key   string `json:"key"`
	Value V      `json:"value"`
}

func newLRU[V any]() *lru[V] {
	return &lru[V]{order: list.New(), byKey: map[string]*list.Element{}}
}

// peek returns the value of key without touching it.
func (l *lru[V]) peek(key string) (V, bool) {
	if e, ok := l.byKey[key]; ok {
		return e.Value.(*entry[V]).Value, true
	}
	var zero V
	return zero, false
}

// touch returns the value of key, made by fresh when there is none, and marks
// it as the most recent.
func (l *lru[V]) touch(key string, fresh func() V) V {
	if e, ok := l.byKey[key]; ok {
		l.order.MoveToFront(e)
		return e.Value.(*entry[V]).Value
	}
	v := fresh()
	l.byKey[key] = l.order.PushFront(&entry[V]{Key: key, Value: v})
	return v
}

func (l *lru[V]) remove(key string) {
	if e, ok := l.byKey[key]; ok {
		l.order.Remove(e)
		delete(l.byKey, key)
	}
}

// trim drops the least recent entries above max, calling dropped for each.
func (l *lru[V]) trim(max int, dropped func(V)) {
	for len(l.byKey) > max {
		e := l.order.Back().Value.(*entry[V])
		l.remove(e.Key)
		dropped(e.Value)
	}
}

// entries lists everything, the least recent first, so that touching them in
// this order restores the same state.
func (l *lru[V]) entries() []entry[V] {
	out := make([]entry[V], 0, len(l.byKey))
	for e := l.order.Back(); e != nil; e = e.Prev() {
		out = append(out, *e.Value.(*entry[V]))
	}
	return out
}
