package image

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lathe/learn"
)

func newKey(t testing.TB) *SigningKey {
	t.Helper()
	k, err := OpenKey(filepath.Join(t.TempDir(), "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The vector of the DSSE specification (protocol.md, test vectors): its
// signature, ECDSA over P-256, must hold over what PAE makes.
func TestPAEOfTheSpecification(t *testing.T) {
	got := PAE("http://example.com/HelloWorld", []byte("hello world"))
	if want := "DSSEv1 29 http://example.com/HelloWorld 11 hello world"; string(got) != want {
		t.Fatalf("PAE is %q, want %q", got, want)
	}
	number := func(s string) *big.Int {
		n, ok := new(big.Int).SetString(s, 10)
		if !ok {
			t.Fatal(s)
		}
		return n
	}
	key := &ecdsa.PublicKey{Curve: elliptic.P256(),
		X: number("46950820868899156662930047687818585632848591499744589407958293238635476079160"),
		Y: number("5640078356564379163099075877009565129882514886557779369047442380624545832820")}
	sig, err := base64.StdEncoding.DecodeString("A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(got)
	if !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		t.Error("the specification's signature does not hold")
	}
	sum = sha256.Sum256(PAE("http://example.com/HelloWorld", []byte("hello worle")))
	if ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		t.Error("it holds over another payload")
	}
}

// No two pairs of type and payload are encoded alike.
func TestPAEIsInjective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ 0-9a]{0,6}`)
		a, b, c, d := text.Draw(t, "a"), text.Draw(t, "b"), text.Draw(t, "c"), text.Draw(t, "d")
		if same := string(PAE(a, []byte(b))) == string(PAE(c, []byte(d))); same != (a == c && b == d) {
			t.Fatalf("%q %q and %q %q: same %v", a, b, c, d, same)
		}
	})
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	keys := make([]string, 8)
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			k, err := OpenKey(path)
			if err != nil {
				t.Error(err)
				return
			}
			keys[i] = k.Public().String()
		})
	}
	all.Wait()
	if slices.ContainsFunc(keys, func(k string) bool { return k != keys[0] }) {
		t.Errorf("several keys were made at once: %v", keys)
	}
	fi, err := os.Stat(path)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	parsed, err := ParsePublicKey(keys[0])
	if err != nil || parsed.String() != keys[0] {
		t.Errorf("%v, %v", parsed, err)
	}
	for _, bad := range []string{"", "ed25519:", "ed25519:AAAA", keys[0][8:], "rsa" + keys[0]} {
		if _, err := ParsePublicKey(bad); err == nil || !strings.Contains(err.Error(), "lathe tool keys") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKey(path); err == nil || !strings.Contains(err.Error(), "others can read it") {
		t.Errorf("a key that others can read: %v", err)
	}
	if err := os.WriteFile(path, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKey(path); err == nil {
		t.Error("a damaged key was taken")
	}
}

// signTool builds and signs a tool, as the forge does.
func signTool(t testing.TB, s *Store, key *SigningKey, name, version, source string) string {
	t.Helper()
	base, err := s.Base(Runtime)
	if err != nil {
		base = smallBase(t, s)
	}
	files := map[string][]byte{"tool.py": []byte(source)}
	digest, err := s.AddTool(t.Context(), base, files, nil, name, version)
	if err != nil {
		t.Fatal(err)
	}
	hash := learn.ContentHash([]byte(source))
	envelope, err := key.Sign(Build{
		Tool: learn.ProposedTool{ContentHash: hash, Manifest: learn.ToolManifest{Name: name, Version: version},
			Spec: learn.ToolSpecification{Name: name, Examples: []learn.ToolExample{{Command: "cat recorded"}}, Evidence: []string{"an-event"}}},
		Digest: digest, Base: base, Files: files, Validation: learn.ValidationResult{ContentHash: hash, Passed: true, Score: 0.9},
		Decision: learn.Decision{ContentHash: hash, Verdict: learn.VerdictApprove, Reviewer: "r"}, Review: "review", Lathe: "test",
		Finished: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Attach(digest, envelope); err != nil {
		t.Fatal(err)
	}
	return digest
}

func TestSigned(t *testing.T) {
	s, key, other := open(t, t.TempDir()), newKey(t), newKey(t)
	digest := signTool(t, s, key, "count", "1.0.0", "print(1)")
	second := signTool(t, s, key, "count", "1.1.0", "print(2)")
	unsigned := addTool(t, s, smallBase(t, s))
	trusted := []PublicKey{other.Public(), key.Public()}
	p, err := s.Signed(t.Context(), digest, "count", "1.0.0", trusted)
	if err != nil {
		t.Fatal(err)
	}
	if p.Key != key.Public().ID() || p.Builder != p.Key || p.Digest != digest || !p.Validation.Passed || p.Decision.Reviewer != "r" {
		t.Errorf("got %+v", p)
	}
	if len(p.Specification.Examples)+len(p.Specification.Evidence) != 0 {
		t.Errorf("recorded things travel with it: %+v", p.Specification)
	}
	for what, c := range map[string]struct {
		digest, name, version string
		keys                  []PublicKey
		want                  error
	}{
		"unsigned":         {unsigned, "", "", trusted, ErrUnsigned},
		"untrusted":        {digest, "", "", []PublicKey{other.Public()}, ErrUntrusted},
		"no key":           {digest, "", "", nil, ErrUntrusted},
		"another name":     {digest, "sum", "", trusted, ErrMismatch},
		"another version":  {digest, "count", "1.1.0", trusted, ErrMismatch},
		"one that is none": {"sha256:" + strings.Repeat("0", 64), "", "", trusted, ErrUnsigned},
	} {
		if _, err := s.Signed(t.Context(), c.digest, c.name, c.version, c.keys); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
	// One version's signature beside another's image.
	stolen, err := s.Envelopes(digest)
	if err != nil || len(stolen) != 1 {
		t.Fatalf("%d envelopes, %v", len(stolen), err)
	}
	if _, err := CheckSignature(stolen, second, "", "", trusted); !errors.Is(err, ErrMismatch) {
		t.Errorf("a signature moved to another image: %v", err)
	}
	if err := s.Attach(digest, stolen[0]); err != nil { // the same again
		t.Fatal(err)
	}
	if again, err := s.Envelopes(digest); err != nil || len(again) != 1 {
		t.Errorf("attached twice: %d envelopes, %v", len(again), err)
	}
	list, err := s.List()
	if err != nil || len(list) != 4 { // base, two versions, the unsigned one
		t.Errorf("listed: %+v, %v", list, err)
	}
}

// Each byte of an envelope counts: changed anywhere, it is no signature by the
// key, or says the same.
func TestChangedEnvelope(t *testing.T) {
	s, key := open(t, t.TempDir()), newKey(t)
	digest := signTool(t, s, key, "count", "1.0.0", "print(1)")
	envelopes, err := s.Envelopes(digest)
	if err != nil {
		t.Fatal(err)
	}
	good, err := CheckSignature(envelopes, digest, "count", "1.0.0", []PublicKey{key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		raw := slices.Clone(envelopes[0])
		raw[rapid.IntRange(0, len(raw)-1).Draw(r, "at")] ^= byte(rapid.IntRange(1, 255).Draw(r, "bits"))
		p, err := CheckSignature([][]byte{raw}, digest, "count", "1.0.0", []PublicKey{key.Public()})
		if err == nil && (p.ContentHash != good.ContentHash || p.Digest != good.Digest || p.Base != good.Base) {
			r.Fatalf("it says something else now: %+v", p)
		}
		if err != nil && !errors.Is(err, ErrUntrusted) {
			r.Fatalf("%v", err)
		}
	})
}

// What a trusted key signs must still be about the building of a tool, with a
// validation and an approval of the same content.
func TestStatementOfAnotherKind(t *testing.T) {
	s, key := open(t, t.TempDir()), newKey(t)
	digest := signTool(t, s, key, "count", "1.0.0", "print(1)")
	envelopes, err := s.Envelopes(digest)
	if err != nil {
		t.Fatal(err)
	}
	payload, _, err := OpenEnvelope(envelopes[0], payloadInToto, []PublicKey{key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*Statement){
		"type":       func(s *Statement) { s.PredicateType = "https://example.com/other" },
		"build":      func(s *Statement) { s.Predicate.BuildDefinition.BuildType = "x" },
		"subjects":   func(s *Statement) { s.Subject = append(s.Subject, s.Subject[0]) },
		"no subject": func(s *Statement) { s.Subject = nil },
		"content":    func(s *Statement) { s.Predicate.BuildDefinition.ExternalParameters.ContentHash = "x" },
		"unapproved": func(s *Statement) {
			s.Predicate.RunDetails.Byproducts = s.Predicate.RunDetails.Byproducts[:1]
		},
		"junk": func(s *Statement) { s.Predicate.RunDetails.Byproducts[0].Content = []byte("{") },
	} {
		var st Statement
		if err := json.Unmarshal(payload, &st); err != nil {
			t.Fatal(err)
		}
		change(&st)
		raw, err := json.Marshal(st)
		if err != nil {
			t.Fatal(err)
		}
		envelope, err := key.Seal(payloadInToto, raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := CheckSignature([][]byte{envelope}, digest, "", "", []PublicKey{key.Public()}); !errors.Is(err, ErrMismatch) {
			t.Errorf("%s: %v", what, err)
		}
	}
	other, err := key.Seal("text/plain", payload)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CheckSignature([][]byte{other}, digest, "", "", []PublicKey{key.Public()}); !errors.Is(err, ErrUntrusted) {
		t.Errorf("another payload type: %v", err)
	}
}

// A signature goes with its image and stays with it.
func TestCollectKeepsSignatures(t *testing.T) {
	s, key := open(t, t.TempDir()), newKey(t)
	kept := signTool(t, s, key, "count", "1.0.0", "print(1)")
	gone := signTool(t, s, key, "count", "1.0.0", "print(2)") // takes the tag
	if _, err := s.Collect(t.Context(), -time.Hour, nil, false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Signed(t.Context(), gone, "count", "1.0.0", []PublicKey{key.Public()}); err != nil {
		t.Errorf("the tagged one: %v", err)
	}
	if e, err := s.Envelopes(kept); err != nil || len(e) != 0 {
		t.Errorf("the signature of what is gone: %d, %v", len(e), err)
	}
}

func FuzzOpenEnvelope(f *testing.F) {
	key := newKey(f)
	good, err := key.Seal(payloadInToto, []byte(`{"_type":"x"}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"payloadType":"application/vnd.in-toto+json","payload":"","signatures":[{"sig":""}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		payload, _, err := OpenEnvelope(raw, payloadInToto, []PublicKey{key.Public()})
		if err == nil && string(payload) != `{"_type":"x"}` {
			t.Errorf("a signature over %q that nobody made", payload)
		}
		if _, err := CheckSignature([][]byte{raw}, "sha256:x", "", "", []PublicKey{key.Public()}); err == nil {
			t.Error("it was taken")
		}
	})
}
