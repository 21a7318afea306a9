package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"lathe/toolforge/egress"
)

// proxyPort is where the proxy listens in a run's own network, in which nothing
// else is.
const proxyPort = 3128

// trustName is the name of the host's certificate authorities among a run's
// files: images have none, and HTTPS needs them.
const trustName = ".lathe-ca.pem"

const (
	maxRules = 64
	maxTrust = 4 << 20 // bytes
)

// network checks the places that may be reached, and tells the command of the
// proxy.
func (s *Spec) network() error {
	if _, err := s.rules(); err != nil || len(s.Network) == 0 {
		return err
	}
	proxy := fmt.Sprintf("http://127.0.0.1:%d", proxyPort)
	for _, name := range []string{"http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"} {
		s.setEnv(name, proxy)
	}
	for _, name := range []string{"no_proxy", "NO_PROXY"} {
		s.setEnv(name, "")
	}
	trusted := authorities()
	if trusted == nil {
		return nil
	}
	files := map[string][]byte{trustName: trusted}
	for name, data := range s.Files {
		files[name] = data
	}
	s.Files, s.FilesDir = files, cmpFilesDir(s)
	s.setEnv("SSL_CERT_FILE", path.Join(s.FilesDir, trustName))
	return nil
}

func (s *Spec) rules() ([]egress.Rule, error) {
	if len(s.Network) > maxRules {
		return nil, bad("%d places that may be reached; at most %d", len(s.Network), maxRules)
	}
	var rules []egress.Rule
	for _, text := range s.Network {
		r, err := egress.ParseRule(text)
		if err != nil {
			return nil, bad("network: %v", err)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// setEnv sets a variable, whatever it was.
func (s *Spec) setEnv(name, value string) {
	var env []string
	for _, e := range s.Env {
		if !strings.HasPrefix(e, name+"=") {
			env = append(env, e)
		}
	}
	s.Env = append(env, name+"="+value)
}

// authorities are the certificates that this machine trusts, in the file that
// OpenSSL would be told of, or where distributions keep them; nil for none.
func authorities() []byte {
	for _, name := range []string{os.Getenv("SSL_CERT_FILE"), "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"} {
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		raw, err := io.ReadAll(io.LimitReader(f, maxTrust+1))
		f.Close()
		if err == nil && len(raw) <= maxTrust && bytes.Contains(raw, []byte("BEGIN CERTIFICATE")) {
			return raw
		}
	}
	return nil
}
