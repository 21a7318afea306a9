package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Limits bound what unpacking an image may cost.
type Limits struct {
	Bytes   int64 // of all regular files together
	Entries int
	Path    int // bytes of one name
}

// DefaultLimits holds a large userland, and no bomb.
var DefaultLimits = Limits{Bytes: 4 << 30, Entries: 200_000, Path: 4096}

// RootFS returns the directory of the unpacked image. It is unpacked once per
// digest, beside its place, and renamed when complete; treat it as read-only.
func (s *Store) RootFS(ctx context.Context, digest string) (string, error) {
	img, _, err := s.image(digest)
	if err != nil {
		return "", err
	}
	if dir, ok := s.unpackedBelow((*Store).rootDir, digest); ok {
		return dir, nil
	}
	return s.unpackOnce(s.rootDir(), digest, func(dir string) error {
		if err := s.Verify(digest); err != nil {
			return err
		}
		return s.extract(ctx, img, dir)
	})
}

// unpackedBelow is where a store below this one has an image unpacked already,
// also when the image itself has come along.
func (s *Store) unpackedBelow(parent func(*Store) string, digest string) (string, bool) {
	for at := s.base; at != nil; at = at.base {
		if dir := at.unpacked(parent(at), digest); dirExists(dir) {
			return dir, true
		}
	}
	return "", false
}

// extract applies an image's layers in order.
func (s *Store) extract(ctx context.Context, img v1.Image, dir string) error {
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	u := &unpacker{root: root, limits: s.limits, whiteouts: true}
	for _, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			return err
		}
		err = u.stream(ctx, r)
		if cerr := r.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) unpacked(parent, digest string) string {
	return filepath.Join(parent, strings.TrimPrefix(digest, "sha256:"))
}

func dirExists(dir string) bool {
	fi, err := os.Lstat(dir)
	return err == nil && fi.IsDir()
}

func (s *Store) unpackOnce(parent, digest string, fill func(dir string) error) (string, error) {
	dir := s.unpacked(parent, digest)
	if dirExists(dir) {
		return dir, nil
	}
	s.unpack.Lock()
	defer s.unpack.Unlock()
	if dirExists(dir) {
		return dir, nil
	}
	tmp, err := os.MkdirTemp(parent, ".unpack-*")
	if err != nil {
		return "", fmt.Errorf("image: unpack %s: %w", digest, err)
	}
	defer os.RemoveAll(tmp)
	if err := fill(tmp); err != nil {
		return "", fmt.Errorf("image: unpack %s: %w", digest, err)
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", fmt.Errorf("image: unpack %s: %w", digest, err)
	}
	if err := os.Rename(tmp, dir); err != nil && !dirExists(dir) {
		return "", fmt.Errorf("image: unpack %s: %w", digest, err)
	}
	return dir, nil
}

// Unpack writes the files of a tar stream below dir, which must exist. It
// refuses (ErrHostile) names with "..", absolute names, entries that a symbolic
// link would lead outside, hard links to the outside, devices, FIFOs, and more
// than the limits; it reads the stream to its end. Owners are not kept, and set-id
// bits are dropped: nobody in a sandbox is to gain anything by running a file.
func Unpack(ctx context.Context, r io.Reader, dir string, l Limits) error {
	return unpackBelow(ctx, r, dir, "", l)
}

// unpackBelow is Unpack for an archive whose entries all lie below prefix, which
// is cut off; with a prefix only files and directories are accepted.
func unpackBelow(ctx context.Context, r io.Reader, dir, prefix string, l Limits) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return (&unpacker{root: root, limits: l, prefix: prefix}).stream(ctx, r)
}

// stream unpacks one archive and reads it to its end, so that whoever checks
// the stream's digest has seen all of it.
func (u *unpacker) stream(ctx context.Context, r io.Reader) error {
	tr := tar.NewReader(r)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read archive: %w", err)
		}
		if err := u.entry(h, tr); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(r, u.limits.Bytes)); err != nil {
		return fmt.Errorf("read archive to its end: %w", err)
	}
	return nil
}

type unpacker struct {
	root   *os.Root
	limits Limits
	prefix string
	// whiteouts says that names beginning with .wh. delete what lower layers
	// have (OCI image specification, layers, 2017).
	whiteouts bool
	bytes     int64
	entries   int
}

func hostile(name, why string) error {
	return fmt.Errorf("%w: entry %q %s", ErrHostile, clip(name), why)
}

// cleanName checks a name from an archive and makes it relative and clean.
func (u *unpacker) cleanName(name string) (string, error) {
	if len(name) > u.limits.Path {
		return "", hostile(name, fmt.Sprintf("has a name longer than %d bytes", u.limits.Path))
	}
	if strings.ContainsRune(name, 0) {
		return "", hostile(name, "has a NUL byte in its name")
	}
	if strings.HasPrefix(name, "/") {
		return "", hostile(name, "has an absolute name")
	}
	for _, part := range strings.Split(name, "/") {
		if part == ".." {
			return "", hostile(name, `has ".." in its name`)
		}
	}
	return path.Clean(name), nil
}

func (u *unpacker) entry(h *tar.Header, r io.Reader) error {
	u.entries++
	if u.entries > u.limits.Entries {
		return fmt.Errorf("%w: more than %d entries", ErrHostile, u.limits.Entries)
	}
	name, err := u.cleanName(h.Name)
	if err == nil && u.prefix != "" {
		name, err = u.below(name, h)
	}
	if err != nil || name == "." {
		return err
	}
	if u.whiteouts && strings.HasPrefix(path.Base(name), ".wh.") {
		return u.fail(h, u.whiteout(name))
	}
	if h.Typeflag == tar.TypeDir {
		return u.fail(h, u.directory(name))
	}
	if err := u.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return u.fail(h, err)
	}
	switch h.Typeflag {
	case tar.TypeReg:
		return u.fail(h, u.file(name, h, r))
	case tar.TypeSymlink:
		return u.fail(h, u.symlink(name, h.Linkname))
	case tar.TypeLink:
		target, err := u.cleanName(h.Linkname)
		if err != nil {
			return err
		}
		return u.fail(h, u.hardlink(name, target))
	case tar.TypeXGlobalHeader:
		return nil
	}
	return hostile(h.Name, "is neither file, directory nor link")
}

// below cuts the prefix off; "." stands for an entry that needs no work.
func (u *unpacker) below(name string, h *tar.Header) (string, error) {
	if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir {
		return "", hostile(h.Name, "is neither file nor directory")
	}
	if h.Typeflag == tar.TypeDir && (name == u.prefix || strings.HasPrefix(u.prefix, name+"/")) {
		return ".", nil
	}
	rest, ok := strings.CutPrefix(name, u.prefix+"/")
	if !ok {
		return "", hostile(h.Name, "lies outside /"+u.prefix)
	}
	return rest, nil
}

// fail marks what os.Root refused: to it, every escape is a plain path error.
func (u *unpacker) fail(h *tar.Header, err error) error {
	if err == nil || errors.Is(err, ErrHostile) {
		return err
	}
	if strings.Contains(err.Error(), "escapes from parent") {
		return hostile(h.Name, "leads outside")
	}
	return fmt.Errorf("entry %q: %w", clip(h.Name), err)
}

func (u *unpacker) whiteout(name string) error {
	dir, base := path.Split(name)
	if base != ".wh..wh..opq" {
		victim := strings.TrimPrefix(base, ".wh.")
		if victim == "" || victim == "." || victim == ".." {
			return hostile(name, "deletes no name")
		}
		return u.root.RemoveAll(path.Join(dir, victim))
	}
	dir = path.Clean(dir)
	d, err := u.root.Open(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	for _, n := range names {
		if err == nil {
			err = u.root.RemoveAll(path.Join(dir, n))
		}
	}
	return err
}

func (u *unpacker) directory(name string) error {
	fi, err := u.root.Lstat(name)
	if err == nil && fi.Mode()&os.ModeSymlink != 0 {
		return nil // a layer may name a directory that a lower one links
	}
	if err == nil && !fi.IsDir() {
		if err := u.root.Remove(name); err != nil {
			return err
		}
	}
	return u.root.MkdirAll(name, 0o755)
}

func (u *unpacker) file(name string, h *tar.Header, r io.Reader) error {
	if h.Size < 0 || u.bytes+h.Size > u.limits.Bytes {
		return fmt.Errorf("%w: more than %d bytes", ErrHostile, u.limits.Bytes)
	}
	u.bytes += h.Size
	_ = u.root.RemoveAll(name) // a file may replace a file, never be written through a link
	mode := os.FileMode(0o644)
	if h.Mode&0o111 != 0 {
		mode = 0o755
	}
	f, err := u.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Chmod(mode) // whatever the umask is
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = u.root.Chtimes(name, h.ModTime, h.ModTime)
	}
	return err
}

func (u *unpacker) symlink(name, target string) error {
	if len(target) > u.limits.Path || strings.ContainsRune(target, 0) {
		return hostile(name, "has a bad link target")
	}
	// An absolute target is resolved inside the sandbox's own root; on this side
	// os.Root refuses to follow it. A relative one must stay inside.
	at := path.Join(path.Dir(name), target)
	if !strings.HasPrefix(target, "/") && (at == ".." || strings.HasPrefix(at, "../")) {
		return hostile(name, "is a symbolic link to the outside")
	}
	_ = u.root.RemoveAll(name)
	return u.root.Symlink(target, name)
}

func (u *unpacker) hardlink(name, target string) error {
	fi, err := u.root.Lstat(target)
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return hostile(name, "is a hard link to something other than a file")
	}
	_ = u.root.RemoveAll(name)
	return u.root.Link(target, name)
}
