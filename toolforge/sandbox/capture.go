package sandbox

import (
	"fmt"
	"os"
)

// capture reads one output stream of the command and keeps the first bytes.
type capture struct {
	child *os.File // the command's end
	ours  *os.File
	data  []byte
	cut   bool
	done  chan struct{}
}

// newCapture starts reading; over is called once when there is more than limit.
func newCapture(limit int64, over func()) (*capture, error) {
	ours, child, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("sandbox: output pipe: %w", err)
	}
	c := &capture{child: child, ours: ours, done: make(chan struct{})}
	go c.read(limit, over)
	return c, nil
}

func (c *capture) read(limit int64, over func()) {
	defer close(c.done)
	buf := make([]byte, 32<<10)
	for {
		n, err := c.ours.Read(buf)
		if room := limit - int64(len(c.data)); int64(n) > room {
			n = int(room)
			if !c.cut {
				c.cut = true
				over()
			}
		}
		c.data = append(c.data, buf[:n]...)
		if err != nil {
			return
		}
	}
}

// wait returns when every writer is gone.
func (c *capture) wait() { <-c.done }

// Close ends a capture that was never waited for.
func (c *capture) Close() error {
	c.child.Close()
	err := c.ours.Close()
	<-c.done
	return err
}
