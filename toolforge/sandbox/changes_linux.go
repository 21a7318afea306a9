package sandbox

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// withinOnly resolves a path below a folder that a program could write: no links,
// no other file systems, nothing above.
const withinOnly = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS

// changes reads what the staged binds were changed by. Every process is gone.
func (r *run) changes() (all []Change, refused []string) {
	at := 0
	left := r.spec.Limits.TmpBytes
	for i, b := range r.spec.Binds {
		if !b.Staged || at >= len(r.uppers) {
			continue
		}
		c := &changeReader{bind: i, collector: collector{files: map[string][]byte{}, left: left}}
		c.folder(r.uppers[at], "", 0)
		at++
		all = append(all, c.all...)
		refused = append(refused, c.skipped...)
	}
	r.uppers = nil
	return all, refused
}

// changeReader walks the upper layer of an overlay: files as they are now,
// folders, and in the place of what was removed a device 0/0.
type changeReader struct {
	collector
	bind int
	all  []Change
}

// folder reads one folder and closes it.
func (c *changeReader) folder(fd int, prefix string, depth int) {
	f := os.NewFile(uintptr(fd), prefix)
	defer f.Close()
	names, err := f.Readdirnames(maxFiles)
	if err != nil && len(names) == maxFiles || len(c.all)+len(names) > maxFiles || depth > maxDepth {
		c.skip(prefix, "too many changes, or nested too deep")
		return
	}
	for _, name := range names {
		c.entry(int(f.Fd()), name, path.Join(prefix, name), depth)
	}
}

func (c *changeReader) entry(dir int, name, full string, depth int) {
	var st unix.Stat_t
	if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		c.skip(full, err.Error())
		return
	}
	change := Change{Bind: c.bind, Path: full, Kind: ChangeFolder}
	how := &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC | unix.O_NONBLOCK, Resolve: withinOnly | unix.RESOLVE_NO_XDEV}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFCHR:
		if st.Rdev == 0 {
			change.Kind = ChangeRemove
			c.all = append(c.all, change)
			return
		}
		fallthrough
	default:
		c.skip(full, "not a regular file or folder")
		return
	case unix.S_IFDIR:
		how.Flags |= unix.O_DIRECTORY
	case unix.S_IFREG:
		change.Kind, change.Mode = ChangeWrite, st.Mode&0o777
		if st.Size > c.left {
			c.skip(full, "more than the limit")
			return
		}
	}
	fd, err := unix.Openat2(dir, name, how)
	if err != nil {
		c.skip(full, err.Error())
		return
	}
	if change.Kind == ChangeWrite {
		c.file(fd, full)
		change.Data = c.files[full]
		c.all = append(c.all, change)
		return
	}
	mark := make([]byte, 8)
	if n, err := unix.Fgetxattr(fd, "user.overlay.opaque", mark); err == nil && string(mark[:n]) == "y" {
		change.Kind = ChangeEmpty
	}
	c.all = append(c.all, change)
	c.folder(fd, full, depth+1)
}

// Apply makes the changes of one bind to a folder of the host, one after the
// other; each file appears whole. It follows no links.
func Apply(host string, changes []Change) error {
	root, err := unix.Open(host, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("sandbox: apply changes to %s: %w", host, err)
	}
	defer unix.Close(root)
	for _, c := range changes {
		if err := applyOne(root, c); err != nil {
			return fmt.Errorf("sandbox: apply the change of %s in %s: %w", c.Path, host, err)
		}
	}
	return nil
}

func applyOne(root int, c Change) error {
	if c.Path == "" || path.Clean("/"+c.Path) != "/"+c.Path {
		return errors.New("the path is not clean")
	}
	dir, err := unix.Openat2(root, path.Dir(c.Path), &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: withinOnly})
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	name := path.Base(c.Path)
	var st unix.Stat_t
	err = unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	there, isDir := err == nil, err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
	keeps := c.Kind == ChangeFolder && isDir || c.Kind == ChangeWrite && !isDir
	if there && !keeps {
		if err := removeAll(dir, name, isDir); err != nil {
			return err
		}
	}
	switch {
	case c.Kind == ChangeWrite:
		return replaceFile(dir, name, c)
	case c.Kind == ChangeRemove || keeps:
		return nil
	}
	return unix.Mkdirat(dir, name, 0o755)
}

func replaceFile(dir int, name string, c Change) error {
	tmp := ".lathe-" + strings.ToLower(rand.Text())
	fd, err := unix.Openat(dir, tmp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), tmp)
	_, err = f.Write(c.Data)
	err = errors.Join(err, f.Chmod(os.FileMode(c.Mode&0o777)), f.Close())
	if err == nil {
		err = unix.Renameat(dir, tmp, dir, name)
	}
	if err != nil {
		_ = unix.Unlinkat(dir, tmp, 0)
	}
	return err
}

// removeAll removes an entry, following nothing.
func removeAll(dir int, name string, isDir bool) error {
	if !isDir {
		return unix.Unlinkat(dir, name, 0)
	}
	fd, err := unix.Openat2(dir, name, &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: withinOnly | unix.RESOLVE_NO_XDEV})
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	entries, err := f.ReadDir(-1)
	for _, e := range entries {
		err = errors.Join(err, removeAll(int(f.Fd()), e.Name(), e.IsDir()))
	}
	return errors.Join(err, unix.Unlinkat(dir, name, unix.AT_REMOVEDIR))
}
