package image

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// SigningKey is an installation's own key, with which it says what it built.
// It approves nothing: the reviewer's key does.
type SigningKey struct{ private ed25519.PrivateKey }

// PublicKey is what a SigningKey's signatures are checked with.
type PublicKey ed25519.PublicKey

const (
	publicPrefix = "ed25519:"
	pemType      = "PRIVATE KEY" // PKCS #8
	maxKeyFile   = 4 << 10
)

// String is the form for configuration files: "ed25519:" and base64.
func (k PublicKey) String() string { return publicPrefix + base64.StdEncoding.EncodeToString(k) }

// ID names a key: the first 16 bytes of its SHA-256 in hex.
func (k PublicKey) ID() string {
	sum := sha256.Sum256(k)
	return hex.EncodeToString(sum[:16])
}

// ParsePublicKey reads what String wrote.
func ParsePublicKey(s string) (PublicKey, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(s), publicPrefix)
	raw, err := base64.StdEncoding.DecodeString(rest)
	if !ok || err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%q is no public key: copy what `lathe tool keys` prints on the other installation (%s and 44 characters)", clip(s), publicPrefix)
	}
	return PublicKey(raw), nil
}

// Public is the public half.
func (k *SigningKey) Public() PublicKey { return PublicKey(k.private.Public().(ed25519.PublicKey)) }

// OpenKey reads the key in path, and makes it, readable by its owner alone,
// when it is missing. A key file that others can read is refused. Of several
// processes that make it at once, all get the same.
func OpenKey(path string) (*SigningKey, error) {
	fail := func(err error) (*SigningKey, error) {
		return nil, fmt.Errorf("image: signing key %s: %w", path, err)
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := makeKey(path); err != nil {
			return fail(err)
		}
	}
	fi, err := os.Lstat(path)
	switch {
	case err != nil:
		return fail(err)
	case !fi.Mode().IsRegular() || fi.Size() > maxKeyFile:
		return fail(errors.New("it is no key file"))
	case fi.Mode().Perm()&0o077 != 0:
		return fail(fmt.Errorf("others can read it (mode %04o): chmod 600 it, and replace it if somebody did", fi.Mode().Perm()))
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return fail(err)
	}
	block, rest := pem.Decode(raw)
	if block == nil || block.Type != pemType || len(bytes.TrimSpace(rest)) > 0 {
		return fail(errors.New("it is damaged; restore it from a backup, or remove it to get a new one"))
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return fail(err)
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return fail(fmt.Errorf("it is a %T, not an Ed25519 key", parsed))
	}
	return &SigningKey{private}, nil
}

// makeKey writes a new key beside path and links it there: who comes second
// changes nothing.
func makeKey(path string) error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
