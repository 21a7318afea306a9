package sandbox

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// tap is an output stream of a warm call. What fits into its pipe stays there
// until rest, unless flow was called; so a short call costs no goroutine.
type tap struct {
	child int // the program's end, until sent
	ours  int // until flow
	limit int64
	over  func() // called once when there is more than limit
	data  []byte
	cut   bool
	live  *capture // after flow
}

func newTap(limit int64, over func()) (*tap, error) {
	fds := make([]int, 2)
	if err := unix.Pipe2(fds, unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("sandbox: output pipe: %w", err)
	}
	t := &tap{child: fds[1], ours: fds[0], limit: limit, over: over}
	// Ours alone: programs expect descriptors that wait.
	if err := unix.SetNonblock(t.ours, true); err != nil {
		t.close()
		return nil, fmt.Errorf("sandbox: output pipe: %w", err)
	}
	return t, nil
}

// sent closes the program's end: it has its own now.
func (t *tap) sent() {
	if t.child >= 0 {
		_ = unix.Close(t.child)
		t.child = -1
	}
}

// flow reads from now on, whatever comes.
func (t *tap) flow() {
	t.live = &capture{ours: os.NewFile(uintptr(t.ours), "output"), done: make(chan struct{})}
	t.ours = -1
	go t.live.read(t.limit-int64(len(t.data)), t.over)
}

// rest returns when every writer is gone and all they wrote is in data.
func (t *tap) rest() {
	if t.live == nil && t.drained() {
		return
	}
	if t.live == nil {
		t.flow()
	}
	t.live.wait()
	t.data, t.cut = append(t.data, t.live.data...), t.cut || t.live.cut
}

// drained reads what the pipe holds; false when a writer still lives, which has
// nothing read.
func (t *tap) drained() bool {
	buf := make([]byte, 4<<10)
	for {
		n, err := unix.Read(t.ours, buf)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return false
		case n == 0:
			return true
		}
		if room := t.limit - int64(len(t.data)); int64(n) > room {
			n = int(room)
			if !t.cut {
				t.cut = true
				t.over()
			}
		}
		t.data = append(t.data, buf[:n]...)
	}
}

func (t *tap) close() {
	t.sent()
	if t.ours >= 0 {
		_ = unix.Close(t.ours)
		t.ours = -1
	}
	if t.live != nil {
		_ = t.live.ours.Close()
	}
}
