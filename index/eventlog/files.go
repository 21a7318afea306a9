package eventlog

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// writerName is the configured name, or the one that this directory got when
// it was first used.
func writerName(o Options) (string, error) {
	if o.Writer != "" {
		return o.Writer, nil
	}
	path := filepath.Join(o.Dir, "writer")
	b, err := os.ReadFile(path)
	if err == nil {
		name := strings.TrimSpace(string(b))
		if !validName(name) {
			return "", fmt.Errorf("%s does not hold a writer name: restore it from a backup, or delete it to begin a new chain", path)
		}
		return name, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("reading the writer's name: %w", err)
	}
	var random [8]byte
	rand.Read(random[:]) // never fails
	name := "w-" + hex.EncodeToString(random[:])
	if err := writeFile(path, []byte(name+"\n")); err != nil {
		return "", fmt.Errorf("keeping the writer's name: %w", err)
	}
	return name, nil
}

func validName(name string) bool {
	if name == "" || len(name) > maxWriterName || name[0] == '.' {
		return false
	}
	for _, c := range []byte(name) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}

// writeFile replaces path as a whole and returns when that is durable.
func writeFile(path string, content []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// makeDir makes a directory of the log.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the event log's directory: %w", err)
	}
	return nil
}
