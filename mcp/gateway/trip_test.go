package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// tripTo makes a server, the trips to it, and a count of its connections.
func tripTo(t *testing.T, h http.HandlerFunc) (*trips, *url.URL, *atomic.Int64) {
	t.Helper()
	var conns atomic.Int64
	s := httptest.NewUnstartedServer(h)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return tripsTo(t, s.URL), mustURL(t, s.URL), &conns
}

func mustURL(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func tripsTo(t *testing.T, raw string) *trips {
	t.Helper()
	u := mustURL(t, raw)
	tr := nearby(u.Scheme, u.Host)
	if tr == nil {
		t.Fatalf("%s is on this machine", raw)
	}
	t.Cleanup(tr.close)
	return tr
}

func tripRequest(ctx context.Context, u *url.URL, body []byte) *http.Request {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		panic(err) // the URL has been parsed before
	}
	return req
}

func (t *trips) ask(ctx context.Context, u *url.URL, body []byte) (string, error) {
	resp, err := t.RoundTrip(tripRequest(ctx, u, body))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return fmt.Sprint(resp.StatusCode, " ", string(b)), err
}

func TestNearby(t *testing.T) {
	for raw, addr := range map[string]string{
		"http://127.0.0.1:81/mcp": "127.0.0.1:81", "http://localhost/mcp": "localhost:80", "http://[::1]/": "[::1]:80", "http://[::1]:9/": "[::1]:9",
		"https://127.0.0.1:81/": "", "http://example.com/": "", "http://10.0.0.1:80/": "", "http://localhost.example.com/": "",
	} {
		u := mustURL(t, raw)
		tr := nearby(u.Scheme, u.Host)
		if got := ""; tr != nil {
			got = tr.addr
			if got != addr {
				t.Errorf("%s: %s, want %q", raw, got, addr)
			}
		} else if addr != "" {
			t.Errorf("%s is not near", raw)
		}
	}
}

// One connection serves one caller after the other, whole bodies or not; eight
// callers at once have one each.
func TestTripsReuseConnections(t *testing.T) {
	tr, u, conns := tripTo(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if string(b) == "stream" {
			startStream(w)
			_, _ = io.WriteString(w, "data: x\n\n")
			return
		}
		_, _ = w.Write(b)
	})
	for i := range 20 {
		want := fmt.Sprint("200 ", i)
		if got, err := tr.ask(t.Context(), u, fmt.Append(nil, i)); err != nil || got != want {
			t.Fatalf("%q, %v, want %q", got, err, want)
		}
	}
	for range 5 { // the answer is the first event: nobody reads on
		resp, err := tr.RoundTrip(tripRequest(t.Context(), u, []byte("stream")))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 9)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond) // the stream's end is there now
		resp.Body.Close()
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	var wg sync.WaitGroup
	for c := range 8 {
		wg.Go(func() {
			for i := range 50 {
				body := strings.Repeat(fmt.Sprint(c, " ", i, " "), 3000)
				if got, err := tr.ask(t.Context(), u, []byte(body)); err != nil || got != "200 "+body {
					t.Errorf("%.40q, %v", got, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := conns.Load(); n > 9 {
		t.Errorf("%d connections for 8 callers", n)
	}
}

// A connection that the server has closed meanwhile is not used, and what the
// server may have carried out is not asked again.
func TestTripsOfAClosedConnection(t *testing.T) {
	var asked atomic.Int64
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	t.Cleanup(func() { l.Close(); served.Wait() })
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for range 2 {
					req, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					b, _ := io.ReadAll(req.Body)
					asked.Add(1)
					if string(b) == "die" {
						return
					}
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				}
			})
		}
	})
	u := mustURL(t, "http://"+l.Addr().String())
	tr := tripsTo(t, u.String())
	for range 7 { // every second one finds its connection closed
		if got, err := tr.ask(t.Context(), u, []byte("x")); err != nil || got != "200 ok" {
			t.Fatalf("%q, %v", got, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	before := asked.Load()
	if got, err := tr.ask(t.Context(), u, []byte("die")); err == nil {
		t.Fatalf("a call that nobody answered: %q", got)
	}
	if n := asked.Load() - before; n != 1 {
		t.Errorf("it was asked %d times", n)
	}
}

// A caller that leaves is let go at once, before the answer and within it.
func TestTripsEndWithTheirContext(t *testing.T) {
	tr, u, _ := tripTo(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if string(b) == "within" {
			startStream(w)
			_, _ = io.WriteString(w, "data: x\n\n")
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	})
	for _, when := range []string{"before", "within"} {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		_, err := tr.ask(ctx, u, []byte(when))
		if err == nil || when == "before" && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", when, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tr.ask(ctx, u, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("ended before it began: %v", err)
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if len(tr.idle) > 0 {
		t.Errorf("%d connections that were broken off are kept", len(tr.idle))
	}
}

// A hostile or odd server.
func TestTripsOfOddAnswers(t *testing.T) {
	for name, c := range map[string]struct{ answer, want, err string }{
		"interim answers":       {"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny", "200 y", ""},
		"nothing but interim":   {strings.Repeat("HTTP/1.1 100 Go on\r\n\r\n", 9), "", "interim"},
		"endless headers":       {"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: "+strings.Repeat("b", 1000)+"\r\n", 1200), "", "too long"},
		"no HTTP":               {"220 smtp.example\r\n", "", "malformed"},
		"until it hangs up":     {"HTTP/1.1 200 OK\r\n\r\nrest", "200 rest", ""},
		"less than it promised": {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", "200 ab", "EOF"},
		"refused in the middle": {"refuse", "413 no", ""},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			t.Cleanup(func() { l.Close(); <-done })
			go func() {
				defer close(done)
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				if c.answer == "refuse" { // before it has read it all
					_, _ = io.ReadFull(conn, make([]byte, 1000))
					_, _ = io.WriteString(conn, "HTTP/1.1 413 Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
					_ = conn.(*net.TCPConn).CloseWrite()
					_, _ = io.Copy(io.Discard, conn)
					return
				}
				if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					_, _ = io.Copy(io.Discard, req.Body)
				}
				_, _ = io.WriteString(conn, c.answer)
			}()
			u := mustURL(t, "http://"+l.Addr().String())
			got, err := tripsTo(t, u.String()).ask(t.Context(), u, bytes.Repeat([]byte("x"), 1<<20))
			if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// After the end nothing is kept.
func TestTripsClose(t *testing.T) {
	tr, u, _ := tripTo(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	if _, err := tr.ask(t.Context(), u, nil); err != nil {
		t.Fatal(err)
	}
	tr.close()
	if _, err := tr.ask(t.Context(), u, nil); err != nil {
		t.Fatal(err) // what is under way goes on
	}
	if len(tr.idle) > 0 {
		t.Error("a connection is kept")
	}
}
