package server

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// maxSocketPath is what a Unix socket's address holds on Linux and macOS.
const maxSocketPath = 100

// SocketPath is where the daemon of a data directory listens: in it, or, when
// that path is too long for a socket address, in a private folder below the
// temporary one.
func SocketPath(dataDir string) string {
	path := filepath.Join(dataDir, "lathe.sock")
	if len(path) <= maxSocketPath {
		return path
	}
	sum := fnv.New64a() // what is hashed is one user's own folders
	_, _ = sum.Write([]byte(dataDir))
	return filepath.Join(os.TempDir(), fmt.Sprintf("lathe-%d", os.Getuid()), fmt.Sprintf("%x.sock", sum.Sum64()))
}

// Free reports whether no daemon holds the data directory.
func Free(dataDir string) (bool, error) {
	lock := flock.New(lockPath(dataDir))
	held, err := lock.TryLock()
	if err != nil || !held {
		return false, err
	}
	return true, lock.Unlock()
}

func lockPath(dataDir string) string { return filepath.Join(dataDir, "daemon.lock") }

func logDir(dataDir string) string       { return filepath.Join(dataDir, "log") }
func indexDir(dataDir string) string     { return filepath.Join(dataDir, "index") }
func snapshotsDir(dataDir string) string { return filepath.Join(dataDir, "snapshots") }
func codeDir(dataDir string) string      { return filepath.Join(dataDir, "codegraph") }

// ImagesDir is where a data directory's image store lies.
func ImagesDir(dataDir string) string { return filepath.Join(dataDir, "images") }

// ProjectRoot is the workspace that dir lies in: the nearest folder upwards
// with a .git or a .lathe, or else dir itself.
func ProjectRoot(dir string) string {
	for at := dir; ; {
		if marked(at) {
			return at
		}
		up := filepath.Dir(at)
		if up == at {
			return dir
		}
		at = up
	}
}

func marked(dir string) bool {
	for _, mark := range []string{".git", ".lathe"} {
		if _, err := os.Stat(filepath.Join(dir, mark)); err == nil {
			return true
		}
	}
	return false
}

// ProjectID names the project of a workspace: its folder's name and a mark of
// its path, so that two checkouts of one name stay apart.
func ProjectID(root string) string {
	sum := sha256.Sum256([]byte(root))
	return filepath.Base(root) + "-" + hex.EncodeToString(sum[:4])
}

// WorkspaceProject names the project of a workspace: what the person's own
// configuration says under [projects], folder by folder, or else ProjectID. The
// checkout itself has no say: it could name another project and read its log.
func WorkspaceProject(root string) string {
	if path, err := personalFile(); err == nil {
		if values, err := readTOML(path); err == nil {
			projects, _ := values["projects"].(map[string]any)
			if name, _ := projects[root].(string); name != "" {
				return name
			}
		}
	}
	return ProjectID(root)
}

// DefaultDataDir reports whether a data directory is the one that is used when
// nobody names another: its programs need not be told.
func DefaultDataDir(dir string) bool {
	base := os.Getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(base) {
		home, err := os.UserHomeDir()
		if err != nil {
			return false
		}
		base = filepath.Join(home, ".local", "share")
	}
	return dir == filepath.Join(base, "lathe")
}
