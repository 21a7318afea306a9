package egress

import (
	"errors"
	"net"
	"sync"
)

var errTooMuch = errors.New("more bytes than may be sent and received")

// counted is a connection to a host whose bytes are counted and bounded.
type counted struct {
	net.Conn
	p *Proxy
	r *request
}

func (c *counted) Read(b []byte) (int, error) {
	if c.p.bytes.Load() >= c.p.o.Bytes {
		return 0, errTooMuch
	}
	n, err := c.Conn.Read(b)
	c.p.bytes.Add(int64(n))
	c.r.received.Add(int64(n))
	return n, err
}

func (c *counted) Write(b []byte) (int, error) {
	if c.p.bytes.Add(int64(len(b))) > c.p.o.Bytes {
		return 0, errTooMuch
	}
	n, err := c.Conn.Write(b)
	c.r.sent.Add(int64(n))
	return n, err
}

// CloseWrite says that no more comes, where the connection can.
func (c *counted) CloseWrite() error { return closeWrite(c.Conn) }

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// limited accepts a number of connections at a time.
type limited struct {
	net.Listener
	free chan struct{}
	done <-chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &guestConn{Conn: c, leave: sync.OnceFunc(func() { <-l.free })}, nil
}

// guestConn is one of them.
type guestConn struct {
	net.Conn
	leave func()
}

func (c *guestConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

func (c *guestConn) CloseWrite() error { return closeWrite(c.Conn) }
