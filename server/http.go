package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"lathe/index/eventlog"
)

// listener is one open port with its server.
type listener struct {
	net.Listener
	server *http.Server
}

func (l listener) serve() error {
	if err := l.server.Serve(l.Listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}

// shutdown ends the server; streams that stay open for ever are cut.
func (l listener) shutdown(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := l.server.Shutdown(short); err != nil {
		return l.server.Close()
	}
	return nil
}

// listen opens the Unix socket and, unless switched off, the HTTP port.
func (d *Daemon) listen() ([]listener, error) {
	path := SocketPath(d.cfg.DataDir)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("socket folder: %w", err)
	}
	// The lock is ours, so a socket that lies there is stale.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove the stale socket: %w", err)
	}
	unix, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("socket rights: %w", err), unix.Close())
	}
	out := []listener{{unix, d.httpServer(d.socketHandler())}}
	addrFile := filepath.Join(d.cfg.DataDir, "http.addr")
	if d.cfg.HTTP == "off" {
		return out, removeIfThere(addrFile)
	}
	tcp, handler, err := d.listenHTTP()
	if errors.Is(err, syscall.EADDRINUSE) && d.cfg.HTTPOptional {
		d.logger.Warn("going on without the HTTP port and its review page", "why", err)
		d.httpTaken, d.cfg.HTTP = d.cfg.HTTP, "off"
		return out, removeIfThere(addrFile)
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close())
	}
	if err := os.WriteFile(addrFile, []byte(tcp.Addr().String()+"\n"), 0o600); err != nil {
		return nil, errors.Join(err, unix.Close(), tcp.Close())
	}
	return append(out, listener{tcp, d.httpServer(handler)}), nil
}

func (d *Daemon) listenHTTP() (net.Listener, http.Handler, error) {
	host, _, err := net.SplitHostPort(d.cfg.HTTP)
	if err != nil {
		return nil, nil, fmt.Errorf("--http %q is not HOST:PORT: %w", d.cfg.HTTP, err)
	}
	if err := d.mayListen(host); err != nil {
		return nil, nil, err
	}
	if !loopback(host) {
		return d.listenTLS()
	}
	token, err := d.token()
	if err != nil {
		return nil, nil, err
	}
	tcp, err := net.Listen("tcp", d.cfg.HTTP)
	if err != nil {
		return nil, nil, fmt.Errorf("listen on %s: %w; choose another port with --http 127.0.0.1:PORT, or --http off", d.cfg.HTTP, err)
	}
	return tcp, d.tcpHandler(token), nil
}

func (d *Daemon) httpServer(h http.Handler) *http.Server {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			_, unix := c.(*net.UnixConn)
			return context.WithValue(ctx, trustedKey{}, unix)
		}}
	s.RegisterOnShutdown(d.page.EndStreams) // they would hold it up
	return s
}

// token is the bearer token of the HTTP port, made once.
func (d *Daemon) token() (string, error) {
	path := filepath.Join(d.cfg.DataDir, "token")
	raw, err := os.ReadFile(path)
	if err == nil && len(strings.TrimSpace(string(raw))) >= 32 {
		return strings.TrimSpace(string(raw)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("bearer token: %w", err)
	}
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	token := hex.EncodeToString(b)
	if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("bearer token: %w", err)
	}
	return token, nil
}

// tcpHandler is what the loopback port serves.
func (d *Daemon) tcpHandler(token string) http.Handler {
	mux := http.NewServeMux()
	guarded := func(h http.Handler) http.Handler { return d.identified(token, d.counted(h)) }
	agents := guarded(d.mcp)
	if d.cfg.Conformance {
		agents = d.counted(d.mcp)
	}
	mux.Handle("/mcp", agents)
	mux.Handle("/metrics", guarded(d.metricsHandler(token)))
	d.serveOTLP(mux, guarded)
	mux.HandleFunc("/healthz", d.healthz)
	d.describeResource(mux)
	mux.Handle("/", d.counted(d.page))
	return onlyLocalHost(mux)
}

// onlyLocalHost refuses requests whose Host is not this machine, which is how
// a foreign page would reach a loopback port (DNS rebinding).
func onlyLocalHost(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopback(hostOf(r)) {
			http.Error(w, "this Host is not served", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// counted makes a request count as work, which keeps an idle daemon alive. It
// does not hold up shutdown for a stream that never ends: the handlers that
// accept something enter on their own.
func (d *Daemon) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.busy.touch(1)
		defer d.busy.touch(-1)
		h.ServeHTTP(w, r)
	})
}

func (d *Daemon) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"status":"ok","version":%q,"events":%d,"applied":%d}`+"\n",
		Version, d.log.Head(eventlog.Events), d.runner.Applied())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
