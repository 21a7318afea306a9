package intake

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// followed is one file of a follower.
type followed struct {
	follower *follower
	source   *following
	name     string
	info     fs.FileInfo // when it was looked at last; nil before

	// Of a file of lines, while it grows:
	file     *os.File
	t        transcript
	offset   int64  // how far it was read: a line's start
	number   int    // lines before offset
	skipping bool   // offset lies within a line that is too long
	tail     []byte // what stood before offset
	sum      hash.Hash
	grown    time.Time
	cursor   *Cursor // how far it was taken in before; nil when that is not known
}

// tailBytes is how much of what was read is compared to what stands there: a
// file that was cut and written again may have any length.
const tailBytes = 128

// maxFollowed bounds the files that are kept open.
const maxFollowed = 128

// changed reads what is new in the file, which is info now.
func (w *followed) changed(ctx context.Context, info fs.FileInfo) error {
	same := w.info != nil && os.SameFile(w.info, info)
	if same && w.info.Size() == info.Size() && w.info.ModTime().Equal(info.ModTime()) {
		return nil
	}
	if hasExt(w.name, ".json") {
		return w.document(ctx, info)
	}
	if w.file != nil && (!same || info.Size() < w.offset || !w.continues()) { // replaced, or cut
		var rest error
		if !same {
			rest = w.read(ctx)
		}
		if err := errors.Join(rest, w.close(ctx)); err != nil {
			return err
		}
	}
	w.info, w.grown = info, info.ModTime()
	w.follower.unsaved = true
	if w.file == nil {
		if err := w.open(); err != nil {
			w.problem(0, "cannot be read: "+err.Error())
			return nil
		}
		if err := w.goOn(ctx); err != nil {
			return err
		}
	}
	if err := w.read(ctx); err != nil {
		return err
	}
	if w.follower.o.Now().Sub(w.grown) > w.follower.o.Idle {
		return w.close(ctx)
	}
	return nil
}

func (w *followed) problem(line int, reason string) {
	w.follower.out.malformed(w.name, line, reason)
}

func (w *followed) entry(modified time.Time, r io.Reader) *entry {
	return &entry{name: w.name, path: filepath.ToSlash(w.name), modified: modified, r: r, limits: w.follower.o.Archive.withDefaults(), disk: true}
}

// open begins at the file's start.
func (w *followed) open() error {
	p, ok := w.source.parser.(lineParser)
	if !ok {
		return fmt.Errorf("%s is not written in lines", w.source.Format)
	}
	file, err := openRegular(w.name)
	if err != nil {
		return err
	}
	if info, err := file.Stat(); err == nil {
		w.info = info // of what is read, whatever lies there by now
	}
	w.file = file
	w.begin(p)
	w.follower.out.summary.Files++
	w.follower.opened++
	return nil
}

// begin is at the start of the open file, with nothing read.
func (w *followed) begin(p lineParser) {
	w.offset, w.number, w.skipping, w.tail, w.sum = 0, 0, false, nil, sha256.New()
	w.t = p.begin(w.entry(w.info.ModTime(), nil), w.follower.out)
}

// goOn reads what was taken in before, silently, so that the transcript is where
// it was. If the file does not begin with that any more, it is a new one.
func (w *followed) goOn(ctx context.Context) error {
	c := w.cursor
	if w.cursor = nil; c == nil || c.Offset == 0 {
		return nil
	}
	w.follower.out.muted = true
	err := w.readTo(ctx, c.Offset)
	w.follower.out.muted = false
	if err == nil && (w.offset != c.Offset || hex.EncodeToString(w.sum.Sum(nil)) != c.Sum) {
		w.begin(w.source.parser.(lineParser)) // as open knows
	}
	return err
}

// at is how far the file was taken in, once what it gave is durable.
func (w *followed) at() *Cursor {
	if w.file == nil && w.cursor != nil || w.info == nil {
		return w.cursor
	}
	c := &Cursor{Format: w.source.Format, Size: w.info.Size(), Modified: w.info.ModTime().UnixNano(), Inode: inode(w.info), Open: w.file != nil}
	if w.sum != nil {
		c.Offset, c.Sum = w.offset, hex.EncodeToString(w.sum.Sum(nil))
	}
	return c
}

// continues reports whether the file still holds what was read last.
func (w *followed) continues() bool {
	now := make([]byte, len(w.tail))
	n, err := w.file.ReadAt(now, w.offset-int64(len(w.tail)))
	return n == len(now) && (err == nil || errors.Is(err, io.EOF)) && bytes.Equal(now, w.tail)
}

// passed moves the offset behind part.
func (w *followed) passed(part []byte, size int64) {
	w.offset += size
	keep := part[max(0, len(part)-tailBytes):]
	switch {
	case int64(len(part)) != size: // it was too long to be kept
		keep = nil
	case !w.skipping: // a long line counts as none, in however many parts it came
		w.sum.Write(part) // never fails
	}
	w.tail = append(w.tail[:0], keep...)
}

// read takes the lines that are complete.
func (w *followed) read(ctx context.Context) error { return w.readTo(ctx, math.MaxInt64) }

// readTo takes the complete lines that begin before end.
func (w *followed) readTo(ctx context.Context, end int64) error {
	if w.file == nil {
		return nil
	}
	if _, err := w.file.Seek(w.offset, io.SeekStart); err != nil {
		w.problem(0, "cannot be read on: "+err.Error())
		return nil
	}
	out, limit := w.follower.out, w.follower.o.Archive.withDefaults().MaxLine
	out.file = w.name
	r := bufio.NewReaderSize(w.file, 64<<10)
	var buf []byte
	for ctx.Err() == nil && w.offset < end {
		line, size, err := readLine(r, buf[:0], limit)
		buf = line
		switch {
		case err != nil && size > limit && !w.skipping:
			w.problem(w.number+1, fmt.Sprintf("the line has more than %d MiB: it is left out", limit>>20))
			w.skipping = true
			w.passed(line, size)
			return nil
		case err != nil && w.skipping:
			w.passed(line, size)
			return nil
		case err != nil: // the line's end is not there yet
			return nil
		}
		w.passed(line, size)
		w.number++
		text := bytes.TrimSpace(line)
		switch {
		case w.skipping:
			w.skipping = false
		case size > limit:
			w.problem(w.number, fmt.Sprintf("the line has more than %d MiB: it is left out", limit>>20))
		case len(text) > 0 && !bytes.HasPrefix(text, []byte("//")):
			if err := w.t.line(ctx, w.number, text); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// close ends the file's sessions, for now.
func (w *followed) close(ctx context.Context) error {
	if w.file == nil {
		return nil
	}
	err := w.t.close(ctx)
	c := w.at()
	c.Open = false
	w.cursor, w.follower.unsaved = c, true
	w.leave()
	return err
}

func (w *followed) leave() {
	if w.file != nil {
		w.file.Close()
		w.file, w.t = nil, nil
		w.follower.opened--
	}
}

// document reads a file that is one document, which an agent writes anew each
// time. One that is not complete is being written.
func (w *followed) document(ctx context.Context, info fs.FileInfo) error {
	out := w.follower.out
	raw, err := readSmall(w.name, w.follower.o.Archive.withDefaults().MaxDocument)
	if err == nil && !json.Valid(raw) && w.follower.o.Now().Sub(info.ModTime()) < time.Minute {
		return nil
	}
	w.info, w.cursor, w.follower.unsaved = info, nil, true
	out.file = w.name
	out.summary.Files++
	if err != nil {
		w.problem(0, "cannot be read: "+err.Error())
		return nil
	}
	return w.source.parser.entry(ctx, w.entry(info.ModTime(), bytes.NewReader(raw)), out)
}

// retire closes the files that do not grow any more, and those beyond what may
// be open.
func (f *follower) retire(ctx context.Context) error {
	var open []*followed
	for _, name := range sortedKeys(f.files) {
		if w := f.files[name]; w.file != nil {
			open = append(open, w)
		}
	}
	slices.SortStableFunc(open, func(a, b *followed) int { return b.grown.Compare(a.grown) })
	for i, w := range open {
		if i >= maxFollowed || f.o.Now().Sub(w.grown) > f.o.Idle {
			if err := w.close(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}
