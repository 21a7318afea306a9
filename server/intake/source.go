package intake

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"
)

// ArchiveLimits bound what one path may unfold to. Zero fields take the
// defaults.
type ArchiveLimits struct {
	MaxEntries  int   // default 200,000
	MaxBytes    int64 // decompressed bytes of all entries; default 64 GiB
	MaxRatio    int64 // decompressed to compressed bytes; default 250, from 64 MiB on
	MaxDocument int64 // bytes of one JSON document, a session; default 64 MiB
	MaxLine     int64 // bytes of one line; default 16 MiB
}

func (l ArchiveLimits) withDefaults() ArchiveLimits {
	if l.MaxEntries <= 0 {
		l.MaxEntries = 200_000
	}
	for _, d := range []struct {
		field *int64
		value int64
	}{{&l.MaxBytes, 64 << 30}, {&l.MaxRatio, 250}, {&l.MaxDocument, 64 << 20}, {&l.MaxLine, 16 << 20}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	return l
}

// readSmall reads a regular file of at most limit bytes.
func readSmall(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errIrregular}
	}
	f, err := openRegular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// openRegular opens a regular file. What was put in its place since somebody
// looked, such as a pipe that never gives a byte, is neither waited for nor read.
func openRegular(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(&fs.PathError{Op: "read", Path: name, Err: errIrregular}, err, f.Close())
	}
	return f, nil
}

// ratioFloor is how many bytes may unfold before their ratio matters: small
// files of one repeated line compress better than any limit.
const ratioFloor = 64 << 20

// entry is one file to parse.
type entry struct {
	name     string // for messages: the path, or archive!entry
	path     string // slash-separated: the file's path, or its path in the archive
	modified time.Time
	r        io.Reader
	limits   ArchiveLimits
	disk     bool // a file on disk: others may lie beside it
}

// base is the entry's file name without its extension.
func (e *entry) base() string {
	name := path.Base(e.path)
	return strings.TrimSuffix(name, path.Ext(name))
}

// dir is the name of the folder that the entry lies in.
func (e *entry) dir() string { return path.Base(path.Dir(e.path)) }

// totalSize sums the sizes of what paths name on disk; unreadable ones count
// nothing here and are reported when they are opened.
func totalSize(paths []string) (total int64) {
	for _, p := range paths {
		_ = filepath.WalkDir(p, func(_ string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				if info, err := d.Info(); err == nil {
					total += info.Size()
				}
			}
			return nil
		})
	}
	return total
}

var errIrregular = errors.New("neither a regular file nor a folder")

// walk calls fn for each entry of a file, folder or archive that wants names.
func walk(ctx context.Context, name string, l ArchiveLimits, wants func(string) bool, out *emitter, fn func(*entry) error) error {
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("read %s: %w: check the path", name, err)
	}
	if !info.IsDir() {
		if !info.Mode().IsRegular() { // a pipe or device may never end, nor give a byte
			return fmt.Errorf("%w: copy what it gives to a file first", &fs.PathError{Op: "read", Path: name, Err: errIrregular})
		}
		return walkFile(ctx, name, l, wants, true, out, fn)
	}
	var problems []error
	err = filepath.WalkDir(name, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			out.malformed(file, 0, "cannot be read: "+err.Error())
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !d.Type().IsRegular() || !wants(file) && !isArchive(file):
			return nil
		}
		err = walkFile(ctx, file, l, wants, false, out, fn)
		if err != nil && ctx.Err() == nil && !errors.As(err, new(*sinkError)) {
			problems = append(problems, err) // the other files are fine
			return nil
		}
		return err
	})
	return errors.Join(append(problems, err)...)
}

func isArchive(name string) bool {
	for _, ext := range []string{".tar", ".tar.gz", ".tgz", ".zip", ".gz"} {
		if strings.HasSuffix(strings.ToLower(name), ext) {
			return true
		}
	}
	return false
}

// walkFile reads one file on disk. What it is, its first bytes say.
func walkFile(ctx context.Context, name string, l ArchiveLimits, wants func(string) bool, named bool, out *emitter, fn func(*entry) error) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("read %s: %w: check its permissions", name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	counted := &counter{r: f, total: &out.read}
	r := bufio.NewReaderSize(counted, 64<<10)
	head, _ := r.Peek(264)
	e := &entry{name: name, path: filepath.ToSlash(name), modified: info.ModTime(), r: r, limits: l, disk: true}
	u := &unfolding{name: name, limits: l, in: counted}
	switch {
	case strings.HasPrefix(string(head), "PK\x03\x04"):
		counted.n += info.Size()
		out.read += info.Size()
		return walkZip(ctx, f, info.Size(), u, wants, fn)
	case len(head) > 2 && head[0] == 0x1f && head[1] == 0x8b:
		z, err := gzip.NewReader(r)
		if err != nil {
			return fmt.Errorf("%s: not a readable gzip file (%w): fetch or copy it again", e.name, err)
		}
		return walkPacked(ctx, z, ".gz", e, u, wants, named, fn)
	case strings.HasPrefix(string(head), "\x28\xb5\x2f\xfd"):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxWindow), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return fmt.Errorf("%s: not a readable zstd file (%w): fetch or copy it again", e.name, err)
		}
		defer z.Close()
		return walkPacked(ctx, z, ".zst", e, u, wants, named, fn)
	case isTar(head):
		return walkTar(ctx, r, u, wants, fn)
	}
	if !named && !wants(name) {
		return nil
	}
	return fn(e)
}

func isTar(head []byte) bool { return len(head) >= 262 && string(head[257:262]) == "ustar" }

// maxWindow bounds the memory that a zstd file may ask for.
const maxWindow = 64 << 20

// walkPacked reads a compressed tar or a compressed single file.
func walkPacked(ctx context.Context, z io.Reader, ext string, e *entry, u *unfolding, wants func(string) bool, named bool, fn func(*entry) error) error {
	inner := bufio.NewReaderSize(u.reader(z), 64<<10)
	head, err := inner.Peek(264)
	if len(head) == 0 {
		return u.explain(err)
	}
	if isTar(head) {
		return walkTar(ctx, inner, u, wants, fn)
	}
	e.path = strings.TrimSuffix(e.path, ext)
	if !named && !wants(e.path) {
		return nil
	}
	e.r = inner
	if err := fn(e); err != nil {
		return err
	}
	return u.explain(u.err)
}

func walkTar(ctx context.Context, r io.Reader, u *unfolding, wants func(string) bool, fn func(*entry) error) error {
	t := tar.NewReader(r)
	for {
		header, err := t.Next()
		if errors.Is(err, io.EOF) {
			return u.explain(u.err)
		}
		if err != nil {
			return u.explain(err)
		}
		if err := u.count(ctx); err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg || !wants(header.Name) {
			continue
		}
		if err := fn(u.entry(header.Name, header.ModTime, t)); err != nil {
			return err
		}
		if u.err != nil {
			return u.explain(u.err)
		}
	}
}

func walkZip(ctx context.Context, f io.ReaderAt, size int64, u *unfolding, wants func(string) bool, fn func(*entry) error) error {
	z, err := zip.NewReader(f, size)
	if err != nil {
		return u.explain(err)
	}
	for _, file := range z.File {
		if err := u.count(ctx); err != nil {
			return err
		}
		if !file.Mode().IsRegular() || !wants(file.Name) {
			continue
		}
		r, err := file.Open()
		if err != nil {
			return u.explain(err)
		}
		err = fn(u.entry(file.Name, file.Modified, u.reader(r)))
		r.Close()
		if err != nil {
			return err
		}
		if u.err != nil {
			return u.explain(u.err)
		}
	}
	return nil
}
