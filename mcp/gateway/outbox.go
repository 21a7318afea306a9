package gateway

import (
	"errors"
	"io"
	"sync"
	"time"
)

const (
	// writeTime is how long a server may leave its input unread.
	writeTime = 10 * time.Second
	// maxUnread bounds what waits for one server, in bytes.
	maxUnread = 64 << 20
)

var errUnread = errors.New("it does not take its input")

// outbox writes frames in their order on a goroutine of its own, so that who
// puts one in never waits for a server that does not read.
type outbox struct {
	out  io.Writer // with SetWriteDeadline, if it can be
	done chan struct{}

	mu     sync.Mutex
	filled *sync.Cond
	frames [][]byte
	bytes  int
	err    error // why nothing is written any more
}

func newOutbox(out io.Writer) *outbox {
	b := &outbox{out: out, done: make(chan struct{})}
	b.filled = sync.NewCond(&b.mu)
	go b.run()
	return b
}

// put adds a frame, which ends with a line feed.
func (b *outbox) put(frame []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil && b.bytes+len(frame) > maxUnread {
		b.err = errUnread
	}
	if b.err != nil {
		b.filled.Signal()
		return b.err
	}
	b.frames = append(b.frames, frame)
	b.bytes += len(frame)
	b.filled.Signal()
	return nil
}

// stop ends the writing; frames that wait are dropped.
func (b *outbox) stop(why error) {
	b.mu.Lock()
	if b.err == nil {
		b.err = why
	}
	b.filled.Signal()
	b.mu.Unlock()
}

// failed reports whether the writing ended because nobody read.
func (b *outbox) failed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return errors.Is(b.err, errUnread)
}

func (b *outbox) run() {
	defer close(b.done)
	for {
		b.mu.Lock()
		for len(b.frames) == 0 && b.err == nil {
			b.filled.Wait()
		}
		frames, err := b.frames, b.err
		b.frames, b.bytes = nil, 0
		b.mu.Unlock()
		if err != nil {
			return
		}
		for _, f := range frames {
			if d, ok := b.out.(interface{ SetWriteDeadline(time.Time) error }); ok {
				_ = d.SetWriteDeadline(time.Now().Add(writeTime))
			}
			if _, err := b.out.Write(f); err != nil {
				b.stop(errors.Join(errUnread, err))
				return
			}
		}
	}
}
