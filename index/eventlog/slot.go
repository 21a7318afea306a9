package eventlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// A slot file holds one small value that is replaced often. It has two slots,
// written in turn and synced, so that a torn write costs the new value and
// never the old one; no rename and no change of size, so that a write is one
// disk sync.
//
//	offset 0     slot A        offset 4096  slot B
//
//	in a slot (512 bytes):
//	     0     4  magic "LSLT"
//	     4     8  generation; the valid slot with the higher one counts
//	    12     2  P, length of the value, at most 494
//	    14     P  the value, then zeros
//	   508     4  CRC-32C of everything above
const (
	slotMagic  = "LSLT"
	slotSize   = 512
	slotStride = 4096
	maxSlot    = slotSize - 18
)

// errSlotDamaged says that neither slot of a slot file can be read.
var errSlotDamaged = errors.New("both copies in it are damaged")

type slotFile struct {
	mu         sync.Mutex
	f          *os.File
	generation uint64
}

// openSlot opens the slot file at path and returns its value. A missing file
// is made with initial as its value when initial is not nil; otherwise the
// error is fs.ErrNotExist.
func openSlot(path string, initial []byte) (*slotFile, []byte, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrNotExist) && initial != nil {
		return createSlot(path, initial)
	}
	if err != nil {
		return nil, nil, err
	}
	buf := make([]byte, slotStride+slotSize)
	if _, err := f.ReadAt(buf, 0); err != nil && !errors.Is(err, io.EOF) {
		f.Close()
		return nil, nil, fmt.Errorf("reading %s: %w", path, err)
	}
	s := &slotFile{f: f}
	var value []byte
	for _, b := range [][]byte{buf[:slotSize], buf[slotStride:]} {
		if generation, v, ok := decodeSlot(b); ok && generation > s.generation {
			s.generation, value = generation, v
		}
	}
	if s.generation == 0 {
		f.Close()
		return nil, nil, fmt.Errorf("%s: %w", path, errSlotDamaged)
	}
	return s, value, nil
}

// createSlot writes a new slot file beside path and moves it there, so that a
// file under that name is never half made.
func createSlot(path string, value []byte) (*slotFile, []byte, error) {
	f, err := os.OpenFile(path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, nil, err
	}
	s := &slotFile{f: f}
	err = f.Truncate(slotStride + slotSize)
	if err == nil {
		err = s.write(value)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("making %s: %w", path, err)
	}
	return s, value, nil
}

// write replaces the value; it returns when the value is on the disk.
func (s *slotFile) write(value []byte) error {
	if len(value) > maxSlot {
		return fmt.Errorf("a slot holds %d bytes, the value has %d", maxSlot, len(value))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	generation := s.generation + 1
	if _, err := s.f.WriteAt(encodeSlot(generation, value), int64(generation%2)*slotStride); err != nil {
		return fmt.Errorf("writing %s: %w", s.f.Name(), err)
	}
	if err := s.f.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", s.f.Name(), err)
	}
	s.generation = generation
	return nil
}

func (s *slotFile) close() error { return s.f.Close() }

func encodeSlot(generation uint64, value []byte) []byte {
	b := make([]byte, slotSize)
	copy(b, slotMagic)
	binary.BigEndian.PutUint64(b[4:], generation)
	binary.BigEndian.PutUint16(b[12:], uint16(len(value)))
	copy(b[14:], value)
	binary.BigEndian.PutUint32(b[slotSize-4:], checksum(b[:slotSize-4]))
	return b
}

func decodeSlot(b []byte) (generation uint64, value []byte, ok bool) {
	if string(b[:4]) != slotMagic || binary.BigEndian.Uint32(b[slotSize-4:]) != checksum(b[:slotSize-4]) {
		return 0, nil, false
	}
	n := int(binary.BigEndian.Uint16(b[12:]))
	if n > maxSlot {
		return 0, nil, false
	}
	return binary.BigEndian.Uint64(b[4:]), b[14 : 14+n], true
}

// syncDir makes a new or renamed directory entry durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
