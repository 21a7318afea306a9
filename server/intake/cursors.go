package intake

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

const (
	// maxCursors bounds the files that Cursors remember; of more the oldest are
	// forgotten, which costs reading them again.
	maxCursors = 10_000
	// maxCursorFile bounds what is read of the file, in bytes.
	maxCursorFile = 32 << 20
	// keepEvery is how often a busy follower writes down where it is.
	keepEvery = 5 * time.Second
)

// ErrFollowed is the error of OpenCursors while another follower has them.
var ErrFollowed = errors.New("another follower keeps its place there")

// Cursor is how far one file was taken in.
type Cursor struct {
	Format   string `json:"format"`
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"` // nanoseconds since 1970
	Inode    uint64 `json:"inode"`
	// Offset is where the first line begins that was not taken in, and Sum the
	// SHA-256 of the lines before; a document has neither.
	Offset int64  `json:"offset,omitempty"`
	Sum    string `json:"sum,omitempty"`
	Open   bool   `json:"open,omitempty"` // its sessions had not ended
}

// unchanged reports whether the file looks as it did.
func (c *Cursor) unchanged(info fs.FileInfo) bool {
	return c.Size == info.Size() && c.Modified == info.ModTime().UnixNano() && c.Inode == inode(info)
}

func inode(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}

// Cursors are how far files were taken into one log, kept in a file. They are
// used by one follower at a time.
type Cursors struct {
	path string
	head func(context.Context) (uint64, error)
	lock *flock.Flock
	by   map[string]*Cursor // by format and path
}

// cursorFile is the file's form.
type cursorFile struct {
	Head  uint64             `json:"head"` // of the log, when it was written
	Files map[string]*Cursor `json:"files"`
}

// OpenCursors reads the cursors at path; without such a file, or with one that
// is damaged, nothing is known. head says how long the log is: cursors of a
// longer one are of another log, or of what a backup has not, and count for
// nothing. The error is ErrFollowed while another follower uses them.
func OpenCursors(ctx context.Context, path string, head func(context.Context) (uint64, error)) (*Cursors, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("keep the place: %w", err)
	}
	c := &Cursors{path: path, head: head, lock: flock.New(path + ".lock"), by: map[string]*Cursor{}}
	held, err := c.lock.TryLock()
	if err == nil && !held {
		err = ErrFollowed
	}
	if err != nil {
		return nil, fmt.Errorf("keep the place in %s: %w", path, err)
	}
	now, err := head(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("keep the place: %w", err), c.lock.Unlock())
	}
	var f cursorFile
	raw, err := readSmall(path, maxCursorFile)
	if err != nil || json.Unmarshal(raw, &f) != nil || f.Head > now {
		return c, nil
	}
	for key, cur := range f.Files {
		_, name, ok := strings.Cut(key, " ")
		if _, err := os.Lstat(name); ok && err == nil && cur != nil && cur.Offset >= 0 {
			c.by[key] = cur
		}
	}
	return c, nil
}

// Close lets another follower use them.
func (c *Cursors) Close() error {
	if c == nil {
		return nil
	}
	return c.lock.Unlock()
}

// Len is how many files are known.
func (c *Cursors) Len() int { return len(c.by) }

// Forget makes everything be read again.
func (c *Cursors) Forget() { clear(c.by) }

func (c *Cursors) of(format, name string) *Cursor {
	if c == nil {
		return nil
	}
	return c.by[format+" "+name]
}

// set notes where a file is; nil forgets it.
func (c *Cursors) set(format, name string, cur *Cursor) {
	switch {
	case c == nil:
	case cur == nil:
		delete(c.by, format+" "+name)
	default:
		c.by[format+" "+name] = cur
	}
}

// save writes the file in one step. It is not synced: a damaged one costs
// reading again what is known.
func (c *Cursors) save(ctx context.Context) error {
	head, err := c.head(ctx)
	if err != nil {
		return err
	}
	if over := len(c.by) - maxCursors; over > 0 {
		oldest := slices.SortedFunc(maps.Keys(c.by), func(a, b string) int {
			return cmp.Or(cmp.Compare(c.by[a].Modified, c.by[b].Modified), cmp.Compare(a, b))
		})
		for _, key := range oldest[:over] {
			delete(c.by, key)
		}
	}
	raw, err := json.Marshal(cursorFile{Head: head, Files: c.by})
	if err != nil {
		return err
	}
	next := c.path + ".next"
	if err := os.WriteFile(next, raw, 0o600); err != nil {
		return err
	}
	return os.Rename(next, c.path)
}
