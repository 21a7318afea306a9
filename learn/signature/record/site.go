package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
)

// siteAddr is where the recorder's HTTP server listens while scenarios run; TLS
// with a certificate that nobody trusts is at siteTLS.
const (
	siteAddr = "127.0.0.1:18480"
	siteTLS  = "127.0.0.1:18443"
)

// site is the server that refuses in every way that scenarios ask for.
type site struct{ plain, tls *httptest.Server }

func startSite() (*site, error) {
	s := &site{}
	for _, at := range []struct {
		addr   string
		secure bool
	}{{siteAddr, false}, {siteTLS, true}} {
		ln, err := net.Listen("tcp", at.addr)
		if err != nil {
			return nil, fmt.Errorf("start the scenarios' HTTP server: %w", err)
		}
		srv := httptest.NewUnstartedServer(http.HandlerFunc(answer))
		srv.Listener.Close()
		srv.Listener = ln
		if at.secure {
			srv.StartTLS()
			s.tls = srv
		} else {
			srv.Start()
			s.plain = srv
		}
	}
	return s, nil
}

func (s *site) Close() {
	for _, srv := range []*httptest.Server{s.plain, s.tls} {
		srv.CloseClientConnections()
		srv.Close()
	}
}

func answer(w http.ResponseWriter, r *http.Request) {
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch first {
	case "status":
		number, _, _ := strings.Cut(rest, "/")
		code, err := strconv.Atoi(number)
		if err != nil || code < 200 || code > 599 {
			code = http.StatusBadRequest
		}
		if code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "30")
		}
		http.Error(w, fmt.Sprintf("%d %s", code, http.StatusText(code)), code)
	case "json":
		code, err := strconv.Atoi(rest)
		if err != nil {
			code = http.StatusBadRequest
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": code, "message": http.StatusText(code)}})
	case "slow":
		<-r.Context().Done()
	case "reset", "empty", "cut":
		breakOff(w, first)
	case "loop":
		http.Redirect(w, r, "/loop", http.StatusFound)
	case "agent":
		playModel(w, r, rest)
	case "npm":
		packument(w, rest)
	case "simple":
		simpleIndex(w, strings.Trim(rest, "/"))
	default:
		http.NotFound(w, r)
	}
}

// breakOff ends the connection: with a reset, without a word, or in the middle
// of the body.
func breakOff(w http.ResponseWriter, how string) {
	if how == "cut" {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, "the beginning")
	}
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	buf.Flush()
	if tcp, ok := conn.(*net.TCPConn); ok && how == "reset" {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// packument answers as a package registry for the few packages that exist here.
func packument(w http.ResponseWriter, name string) {
	version := func(v string, peers map[string]string) map[string]any {
		return map[string]any{"name": name, "version": v, "peerDependencies": peers,
			"dist": map[string]string{"tarball": "http://" + siteAddr + "/status/404", "shasum": strings.Repeat("0", 40)}}
	}
	versions := map[string]any{}
	switch name {
	case "rotor":
		versions["1.0.0"], versions["2.0.0"] = version("1.0.0", nil), version("2.0.0", nil)
	case "stator":
		versions["3.0.0"] = version("3.0.0", map[string]string{"rotor": "^1.0.0"})
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":"Not found"}`)
		return
	}
	last := "3.0.0"
	if name == "rotor" {
		last = "2.0.0"
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"name": name, "dist-tags": map[string]string{"latest": last}, "versions": versions})
}

// simpleIndex answers as a Python package index that has one package.
func simpleIndex(w http.ResponseWriter, name string) {
	if name != "rotor" {
		http.Error(w, "404 Not Found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprint(w, `<!DOCTYPE html><html><body><a href="rotor-1.0.tar.gz">rotor-1.0.tar.gz</a><a href="rotor-1.1.tar.gz">rotor-1.1.tar.gz</a></body></html>`)
}
