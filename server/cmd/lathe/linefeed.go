package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	readSize = 256 << 10
	idle     = 200 * time.Millisecond // without input, after which waiting lines are answered
	patience = time.Second            // for which a line waits at most, while input comes
)

// lineFeed splits input into lines, of which it holds one at a time.
type lineFeed struct {
	limit  int  // bytes of a line that are kept
	prompt bool // answer after each read
	number int  // of the line given last, from 1
	rest   []byte
}

// each gives each line, without its end, to add, and calls pause whenever lines
// should wait no longer.
func (f *lineFeed) each(ctx context.Context, r io.Reader, add func([]byte) error, pause func() error) error {
	full, free, failed, done := make(chan []byte), make(chan []byte, 2), make(chan error, 1), make(chan struct{})
	defer close(done)
	defer close(free)
	free <- make([]byte, readSize)
	free <- make([]byte, readSize)
	go pump(r, free, full, failed, done)
	timer, last := time.NewTimer(idle), time.Now()
	defer timer.Stop()
	for {
		wait := false
		select {
		case b, ok := <-full:
			if !ok {
				return errors.Join(f.end(add), firstOf(failed))
			}
			if err := f.split(b, add); err != nil {
				return err
			}
			free <- b
			timer.Reset(idle)
			wait = !f.prompt && time.Since(last) < patience
		case <-timer.C:
		case <-ctx.Done():
			return context.Canceled
		}
		if wait {
			continue
		}
		last = time.Now()
		if err := pause(); err != nil {
			return err
		}
	}
}

// pump reads r into the free buffers. It runs apart, since a read of stdin
// cannot be interrupted.
func pump(r io.Reader, free, full chan []byte, failed chan error, done chan struct{}) {
	defer close(full)
	for b := range free {
		n, err := r.Read(b[:cap(b)])
		select {
		case full <- b[:n]:
		case <-done:
			return
		}
		if err != nil {
			if err != io.EOF {
				failed <- fmt.Errorf("read the input: %w", err)
			}
			return
		}
	}
}

func firstOf(failed chan error) error {
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// split gives the lines that end in b; what is left waits for more.
func (f *lineFeed) split(b []byte, add func([]byte) error) error {
	for len(b) > 0 {
		k := bytes.IndexByte(b, '\n')
		if k < 0 {
			f.keep(b)
			return nil
		}
		line := b[:k]
		if len(f.rest) > 0 {
			f.keep(line)
			line = f.rest
		}
		if err := f.give(line, add); err != nil {
			return err
		}
		f.rest, b = f.rest[:0], b[k+1:]
	}
	return nil
}

// keep holds a part of a line, as far as the limit allows.
func (f *lineFeed) keep(part []byte) {
	f.rest = append(f.rest, part[:min(len(part), f.limit-len(f.rest))]...)
}

func (f *lineFeed) give(line []byte, add func([]byte) error) error {
	f.number++
	return add(bytes.TrimSuffix(line[:min(len(line), f.limit)], []byte("\r")))
}

// end gives the last line when nothing ends it.
func (f *lineFeed) end(add func([]byte) error) error {
	if len(f.rest) == 0 {
		return nil
	}
	return f.give(f.rest, add)
}
