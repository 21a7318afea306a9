package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDaemonWhoseDirectoryIsGoneIsOrphaned(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{lockPath(dir), SocketPath(dir)} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if why := orphaned(dir); why != "" {
		t.Errorf("while all is there: %s", why)
	}
	for _, name := range []string{SocketPath(dir), dir} {
		if err := os.RemoveAll(name); err != nil {
			t.Fatal(err)
		}
		if why := orphaned(dir); !strings.Contains(why, name) {
			t.Errorf("without %s: %q", name, why)
		}
	}
}

// A long path's socket is where package lathe-hook looks for it.
func TestSocketOfALongPath(t *testing.T) {
	if got := filepath.Base(SocketPath("/" + strings.Repeat("d", 120))); got != "79cc3099d4ac92fe.sock" {
		t.Error(got)
	}
}
