package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"time"
)

// counter counts what is read, here and in a total.
type counter struct {
	r     io.Reader
	n     int64
	total *int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	*c.total += int64(n)
	return n, err
}

// unfolding watches over one archive: how many entries, how many bytes, and
// how many more than lie on disk.
type unfolding struct {
	name    string
	limits  ArchiveLimits
	in      *counter
	entries int
	bytes   int64
	err     error // the first that reading the archive itself met
}

var (
	errTooLarge = errors.New("unfolds to too much")
	errBomb     = errors.New("unfolds suspiciously")
)

// reader bounds what comes out of r, in sum over the archive.
func (u *unfolding) reader(r io.Reader) io.Reader { return &unfolded{u: u, r: r} }

type unfolded struct {
	u *unfolding
	r io.Reader
}

func (f *unfolded) Read(p []byte) (int, error) {
	u := f.u
	switch {
	case u.bytes > u.limits.MaxBytes:
		u.err = errTooLarge
	case u.bytes > ratioFloor && u.bytes > u.limits.MaxRatio*u.in.n:
		u.err = errBomb
	}
	if u.err != nil {
		return 0, u.err
	}
	n, err := f.r.Read(p)
	u.bytes += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		u.err = err
	}
	return n, err
}

// count admits one more entry.
func (u *unfolding) count(ctx context.Context) error {
	u.entries++
	if u.entries > u.limits.MaxEntries {
		return fmt.Errorf("%s: holds more than %d entries: import it in parts", u.name, u.limits.MaxEntries)
	}
	return ctx.Err()
}

// entry is one file of the archive. Its path serves as a name only.
func (u *unfolding) entry(name string, modified time.Time, r io.Reader) *entry {
	return &entry{name: u.name + "!" + cutAt(repair(name), 300), path: path.Clean("/" + repair(name))[1:], modified: modified, r: r, limits: u.limits}
}

// explain says what to do about an error of the archive itself.
func (u *unfolding) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errTooLarge):
		return fmt.Errorf("%s: unfolds to more than %d MiB: import it in parts", u.name, u.limits.MaxBytes>>20)
	case errors.Is(err, errBomb):
		return fmt.Errorf("%s: unfolds to more than %d times its size, like an archive made to exhaust memory: unpack what you trust and import the files", u.name, u.limits.MaxRatio)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("%s: the archive ends early, after %d entries: fetch or copy it again; what came before is imported, and importing again adds only the rest", u.name, u.entries)
	}
	return fmt.Errorf("%s: the archive is damaged after %d entries (%w): fetch or copy it again; what came before is imported, and importing again adds only the rest", u.name, u.entries, err)
}
