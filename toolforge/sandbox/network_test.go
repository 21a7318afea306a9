package sandbox

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fetch prints what each URL gives, or why it gives nothing.
const fetch = `
import sys, urllib.request, urllib.error
def fetch(*urls):
    for url in urls:
        try: print(urllib.request.urlopen(url, timeout=60).read().decode().strip())
        except urllib.error.HTTPError as e: print(e.code, e.read().decode().strip())
        except OSError as e: print(e)
`

// servers are two that a run may try to reach, and their host:port.
func servers(t *testing.T) (plain, secure *httptest.Server, plainAt, secureAt string) {
	t.Helper()
	answers := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
		case "/echo":
			_, _ = io.Copy(w, r.Body)
		default:
			fmt.Fprintln(w, "answer of", r.Host)
		}
	})
	plain, secure = httptest.NewServer(answers), httptest.NewTLSServer(answers)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	if err := os.WriteFile(ca, cert, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", ca)
	return plain, secure, plain.Listener.Addr().String(), secure.Listener.Addr().String()
}

func TestNetworkReachesWhatIsNamed(t *testing.T) {
	_, _, plain, secure := servers(t)
	r := python(t, fetch+fmt.Sprintf("fetch('http://%s/a', 'https://%s/b')", plain, secure), &Spec{Network: []string{plain, secure}})
	prints("answer of "+plain+"\nanswer of "+secure)(t, r)
	if len(r.Network) != 2 || r.Unlisted != 0 {
		t.Fatalf("%+v", r.Network)
	}
	for i, host := range []string{plain, secure} {
		if n := r.Network[i]; n.Host != host || !n.Allowed || n.Sent < 50 || n.Received < 50 {
			t.Errorf("%+v", n)
		}
	}
}

func TestAbuseNamedNetwork(t *testing.T) {
	_, _, plain, secure := servers(t)
	_, _, other, _ := servers(t)
	_, port, _ := strings.Cut(plain, ":")
	abstract := fmt.Sprintf("lathe-network-test-%d", os.Getpid())
	r := python(t, fetch+tryAll+fmt.Sprintf(`
import socket, http.client
s = socket
plain, other, secure, port = %q, %q, %q, %s
fetch("http://" + plain + "/away", "http://" + other + "/", "https://" + other + "/", "http://localhost:%%d/" %% port, "http://127.1:%%d/" %% port,
      "http://169.254.169.254/latest", "http://metadata.google.internal/", "http://example.org/", "https://example.org/")
# A tunnel to what is named, through which another protocol or host is asked for.
c = s.create_connection(("127.0.0.1", 3128), 60)
c.sendall(("CONNECT %%s HTTP/1.1\r\nHost: x\r\n\r\n" %% plain).encode())
print(c.recv(12).decode()); c.recv(1000)
c.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
print(c.makefile("rb").read())
h = http.client.HTTPConnection("127.0.0.1", 3128, timeout=60)
h.request("GET", "http://%%s/" %% other, headers={"Host": plain})
print(h.getresponse().status)
direct = lambda host, port: (lambda: s.create_connection((host, port), 5))
tried(server=direct("127.0.0.1", port), world=direct("192.0.2.1", 80), meta=direct("169.254.169.254", 80), udp=lambda: s.socket(s.AF_INET, s.SOCK_DGRAM),
      icmp=lambda: s.socket(s.AF_INET, s.SOCK_RAW, 1), mptcp=lambda: s.socket(s.AF_INET, s.SOCK_STREAM, 262), six=lambda: s.socket(s.AF_INET6),
      packet=lambda: s.socket(s.AF_PACKET, s.SOCK_RAW), netlink=lambda: s.socket(s.AF_NETLINK, s.SOCK_RAW), vsock=lambda: s.socket(40, s.SOCK_STREAM),
      steal=lambda: s.create_server(("127.0.0.1", 3128)), name=lambda: s.getaddrinfo("example.org", 80), abstract=lambda: s.socket(s.AF_UNIX).connect("\0" + %q))
`, plain, other, secure, port, abstract), &Spec{Network: []string{plain, secure}})
	const no = "lathe: not among the hosts that may be reached"
	tunnel := "Tunnel connection failed: 403 Lathe: not among the hosts that may be reached"
	want := []string{"403 " + no, "403 " + no, "<urlopen error " + tunnel + ">", "403 " + no, "403 lathe: not a host and port", "403 " + no, "403 " + no, "403 " + no,
		"<urlopen error " + tunnel + ">", "HTTP/1.1 200", "b''", "403", "end"}
	if got := strings.Split(strings.TrimSpace(string(r.Stdout)), "\n"); !slices.Equal(got, want) {
		t.Errorf("got\n%s\n%s", strings.Join(got, "\n"), r.Stderr)
	}
	for i, n := range r.Network {
		if n.Allowed != (i == 0) || n.Allowed != (n.Reason == "") {
			t.Errorf("%d: %+v", i, n)
		}
	}
	if len(r.Network) != 12 {
		t.Errorf("%d recorded: %+v", len(r.Network), r.Network)
	}
	held(t, "other hosts, redirects, tunnels and protocols through the network's proxy")
}

// The next call of an interpreter inherits no connection, and no record.
func TestWarmNetworkBelongsToTheCall(t *testing.T) {
	_, _, plain, _ := servers(t)
	w := warm(t, Spec{Network: []string{plain}})
	for range 3 {
		r := w.mustCall(t, fetch+fmt.Sprintf("fetch('http://%s/a')", plain))
		prints("answer of "+plain)(t, r)
		if len(r.Network) != 1 || !r.Network[0].Allowed {
			t.Errorf("%+v", r.Network)
		}
		// Requests that nobody waits for, by more connections than are served at once.
		r = w.mustCall(t, fmt.Sprintf(`
import os, socket
for n in range(60):
    s = socket.socket(); s.setblocking(False)
    try: s.connect(("127.0.0.1", 3128))
    except BlockingIOError: pass
    s.setblocking(True); s.sendall(b"GET http://192.0.2.1:%%d/ HTTP/1.1\r\nHost: x\r\n\r\n" %% n)
os._exit(0)
`))
		if r.ExitCode != 0 {
			t.Error(show(r))
		}
	}
	r := w.mustCall(t, "import os; print(sorted(k for k in os.environ if 'proxy' in k.lower()))")
	prints("['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy']")(t, r)
	if len(r.Network) != 0 {
		t.Errorf("%+v", r.Network)
	}
}

func TestNetworkSpecs(t *testing.T) {
	root := rootFS(t)
	for _, entry := range []string{"", "*", "http://example.org", "example.org:0", "a b", "[::1", "example.org/x"} {
		_, err := launcher(t).Run(t.Context(), &Spec{RootFS: root, Args: []string{"true"}, Network: []string{entry}})
		if !errors.Is(err, ErrSpec) {
			t.Errorf("%q: %v", entry, err)
		}
	}
	// The command's own variables do not turn the proxy off.
	r := mustRun(t, &Spec{Args: []string{"sh", "-c", "echo $http_proxy $no_proxy; cat $SSL_CERT_FILE"}, Env: []string{"http_proxy=x", "no_proxy=*"}, Network: []string{"example.org"}})
	if !bytes.HasPrefix(r.Stdout, []byte("http://127.0.0.1:3128\n")) {
		t.Error(show(r))
	}
}
