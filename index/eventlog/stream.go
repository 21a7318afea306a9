package eventlog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go/jetstream"
)

// stream is one of the two streams with all that this process knows about it.
type stream struct {
	name Stream
	log  *Log
	js   jetstream.Stream

	// mu guards what follows: the state that includes exactly the messages
	// up to head.
	mu      sync.RWMutex
	ids     idSet
	chains  map[string]chainState // by writer
	head    uint64
	changed chan struct{} // closed and replaced when head moves

	// catching lets one goroutine at a time bring in messages of others.
	catching sync.Mutex

	requests chan *request
	entering atomic.Int64 // Append calls that the committer may wait for
	done     chan struct{}

	mark     *slotFile
	marked   sync.Mutex // held while the mark is written
	lastMark atomic.Uint64

	// What the checkpoint file holds: ids, and up to which message.
	checkpointed, checkpointSeq atomic.Uint64

	saving atomic.Bool // a checkpoint is being written
}

func subjectPrefix(name Stream) string { return "lathe." + string(name) + "." }

// subjectOf hides the project's name from whoever may see subjects.
func subjectOf(name Stream, project string) string {
	sum := sha256.Sum256([]byte("lathe project\x00" + project))
	return subjectPrefix(name) + hex.EncodeToString(sum[:16])
}

// advance takes f, standing at seq, into the state. Messages at or before the
// head are known already and are left alone.
func (s *stream) advance(seq uint64, f *frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seq <= s.head {
		return
	}
	for i, e := range f.entries {
		if _, known := s.ids[e.key]; !known {
			s.ids[e.key] = locate(seq, i)
		}
	}
	s.chains[f.writer] = f.after(seq)
	s.moveHead(seq)
}

// moveHead wakes those who wait. The caller holds mu.
func (s *stream) moveHead(seq uint64) {
	if seq > s.head {
		s.head = seq
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// catchUp brings in what other daemons wrote since the head.
func (s *stream) catchUp(ctx context.Context) error {
	s.catching.Lock()
	defer s.catching.Unlock()
	infoCtx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	info, err := s.js.Info(infoCtx)
	if err != nil {
		return fmt.Errorf("asking for the state of stream %s: %w", s.name, err)
	}
	last := info.State.LastSeq
	err = s.fetch(ctx, s.headSeq()+1, last, func(seq uint64, data []byte) error {
		f, err := decodeFrame(data)
		if err != nil {
			// Verify reports it; here it must not stop the writer.
			s.log.logger.Error("another daemon's message cannot be read; run lathe verify", "stream", s.name, "seq", seq, "error", err)
			return nil
		}
		s.advance(seq, f)
		return nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moveHead(last)
	return nil
}

func (s *stream) headSeq() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.head
}

// lookup tells where the record with that key stands.
func (s *stream) lookup(k idKey) (location, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	l, ok := s.ids[k]
	return l, ok
}

// chain is the end of a writer's chain as known now.
func (s *stream) chain(writer string) chainState {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.chains[writer]
}

// wait returns when the head is past after, ctx is done or the log closes.
func (s *stream) wait(ctx context.Context, after uint64) error {
	for {
		s.mu.RLock()
		head, changed := s.head, s.changed
		s.mu.RUnlock()
		if head > after {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.log.closing:
			return ErrClosed
		}
	}
}
