package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lathe/server"
)

// selfSigned writes a certificate for a name and returns the pool that trusts
// it.
func selfSigned(t *testing.T, dir, name string) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(file, kind string, der []byte) string {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pool = x509.NewCertPool()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(cert)
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", private), pool
}

const remoteName = "lathe.test"

// remote is a client on another machine, as far as the daemon can tell.
type remote struct {
	t    *testing.T
	port string
	http *http.Client
}

func newRemote(t *testing.T, dataDir string, pool *x509.CertPool) *remote {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dataDir, "http.addr"))
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(strings.TrimSpace(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: remoteName}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:"+port)
		}}
	t.Cleanup(tr.CloseIdleConnections)
	return &remote{t, port, &http.Client{Transport: tr, Timeout: patience}}
}

// do makes a request and returns the answer with its body.
func (r *remote) do(host, path, token, body string) (*http.Response, string) {
	r.t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, "https://"+remoteName+":"+r.port+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if host != "" {
		req.Host = host
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Mcp-Protocol-Version", "2026-07-28")
	req.Header.Set("Mcp-Method", "tools/call")
	req.Header.Set("Mcp-Name", "record_outcome")
	resp, err := r.http.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp, string(all)
}

// report is a record_outcome for a project.
func report(project string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"record_outcome","arguments":{"outcomes":[{"project_id":%q,"call_id":"c","session_id":%q,"tool_name":"bash","status":"success"}]},`+
		`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`, project, "of "+project)
}

func TestBeyondThisMachineOnlyWithTLSAndTokens(t *testing.T) {
	s := newSite(t)
	s.cfg.HTTP = "0.0.0.0:0"
	refused := func(wants ...string) {
		t.Helper()
		d, err := server.Open(t.Context(), s.cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		err = d.Run(t.Context(), func() { t.Error("it serves") })
		if closing := d.Close(); closing != nil {
			t.Error(closing)
		}
		for _, want := range wants {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("it says %v, without %q", err, want)
			}
		}
	}
	refused("tls_cert", "lathe token agent --project")
	var pool *x509.CertPool
	s.cfg.TLSCert, s.cfg.TLSKey, pool = selfSigned(t, t.TempDir(), remoteName)
	refused("lathe token agent --project")

	tokens, err := server.OpenTokens(s.cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	mint := func(k server.Token) (server.Token, string) {
		t.Helper()
		k, secret, err := tokens.Mint(k)
		if err != nil {
			t.Fatal(err)
		}
		return k, secret
	}
	shop, shopSecret := mint(server.Token{Scope: server.ScopeAgent, Project: "shop", Name: "ann"})
	_, importSecret := mint(server.Token{Scope: server.ScopeImport, Name: "importer"})
	_, oldSecret := mint(server.Token{Scope: server.ScopeAgent, Project: "shop", Expires: time.Now().Add(-time.Minute)})
	s.start()
	r := newRemote(t, s.cfg.DataDir, pool)

	for _, c := range []struct {
		name, host, path, token, body string
		status                        int
		want                          string
	}{
		{"no token", "", "/mcp", "", report("shop"), 401, "lathe token agent"},
		{"a wrong token", "", "/mcp", "lathe_wrong", report("shop"), 401, ""},
		{"an expired one", "", "/mcp", oldSecret, report("shop"), 401, ""},
		{"its project", "", "/mcp", shopSecret, report("shop"), 200, `"accepted":1`},
		{"another project", "", "/mcp", shopSecret, report("other"), 200, "cannot speak for"},
		{"an import", "", "/mcp", importSecret, report("other"), 200, `"accepted":1`},
		{"metrics", "", "/metrics", shopSecret, "", 200, "lathe_"},
		{"metrics without a token", "", "/metrics", "", "", 401, ""},
		{"health", "", "/healthz", "", "", 200, "ok"},
		{"the review page", "", "/", shopSecret, "", 404, ""},
		{"another name", "evil.example", "/mcp", shopSecret, report("shop"), 403, "Host"},
	} {
		resp, body := r.do(c.host, c.path, c.token, c.body)
		if resp.StatusCode != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %.200s; want %d and %q", c.name, resp.StatusCode, body, c.status, c.want)
		}
	}
	resp, _ := r.do("", "/mcp", "", report("shop"))
	at := "https://" + remoteName + ":" + r.port
	if challenge := resp.Header.Get("WWW-Authenticate"); !strings.Contains(challenge, at+"/.well-known/oauth-protected-resource/mcp") {
		t.Errorf("the challenge names no metadata: %s", challenge)
	}
	_, body := r.do("", "/.well-known/oauth-protected-resource/mcp", "", "")
	var about struct {
		Resource string
		Methods  []string `json:"bearer_methods_supported"`
	}
	if err := json.Unmarshal([]byte(body), &about); err != nil || about.Resource != at+"/mcp" || len(about.Methods) != 1 {
		t.Errorf("the metadata: %v %s", err, body)
	}
	if err := tokens.Revoke(shop.ID); err != nil {
		t.Fatal(err)
	}
	if resp, _ := r.do("", "/mcp", shopSecret, report("shop")); resp.StatusCode != 401 {
		t.Errorf("a revoked token: %d", resp.StatusCode)
	}
	s.stop()
	records, _ := s.stored()
	got := map[string]string{}
	for _, rec := range records {
		got[rec.Action.ProjectID] = rec.Action.AgentID
	}
	if len(records) != 2 || got["shop"] != "ann" || got["other"] != "importer" {
		t.Errorf("stored: %v", got)
	}
}
