package sandbox

import (
	"fmt"
	"os"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// landlockVersion is the kernel's Landlock ABI, 0 without it.
func landlockVersion() int {
	v, err := ll.LandlockGetABIVersion()
	if err != nil {
		return 0
	}
	return v
}

// restrictPaths is a second fence behind the mounts, where the kernel has
// Landlock: reading and executing anywhere, writing only where the run may.
func restrictPaths(cfg *config) error {
	version := landlockVersion()
	if version < 1 {
		return nil
	}
	const read = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	all := uint64(1<<13 - 1)
	if version >= 2 {
		all |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		all |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	ruleset, err := ll.LandlockCreateRuleset(&ll.RulesetAttr{HandledAccessFS: all}, 0)
	if err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	defer unix.Close(ruleset)
	write := []string{"/tmp", "/dev"}
	if cfg.OutDir != "" {
		write = append(write, cfg.OutDir)
	}
	for _, b := range cfg.Binds {
		if b.Writable || b.Staged {
			write = append(write, b.Guest)
		}
	}
	if err := allowBelow(ruleset, "/", read); err != nil {
		return err
	}
	for _, p := range write {
		if err := allowBelow(ruleset, p, all); err != nil {
			return err
		}
	}
	if err := ll.LandlockRestrictSelf(ruleset, 0); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	return nil
}

func allowBelow(ruleset int, path string, access uint64) error {
	const forFiles = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	if fi, err := os.Stat(path); err == nil && !fi.IsDir() {
		access &= forFiles
	}
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("landlock: open %s: %w", path, err)
	}
	defer unix.Close(fd)
	err = ll.LandlockAddPathBeneathRule(ruleset, &ll.PathBeneathAttr{AllowedAccess: access, ParentFd: fd}, 0)
	if err != nil {
		return fmt.Errorf("landlock: allow %s: %w", path, err)
	}
	return nil
}
