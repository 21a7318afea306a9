package trial

import "container/list"

// maxTasks is how many keys a tasks map holds.
const maxTasks = 8192

// tasks is a map, mostly by task, that forgets the key put longest ago beyond
// maxTasks.
type tasks[V any] struct {
	order *list.List
	items map[string]*list.Element
}

type taskItem[V any] struct {
	task  string
	value V
}

func newTasks[V any]() tasks[V] {
	return tasks[V]{order: list.New(), items: make(map[string]*list.Element)}
}

func (t tasks[V]) get(task string) (V, bool) {
	if e := t.items[task]; e != nil {
		return e.Value.(taskItem[V]).value, true
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
		t.remove(t.order.Front().Value.(taskItem[V]).task)
	}
}

func (t tasks[V]) remove(task string) {
	if e := t.items[task]; e != nil {
		t.order.Remove(e)
		delete(t.items, task)
	}
}
