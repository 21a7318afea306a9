package verify

import (
	"container/list"
	"time"
)

// enter returns the open task of key, opening it if need be, and the task
// that ends by it: the session's former one, else the project's longest idle
// one, else the longest unheard of when too many are open.
func (t *Tracker) enter(key, project, session, agent string, at time.Time) (tk, ended *task) {
	tk = t.open[key]
	if tk == nil {
		if tk = t.done[key]; tk != nil { // events after the end: it goes on
			t.finished.Remove(tk.inDone)
			delete(t.done, key)
		} else {
			tk = newTask(key, project, session, agent, at)
		}
		t.open[key] = tk
		tk.inOrder = t.order.PushBack(tk)
		tk.inProject = t.project(tk.Project).PushBack(tk)
	} else {
		t.order.MoveToBack(tk.inOrder)
		t.project(tk.Project).MoveToBack(tk.inProject)
	}
	tk.End = later(tk.End, at)
	if session != "" {
		if former := t.sessions[session]; former != "" && former != key {
			ended = t.open[former]
			if ended != nil {
				ended.Ended = "its session started another task"
			}
		}
		t.sessions[session] = key
		tk.Session = session
	}
	if ended == nil {
		ended = t.idle(tk, at)
	}
	if ended == nil && len(t.open) > t.o.MaxOpen {
		ended = t.order.Front().Value.(*task)
		ended.Ended = "too many tasks were open"
		t.counters.Evicted++
	}
	return tk, ended
}

// idle finds a task of the same project that was silent for IdleAfter of event
// time. Only the front is looked at: one a record is enough to keep up.
func (t *Tracker) idle(tk *task, at time.Time) *task {
	front := t.project(tk.Project).Front().Value.(*task)
	if front == tk || at.Sub(front.End) < t.o.IdleAfter {
		return nil
	}
	front.Ended = "nothing more was heard of it"
	return front
}

func (t *Tracker) project(id string) *list.List {
	l := t.projects[id]
	if l == nil {
		l = list.New()
		t.projects[id] = l
	}
	return l
}

// close moves a task from the open to the finished ones.
func (t *Tracker) close(tk *task) {
	if tk.inOrder != nil {
		t.order.Remove(tk.inOrder)
		l := t.projects[tk.Project]
		l.Remove(tk.inProject)
		if l.Len() == 0 {
			delete(t.projects, tk.Project)
		}
		tk.inOrder, tk.inProject = nil, nil
		delete(t.open, tk.Key)
		if t.sessions[tk.Session] == tk.Key {
			delete(t.sessions, tk.Session)
		}
	}
	t.keep(tk)
}

// keep remembers a finished task for feedback.
func (t *Tracker) keep(tk *task) {
	t.done[tk.Key] = tk
	tk.inDone = t.finished.PushBack(tk)
	for t.finished.Len() > t.o.MaxFinished {
		old := t.finished.Remove(t.finished.Front()).(*task)
		delete(t.done, old.Key)
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
