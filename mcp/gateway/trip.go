package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	maxHead  = 1 << 20 // of an answer's headers, in bytes
	idleConn = 60 * time.Second
	dialTime = 10 * time.Second
)

// trips makes requests of servers on this machine: each on the goroutine that
// waits for the answer. http.Transport hands every request to a goroutine that
// writes and takes its answer from one that reads, and between processes of one
// machine waking them is a large part of the time. The protocol itself is
// net/http's.
type trips struct {
	addr string

	mu     sync.Mutex
	idle   []*tripConn // the last used is the last
	closed bool
}

// nearby makes trips for a server on this machine without TLS; nil for others.
func nearby(scheme, host string) *trips {
	if scheme != "http" || !loopback(host) {
		return nil
	}
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(strings.Trim(host, "[]"), "80")
	}
	return &trips{addr: host}
}

// tripConn is a connection that one request at a time uses.
type tripConn struct {
	net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
	left int       // bytes that may still be read; less than 0 for any number
	used time.Time // when it fell idle
}

var errLongHead = errors.New("its headers are too long")

func (c *tripConn) Read(p []byte) (int, error) {
	if c.left < 0 {
		return c.Conn.Read(p)
	}
	if c.left == 0 {
		return 0, errLongHead
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// RoundTrip implements http.RoundTripper.
func (t *trips) RoundTrip(req *http.Request) (*http.Response, error) {
	for {
		c, fresh, err := t.conn(req.Context())
		if err != nil {
			return nil, err
		}
		resp, sent, err := t.over(c, req)
		if err == nil {
			return resp, nil
		}
		c.Close()
		if cause := context.Cause(req.Context()); cause != nil {
			return nil, cause
		}
		if fresh || sent || req.GetBody == nil && req.Body != http.NoBody {
			return nil, err
		}
		// It was closed while it was idle, and the server has seen nothing.
		if req.GetBody != nil {
			if req.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// over makes a request over a connection; sent says that the server may have
// seen it.
func (t *trips) over(c *tripConn, req *http.Request) (resp *http.Response, sent bool, err error) {
	stop := context.AfterFunc(req.Context(), func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if err != nil {
			stop()
		}
	}()
	unsent := req.Write(c.out)
	if unsent == nil {
		unsent = c.out.Flush()
	}
	if errors.Is(unsent, os.ErrDeadlineExceeded) {
		return nil, true, unsent
	}
	// A server that does not want all of a request answers and hangs up.
	c.left = maxHead
	for range 5 { // of "continue" and the like
		resp, err = http.ReadResponse(c.in, req)
		if err != nil && unsent != nil {
			return nil, !errors.Is(unsent, syscall.EPIPE), unsent
		}
		if err != nil {
			return nil, true, err
		}
		if resp.StatusCode >= 200 {
			break
		}
	}
	if resp.StatusCode < 200 {
		return nil, true, errors.New("it answers with nothing but interim answers")
	}
	c.left = -1
	resp.Body = &tripBody{body: resp.Body, t: t, c: c, stop: stop, reuse: unsent == nil && !resp.Close && !req.Close}
	return resp, true, nil
}

// tripBody gives its connection back when it has been read to its end.
type tripBody struct {
	body  io.ReadCloser
	t     *trips
	c     *tripConn
	stop  func() bool
	reuse bool
	over  bool
}

func (b *tripBody) Read(p []byte) (int, error) {
	if b.over {
		return 0, io.EOF
	}
	n, err := b.body.Read(p)
	if err != nil {
		b.end(err == io.EOF)
	}
	return n, err
}

// Close does not wait for what is still to come.
func (b *tripBody) Close() error {
	if b.over {
		return nil
	}
	// The end is often there already, behind what was read.
	_ = b.c.SetReadDeadline(time.Unix(1, 0))
	var rest [1]byte
	n, err := b.body.Read(rest[:])
	b.end(n == 0 && err == io.EOF)
	return nil
}

func (b *tripBody) end(whole bool) {
	b.over = true
	// A context that has ended has set, or is about to set, the deadline.
	if b.stop() && whole && b.reuse && b.c.SetDeadline(time.Time{}) == nil {
		b.t.put(b.c)
		return
	}
	b.c.Close()
}

// conn takes an idle connection or makes one.
func (t *trips) conn(ctx context.Context) (c *tripConn, fresh bool, err error) {
	for {
		t.mu.Lock()
		c = nil
		if n := len(t.idle); n > 0 {
			c, t.idle = t.idle[n-1], t.idle[:n-1]
		}
		t.mu.Unlock()
		if c == nil {
			break
		}
		if time.Since(c.used) < idleConn && c.quiet() {
			return c, false, nil
		}
		c.Close()
	}
	d := net.Dialer{Timeout: dialTime}
	made, err := d.DialContext(ctx, "tcp", t.addr)
	if err != nil {
		return nil, false, err
	}
	c = &tripConn{Conn: made, left: -1}
	c.in, c.out = bufio.NewReader(c), bufio.NewWriter(c)
	return c, true, nil
}

func (t *trips) put(c *tripConn) {
	c.used = time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.idle) >= maxOpen {
		c.Close()
		return
	}
	t.idle = append(t.idle, c)
	for len(t.idle) > 0 && time.Since(t.idle[0].used) > idleConn {
		t.idle[0].Close()
		t.idle = t.idle[1:]
	}
}

// close closes the idle connections, and those in use when they fall idle.
func (t *trips) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for _, c := range t.idle {
		c.Close()
	}
	t.idle = nil
}

// quiet reports whether a connection is open and nothing unasked lies in it.
func (c *tripConn) quiet() bool {
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil || c.in.Buffered() > 0 {
		return false
	}
	quiet := false
	err = raw.Read(func(fd uintptr) bool {
		var some [1]byte
		_, _, rerr := syscall.Recvfrom(int(fd), some[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = rerr == syscall.EAGAIN || rerr == syscall.EWOULDBLOCK
		return true
	})
	return err == nil && quiet
}
