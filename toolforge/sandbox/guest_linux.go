package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

func deviceNames() []string { return []string{"null", "zero", "full", "random", "urandom"} }

// openDevices opens the host's harmless devices, which cannot be made in a user
// namespace.
func openDevices() (map[string]int, error) {
	fds := map[string]int{}
	for _, name := range deviceNames() {
		fd, err := openTree("/dev/" + name)
		if err != nil {
			return nil, err
		}
		fds[name] = fd
	}
	return fds, nil
}

// proc mounts a private /proc that shows processes only: no kernel settings, no
// memory images (subset=pid, Linux 5.8).
func (b *builder) proc() error {
	if b.cfg.Runtime != "" {
		return nil // the runtime's, for the namespace that it makes
	}
	const flags = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	err := unix.Mount("proc", b.guest("/proc"), "proc", flags, "subset=pid")
	if err == nil {
		return nil
	}
	// Where the host's own /proc is partly covered (in a container) the kernel
	// allows no new one; the command does without.
	b.degradations = append(b.degradations, fmt.Sprintf("proc: not mounted (%v); programs that need /proc fail", err))
	return nil
}

func (b *builder) dev(devices map[string]int) error {
	dev := b.guest("/dev")
	if err := unix.Mount("tmpfs", dev, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "size=64k,nr_inodes=64,mode=0755"); err != nil {
		return fmt.Errorf("mount /dev: %w", err)
	}
	for _, name := range deviceNames() {
		at := filepath.Join(dev, name)
		if err := makePoint(at, false); err != nil {
			return err
		}
		if err := attach(devices[name], at, true, unix.MOUNT_ATTR_NOEXEC); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
	} {
		if err := os.Symlink(target, filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	shm := filepath.Join(dev, "shm")
	if err := os.Mkdir(shm, 0o755); err != nil {
		return err
	}
	if err := mountTmpfs(shm, min(b.cfg.TmpBytes, 16<<20)); err != nil {
		return err
	}
	return readOnly(dev)
}

func mountTmpfs(at string, size int64) error {
	// An inode costs kernel memory beside the size, so they are counted too.
	opts := fmt.Sprintf("size=%d,nr_inodes=%d,mode=0777", size, max(64, min(size/1024, 100_000)))
	if err := unix.Mount("tmpfs", at, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, opts); err != nil {
		return fmt.Errorf("mount tmpfs on %s: %w", at, err)
	}
	return nil
}

func readOnly(at string) error {
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	if err := unix.MountSetattr(unix.AT_FDCWD, at, 0, &attr); err != nil {
		return fmt.Errorf("make %s read-only (needs Linux 5.12): %w", at, err)
	}
	return nil
}

// scratch mounts /tmp and the output folder, and keeps a descriptor of the
// latter for the launcher: the mount lives as long as that.
func (b *builder) scratch() error {
	if err := mountTmpfs(b.guest("/tmp"), b.cfg.TmpBytes); err != nil {
		return err
	}
	if b.cfg.OutDir == "" {
		return nil
	}
	if err := b.inTmp(b.cfg.OutDir, true); err != nil {
		return err
	}
	if err := mountTmpfs(b.guest(b.cfg.OutDir), b.cfg.TmpBytes); err != nil {
		return err
	}
	fd, err := unix.Open(b.guest(b.cfg.OutDir), unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the output folder: %w", err)
	}
	b.out = fd
	return nil
}

// inTmp makes a mount point that lies in the run's own /tmp.
func (b *builder) inTmp(point string, dir bool) error {
	if !strings.HasPrefix(point, "/tmp/") {
		return nil
	}
	at := b.guest(point)
	if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
		return err
	}
	return makePoint(at, dir)
}

func (b *builder) files() error {
	if len(b.cfg.Files) == 0 {
		return nil
	}
	if err := b.inTmp(b.cfg.FilesDir, true); err != nil {
		return err
	}
	dir := b.guest(b.cfg.FilesDir)
	size := int64(1 << 20)
	for _, data := range b.cfg.Files {
		size += int64(len(data)) + 8192
	}
	if err := mountTmpfs(dir, size); err != nil {
		return err
	}
	for name, data := range b.cfg.Files {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return fmt.Errorf("file %s: %w", name, err)
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(string(data[:min(2, len(data))]), "#!") {
			mode = 0o755
		}
		if err := os.WriteFile(at, data, mode); err != nil {
			return fmt.Errorf("file %s: %w", name, err)
		}
	}
	return readOnly(dir)
}

func (b *builder) binds() error {
	for i, bind := range b.cfg.Binds {
		if err := b.bind(i, bind); err != nil {
			return fmt.Errorf("bind %s: %w", bind.Host, err)
		}
	}
	return nil
}

func (b *builder) bind(i int, bind Bind) error {
	tree := b.trees[1+i]
	var st unix.Stat_t
	if err := unix.Fstatat(tree, "", &st, unix.AT_EMPTY_PATH); err != nil {
		return err
	}
	dir := st.Mode&unix.S_IFMT == unix.S_IFDIR
	if bind.Staged {
		if !dir {
			return fmt.Errorf("only a folder can be staged")
		}
		var err error
		if tree, err = b.overlay(i, tree); err != nil {
			return err
		}
	}
	writable := bind.Writable || bind.Staged
	if b.nested(i) {
		return b.attachInside(tree, bind.Guest, writable)
	}
	if err := b.inTmp(bind.Guest, dir); err != nil {
		return err
	}
	return attach(tree, b.guest(bind.Guest), writable, unix.MOUNT_ATTR_NODEV)
}

// attachInside mounts a detached tree in another bind, whose content is the
// workspace's: no link in it may lead the mount elsewhere.
func (b *builder) attachInside(tree int, guest string, writable bool) error {
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}
	if !writable {
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr); err != nil {
		return fmt.Errorf("set mount flags (needs Linux 5.12): %w", err)
	}
	root, err := unix.Open(b.root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(root)
	at, err := unix.Openat2(root, strings.TrimPrefix(guest, "/"), &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS})
	if err != nil {
		return fmt.Errorf("guest path %s: %w", guest, err)
	}
	defer unix.Close(at)
	if err := unix.MoveMount(tree, "", at, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		return fmt.Errorf("mount on %s: %w", guest, err)
	}
	return nil
}

// overlay puts a writable layer in memory over a tree, and keeps a descriptor
// of it for the launcher (overlayfs in a user namespace, Linux 5.11).
func (b *builder) overlay(i, tree int) (int, error) {
	lower, upper := fmt.Sprintf("%s/lower%d", stage, i), fmt.Sprintf("%s/upper%d", stage, i)
	for _, dir := range []string{lower, upper} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return -1, err
		}
	}
	if err := attach(tree, lower, false, unix.MOUNT_ATTR_NODEV); err != nil {
		return -1, err
	}
	if err := mountTmpfs(upper, b.cfg.TmpBytes); err != nil {
		return -1, err
	}
	for _, dir := range []string{upper + "/data", upper + "/work"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return -1, err
		}
	}
	kept, err := unix.Open(upper+"/data", unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	b.uppers = append(b.uppers, kept)
	fs, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("stage changes (needs overlayfs): %w", err)
	}
	defer unix.Close(fs)
	for _, o := range [][2]string{{"lowerdir", lower}, {"upperdir", upper + "/data"}, {"workdir", upper + "/work"}} {
		if err := unix.FsconfigSetString(fs, o[0], o[1]); err != nil {
			return -1, fmt.Errorf("stage changes, %s: %w", o[0], err)
		}
	}
	if err := unix.FsconfigSetFlag(fs, "userxattr"); err != nil {
		return -1, fmt.Errorf("stage changes (needs Linux 5.11): %w", err)
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, fmt.Errorf("stage changes (needs overlayfs in user namespaces, Linux 5.11): %w", err)
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return -1, fmt.Errorf("stage changes: %w", err)
	}
	return mount, nil
}
