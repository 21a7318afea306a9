package sandbox

import (
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"lathe/toolforge/egress"
)

// network brings the run's own loopback interface up and listens there for the
// proxy, which lives in the launcher: a listener belongs to the network that it
// was made in, whoever holds it. So nothing of the host's network is in here,
// and no process but the command's.
func (b *builder) network() error {
	if !b.cfg.Network {
		return nil
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	lo, err := unix.NewIfreq("lo")
	if err == nil {
		lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		err = unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: proxyPort, Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = unix.Listen(fd, 64)
	}
	if err != nil {
		unix.Close(fd)
		return fmt.Errorf("network: %w", err)
	}
	b.proxy = fd
	return nil
}

// proxyListener is the launcher's end of a run's network.
type proxyListener struct{ l *net.TCPListener }

func newProxyListener(fd int) (*proxyListener, error) {
	f := os.NewFile(uintptr(fd), "proxy")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("sandbox: network: %w", err)
	}
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		l.Close()
		return nil, fmt.Errorf("sandbox: network: the listener is one of %s", l.Addr().Network())
	}
	return &proxyListener{tcp}, nil
}

// reach serves the network of a run, or of a call, until the answer is called:
// when every process that could ask is gone. It says what was asked for.
func (r *run) reach(failed error) func() ([]egress.Request, int) {
	if r.proxy == nil || failed != nil {
		return func() ([]egress.Request, int) { return nil, 0 }
	}
	rules, _ := r.spec.rules() // were checked
	p := egress.New(rules, egress.Options{})
	_ = r.proxy.l.SetDeadline(time.Time{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Serve(&turn{r.proxy})
	}()
	return func() ([]egress.Request, int) {
		requests, more := p.Close()
		<-done
		r.proxy.drain()
		return requests, more
	}
}

// drain throws away what nobody accepted: it must not be taken for the next
// call's.
func (p *proxyListener) drain() {
	raw, err := p.l.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		for {
			c, _, err := unix.Accept4(int(fd), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
			if err == unix.EINTR || err == unix.ECONNABORTED {
				continue
			}
			if err != nil {
				return
			}
			unix.Close(c)
		}
	})
}

// turn lends the listener for one call: closing it stops accepting, and no
// more.
type turn struct{ p *proxyListener }

func (t *turn) Accept() (net.Conn, error) {
	c, err := t.p.l.Accept()
	if err != nil {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (t *turn) Close() error   { return t.p.l.SetDeadline(time.Unix(1, 0)) }
func (t *turn) Addr() net.Addr { return t.p.l.Addr() }
