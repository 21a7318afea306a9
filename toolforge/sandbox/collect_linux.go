package sandbox

import (
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	maxDepth   = 32
	maxSkipped = 100
)

// collector copies regular files out of the output folder. Everything in there
// is the command's choice: links, FIFOs and devices are not followed or opened,
// sizes and counts are bounded, and no path is resolved by name twice.
type collector struct {
	files   map[string][]byte
	skipped []string
	left    int64
}

func (c *collector) skip(name, why string) {
	if len(c.skipped) < maxSkipped {
		c.skipped = append(c.skipped, fmt.Sprintf("%.200q: %s", name, why))
	}
}

func (c *collector) dir(fd int, prefix string, depth int) {
	f := os.NewFile(uintptr(fd), prefix)
	defer f.Close()
	for {
		entries, err := f.Readdirnames(256)
		for _, name := range entries {
			if len(c.files)+len(c.skipped) >= maxFiles {
				c.skip(prefix, "too many files")
				return
			}
			c.entry(int(f.Fd()), name, path.Join(prefix, name), depth)
		}
		if err != nil {
			return
		}
	}
}

func (c *collector) entry(dir int, name, full string, depth int) {
	// O_PATH first: opening a FIFO or a device could block or act.
	p, err := unix.Openat2(dir, name, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	})
	if err != nil {
		c.skip(full, "not a regular file")
		return
	}
	defer unix.Close(p)
	var st unix.Stat_t
	if err := unix.Fstat(p, &st); err != nil {
		c.skip(full, err.Error())
		return
	}
	how := &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC | unix.O_NONBLOCK,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		if depth >= maxDepth {
			c.skip(full, "nested too deep")
			return
		}
		how.Flags |= unix.O_DIRECTORY
	case unix.S_IFREG:
		if st.Size > c.left {
			c.skip(full, "more than the output limit")
			return
		}
	default:
		c.skip(full, "not a regular file")
		return
	}
	fd, err := unix.Openat2(dir, name, how)
	if err != nil {
		c.skip(full, err.Error())
		return
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		c.dir(fd, full, depth+1)
		return
	}
	c.file(fd, full)
}

func (c *collector) file(fd int, full string) {
	f := os.NewFile(uintptr(fd), full)
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, c.left))
	if err != nil {
		c.skip(full, err.Error())
		return
	}
	c.left -= int64(len(data))
	c.files[strings.TrimPrefix(full, "/")] = data
}

// collect reads the output folder behind fd, which it closes. The command and
// all of its processes must be gone.
func collect(fd int, limit int64) (map[string][]byte, []string) {
	c := &collector{files: map[string][]byte{}, left: limit}
	c.dir(fd, "", 0)
	return c.files, c.skipped
}
