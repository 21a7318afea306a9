package sandbox

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"lathe/toolforge/image"
)

func TestMain(m *testing.M) {
	Init()
	goleak.VerifyTestMain(m)
}

// testRoot is the unpacked runtime image, built once into the cache directory.
var testRoot = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	s, err := image.Open(filepath.Join(cache, "lathe-test", "images"))
	if err != nil {
		return "", err
	}
	ctx := context.Background()
	digest, err := s.EnsureBase(ctx, image.Runtime, os.Stderr)
	if err != nil {
		return "", err
	}
	return s.RootFS(ctx, digest)
})

func rootFS(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("X"); dir != "" {
		return dir
	}
	dir, err := testRoot()
	if err != nil {
		t.Fatalf("the runtime image is needed: %v", err)
	}
	return dir
}

func launcher(t testing.TB) *Launcher {
	t.Helper()
	l, err := NewLauncher()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mustRun(t testing.TB, spec *Spec) *Result {
	t.Helper()
	if spec.RootFS == "" {
		spec.RootFS = rootFS(t)
	}
	res, err := launcher(t).Run(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return res
}
