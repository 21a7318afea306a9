package image

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// SourceDate is the time that everything in a built image carries
// (https://reproducible-builds.org/specs/source-date-epoch/, 2017).
var SourceDate = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func userland() []string {
	return []string{
		"python3", "python3-minimal", "dash", "bash", "coreutils", "findutils", "grep", "sed",
		"gawk", "diffutils", "patch", "tar", "gzip", "jq", "git",
	}
}

func packages(kind Kind) ([]string, error) {
	switch kind {
	case Runtime:
		return userland(), nil
	case Validation:
		return append(userland(), "mypy", "pylint", "bandit", "python3-pytest", "python3-hypothesis",
			"python3-coverage", "python3-pytest-cov", "shellcheck"), nil
	}
	return nil, fmt.Errorf("image: %q is not a kind of base image (runtime, validation)", clip(string(kind)))
}

// compileHook compiles all Python modules: the root is read-only later, and
// without it each start would compile anew. Hash-based files do not depend on
// times (PEP 552, 2017). It also notes which package versions went in.
const compileHook = `set -e
chroot "$1" /usr/bin/python3 -m compileall -q -j 1 --invalidation-mode unchecked-hash /usr/lib/python3 /usr/lib/python3.[0-9]* || true
mkdir -p "$1/usr/share/lathe"
(cd "$1/var/cache/apt/archives" && ls *.deb | sed 's/\.deb$//' | LC_ALL=C sort) >"$1/usr/share/lathe/packages"`

//go:embed typecache.py
var typeCache string

// typeCacheHook puts mypy's cache of the standard library into an image that
// has mypy, where the types gate looks for it (toolforge/types.go), with the
// options on which a cache depends.
func typeCacheHook() string {
	return `set -e
[ -x "$1/usr/bin/mypy" ] || exit 0
chroot "$1" /usr/bin/python3 -I - /usr/share/lathe/mypy "$SOURCE_DATE_EPOCH" --strict --config-file= <<'END OF SCRIPT'
` + typeCache + `
END OF SCRIPT`
}

// BuildBase builds a base image with mmdebstrap from the machine's own apt
// sources, stores it, makes it the base of its kind and returns its digest. The
// same packages give the same digest. Lines of progress go to progress. When
// mmdebstrap is missing it is installed if this process may do that; the error
// says the command otherwise.
func (s *Store) BuildBase(ctx context.Context, kind Kind, progress io.Writer) (string, error) {
	if progress == nil {
		progress = io.Discard
	}
	pkgs, err := packages(kind)
	if err != nil {
		return "", err
	}
	if err := haveMmdebstrap(ctx, progress); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(s.dir, ".build-*")
	if err != nil {
		return "", fmt.Errorf("image: build %s image: %w", kind, err)
	}
	defer os.RemoveAll(tmp)
	suite, sources, err := writeSources("/", tmp)
	if err != nil {
		return "", fmt.Errorf("image: build %s image: %w", kind, err)
	}
	layer := filepath.Join(tmp, "layer.tar.gz")
	if err := bootstrap(ctx, suite, sources, pkgs, layer, progress); err != nil {
		return "", fmt.Errorf("image: build %s image: %w", kind, err)
	}
	digest, err := s.storeBase(kind, layer)
	if err != nil {
		return "", fmt.Errorf("image: build %s image: %w", kind, err)
	}
	fmt.Fprintf(progress, "%s image: %s\n", kind, digest)
	return digest, nil
}

// EnsureBase returns the base image of that kind and builds it when there is
// none. Several processes may ask at once: one builds, the others wait.
func (s *Store) EnsureBase(ctx context.Context, kind Kind, progress io.Writer) (string, error) {
	if d, err := s.Base(kind); err == nil {
		return d, nil
	}
	l := flock.New(filepath.Join(s.dir, ".build-lock"))
	if _, err := l.TryLockContext(ctx, 200*time.Millisecond); err != nil {
		return "", fmt.Errorf("image: wait for another build in %s: %w", s.dir, err)
	}
	defer l.Unlock()
	if d, err := s.Base(kind); err == nil {
		return d, nil
	}
	return s.BuildBase(ctx, kind, progress)
}

func haveMmdebstrap(ctx context.Context, progress io.Writer) error {
	if _, err := exec.LookPath("mmdebstrap"); err == nil {
		return nil
	}
	const command = "apt-get install -y --no-install-recommends mmdebstrap"
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return errors.New("image: base images are built with mmdebstrap on Debian or Ubuntu, and this machine has no apt-get; " +
			"build them on such a machine, `lathe image export` there and `lathe image import FILE` here")
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("image: mmdebstrap is not installed; run `sudo %s`, then this again", command)
	}
	// A new machine has no package lists, and an old one old lists.
	for _, c := range []string{"apt-get update", command} {
		fmt.Fprintln(progress, "I: "+c)
		args := append([]string{"-o", "DPkg::Lock::Timeout=120"}, strings.Fields(c)[1:]...)
		cmd := exec.CommandContext(ctx, apt, args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("image: `%s` failed: %w\n%s", c, err, tail(out))
		}
	}
	return nil
}

// bootstrap runs mmdebstrap and writes its normalised output as a gzipped tar.
func bootstrap(ctx context.Context, suite string, sources, pkgs []string, layer string, progress io.Writer) error {
	args := []string{
		"--variant=extract", "--format=tar", "--include=" + strings.Join(pkgs, ","),
		`--aptopt=APT::Install-Recommends "false"`, `--aptopt=Acquire::Languages "none"`,
		"--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
		"--extract-hook=" + compileHook, "--extract-hook=" + typeCacheHook(),
		suite, "-",
	}
	cmd := exec.CommandContext(ctx, "mmdebstrap", append(args, sources...)...)
	cmd.Env = []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + filepath.Dir(layer),
		"LC_ALL=C.UTF-8", "PYTHONHASHSEED=0", "SOURCE_DATE_EPOCH=" + strconv.FormatInt(SourceDate.Unix(), 10),
	}
	for _, v := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if val, ok := os.LookupEnv(v); ok {
			cmd.Env = append(cmd.Env, v+"="+val)
		}
	}
	var log bytes.Buffer
	cmd.Stderr = io.MultiWriter(&log, progress)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	fmt.Fprintf(progress, "mmdebstrap %s: %s\n", suite, strings.Join(pkgs, " "))
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start mmdebstrap: %w", err)
	}
	nerr := writeLayer(out, layer)
	if _, derr := io.Copy(io.Discard, out); nerr == nil {
		nerr = derr
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("mmdebstrap failed: %w\n%s\n(as an ordinary user it needs user namespaces and the package uidmap; otherwise run this as root)", err, tail(log.Bytes()))
	}
	return nerr
}

func tail(out []byte) string {
	const most = 2000
	if len(out) > most {
		out = out[len(out)-most:]
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(out), "?"))
}

func (s *Store) storeBase(kind Kind, file string) (string, error) {
	layer, err := tarball.LayerFromFile(file, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return "", err
	}
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	img = mutate.ConfigMediaType(img, types.OCIConfigJSON)
	created := v1.Time{Time: SourceDate}
	img, err = mutate.Append(img, mutate.Addendum{
		Layer: layer, MediaType: types.OCILayer,
		History: v1.History{CreatedBy: "lathe: " + string(kind) + " image", Created: created},
	})
	if err != nil {
		return "", err
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return "", err
	}
	cfg = cfg.DeepCopy()
	cfg.OS, cfg.Architecture, cfg.Created = "linux", goarch(), created
	cfg.Config.Env = []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8"}
	if img, err = mutate.ConfigFile(img, cfg); err != nil {
		return "", err
	}
	img = mutate.Annotations(img, map[string]string{annTitle: "lathe-" + string(kind)}).(v1.Image)
	if err := s.put(img); err != nil {
		return "", err
	}
	digest, err := img.Digest()
	if err != nil {
		return "", err
	}
	return digest.String(), s.SetBase(kind, digest.String())
}
