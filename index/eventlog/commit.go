package eventlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// item is one record, marshalled by its caller, on its way into a message.
type item struct {
	id      string
	key     idKey
	project string
	json    []byte
	ack     *Ack
	req     *request
}

// request is one Append call. The committer fills acks and err and closes done.
type request struct {
	items []item
	bytes int
	acks  []Ack
	err   error
	done  chan struct{}
}

// commitLoop is the group committer: it takes every request that is there,
// waits a little for those known to be coming, writes them, and answers.
// It ends when the requests channel is closed and empty.
func (s *stream) commitLoop() {
	defer close(s.done)
	linger := time.NewTimer(s.log.opts.Linger)
	defer linger.Stop()
	for first := range s.requests {
		group := s.collect(first, linger)
		s.commit(group)
		for _, r := range group {
			close(r.done)
		}
	}
}

// collect gathers a group: at most MaxBatch records or maxBody bytes beyond
// the first request, at most Linger long. It waits only while another Append
// has begun, so that a lone caller pays for its own disk sync and no more.
func (s *stream) collect(first *request, linger *time.Timer) []*request {
	group := []*request{first}
	s.entering.Add(-1)
	records, bytes := len(first.items), first.bytes
	linger.Reset(s.log.opts.Linger)
	for records < s.log.opts.MaxBatch && bytes < maxBody {
		var r *request
		var ok bool
		select {
		case r, ok = <-s.requests:
		default:
			if s.entering.Load() == 0 {
				return group
			}
			select {
			case r, ok = <-s.requests:
			case <-linger.C:
				return group
			}
		}
		if !ok {
			return group
		}
		s.entering.Add(-1)
		group = append(group, r)
		records, bytes = records+len(r.items), bytes+r.bytes
	}
	return group
}

// commit writes the records of a group that are not in the log yet, one
// project a message, and settles every request.
func (s *stream) commit(group []*request) {
	seen := make(map[idKey]bool)
	byProject := make(map[string][]*item)
	var order []string
	var twins []*item // records whose id came earlier in this group
	for _, r := range group {
		for i := range r.items {
			it := &r.items[i]
			if seen[it.key] {
				twins = append(twins, it)
				continue
			}
			seen[it.key] = true
			if _, ok := byProject[it.project]; !ok {
				order = append(order, it.project)
			}
			byProject[it.project] = append(byProject[it.project], it)
		}
	}
	for _, project := range order {
		for items := byProject[project]; len(items) > 0; {
			n := s.fits(items)
			if err := s.write(project, items[:n]); err != nil {
				fail(items[:n], err)
			}
			items = items[n:]
		}
	}
	for _, it := range twins {
		if !s.known(it) {
			fail([]*item{it}, fmt.Errorf("record %s: the same record in another call at the same time was not stored; try again", it.id))
		}
	}
	s.log.wakeMarker()
}

// fits is how many of items go into one message: at least one.
func (s *stream) fits(items []*item) int {
	size := 0
	for n, it := range items {
		if size += len(it.json); n > 0 && (size > maxBody || n == s.log.opts.MaxBatch) {
			return n
		}
	}
	return len(items)
}

// known settles it as a duplicate when its id is in the log.
func (s *stream) known(it *item) bool {
	l, ok := s.lookup(it.key)
	if ok {
		*it.ack = Ack{ID: it.id, Duplicate: true, Seq: l.seq(), Index: l.index()}
	}
	return ok
}

// write puts items into one message and settles them. The server is told
// which message must be the last before it, so that no other daemon's message
// with the same ids can slip in between: when it refuses, the other's
// messages are taken in and what is then new is tried again. The same rule
// makes a retry safe after an answer was lost.
func (s *stream) write(project string, items []*item) error {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	var unsure *frame // sent, answer lost
	for {
		fresh := items[:0:0]
		for _, it := range items {
			if !s.known(it) {
				fresh = append(fresh, it)
			}
		}
		if len(fresh) == 0 {
			return nil
		}
		f, message := s.build(kindBatch, fresh)
		seq, err := s.publish(ctx, project, message)
		if err == nil {
			s.settle(seq, f, fresh)
			return nil
		}
		unsure = f
		if err := s.resolve(ctx, err); err != nil {
			return err
		}
		if end := s.chain(f.writer); end.hash == unsure.hash {
			s.settle(end.seq, f, fresh)
			return nil
		}
	}
}

// resolve finds out what became of a message that was not acknowledged. It
// returns nil when the state is known again and the message may be tried
// again if it is not in the log.
func (s *stream) resolve(ctx context.Context, cause error) error {
	for {
		if !conflict(cause) && !ambiguous(cause) {
			return fmt.Errorf("writing to stream %s: %w", s.name, cause)
		}
		err := s.catchUp(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("writing to stream %s: %w; whether the records are stored is unknown, sending them again is safe", s.name, cause)
		case <-time.After(retryPause):
		}
	}
}

// conflict says that the stream's last message is not the one we know of.
func conflict(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// ambiguous says that the message may have been stored or not.
func ambiguous(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) ||
		errors.Is(err, nats.ErrDisconnected) || errors.Is(err, nats.ErrConnectionReconnecting)
}

// build makes the writer's next message.
func (s *stream) build(kind byte, items []*item) (*frame, []byte) {
	end := s.chain(s.log.writer)
	f := &frame{kind: kind, writer: s.log.writer, number: end.number, count: end.count, prev: end.hash}
	size := 0
	for _, it := range items {
		size += len(it.json)
	}
	body := make([]byte, 0, size)
	for _, it := range items {
		f.entries = append(f.entries, entry{key: it.key, length: uint32(len(it.json)), crc: checksum(it.json)})
		body = append(body, it.json...)
	}
	return f, encodeFrame(f, body, s.log.codec)
}

// publish returns the message's sequence number once the server has it on
// disk.
func (s *stream) publish(ctx context.Context, project string, message []byte) (uint64, error) {
	return s.publishTo(ctx, subjectOf(s.name, project), message)
}

func (s *stream) publishTo(ctx context.Context, subject string, message []byte) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	ack, err := s.log.js.PublishMsg(ctx, &nats.Msg{Subject: subject, Data: message},
		jetstream.WithExpectStream(string(s.name)), jetstream.WithExpectLastSequence(s.headSeq()))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// settle acknowledges items that are stored as message seq.
func (s *stream) settle(seq uint64, f *frame, items []*item) {
	s.advance(seq, f)
	for i, it := range items {
		*it.ack = Ack{ID: it.id, Seq: seq, Index: i}
	}
}

// fail settles the requests of items with err; a request keeps its first.
func fail(items []*item, err error) {
	for _, it := range items {
		if it.req.err == nil {
			it.req.err = err
		}
	}
}
