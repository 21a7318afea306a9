package image

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// asRegistry makes this test's program a registry: "on", or "old" for one that
// knows nothing of referrers.
const asRegistry = "LATHE_TEST_REGISTRY"

func TestMain(m *testing.M) {
	mode := os.Getenv(asRegistry)
	if mode == "" {
		os.Exit(m.Run())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	os.Stdout.WriteString(l.Addr().String() + "\n")
	go func() { // ends with whoever started it
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	log.Fatal(http.Serve(l, registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(mode == "on"))))
}

// startRegistry runs a registry in a process of its own and returns its host.
func startRegistry(t *testing.T, mode string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asRegistry+"="+mode)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// TestToolsTravel sends tools between two stores over registries of both kinds.
func TestToolsTravel(t *testing.T) {
	for _, mode := range []string{"on", "old"} {
		t.Run(mode, func(t *testing.T) {
			host := startRegistry(t, mode)
			from, to, key := open(t, t.TempDir()), open(t, t.TempDir()), newKey(t)
			keys := []PublicKey{key.Public()}
			digest := signTool(t, from, key, "count", "1.0.0", "print(1)")
			ref, err := from.PushTool(t.Context(), digest, host+"/team/count", keys)
			if err != nil || ref != host+"/team/count@"+digest {
				t.Fatalf("pushed as %s, %v", ref, err)
			}
			asked := 0
			for _, r := range []string{ref, host + "/team/count:1.0.0"} {
				p, err := to.PullTool(t.Context(), r, keys, func(Provenance) error { asked++; return nil })
				if err != nil || p.Digest != digest {
					t.Fatalf("%s: %+v, %v", r, p, err)
				}
			}
			if asked != 2 {
				t.Errorf("asked %d times", asked)
			}
			if _, err := to.Signed(t.Context(), digest, "count", "1.0.0", keys); err != nil {
				t.Error(err)
			}
			dir, err := to.ToolDir(t.Context(), digest)
			if err != nil || read(t, dir, "tool.py") != "print(1)" {
				t.Errorf("%s, %v", dir, err)
			}
			base, err := to.ToolBase(digest)
			if err != nil {
				t.Fatal(err)
			}
			if root, err := to.RootFS(t.Context(), base); err != nil || read(t, root, "usr", "hello") != "world" {
				t.Errorf("the base did not come along: %v", err)
			}
			// From there it can go on: the signature is still the builder's.
			if _, err := to.PushTool(t.Context(), digest, host+"/other/count:1.0.0", keys); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPullRefuses holds the ways in which a registry, or who writes to it, can
// give something else than what was asked for.
func TestPullRefuses(t *testing.T) {
	host := startRegistry(t, "on")
	from, key, stranger := open(t, t.TempDir()), newKey(t), newKey(t)
	keys := []PublicKey{key.Public()}
	push := func(s *Store, digest, ref string, k *SigningKey) {
		t.Helper()
		if _, err := s.PushTool(t.Context(), digest, ref, []PublicKey{k.Public()}); err != nil {
			t.Fatal(err)
		}
	}
	old := signTool(t, from, key, "count", "1.0.0", "print(1)")
	push(from, old, host+"/t/count", key)
	push(from, signTool(t, from, key, "count", "1.1.0", "print(2)"), host+"/t/count", key)
	foreign := open(t, t.TempDir())
	push(foreign, signTool(t, foreign, stranger, "count", "2.0.0", "print(3)"), host+"/t/count", stranger)

	get := func(ref string) v1.Image {
		t.Helper()
		img, err := remote.Image(reference(t, ref))
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	put := func(ref string, img v1.Image) {
		t.Helper()
		if err := remote.Write(reference(t, ref), img); err != nil {
			t.Fatal(err)
		}
	}
	good := get(host + "/t/count:1.0.0")
	put(host+"/t/count:1.2.0", good) // the old one as a new version
	put(host+"/t/sum:1.0.0", good)   // under another name, without its signature
	copySignature(t, host, "t/count", "t/sum", old)
	layer := static.NewLayer([]byte("not a tool"), types.OCILayer)
	tampered, err := mutate.AppendLayers(good, layer)
	if err != nil {
		t.Fatal(err)
	}
	put(host+"/t/count:1.3.0", tampered) // another layer, hence another digest
	put(host+"/t/plain:1.0.0", good)     // no signature in this repository
	attachStolen(t, host, "t/count", old, tampered)

	for what, c := range map[string]struct {
		ref, say string
		want     error
	}{
		"an older version under a newer tag": {"/t/count:1.2.0", "re-tagged", ErrMismatch},
		"under another name":                 {"/t/sum:1.0.0", "re-tagged", ErrMismatch},
		"by a stranger":                      {"/t/count:2.0.0", "not trusted", ErrUntrusted},
		"with another layer":                 {"/t/count:1.3.0", "about the image", ErrMismatch},
		"unsigned":                           {"/t/plain:1.0.0", "not signed", ErrUnsigned},
	} {
		to := open(t, t.TempDir())
		_, err := to.PullTool(t.Context(), host+c.ref, keys, nil)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v, want %v and %q", what, err, c.want, c.say)
		}
		if l, err := to.List(); err != nil || len(l) != 0 {
			t.Errorf("%s: stored %v, %v", what, l, err)
		}
	}
	to := open(t, t.TempDir())
	refused := errors.New("no")
	if _, err := to.PullTool(t.Context(), host+"/t/count:1.0.0", keys, func(Provenance) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("refused by the caller: %v", err)
	}
	for _, bad := range []string{"", "count", host + "/t/count", host + "/t/count:9.9.9", host + "/T T/count:1"} {
		if _, err := to.PullTool(t.Context(), bad, keys, nil); err == nil {
			t.Errorf("%q was pulled", bad)
		}
	}
	for _, ref := range []string{"/t/sum", "/t/count:1.1.0", "/t/count@" + old} {
		if _, err := from.PushTool(t.Context(), old, host+ref, keys); !errors.Is(err, ErrMismatch) {
			t.Errorf("push to %s: %v", ref, err)
		}
	}
	unsigned := addTool(t, from, smallBase(t, from))
	if _, err := from.PushTool(t.Context(), unsigned, host+"/t/x", keys); !errors.Is(err, ErrUnsigned) {
		t.Errorf("pushed unsigned: %v", err)
	}
}

// TestPullOfTamperedLayer: a registry that serves other bytes than a layer's
// digest says is found out, though the signature holds.
func TestPullOfTamperedLayer(t *testing.T) {
	var broken atomic.Value // digest of the layer that is served wrong
	broken.Store("")
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b := broken.Load().(string); b != "" && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, b) {
			_, _ = io.WriteString(w, "other bytes")
			return
		}
		inner.ServeHTTP(w, r)
	})}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	host := l.Addr().String()
	from, key := open(t, t.TempDir()), newKey(t)
	keys := []PublicKey{key.Public()}
	digest := signTool(t, from, key, "count", "1.0.0", "print(1)")
	if _, err := from.PushTool(t.Context(), digest, host+"/t/count", keys); err != nil {
		t.Fatal(err)
	}
	img, _, err := from.image(digest)
	if err != nil {
		t.Fatal(err)
	}
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range m.Layers {
		broken.Store(layer.Digest.String())
		to := open(t, t.TempDir())
		if _, err := to.PullTool(t.Context(), host+"/t/count:1.0.0", keys, nil); err == nil {
			t.Errorf("layer %s was taken with other bytes", layer.Digest)
		}
		if _, err := to.Signed(t.Context(), digest, "", "", keys); err == nil {
			t.Error("the tool is in the store")
		}
	}
	broken.Store("")
	if _, err := open(t, t.TempDir()).PullTool(t.Context(), host+"/t/count:1.0.0", keys, nil); err != nil {
		t.Errorf("whole: %v", err)
	}
}

func reference(t *testing.T, s string) name.Reference {
	t.Helper()
	r, err := name.ParseReference(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// copySignature puts an image's signature into another repository as it is.
func copySignature(t *testing.T, host, from, to, digest string) {
	t.Helper()
	idx, err := remote.Referrers(reference(t, host+"/"+from+"@"+digest).(name.Digest))
	if err != nil {
		t.Fatal(err)
	}
	m, err := idx.IndexManifest()
	if err != nil || len(m.Manifests) == 0 {
		t.Fatalf("%d signatures, %v", len(m.Manifests), err)
	}
	for _, d := range m.Manifests {
		img, err := remote.Image(reference(t, host+"/"+from+"@"+d.Digest.String()))
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(reference(t, host+"/"+to+"@"+d.Digest.String()), img); err != nil {
			t.Fatal(err)
		}
	}
}

// attachStolen puts one image's signature beside another.
func attachStolen(t *testing.T, host, repo, of string, beside v1.Image) {
	t.Helper()
	envelopes, err := fetchEnvelopes(reference(t, host+"/"+repo+"@"+of).(name.Digest), nil)
	if err != nil || len(envelopes) != 1 {
		t.Fatalf("%d envelopes, %v", len(envelopes), err)
	}
	subject, err := partial.Descriptor(beside)
	if err != nil {
		t.Fatal(err)
	}
	art, err := newAttestation(subject, envelopes[0])
	if err != nil {
		t.Fatal(err)
	}
	digest, err := art.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(reference(t, host+"/"+repo+"@"+digest.String()), art); err != nil {
		t.Fatal(err)
	}
	raw, err := art.RawManifest()
	if err != nil || !json.Valid(raw) {
		t.Fatal(err)
	}
}
