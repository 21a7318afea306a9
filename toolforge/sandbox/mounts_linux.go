package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// builder makes the file system that the command sees.
type builder struct {
	cfg          *config
	trees        []int // detached mounts from the parent, if it may open them
	root         string
	out          int   // descriptor of the output folder, or -1
	proxy        int   // listener of the network's proxy, or -1
	uppers       []int // of the folders that hold what staged binds are changed by
	degradations []string
}

// stage is where the new root is put together: a tmpfs over a directory that
// every host has. It hides only what this process no longer needs, since all
// trees are opened before.
const stage = "/tmp"

func (b *builder) build() error {
	b.out, b.proxy = -1, -1
	unix.Umask(0)
	defer unix.Umask(0o022)
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := b.openTrees(); err != nil {
		return err
	}
	devices, err := openDevices()
	if err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", stage, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=1m,mode=0755"); err != nil {
		return fmt.Errorf("mount the staging area: %w", err)
	}
	if err := b.makeRoot(); err != nil {
		return err
	}
	for _, step := range []func() error{b.proc, func() error { return b.dev(devices) }, b.scratch, b.files, b.binds, b.network} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// openTrees opens root and binds as detached mounts where the parent could not
// (an ordinary user may do so only in here).
func (b *builder) openTrees() error {
	if b.cfg.GivenTrees {
		if len(b.trees) != 1+len(b.cfg.Binds) {
			return fmt.Errorf("got %d mounts from the launcher, want %d", len(b.trees), 1+len(b.cfg.Binds))
		}
		return nil
	}
	hosts := []string{b.cfg.RootFS}
	for _, bind := range b.cfg.Binds {
		hosts = append(hosts, bind.Host)
	}
	for _, h := range hosts {
		fd, err := openTree(h)
		if err != nil {
			return err
		}
		b.trees = append(b.trees, fd)
	}
	return nil
}

func openTree(host string) (int, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, host, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if errors.Is(err, unix.ENOSYS) {
		return -1, fmt.Errorf("open %s: this kernel is older than 5.2: %w", host, err)
	}
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", host, err)
	}
	return fd, nil
}

// attach mounts a detached tree on an existing path and sets its flags.
func attach(fd int, target string, writable bool, extra uint64) error {
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("mount on %s: %w", target, err)
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID | extra}
	if !writable {
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if err := unix.MountSetattr(unix.AT_FDCWD, target, unix.AT_RECURSIVE, &attr); err != nil {
		return fmt.Errorf("set mount flags on %s (needs Linux 5.12): %w", target, err)
	}
	return nil
}

// makeRoot makes b.root: the image itself when it has a directory for everything
// that will be mounted, or else a read-only tmpfs with the image's entries bound
// into it and the missing directories added.
func (b *builder) makeRoot() error {
	image := filepath.Join(stage, "image")
	if err := os.Mkdir(image, 0o755); err != nil {
		return err
	}
	if err := attach(b.trees[0], image, false, unix.MOUNT_ATTR_NODEV); err != nil {
		return err
	}
	points, err := b.points()
	if err != nil {
		return err
	}
	complete := true
	for p, dir := range points {
		ok, err := present(image, p, dir)
		if err != nil {
			return err
		}
		complete = complete && ok
	}
	b.root = image
	if complete {
		return nil
	}
	b.root = filepath.Join(stage, "root")
	if err := os.Mkdir(b.root, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", b.root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=1m,mode=0755"); err != nil {
		return fmt.Errorf("mount root: %w", err)
	}
	return expand(image, b.root, points)
}

// points are all guest paths that something is mounted on; true for directories.
func (b *builder) points() (map[string]bool, error) {
	points := map[string]bool{"/proc": true, "/dev": true, "/tmp": true}
	if len(b.cfg.Files) > 0 {
		points[b.cfg.FilesDir] = true
	}
	if b.cfg.OutDir != "" {
		points[b.cfg.OutDir] = true
	}
	for i, bind := range b.cfg.Binds {
		if b.nested(i) {
			continue // the bind around it has the place
		}
		var st unix.Stat_t
		if err := unix.Fstatat(b.trees[1+i], "", &st, unix.AT_EMPTY_PATH); err != nil {
			return nil, fmt.Errorf("bind %s: %w", bind.Host, err)
		}
		points[bind.Guest] = st.Mode&unix.S_IFMT == unix.S_IFDIR
	}
	for p := range points {
		for q := range points {
			if p != q && strings.HasPrefix(q, p+"/") && p != "/tmp" {
				return nil, fmt.Errorf("guest path %s lies in another mount, %s", q, p)
			}
		}
	}
	return points, nil
}

// nested says whether a bind lies in one before it.
func (b *builder) nested(i int) bool {
	for _, around := range b.cfg.Binds[:i] {
		if strings.HasPrefix(b.cfg.Binds[i].Guest, around.Guest+"/") {
			return true
		}
	}
	return false
}

// kept are the descriptors that the launcher gets: of the output folder and of
// the proxy's listener, where there are these, and of what staged binds are
// changed by.
func (b *builder) kept() []int {
	var fds []int
	for _, fd := range []int{b.out, b.proxy} {
		if fd >= 0 {
			fds = append(fds, fd)
		}
	}
	return append(fds, b.uppers...)
}

// present says whether an image has what a mount point needs. A link on the way
// is refused: it would lead the mount elsewhere.
func present(image, point string, dir bool) (bool, error) {
	if strings.HasPrefix(point, "/tmp/") {
		return true, nil // made in the run's own /tmp
	}
	at := image
	parts := strings.Split(strings.TrimPrefix(point, "/"), "/")
	for i, part := range parts {
		at = filepath.Join(at, part)
		fi, err := os.Lstat(at)
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if wantDir := i < len(parts)-1 || dir; fi.IsDir() != wantDir || fi.Mode()&os.ModeSymlink != 0 {
			return false, fmt.Errorf("guest path %s: %s is a link or a file in the image", point, strings.TrimPrefix(at, image))
		}
	}
	return true, nil
}

// expand rebuilds the directory from in to, one bind an entry, going down only
// where a mount point lies below.
func expand(from, to string, points map[string]bool) error {
	below := map[string]map[string]bool{}
	for p, dir := range points {
		first, rest, deeper := strings.Cut(strings.TrimPrefix(p, "/"), "/")
		if below[first] == nil {
			below[first] = map[string]bool{}
		}
		if deeper {
			below[first]["/"+rest] = dir
		} else if err := makePoint(filepath.Join(to, first), dir); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(from)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if below[e.Name()] == nil {
			if err := copyEntry(from, to, e); err != nil {
				return err
			}
		}
	}
	for name, deeper := range below {
		if len(deeper) == 0 {
			continue
		}
		if err := os.MkdirAll(filepath.Join(to, name), 0o755); err != nil {
			return err
		}
		if err := expand(filepath.Join(from, name), filepath.Join(to, name), deeper); err != nil {
			return err
		}
	}
	return nil
}

func makePoint(at string, dir bool) error {
	if dir {
		return os.MkdirAll(at, 0o755)
	}
	return os.WriteFile(at, nil, 0o644)
}

func copyEntry(from, to string, e os.DirEntry) error {
	src, dst := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
	if e.Type()&os.ModeSymlink != 0 {
		target, err := os.Readlink(src)
		if err != nil {
			return err
		}
		return os.Symlink(target, dst)
	}
	if err := makePoint(dst, e.IsDir()); err != nil {
		return err
	}
	// The image's mount is read-only, and a bind of it keeps that flag.
	if err := unix.Mount(src, dst, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s: %w", e.Name(), err)
	}
	return nil
}

// pivot makes b.root the root, lets go of the host's, and makes it read-only.
func (b *builder) pivot() error {
	if err := unix.Chdir(b.root); err != nil {
		return fmt.Errorf("enter new root: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("let go of the old root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}
	if err := unix.MountSetattr(unix.AT_FDCWD, "/", 0, &attr); err != nil {
		return fmt.Errorf("make root read-only: %w", err)
	}
	return nil
}

func (b *builder) guest(p string) string { return path.Join(b.root, p) }
