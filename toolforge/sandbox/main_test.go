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

const (
	// runEnv makes the test binary a launcher that runs the guest named by it:
	// something to kill.
	runEnv = "LATHE_SANDBOX_TEST_RUN"
	// rootEnv names an unpacked image, for a user who has no cache.
	rootEnv = "LATHE_SANDBOX_TEST_ROOT"
	// backendEnv names the backend that all tests run on; empty: the built-in.
	backendEnv = "LATHE_SANDBOX_TEST_BACKEND"
)

func TestMain(m *testing.M) {
	Init()
	if dir := os.Getenv(runEnv); dir != "" {
		os.Exit(runForever(dir))
	}
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
	if dir := os.Getenv(rootEnv); dir != "" {
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
	l, err := Open(os.Getenv(backendEnv))
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

// python runs a program in the sandbox.
func python(t testing.TB, program string, spec *Spec) *Result {
	t.Helper()
	spec.Args = []string{"python3", "-c", program}
	return mustRun(t, spec)
}
