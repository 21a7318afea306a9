package eventlog

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
)

// Cursor remembers, over restarts and crashes, how far a named reader of a
// stream has come. It is safe for concurrent use.
type Cursor struct {
	log  *Log
	name string
	slot *slotFile
	seq  atomic.Uint64
}

// Cursor opens the cursor of that name, at 0 when it is new. Names are 1 to
// 64 bytes of letters, digits, '-', '_', '.'. The same name gives the same
// Cursor.
func (l *Log) Cursor(name string) (*Cursor, error) {
	if !validName(name) {
		return nil, fmt.Errorf("cursor name %q: use 1 to %d letters, digits, '-', '_', '.'", name, maxWriterName)
	}
	l.gate.RLock()
	defer l.gate.RUnlock()
	if l.closed {
		return nil, ErrClosed
	}
	l.cursorsMu.Lock()
	defer l.cursorsMu.Unlock()
	if c, ok := l.cursors[name]; ok {
		return c, nil
	}
	dir := filepath.Join(l.opts.Dir, "cursors")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of the cursors: %w", err)
	}
	path := filepath.Join(dir, name)
	slot, value, err := openSlot(path, make([]byte, 8))
	if err != nil {
		return nil, fmt.Errorf("opening cursor %s: %w; deleting %s makes its reader begin again", name, err, path)
	}
	if len(value) != 8 {
		slot.close()
		return nil, fmt.Errorf("opening cursor %s: %s is not a cursor; deleting it makes its reader begin again", name, path)
	}
	c := &Cursor{log: l, name: name, slot: slot}
	c.seq.Store(binary.BigEndian.Uint64(value))
	l.cursors[name] = c
	return c, nil
}

// Get returns the last sequence number that was Set, 0 for a new cursor.
func (c *Cursor) Get() uint64 { return c.seq.Load() }

// Set moves the cursor, back too, and returns when that is durable: two disk
// syncs at most. The high-water marks are written first, so that no cursor is
// ever ahead of what the log can prove to have had.
func (c *Cursor) Set(seq uint64) error {
	c.log.gate.RLock()
	defer c.log.gate.RUnlock()
	if c.log.closed {
		return ErrClosed
	}
	for _, s := range c.log.streams() {
		if err := s.writeMark(); err != nil {
			return fmt.Errorf("moving cursor %s to %d: %w", c.name, seq, err)
		}
	}
	if err := c.slot.write(binary.BigEndian.AppendUint64(nil, seq)); err != nil {
		return fmt.Errorf("moving cursor %s to %d: %w", c.name, seq, err)
	}
	c.seq.Store(seq)
	return nil
}
