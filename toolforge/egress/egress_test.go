package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) {
	// The test's own web server lingers for half a second over each connection
	// that it was asked to close.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

func rules(t testing.TB, texts ...string) []Rule {
	t.Helper()
	var out []Rule
	for _, s := range texts {
		r, err := ParseRule(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func TestParseRule(t *testing.T) {
	for in, want := range map[string]string{
		"Example.ORG": "example.org", "example.org.": "example.org", "example.org:8443": "example.org:8443", "a_b.example:1": "a_b.example:1",
		"127.0.0.1": "127.0.0.1", "127.0.0.1:80": "127.0.0.1:80", "[::1]:80": "[::1]:80", "::1": "::1", "[::1]": "::1", "::ffff:10.0.0.1": "10.0.0.1",
		"localhost:1": "localhost:1", "xn--bcher-kva.example": "xn--bcher-kva.example",
		"": "", "*": "", "*.example.org": "", "http://example.org": "", "example.org:0": "", "example.org:65536": "", "example.org:+1": "", "example.org:": "",
		"a b": "", "-a.org": "", "a..b": "", "127.1": "", "2130706433": "", "0x7f.0x1": "", "1.2.3.4.5": "", "fe80::1%eth0": "", "::1:80:x": "", "bücher.example": "",
		"a/b": "", "[::1": "", "::1]": "", "[1.2.3.4": "", "user@example.org": "", "example.org:80:80": "", "a\x00b": "", strings.Repeat("a.", 127) + "org": "",
	} {
		r, err := ParseRule(in)
		if (err == nil) != (want != "") || err == nil && r.String() != want {
			t.Errorf("%q: got %q, %v; want %q", in, r, err, want)
		}
		if err != nil && !errors.Is(err, ErrRule) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func FuzzParseRule(f *testing.F) {
	for _, s := range []string{"example.org:80", "[::1]:80", "127.0.0.1", "0x7f.1", "a:b:c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRule(s)
		if err != nil {
			return
		}
		again, err := ParseRule(r.String())
		if err != nil || again != r {
			t.Errorf("%q is %q, which is %q, %v", s, r, again, err)
		}
	})
}

func TestPublic(t *testing.T) {
	for a, want := range map[string]bool{
		"93.184.216.34": true, "1.1.1.1": true, "2606:4700::1111": true, "64:ff9b::5db8:d822": true, "2002:5db8:d822::1": true, "::ffff:1.1.1.1": true,
		"127.0.0.1": false, "127.255.0.1": false, "10.1.2.3": false, "172.31.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.100.100.200": false,
		"168.63.129.16": false, "0.0.0.0": false, "224.0.0.1": false, "255.255.255.255": false, "::1": false, "::": false, "fe80::1": false, "fc00::1": false,
		"fd00:ec2::254": false, "ff02::1": false, "::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "64:ff9b::7f00:1": false, "64:ff9b::a9fe:a9fe": false,
		"2002:7f00:1::": false, "2001::1": false, "2001:db8::1": false, "64:ff9b:1::1": false, "::7f00:1": false,
	} {
		if got := Public(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: got %v", a, got)
		}
	}
}

// Whatever v6 form an inside address takes, it is not public.
func TestPublicSeesThroughForms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inside := rapid.SampledFrom([]string{"127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.0.1", "172.16.0.1", "100.64.0.1"}).Draw(t, "inside")
		v4 := netip.MustParseAddr(inside).As4()
		var b [16]byte
		form := rapid.SampledFrom([]string{"mapped", "nat64", "6to4"}).Draw(t, "form")
		switch form {
		case "mapped":
			b[10], b[11] = 0xff, 0xff
			copy(b[12:], v4[:])
		case "nat64":
			copy(b[:], []byte{0, 0x64, 0xff, 0x9b})
			copy(b[12:], v4[:])
		case "6to4":
			copy(b[:], []byte{0x20, 0x02})
			copy(b[2:], v4[:])
			copy(b[6:], rapid.SliceOfN(rapid.Byte(), 10, 10).Draw(t, "rest"))
		}
		if Public(netip.AddrFrom16(b)) {
			t.Errorf("%s as %s is public", inside, form)
		}
	})
}

// world is a proxy, and what it asked of the network.
type world struct {
	*Proxy
	at       string // the proxy's address
	mu       sync.Mutex
	resolved []string
	dialled  []string
}

// newWorld makes a proxy in a network in which names have these addresses, one
// set after the other for each question, and every address is to.
func newWorld(t testing.TB, o Options, to string, names map[string][][]string, allow ...string) *world {
	t.Helper()
	w := &world{}
	o.Resolve = func(_ context.Context, name string) ([]netip.Addr, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.resolved = append(w.resolved, name)
		sets := names[name]
		if len(sets) == 0 {
			return nil, errors.New("no such name")
		}
		if len(sets) > 1 {
			names[name] = sets[1:]
		}
		var out []netip.Addr
		for _, a := range sets[0] {
			out = append(out, netip.MustParseAddr(a))
		}
		return out, nil
	}
	o.Dial = func(ctx context.Context, at netip.AddrPort) (net.Conn, error) {
		w.mu.Lock()
		w.dialled = append(w.dialled, at.String())
		w.mu.Unlock()
		return (&net.Dialer{}).DialContext(ctx, "tcp", to)
	}
	w.Proxy = New(rules(t, allow...), o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.at = l.Addr().String()
	done := make(chan struct{})
	go func() { defer close(done); w.Serve(l) }()
	t.Cleanup(func() { w.Close(); <-done })
	return w
}

// client goes through the proxy, each request on a connection of its own.
func (w *world) client(t testing.TB, roots *x509.CertPool) *http.Client {
	t.Helper()
	tr := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: w.at}), DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: time.Minute}
}

func get(c *http.Client, url string) (int, string, error) {
	res, err := c.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}

// raw sends bytes to the proxy and returns all that it answers.
func (w *world) raw(t testing.TB, send string) string {
	t.Helper()
	c, err := net.Dial("tcp", w.at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.WriteString(c, send) // the proxy may stop reading
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	out, _ := io.ReadAll(c)
	c.Close()
	<-done
	return string(out)
}

func TestPlainHTTP(t *testing.T) {
	var seen atomic.Pointer[http.Request]
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r)
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.Host, r.URL, body)
	}))
	defer host.Close()
	w := newWorld(t, Options{}, host.Listener.Addr().String(), map[string][][]string{"api.example": {{"93.184.216.34"}}}, "api.example", "sub.example:8080")
	c := w.client(t, nil)
	if code, body, err := get(c, "http://API.example/a?b=c"); err != nil || code != 200 || body != "GET API.example /a?b=c " {
		t.Errorf("got %d %q, %v", code, body, err)
	}
	res, err := c.Post("http://api.example:81/p", "text/plain", strings.NewReader("sent"))
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("post: %v", err)
	}
	res.Body.Close()
	for url, why := range map[string]string{
		"http://other.example/": "not among", "http://sub.example/": "not among", "http://api.example.evil.example/": "not among", "http://xapi.example/": "not among",
		"http://93.184.216.34/": "not among", "http://127.0.0.1/": "not among", "http://169.254.169.254/latest": "not among", "http://[::1]/": "not among",
		"http://2130706433/": "not a host", "http://0x7f.1/": "not a host", "http://[::ffff:127.0.0.1]/": "not among",
	} {
		if code, body, err := get(c, url); err != nil || code != 403 || !strings.Contains(body, why) {
			t.Errorf("%s: got %d %q, %v; want 403 and %q", url, code, body, err, why)
		}
	}
	log, _ := w.Close()
	if len(log) != 13 || !log[0].Allowed || log[0].Address != "93.184.216.34:80" || log[0].Sent < 30 || log[0].Received < 30 || log[1].Address != "93.184.216.34:81" {
		t.Errorf("%+v", log)
	}
	for _, r := range log[2:] {
		if r.Allowed || r.Reason == "" || r.Sent+r.Received != 0 || r.Address != "" {
			t.Errorf("%+v", r)
		}
	}
	if !slices.Equal(w.resolved, []string{"api.example", "api.example"}) || len(w.dialled) != 2 {
		t.Errorf("resolved %q, dialled %q", w.resolved, w.dialled)
	}
}

// A name is dialled at the address that was checked, and not if that is inside.
func TestRebinding(t *testing.T) {
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "host") }))
	defer host.Close()
	w := newWorld(t, Options{}, host.Listener.Addr().String(), map[string][][]string{
		"turns.example": {{"93.184.216.34"}, {"127.0.0.1"}}, "mixed.example": {{"10.0.0.1", "::ffff:169.254.169.254", "93.184.216.35"}},
		"inside.example": {{"127.0.0.1"}}, "cloud.example": {{"169.254.169.254", "fd00:ec2::254"}}, "six.example": {{"64:ff9b::7f00:1"}},
	}, "turns.example", "mixed.example", "inside.example", "cloud.example", "six.example", "127.0.0.1:9", "localhost:9")
	c := w.client(t, nil)
	for _, step := range []struct {
		url  string
		code int
	}{
		{"http://turns.example/", 200}, {"http://turns.example/", 403}, {"http://mixed.example/", 200},
		{"http://inside.example/", 403}, {"http://inside.example:9/", 403}, // the address is allowed, and not this name for it
		{"http://cloud.example/", 403}, {"http://six.example/", 403}, {"http://127.0.0.1:9/", 200}, {"http://localhost:9/", 200}, {"http://localhost:8/", 403},
	} {
		if code, body, err := get(c, step.url); err != nil || code != step.code {
			t.Errorf("%s: got %d %q, %v; want %d", step.url, code, body, err, step.code)
		}
	}
	if want := []string{"93.184.216.34:80", "93.184.216.35:80", "127.0.0.1:9", "127.0.0.1:9"}; !slices.Equal(w.dialled, want) {
		t.Errorf("dialled %q, want %q", w.dialled, want)
	}
	if slices.Contains(w.resolved, "localhost") {
		t.Error("localhost was asked of a resolver")
	}
}

// A name that leads to a public address of this very machine is refused.
func TestOwnAddressesAreRefused(t *testing.T) {
	own := func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("93.184.216.34")} }
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "host") }))
	defer host.Close()
	w := newWorld(t, Options{Own: own}, host.Listener.Addr().String(), map[string][][]string{
		"own.example": {{"93.184.216.34"}}, "mapped.example": {{"::ffff:93.184.216.34"}}, "other.example": {{"93.184.216.35"}},
	}, "own.example", "mapped.example", "other.example")
	c := w.client(t, nil)
	for url, want := range map[string]int{"http://own.example/": 403, "http://mapped.example/": 403, "http://other.example/": 200} {
		if code, body, err := get(c, url); err != nil || code != want {
			t.Errorf("%s: got %d %q, %v; want %d", url, code, body, err, want)
		}
	}
	if want := []string{"93.184.216.35:80"}; !slices.Equal(w.dialled, want) {
		t.Errorf("dialled %q, want %q", w.dialled, want)
	}
}

func TestTunnel(t *testing.T) {
	host := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "secret "+r.Host) }))
	defer host.Close()
	roots := x509.NewCertPool()
	roots.AddCert(host.Certificate()) // for example.com and 127.0.0.1
	w := newWorld(t, Options{}, host.Listener.Addr().String(), map[string][][]string{"example.com": {{"93.184.216.34"}}, "front.example": {{"93.184.216.36"}}},
		"example.com:443", "127.0.0.1:8443", "front.example")
	c := w.client(t, roots)
	for url, want := range map[string]string{"https://example.com/": "secret example.com", "https://127.0.0.1:8443/": "secret 127.0.0.1:8443"} {
		if code, body, err := get(c, url); err != nil || code != 200 || body != want {
			t.Errorf("%s: got %d %q, %v", url, code, body, err)
		}
	}
	for url, why := range map[string]string{"https://other.example/": "not among", "https://example.com:444/": "not among", "https://169.254.169.254/": "not among"} {
		if _, _, err := get(c, url); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: got %v", url, err)
		}
	}
	// A tunnel to one host in which the hello names another.
	tr := c.Transport.(*http.Transport).Clone()
	tr.TLSClientConfig.ServerName = "example.com"
	defer tr.CloseIdleConnections()
	if _, body, err := get(&http.Client{Transport: tr, Timeout: time.Minute}, "https://front.example/"); err == nil {
		t.Errorf("fronting got %q", body)
	}
	if got := w.raw(t, "CONNECT front.example:22 HTTP/1.1\r\nHost: front.example:22\r\n\r\nSSH-2.0-x\r\n"); !strings.HasPrefix(got, "HTTP/1.1 200") || strings.Count(got, "\r\n") != 2 {
		t.Errorf("no TLS in the tunnel: %q", got)
	}
	log, _ := w.Close()
	refused := 0
	for _, r := range log {
		if !r.Allowed {
			refused++
			if r.Sent+r.Received != 0 || r.Reason == "" {
				t.Errorf("%+v", r)
			}
		} else if r.Sent < 100 || r.Received < 100 {
			t.Errorf("%+v", r)
		}
	}
	if len(log) != 7 || refused != 5 {
		t.Errorf("%+v", log)
	}
}

// What a program sends in one connection is one request at a time, written
// anew: no second request, host or hop hides in it.
func TestSmuggling(t *testing.T) {
	var mu sync.Mutex
	var got []string
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, fmt.Sprintf("%s %s%s %q te=%v up=%q pa=%q x=%q", r.Method, r.Host, r.URL.Path, body, r.TransferEncoding, r.Header.Get("Upgrade"), r.Header.Get("Proxy-Authorization"), r.Header.Get("X-Hop")))
	}))
	defer host.Close()
	for name, c := range map[string]struct{ send, code, sees string }{
		"host header":       {"GET http://api.example/a HTTP/1.1\r\nHost: evil.example\r\n\r\n", "200", `GET api.example/a "" te=[] up="" pa="" x=""`},
		"hops":              {"GET http://api.example/ HTTP/1.1\r\nHost: x\r\nConnection: X-Hop, Upgrade\r\nX-Hop: 1\r\nUpgrade: h2c\r\nProxy-Authorization: b\r\n\r\n", "200", `GET api.example/ "" te=[] up="" pa="" x=""`},
		"length and chunks": {"POST http://api.example/ HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET http://evil.example/ HTTP/1.1\r\n\r\n", "", ""},
		"two lengths":       {"POST http://api.example/ HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400", ""},
		"odd chunks":        {"POST http://api.example/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501", ""},
		"second request":    {"GET http://api.example/1 HTTP/1.1\r\nHost: x\r\n\r\nGET http://evil.example/ HTTP/1.1\r\nHost: api.example\r\n\r\n", "403", `GET api.example/1 "" te=[] up="" pa="" x=""`},
		"line in the path":  {"GET http://api.example/%0d%0aX: HTTP/1.1\r\nHost: x\r\n\r\n", "200", "GET api.example/\r\nX: \"\" te=[] up=\"\" pa=\"\" x=\"\""},
		"not absolute":      {"GET / HTTP/1.1\r\nHost: api.example\r\n\r\n", "400", ""},
		"other scheme":      {"GET ftp://api.example/ HTTP/1.1\r\nHost: api.example\r\n\r\n", "400", ""},
		"user":              {"GET http://api.example@evil.example/ HTTP/1.1\r\nHost: api.example\r\n\r\n", "400", ""},
		"host with a zero":  {"GET http://api.example%00.evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n", "400", ""},
		"no proxy request":  {"\x16\x03\x01\x00\x05hello\r\n\r\n", "400", ""},
		"huge head":         {"GET http://api.example/ HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 1<<20) + "\r\n\r\n", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Options{}, host.Listener.Addr().String(), map[string][][]string{"api.example": {{"93.184.216.34"}}}, "api.example")
			mu.Lock()
			got = nil
			mu.Unlock()
			back := w.raw(t, c.send)
			if !strings.Contains(back, " "+c.code) {
				t.Errorf("got %q, want %s", back, c.code)
			}
			w.Close()
			mu.Lock()
			defer mu.Unlock()
			if c.sees == "" && c.code != "" && len(got) > 0 || c.sees != "" && (len(got) != 1 || got[0] != c.sees) {
				t.Errorf("the host saw %q", got)
			}
			for _, g := range got {
				if strings.Contains(g, "evil") {
					t.Errorf("the host saw %q", g)
				}
			}
			for _, r := range w.resolved {
				if r != "api.example" {
					t.Errorf("resolved %q", r)
				}
			}
		})
	}
}

func TestEndToEnd(t *testing.T) {
	h := endToEnd(http.Header{"Connection": {"x-a, X-B", "close"}, "X-A": {"1"}, "X-B": {"1"}, "X-C": {"1"}, "Te": {"trailers"}, "Proxy-Authorization": {"x"}})
	if len(h) != 1 || h.Get("X-C") != "1" {
		t.Errorf("%v", h)
	}
}

// A redirect is the program's to follow, through the proxy again.
func TestRedirect(t *testing.T) {
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
	}))
	defer host.Close()
	w := newWorld(t, Options{}, host.Listener.Addr().String(), map[string][][]string{"api.example": {{"93.184.216.34"}}}, "api.example")
	if code, body, err := get(w.client(t, nil), "http://api.example/"); err != nil || code != 403 {
		t.Errorf("got %d %q, %v", code, body, err)
	}
	if len(w.dialled) != 1 {
		t.Errorf("dialled %q", w.dialled)
	}
}

func TestBounds(t *testing.T) {
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/much" {
			io.Copy(w, io.LimitReader(zeros{}, 1<<22))
		}
	}))
	defer host.Close()
	names := func() map[string][][]string { return map[string][][]string{"api.example": {{"93.184.216.34"}}} }
	w := newWorld(t, Options{Bytes: 100_000}, host.Listener.Addr().String(), names(), "api.example")
	if _, body, err := get(w.client(t, nil), "http://api.example/much"); err == nil || len(body) > 140_000 {
		t.Errorf("got %d bytes, %v", len(body), err)
	}
	if code, _, err := get(w.client(t, nil), "http://api.example/"); err == nil && code == 200 {
		t.Error("more bytes than may be")
	}
	if log, _ := w.Close(); len(log) != 2 || log[0].Received < 90_000 || log[0].Received > 140_000 || !strings.Contains(log[0].Reason, "more bytes") {
		t.Errorf("%+v", log)
	}

	w = newWorld(t, Options{Requests: 2, AtOnce: 1}, host.Listener.Addr().String(), names(), "api.example")
	c := w.client(t, nil)
	for i := range maxRecords + 5 {
		want := http.StatusOK
		if i >= 2 {
			want = http.StatusForbidden
		}
		if code, _, err := get(c, "http://api.example/"); err != nil || code != want {
			t.Fatalf("request %d: got %d, %v", i, code, err)
		}
	}
	if log, more := w.Close(); len(log) != maxRecords || more != 5 || len(w.dialled) != 2 {
		t.Errorf("%d recorded, %d more, %d dialled", len(log), more, len(w.dialled))
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// Close ends what is under way.
func TestCloseEndsTunnels(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w := newWorld(t, Options{}, l.Addr().String(), nil, "127.0.0.1:443")
	c, err := net.Dial("tcp", w.at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: x\r\n\r\n")
	if line, err := bufio.NewReaderSize(io.LimitReader(c, 39), 64).ReadString('\n'); err != nil || !strings.Contains(line, " 200 ") {
		t.Fatalf("%q, %v", line, err)
	}
	shaken := make(chan error, 1)
	go func() { shaken <- tls.Client(c, &tls.Config{InsecureSkipVerify: true}).Handshake() }()
	host, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	if _, err := host.Read(make([]byte, 1)); err != nil { // the hello came through
		t.Fatal(err)
	}
	w.Close()
	if err := <-shaken; err == nil {
		t.Error("the tunnel goes on")
	}
}
