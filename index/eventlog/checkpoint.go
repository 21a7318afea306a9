package eventlog

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
)

// A checkpoint file spares the start a reading of the whole stream: it holds
// where every id stands and where every chain ends, as of one message. It can
// be deleted: the next start then reads the stream.
//
//	offset  size  field
//	     0     4  magic "LIDS"
//	     4     1  version, 1
//	     5     3  zeros
//	     8     8  sequence number that is included last
//	    16     4  number of writers
//	    20        a writer: length of the name (1), name, number (8), count (8), hash (32), sequence number (8)
//	     .  24*N  an id: key (16), location (8): sequence number << 20 | index
//	     .     8  N
//	     .    32  SHA-256 of everything above
const (
	checkpointMagic   = "LIDS"
	checkpointVersion = 1
	idEntrySize       = 24
	// checkpointEvery is how many new records make a new checkpoint
	// worthwhile, at least; with more in it, a quarter of them.
	checkpointEvery = 1 << 16
	// lockStride is how many ids are copied in one go while writers wait.
	lockStride = 4096
)

type checkpoint struct {
	seq    uint64
	chains map[string]chainState
	ids    idSet
}

// writeCheckpoint writes the state as of now beside the committer: the lock
// is given up in between, and what is added meanwhile is told by its sequence
// number and left out.
func (s *stream) writeCheckpoint() error {
	path := s.path("ids")
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("writing a checkpoint: %w", err)
	}
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<16)
	head, n := s.dump(w)
	err = w.Flush()
	if err == nil {
		_, err = f.Write(sum.Sum(nil))
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("writing checkpoint %s: %w", path, err)
	}
	s.checkpointed.Store(n)
	s.checkpointSeq.Store(head)
	return nil
}

// lastCheckpoint writes one unless the file says all already.
func (s *stream) lastCheckpoint() error {
	if head := s.headSeq(); head > 0 && head == s.checkpointSeq.Load() {
		return nil
	}
	return s.writeCheckpoint()
}

// dump writes all but the hash and returns the message up to which, and the
// number of ids. The buffered writer keeps the first error for its Flush.
func (s *stream) dump(w *bufio.Writer) (head, n uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	head = s.head
	b := append([]byte(checkpointMagic), checkpointVersion, 0, 0, 0)
	b = binary.BigEndian.AppendUint64(b, head)
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.chains)))
	for writer, st := range s.chains {
		b = append(append(b, byte(len(writer))), writer...)
		b = binary.BigEndian.AppendUint64(b, st.number)
		b = binary.BigEndian.AppendUint64(b, st.count)
		b = append(b, st.hash[:]...)
		b = binary.BigEndian.AppendUint64(b, st.seq)
	}
	w.Write(b)
	visited := 0
	for key, where := range s.ids {
		if where.seq() <= head {
			w.Write(key[:])
			w.Write(binary.BigEndian.AppendUint64(b[:0], uint64(where)))
			n++
		}
		// A map may grow while it is ranged over, as long as the two take
		// turns; what was there at the start is visited exactly once.
		if visited++; visited%lockStride == 0 {
			s.mu.RUnlock()
			s.mu.RLock()
		}
	}
	w.Write(binary.BigEndian.AppendUint64(b[:0], n))
	return head, n
}

// readCheckpoint returns nil without an error when there is none.
func readCheckpoint(path string) (*checkpoint, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeCheckpoint(b)
}

var errCheckpoint = errors.New("not an intact checkpoint")

func decodeCheckpoint(b []byte) (*checkpoint, error) {
	const least = 20 + 8 + sha256.Size
	if len(b) < least || string(b[:4]) != checkpointMagic || b[4] != checkpointVersion {
		return nil, errCheckpoint
	}
	end := len(b) - sha256.Size
	if sha256.Sum256(b[:end]) != [sha256.Size]byte(b[end:]) {
		return nil, errCheckpoint
	}
	c := &checkpoint{seq: binary.BigEndian.Uint64(b[8:]), chains: make(map[string]chainState)}
	n := binary.BigEndian.Uint64(b[end-8:])
	writers := binary.BigEndian.Uint32(b[16:])
	b = b[20 : end-8]
	for range writers {
		if len(b) == 0 || len(b) < 1+int(b[0])+56 {
			return nil, errCheckpoint
		}
		name := string(b[1 : 1+b[0]])
		b = b[1+len(name):]
		c.chains[name] = chainState{
			number: binary.BigEndian.Uint64(b), count: binary.BigEndian.Uint64(b[8:]),
			hash: hash(b[16:48]), seq: binary.BigEndian.Uint64(b[48:]),
		}
		b = b[56:]
	}
	if uint64(len(b)) != n*idEntrySize || n > uint64(len(b)) {
		return nil, errCheckpoint
	}
	c.ids = make(idSet, n)
	for ; len(b) > 0; b = b[idEntrySize:] {
		c.ids[idKey(b)] = location(binary.BigEndian.Uint64(b[16:]))
	}
	return c, nil
}

// before splits the chains of the checkpoint: those that end before seq.
func (c *checkpoint) before(seq uint64) map[string]chainState {
	early := maps.Clone(c.chains)
	maps.DeleteFunc(early, func(_ string, st chainState) bool { return st.seq >= seq })
	return early
}
