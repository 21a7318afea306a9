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
		var st unix.Stat_t
		if err := unix.Fstatat(b.trees[1+i], "", &st, unix.AT_EMPTY_PATH); err != nil {
			return fmt.Errorf("bind %s: %w", bind.Host, err)
		}
		if err := b.inTmp(bind.Guest, st.Mode&unix.S_IFMT == unix.S_IFDIR); err != nil {
			return err
		}
		if err := attach(b.trees[1+i], b.guest(bind.Guest), bind.Writable, unix.MOUNT_ATTR_NODEV); err != nil {
			return fmt.Errorf("bind %s: %w", bind.Host, err)
		}
	}
	return nil
}
