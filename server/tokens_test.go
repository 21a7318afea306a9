package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTokens(t *testing.T) {
	dir := t.TempDir()
	tokens, err := OpenTokens(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []Token{{}, {Scope: "reviewer"}, {Scope: ScopeAgent}, {Scope: ScopeImport, Project: "p"}, {Scope: ScopeAgent, Project: strings.Repeat("p", 201)}} {
		if _, _, err := tokens.Mint(bad); err == nil {
			t.Errorf("made: %+v", bad)
		}
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	k, secret, err := tokens.Mint(Token{Scope: ScopeAgent, Project: "p", Name: "n", Created: now, Expires: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "tokens.json"))
	if err != nil || strings.Contains(string(raw), strings.TrimPrefix(secret, tokenPrefix)) {
		t.Errorf("%v; the secret is kept:\n%s", err, raw)
	}
	other, err := OpenTokens(dir) // another program
	if err != nil {
		t.Fatal(err)
	}
	if got, ok, err := other.Find(secret, now); err != nil || !ok || got != k {
		t.Errorf("found %+v %v %v, want %+v", got, ok, err, k)
	}
	if _, ok, _ := other.Find(secret, now.Add(2*time.Hour)); ok {
		t.Error("an expired one counts")
	}
	if _, ok, _ := other.Find("", now); ok {
		t.Error("no secret counts")
	}
	if err := tokens.Revoke(k.ID); err != nil {
		t.Fatal(err)
	}
	if err := tokens.Revoke(k.ID); err == nil {
		t.Error("revoked twice")
	}
	if _, ok, _ := other.Find(secret, now); ok {
		t.Error("a revoked one counts")
	}
	if err := os.WriteFile(filepath.Join(dir, "tokens.json"), []byte(`[{"sha256":"00"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := other.Find(secret, now); ok || err == nil {
		t.Error("a file that somebody else wrote counts")
	}
}

// FuzzTokens: no file of tokens lets anybody in who has no secret of it.
func FuzzTokens(f *testing.F) {
	f.Add([]byte(`[{"id":"1","scope":"agent","project_id":"p","name":"n","sha256":"` + strings.Repeat("ab", 32) + `"}]`))
	f.Add([]byte(`[{"scope":"import","sha256":""}]`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tokens, err := readTokens(raw)
		if err != nil {
			return
		}
		store := &Tokens{path: filepath.Join(t.TempDir(), "absent"), tokens: tokens}
		if _, ok, err := store.Find("", time.Now()); ok || err != nil {
			t.Fatalf("no secret is let in: %v", err)
		}
		for _, k := range tokens {
			if len(k.SHA256) != 64 || k.Scope == ScopeAgent && k.Project == "" {
				t.Fatalf("accepted: %+v", k)
			}
		}
	})
}
