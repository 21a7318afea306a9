package review

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"lathe/learn"
)

// KeyFile is the name of the reviewer's key in the data directory.
const KeyFile = "reviewer.json"

// MinPassphrase is the least number of bytes of a passphrase.
const MinPassphrase = 8

var (
	// ErrNoReviewer means that nobody can approve anything yet.
	ErrNoReviewer = errors.New("no reviewer is set up: run `lathe reviewer init` on a terminal")
	// ErrPassphrase means that the passphrase does not open the key.
	ErrPassphrase = errors.New("wrong passphrase")
)

// sealedKey is the form on disk.
type sealedKey struct {
	Version int               `json:"version"`
	Public  ed25519.PublicKey `json:"public"`
	Salt    []byte            `json:"salt"`
	Time    uint32            `json:"argon2id_time"`
	Memory  uint32            `json:"argon2id_memory_kib"`
	Threads uint8             `json:"argon2id_threads"`
	Nonce   []byte            `json:"nonce"`
	Sealed  []byte            `json:"sealed"`
}

// Key signs decisions.
type Key struct{ private ed25519.PrivateKey }

// Create makes a reviewer's key in dir, sealed by passphrase. It refuses to
// replace one.
func Create(dir, passphrase string) (*Key, error) {
	if len(passphrase) < MinPassphrase {
		return nil, fmt.Errorf("the passphrase has %d bytes; it needs at least %d", len(passphrase), MinPassphrase)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("reviewer key: %w", err)
	}
	k := sealedKey{Version: 1, Public: public, Salt: make([]byte, 16), Time: 3, Memory: 64 << 10, Threads: 2,
		Nonce: make([]byte, chacha20poly1305.NonceSizeX)}
	_, _ = rand.Read(k.Salt) // never fails, see crypto/rand
	_, _ = rand.Read(k.Nonce)
	aead, err := chacha20poly1305.NewX(k.stretch(passphrase))
	if err != nil {
		return nil, fmt.Errorf("reviewer key: %w", err)
	}
	k.Sealed = aead.Seal(nil, k.Nonce, private.Seed(), k.Public)
	raw, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("reviewer key: %w", err)
	}
	path := filepath.Join(dir, KeyFile)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("there is a reviewer already (%s); remove the file to start anew, which makes every earlier approval unusable", path)
	}
	if err != nil {
		return nil, fmt.Errorf("reviewer key: %w", err)
	}
	_, werr := f.Write(raw)
	if err := errors.Join(werr, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("reviewer key: write %s: %w", path, err)
	}
	return &Key{private: private}, nil
}

// Unlock opens the reviewer's key in dir.
func Unlock(dir, passphrase string) (*Key, error) {
	k, err := load(dir)
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(k.stretch(passphrase))
	if err != nil {
		return nil, fmt.Errorf("reviewer key: %w", err)
	}
	seed, err := aead.Open(nil, k.Nonce, k.Sealed, k.Public)
	if err != nil {
		return nil, ErrPassphrase
	}
	return &Key{private: ed25519.NewKeyFromSeed(seed)}, nil
}

// Public returns the public half of the reviewer's key in dir.
func Public(dir string) (ed25519.PublicKey, error) {
	k, err := load(dir)
	return k.Public, err
}

func load(dir string) (sealedKey, error) {
	path := filepath.Join(dir, KeyFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return sealedKey{}, ErrNoReviewer
	}
	if err != nil {
		return sealedKey{}, fmt.Errorf("reviewer key: %w", err)
	}
	return readKey(path, raw)
}

// CheckKeyFile reports whether raw, from the file called name, is a reviewer's
// key as far as that can be told without the passphrase.
func CheckKeyFile(name string, raw []byte) error {
	_, err := readKey(name, raw)
	return err
}

func readKey(path string, raw []byte) (sealedKey, error) {
	var k sealedKey
	if err := json.Unmarshal(raw, &k); err != nil {
		return k, fmt.Errorf("reviewer key %s is not readable: %w", path, err)
	}
	// Bounds keep a damaged file from asking for all memory, and from panics
	// in the primitives.
	if k.Version != 1 || len(k.Public) != ed25519.PublicKeySize || len(k.Nonce) != chacha20poly1305.NonceSizeX ||
		k.Time == 0 || k.Time > 64 || k.Memory > 1<<20 || k.Threads == 0 {
		return k, fmt.Errorf("reviewer key %s is damaged; restore it from a backup", path)
	}
	return k, nil
}

func (k sealedKey) stretch(passphrase string) []byte {
	return argon2.IDKey([]byte(passphrase), k.Salt, k.Time, k.Memory, k.Threads, chacha20poly1305.KeySize)
}

// Fingerprint names a public key: the first 16 bytes of its SHA-256 in hex.
func Fingerprint(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:16])
}

// Public is the public half of the key.
func (k *Key) Public() ed25519.PublicKey { return k.private.Public().(ed25519.PublicKey) }

// Decide makes a signed decision on one content of one object.
func (k *Key) Decide(objectID, contentHash string, verdict learn.Verdict, reason string, at time.Time) learn.Decision {
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce)
	d := learn.Decision{
		ObjectID: objectID, ContentHash: contentHash, Verdict: verdict, Reason: reason,
		Reviewer: Fingerprint(k.Public()), Timestamp: at.UTC(), Nonce: hex.EncodeToString(nonce),
	}
	d.DecisionID = learn.UUIDv8("decision", d.ObjectID, d.ContentHash, string(d.Verdict), d.Nonce)
	d.Signature = ed25519.Sign(k.private, d.SigningBytes())
	return d
}

// Check reports whether d is public's own word on contentHash.
func Check(public ed25519.PublicKey, d learn.Decision, contentHash string) error {
	switch {
	case len(public) != ed25519.PublicKeySize:
		return ErrNoReviewer
	case d.Reviewer != Fingerprint(public):
		return errors.New("the decision is not by this installation's reviewer")
	case !ed25519.Verify(public, d.SigningBytes(), d.Signature):
		return errors.New("the decision's signature is wrong")
	case d.ContentHash != contentHash:
		return fmt.Errorf("the decision is about content %s, but the object is now %s: look at it again", d.ContentHash, contentHash)
	}
	return nil
}
