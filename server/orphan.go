package server

import (
	"errors"
	"io/fs"
	"os"
)

// orphaned says why nobody can reach the daemon of a data directory any more, ""
// when they can: somebody removed the directory, or the socket in it. One that a
// command started leaves then, since the next command starts another.
func orphaned(dataDir string) string {
	for _, name := range []string{dataDir, lockPath(dataDir), SocketPath(dataDir)} {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name + " is gone"
		}
	}
	return ""
}
