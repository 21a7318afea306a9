package eventlog

import (
	"context"
	"fmt"
	"time"
)

// markPause is how long a record may be durable before the high-water mark
// says so: the tail that could be lost without anyone noticing. The mark is
// written beside the committer, never in its way.
const markPause = 50 * time.Millisecond

// wakeMarker tells the marker that there is something new.
func (l *Log) wakeMarker() {
	select {
	case l.nudge <- struct{}{}:
	default:
	}
}

// markLoop writes the high-water marks while the log is open.
func (l *Log) markLoop(ctx context.Context) {
	pause := time.NewTimer(markPause)
	defer pause.Stop()
	for {
		select {
		case <-l.nudge:
		case <-ctx.Done():
			return
		}
		for _, s := range l.streams() {
			if err := s.writeMark(); err != nil {
				l.logger.Error("high-water mark not written: a loss at the log's end would go unnoticed; check the disk", "stream", s.name, "error", err)
			}
			s.maybeCheckpoint()
		}
		pause.Reset(markPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
	}
}

// writeMark makes the mark say what is durable now.
func (s *stream) writeMark() error {
	s.marked.Lock()
	defer s.marked.Unlock()
	end := s.chain(s.log.writer)
	if end.seq == s.lastMark.Load() {
		return nil
	}
	if err := s.mark.write(mark{writer: s.log.writer, chainState: end}.encode()); err != nil {
		return fmt.Errorf("high-water mark of stream %s: %w", s.name, err)
	}
	s.lastMark.Store(end.seq)
	return nil
}

// maybeCheckpoint starts a checkpoint when enough is new; at most one runs.
func (s *stream) maybeCheckpoint() {
	s.mu.RLock()
	known := uint64(len(s.ids))
	s.mu.RUnlock()
	saved := s.checkpointed.Load()
	if known < saved+max(checkpointEvery, saved/4) || !s.saving.CompareAndSwap(false, true) {
		return
	}
	s.log.workers.Go(func() {
		defer s.saving.Store(false)
		if err := s.writeCheckpoint(); err != nil {
			s.log.logger.Error("checkpoint not written: the next start reads more of the stream; check the disk", "stream", s.name, "error", err)
		}
	})
}
