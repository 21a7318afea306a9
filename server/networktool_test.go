package server_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lathe/learn"
	"lathe/server"
	"lathe/toolforge"
)

// A tool that asks a host is validated without it, approved by a person who is
// told of the host, and reaches that host and no other when an agent calls it.
func TestHeavyNetworkedTool(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
			return
		}
		_, _ = w.Write([]byte("<html><title>Page " + strings.TrimPrefix(r.URL.Path, "/") + "</title>"))
	}))
	t.Cleanup(web.Close)
	host := web.Listener.Addr().String()
	from, dir := filepath.Join("..", "toolforge", "testdata", "corpus", "good", "page_title"), t.TempDir()
	for _, name := range []string{"tool.json", "tool.py", "test_tool.py", "README.md"} {
		raw, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer("https://example.org", "http://"+host, "example.org", host).Replace(string(raw))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tool, err := toolforge.LoadFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	s.withImages()
	s.start()
	made, err := s.client.Forge(t.Context(), server.ForgeCall{Tool: &tool}, func(learn.Check) {})
	if err != nil || made.ReviewID == "" {
		t.Fatalf("proposed: %v: %+v", err, made.Validation)
	}
	a := s.agent("p", t.TempDir(), "one")
	m := s.approve(made.ReviewID)
	if text, failed := a.call(m.Name, map[string]any{"path": "/seven"}); failed || !strings.Contains(text, "Page seven") {
		t.Errorf("the host that was approved: %s", text)
	}
	if text, failed := a.call(m.Name, map[string]any{"path": "/away"}); !failed || !strings.Contains(text, "169.254.169.254") {
		t.Errorf("led to another host: %s", text)
	}
	web.Close()
	if text, failed := a.call(m.Name, map[string]any{"path": "/seven"}); !failed {
		t.Errorf("a host that is gone: %s", text)
	}
}
