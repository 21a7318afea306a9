package eventlog

import (
	"context"
	"fmt"
	"sync"
)

// homes remembers which subjects messages have: an old recording that is sent
// again asks for the same few messages again and again. A message holds
// records of one project, and its subject tells which (see subjectOf).
type homes struct {
	mu       sync.Mutex
	subjects map[uint64]string
}

// maxHomes bounds what is remembered, in messages: about 80 bytes each.
const maxHomes = 4096

func (h *homes) get(seq uint64) (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	subject, ok := h.subjects[seq]
	return subject, ok
}

func (h *homes) put(seq uint64, subject string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.subjects == nil || len(h.subjects) >= maxHomes {
		h.subjects = make(map[uint64]string)
	}
	h.subjects[seq] = subject
}

// Holds reports whether the log has an event or task record of that id that
// belongs to project. For an id that is not in the log it costs a look into
// memory; for one that is, one message to read now and then.
func (l *Log) Holds(ctx context.Context, id, project string) (bool, error) {
	where, ok := l.events.lookup(keyOf(id))
	if !ok {
		return false, nil
	}
	subject, ok := l.homes.get(where.seq())
	if !ok {
		msg, err := l.events.getMsg(ctx, where.seq())
		if err != nil {
			return false, fmt.Errorf("looking up record %q: %w", shorten(id), err)
		}
		subject = msg.Subject
		l.homes.put(where.seq(), subject)
	}
	return subject == subjectOf(Events, project), nil
}
