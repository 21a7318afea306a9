package server

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/server"

	"lathe/mcp"
)

// loopback reports whether a --http address is this machine's own.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// mayListen says what is missing for an address that other machines reach.
func (d *Daemon) mayListen(host string) error {
	if loopback(host) {
		return nil
	}
	var missing []string
	if d.cfg.Conformance {
		return fmt.Errorf("--http %s: the conformance suite's tools answer without a token, and so on this machine only", d.cfg.HTTP)
	}
	if d.cfg.TLSCert == "" || d.cfg.TLSKey == "" {
		missing = append(missing, "a certificate and its key, as PEM files that tls_cert and tls_key name in your configuration")
	}
	if list, err := d.tokens.List(); err != nil {
		return err
	} else if len(list) == 0 {
		missing = append(missing, "a token for each agent, from `lathe token agent --project NAME`")
	}
	if len(missing) > 0 {
		return fmt.Errorf("--http %s can be reached from other machines, which needs %s; or listen on 127.0.0.1", d.cfg.HTTP, strings.Join(missing, ", and "))
	}
	return nil
}

// certificate is the port's certificate. It is read again when its file
// changes, since certificates are renewed more often than daemons are started.
type certificate struct {
	certFile, keyFile string

	mu   sync.Mutex
	at   time.Time // of the file that was read
	pair *tls.Certificate
}

// load returns the certificate, parsed.
func (c *certificate) load() (*tls.Certificate, error) {
	info, err := os.Stat(c.certFile)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pair != nil && info.ModTime().Equal(c.at) {
		return c.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		if c.pair != nil { // in the midst of being renewed
			return c.pair, nil
		}
		return nil, fmt.Errorf("certificate %s: %w", c.certFile, err)
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return nil, fmt.Errorf("certificate %s: %w", c.certFile, err)
		}
	}
	c.pair, c.at = &pair, info.ModTime()
	return c.pair, nil
}

// onlyOwnNames refuses requests for names that the certificate is not for: they
// come from a page that had a name of its own point here.
func (c *certificate) onlyOwnNames(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pair, err := c.load()
		if err == nil {
			err = pair.Leaf.VerifyHostname(hostOf(r))
		}
		if err != nil {
			http.Error(w, "this Host is not served", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func hostOf(r *http.Request) string {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.Trim(host, "[]")
}

// listenTLS opens the port with the configured certificate.
func (d *Daemon) listenTLS() (net.Listener, http.Handler, error) {
	cert := &certificate{certFile: d.cfg.TLSCert, keyFile: d.cfg.TLSKey}
	if _, err := cert.load(); err != nil {
		return nil, nil, err
	}
	tcp, err := net.Listen("tcp", d.cfg.HTTP)
	if err != nil {
		return nil, nil, fmt.Errorf("listen on %s: %w", d.cfg.HTTP, err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert.load() }}
	return tls.NewListener(tcp, config), cert.onlyOwnNames(d.remoteHandler()), nil
}

// remoteHandler is what other machines reach: no review page, and nothing but
// the health without a token.
func (d *Daemon) remoteHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/mcp", d.identified("", d.counted(d.mcp)))
	mux.Handle("/metrics", d.identified("", d.counted(d.metricsHandler(""))))
	d.serveOTLP(mux, func(h http.Handler) http.Handler { return d.identified("", d.counted(h)) })
	mux.HandleFunc("/healthz", d.healthz)
	d.describeResource(mux)
	return mux
}

// describeResource serves the metadata by which clients learn how to get in
// (RFC 9728). There is no authorization server: a person hands out tokens.
func (d *Daemon) describeResource(mux *http.ServeMux) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server.NewProtectedResourceMetadataHandler(server.ProtectedResourceMetadataConfig{
			Resource: origin(r) + "/mcp", ResourceName: "Lathe", BearerMethodsSupported: []string{"header"},
			ScopesSupported: []string{string(ScopeAgent), string(ScopeImport)},
		}).ServeHTTP(w, r)
	})
	mux.Handle(metadataPath, h)
	mux.Handle(metadataPath+"/mcp", h)
}

const metadataPath = server.WellKnownProtectedResourcePath

// origin is where a request was sent to; its Host was checked before.
func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

type tokenScopeKey struct{}

// identified lets requests with a token through, with the scope that it has.
// local is this machine's own token; "" accepts none.
func (d *Daemon) identified(local string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scope, err := d.bearer(local, r)
		if err != nil {
			challenge := fmt.Sprintf(`Bearer realm="lathe", resource_metadata=%q`, origin(r)+metadataPath+"/mcp")
			if r.Header.Get("Authorization") != "" {
				challenge += `, error="invalid_token"`
			}
			w.Header().Set("WWW-Authenticate", challenge)
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tokenScopeKey{}, scope)))
	})
}

var errNoToken = errors.New("a bearer token is needed: `lathe token agent` prints one")

// bearer is the scope of a request's token.
func (d *Daemon) bearer(local string, r *http.Request) (mcp.Scope, error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return mcp.Scope{}, errNoToken
	}
	if local != "" && subtle.ConstantTimeCompare([]byte(secret), []byte(local)) == 1 {
		return mcp.Scope{ProjectID: "http", AgentID: "http"}, nil
	}
	token, ok, err := d.tokens.Find(secret, time.Now())
	if err != nil {
		d.logger.Error("bearer tokens cannot be read; nobody is let in by one", "err", err)
	}
	if err != nil || !ok {
		return mcp.Scope{}, errNoToken
	}
	return mcp.Scope{ProjectID: token.Project, AgentID: token.Name, Import: token.Scope == ScopeImport}, nil
}
