package trial

import (
	"container/list"
	"encoding/json"
)

// tasks is a map by task that forgets the task put longest ago beyond
// maxTasks. In JSON it is a list in that order.
type tasks[V any] struct {
	order *list.List
	items map[string]*list.Element
}

type taskItem[V any] struct {
	Task  string `json:"task"`
	Value V      `json:"value"`
}

func newTasks[V any]() tasks[V] {
	return tasks[V]{order: list.New(), items: make(map[string]*list.Element)}
}

func (t tasks[V]) get(task string) (V, bool) {
	if e := t.items[task]; e != nil {
		return e.Value.(taskItem[V]).Value, true
	}
	var zero V
	return zero, false
}

func (t tasks[V]) put(task string, v V) {
	if e := t.items[task]; e != nil {
		e.Value = taskItem[V]{task, v}
		t.order.MoveToBack(e)
		return
	}
	t.items[task] = t.order.PushBack(taskItem[V]{task, v})
	if t.order.Len() > maxTasks {
		t.remove(t.order.Front().Value.(taskItem[V]).Task)
	}
}

func (t tasks[V]) remove(task string) {
	if e := t.items[task]; e != nil {
		t.order.Remove(e)
		delete(t.items, task)
	}
}

// MarshalJSON writes the list.
func (t tasks[V]) MarshalJSON() ([]byte, error) {
	list := make([]taskItem[V], 0, t.order.Len())
	for e := t.order.Front(); e != nil; e = e.Next() {
		list = append(list, e.Value.(taskItem[V]))
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads the list.
func (t *tasks[V]) UnmarshalJSON(raw []byte) error {
	var list []taskItem[V]
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	*t = newTasks[V]()
	for _, it := range list {
		t.put(it.Task, it.Value)
	}
	return nil
}
