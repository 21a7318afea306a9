package egress

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// connect answers CONNECT: a tunnel that carries TLS to the host that it names.
func (p *Proxy) connect(ctx context.Context, w http.ResponseWriter, hr *http.Request, r *request) error {
	upstream, err := p.open(ctx, hr.URL.Hostname(), hr.URL.Port(), r)
	if err == nil {
		defer upstream.Close()
	}
	client, buffered, herr := http.NewResponseController(w).Hijack()
	if herr != nil {
		return herr
	}
	defer client.Close()
	if err != nil {
		// Programs show the reason phrase of such an answer, and not its body.
		_ = client.SetDeadline(time.Now().Add(setupTime))
		fmt.Fprintf(client, "HTTP/1.1 %d Lathe: %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", status(err), printable(clipped(err.Error()), ' '))
		return err
	}
	stop := context.AfterFunc(ctx, func() { client.Close(); upstream.Close() })
	defer stop()
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return err
	}
	// What came with the head is the first of what goes through the tunnel.
	from := io.MultiReader(io.LimitReader(buffered.Reader, int64(buffered.Reader.Buffered())), client)
	_ = client.SetDeadline(time.Now().Add(setupTime))
	hello, err := helloOf(from, hr.URL.Hostname())
	if err != nil {
		p.mu.Lock()
		r.Allowed = false
		p.mu.Unlock()
		return err
	}
	_ = client.SetDeadline(time.Time{})
	return carry(client, io.MultiReader(bytes.NewReader(hello), from), upstream)
}

// carry copies both ways until both are done.
func carry(client net.Conn, from io.Reader, upstream net.Conn) error {
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(upstream, from)
		if err == nil {
			err = closeWrite(upstream)
		} else {
			upstream.Close()
		}
		done <- err
	}()
	_, err := io.Copy(client, upstream)
	if err == nil {
		_ = closeWrite(client)
	} else {
		client.Close()
	}
	// A host that is done wants nothing more.
	upstream.Close()
	client.Close()
	if sent := <-done; errors.Is(sent, errTooMuch) {
		return sent
	}
	if errors.Is(err, errTooMuch) {
		return err
	}
	return nil // that a side just ends is how tunnels end
}

var errPeeked = errors.New("peeked")

// helloOf reads a TLS client hello (RFC 8446, 4.1.2) and returns its bytes. It
// must name the host that the tunnel was made for: servers choose by it whom
// the connection reaches.
func helloOf(from io.Reader, host string) ([]byte, error) {
	var raw bytes.Buffer
	named, seen := "", false
	err := tls.Server(&reading{from: io.TeeReader(io.LimitReader(from, maxHead), &raw)}, &tls.Config{
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			named, seen = h.ServerName, true
			return nil, errPeeked
		}}).Handshake()
	if !seen {
		if err != nil && raw.Len() == 0 {
			return nil, refuse("the tunnel carried nothing")
		}
		return nil, refuse("the tunnel does not carry TLS")
	}
	to, _ := parsePlace(host)
	is, ok := parsePlace(named)
	switch {
	case to.addr.IsValid() && named == "":
	case !ok || is != to:
		return nil, refuse("the TLS hello names another host: %s", clean(named))
	}
	return raw.Bytes(), nil
}

// reading is a connection that is only read.
type reading struct {
	net.Conn // nil: nothing else is called
	from     io.Reader
}

func (r *reading) Read(b []byte) (int, error)  { return r.from.Read(b) }
func (r *reading) Write(b []byte) (int, error) { return len(b), nil } // an alert, which the client must not get
func (r *reading) Close() error                { return nil }
