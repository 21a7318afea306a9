package gateway

import (
	"errors"
	"io"
	"sync"
	"syscall"
	"time"
)

const (
	// writeTime is how long a server may leave its input unread.
	writeTime = 10 * time.Second
	// maxUnread bounds what waits for one server, in bytes.
	maxUnread = 64 << 20
)

var errUnread = errors.New("it does not take its input")

// outbox writes frames in their order, so that who puts one in never waits for
// a server that does not read: what a pipe takes at once is written at once, the
// rest on a goroutine of its own.
type outbox struct {
	out  io.Writer // with SetWriteDeadline, if it can be
	now  func(frame []byte) (n int)
	done chan struct{}

	mu      sync.Mutex
	filled  *sync.Cond
	frames  [][]byte
	bytes   int
	writing bool  // the goroutine does
	err     error // why nothing is written any more
}

// atOnce writes what out takes without waiting; nil where that cannot be known.
func atOnce(out io.Writer) func(frame []byte) int {
	c, ok := out.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	return func(frame []byte) (n int) {
		// What goes wrong here goes wrong again on the goroutine, which says so.
		_ = raw.Write(func(fd uintptr) bool {
			n, _ = syscall.Write(int(fd), frame)
			return true
		})
		return max(n, 0)
	}
}

func newOutbox(out io.Writer) *outbox {
	b := &outbox{out: out, now: atOnce(out), done: make(chan struct{})}
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
	if b.now != nil && len(b.frames) == 0 && !b.writing {
		if frame = frame[b.now(frame):]; len(frame) == 0 {
			return nil
		}
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
		b.writing = false
		for len(b.frames) == 0 && b.err == nil {
			b.filled.Wait()
		}
		frames, err := b.frames, b.err
		b.frames, b.bytes, b.writing = nil, 0, true
		b.mu.Unlock()
		if err != nil {
			return
		}
		limit, limited := b.out.(interface{ SetWriteDeadline(time.Time) error })
		for _, f := range frames {
			if limited {
				_ = limit.SetWriteDeadline(time.Now().Add(writeTime))
			}
			if _, err := b.out.Write(f); err != nil {
				b.stop(errors.Join(errUnread, err))
				return
			}
		}
		if limited { // or nothing could be written at once when it is over
			_ = limit.SetWriteDeadline(time.Time{})
		}
	}
}
