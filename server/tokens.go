package server

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// TokenScope is what the bearer of a token may do.
type TokenScope string

const (
	// ScopeAgent reads and writes one project.
	ScopeAgent TokenScope = "agent"
	// ScopeImport reads and writes every project, for programs that carry
	// recordings here.
	ScopeImport TokenScope = "import"
)

// Token is a bearer token of the HTTP port as it is kept: without its secret.
type Token struct {
	ID      string     `json:"id"`
	Scope   TokenScope `json:"scope"`
	Project string     `json:"project_id,omitempty"` // of an agent's
	Name    string     `json:"name"`                 // the agent's name in the log
	Created time.Time  `json:"created"`
	Expires time.Time  `json:"expires,omitzero"` // never when zero
	SHA256  string     `json:"sha256"`           // of the secret, in hex
}

// maxBearers bounds the file of tokens.
const maxBearers = 1000

// tokenPrefix lets people and secret scanners know what it is.
const tokenPrefix = "lathe_"

// Tokens is the file of tokens in a data directory. The command line changes
// it; a daemon that runs sees the change at the next request. Create it with
// OpenTokens.
type Tokens struct {
	path string

	mu     sync.Mutex
	read   fileState // of what is in memory
	tokens []Token
}

// fileState tells one state of a file from the next.
type fileState struct {
	size int64
	at   time.Time
}

// OpenTokens reads the tokens of a data directory.
func OpenTokens(dataDir string) (*Tokens, error) {
	t := &Tokens{path: filepath.Join(dataDir, "tokens.json")}
	return t, t.refresh()
}

// refresh reads the file if it is not the one in memory.
func (t *Tokens) refresh() error {
	info, err := os.Stat(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		t.read, t.tokens = fileState{}, nil
		return nil
	}
	if err != nil {
		return fmt.Errorf("bearer tokens: %w", err)
	}
	now := fileState{info.Size(), info.ModTime()}
	if now == t.read {
		return nil
	}
	raw, err := os.ReadFile(t.path)
	if err != nil {
		return fmt.Errorf("bearer tokens: %w", err)
	}
	tokens, err := readTokens(raw)
	if err != nil {
		return fmt.Errorf("bearer tokens in %s: %w", t.path, err)
	}
	t.read, t.tokens = now, tokens
	return nil
}

// readTokens reads and checks the file of tokens.
func readTokens(raw []byte) ([]Token, error) {
	var tokens []Token
	if err := json.Unmarshal(raw, &tokens); err != nil {
		return nil, err
	}
	if len(tokens) > maxBearers {
		return nil, fmt.Errorf("there are %d, at most %d are allowed", len(tokens), maxBearers)
	}
	for _, k := range tokens {
		sum, err := hex.DecodeString(k.SHA256)
		if err != nil || len(sum) != sha256.Size || k.Scope != ScopeAgent && k.Scope != ScopeImport || k.Scope == ScopeAgent && k.Project == "" {
			return nil, fmt.Errorf("token %.40q is not one that `lathe token` wrote", k.ID)
		}
	}
	return tokens, nil
}

// List returns the tokens, the oldest first.
func (t *Tokens) List() ([]Token, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.refresh(); err != nil {
		return nil, err
	}
	return slices.Clone(t.tokens), nil
}

// Find returns the token with this secret if it is valid now.
func (t *Tokens) Find(secret string, now time.Time) (Token, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.refresh(); err != nil {
		return Token{}, false, err
	}
	sum := sha256.Sum256([]byte(secret))
	hash := hex.EncodeToString(sum[:])
	for _, k := range t.tokens {
		// Times of comparison say something of the hash only.
		if k.SHA256 == hash {
			return k, k.Expires.IsZero() || now.Before(k.Expires), nil
		}
	}
	return Token{}, false, nil
}

// Mint makes a token and returns its secret, which is kept nowhere.
func (t *Tokens) Mint(k Token) (Token, string, error) {
	switch {
	case k.Scope != ScopeAgent && k.Scope != ScopeImport:
		return k, "", fmt.Errorf("there is no scope %q: it is %s or %s", k.Scope, ScopeAgent, ScopeImport)
	case k.Scope == ScopeAgent && k.Project == "":
		return k, "", errors.New("an agent's token is for one project: name it")
	case k.Scope == ScopeImport && k.Project != "":
		return k, "", errors.New("an import token is for all projects: name none")
	case len(k.Project) > 200 || len(k.Name) > 200:
		return k, "", errors.New("a name has at most 200 bytes")
	}
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	secret := tokenPrefix + base64.RawURLEncoding.EncodeToString(b)
	sum := sha256.Sum256([]byte(secret))
	k.SHA256 = hex.EncodeToString(sum[:])
	k.ID = k.SHA256[:8]
	return k, secret, t.change(func(tokens []Token) ([]Token, error) {
		if len(tokens) >= maxBearers {
			return nil, fmt.Errorf("there are %d tokens; revoke some with `lathe token revoke ID`", len(tokens))
		}
		return append(tokens, k), nil
	})
}

// Revoke ends a token's validity.
func (t *Tokens) Revoke(id string) error {
	return t.change(func(tokens []Token) ([]Token, error) {
		left := slices.DeleteFunc(slices.Clone(tokens), func(k Token) bool { return k.ID == id })
		if len(left) == len(tokens) {
			return nil, fmt.Errorf("there is no token %.40q: see `lathe token list`", id)
		}
		return left, nil
	})
}

// change writes the file anew, one program at a time.
func (t *Tokens) change(f func([]Token) ([]Token, error)) (err error) {
	lock := flock.New(t.path + ".lock")
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("bearer tokens: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.read = fileState{} // what is in memory may be older than the clock can tell
	if err := t.refresh(); err != nil {
		return err
	}
	tokens, err := f(t.tokens)
	if err != nil {
		return err
	}
	raw, err := json.MarshalIndent(tokens, "", "  ")
	if err != nil {
		return err
	}
	next := t.path + ".next"
	if err := os.WriteFile(next, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("bearer tokens: %w", err)
	}
	if err := os.Rename(next, t.path); err != nil {
		return fmt.Errorf("bearer tokens: %w", err)
	}
	t.read = fileState{}
	return t.refresh()
}
