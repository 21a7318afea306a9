package eventlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// fetchMessages and fetchBytes bound what one request brings into memory.
	fetchMessages = 128
	fetchBytes    = 4 << 20

	statusEndOfBatch = "204"
	statusNotFound   = "404"
)

// fetch calls fn for each message from sequence from up to and with to, in
// order, skipping what the server cannot give: the caller sees the gap. It
// uses JetStream's batched direct get, which needs no consumer and leaves
// nothing behind on the server.
func (s *stream) fetch(ctx context.Context, from, to uint64, fn func(seq uint64, data []byte) error) error {
	for from <= to {
		if err := ctx.Err(); err != nil {
			return err
		}
		next, err := s.fetchBatch(ctx, from, to, fn)
		if err != nil {
			return err
		}
		if next > from {
			from = next
			continue
		}
		// The server stopped at once: this message is lost, or a replica
		// lags. The leader's answer decides.
		msg, err := s.fetchOne(ctx, from)
		switch {
		case errors.Is(err, errNoMessage):
		case err != nil:
			return err
		default:
			if err := fn(from, msg); err != nil {
				return err
			}
		}
		from++
	}
	return nil
}

// fetchBatch returns the sequence number to go on with: from when there was
// no message at all.
func (s *stream) fetchBatch(ctx context.Context, from, to uint64, fn func(uint64, []byte) error) (uint64, error) {
	request, err := json.Marshal(map[string]uint64{"seq": from, "batch": min(fetchMessages, to-from+1), "max_bytes": fetchBytes})
	if err != nil {
		return 0, err
	}
	inbox := s.log.nc.NewInbox()
	sub, err := s.log.nc.SubscribeSync(inbox)
	if err != nil {
		return 0, fmt.Errorf("reading stream %s: %w", s.name, err)
	}
	defer sub.Unsubscribe() // fails only on a closed connection
	if err := s.log.nc.PublishRequest("$JS.API.DIRECT.GET."+string(s.name), inbox, request); err != nil {
		return 0, fmt.Errorf("reading stream %s: %w", s.name, err)
	}
	for {
		msg, err := s.nextOf(ctx, sub)
		if err != nil {
			return 0, fmt.Errorf("reading stream %s at %d: %w", s.name, from, err)
		}
		if status := msg.Header.Get("Status"); status != "" {
			if status == statusEndOfBatch || status == statusNotFound {
				return from, nil
			}
			return 0, fmt.Errorf("reading stream %s at %d: the server answers %s %s", s.name, from, status, msg.Header.Get("Description"))
		}
		seq, err := strconv.ParseUint(msg.Header.Get(jetstream.SequenceHeader), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading stream %s at %d: the server gave no sequence number: %w", s.name, from, err)
		}
		if seq > to {
			return to + 1, nil
		}
		if err := fn(seq, msg.Data); err != nil {
			return 0, err
		}
		from = seq + 1
	}
}

func (s *stream) nextOf(ctx context.Context, sub *nats.Subscription) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return sub.NextMsgWithContext(ctx)
}

// errNoMessage says that the stream has no readable message of that number.
var errNoMessage = errors.New("no such message")

// fetchOne asks the stream's leader for one message.
func (s *stream) fetchOne(ctx context.Context, seq uint64) ([]byte, error) {
	msg, err := s.getMsg(ctx, seq)
	if err != nil {
		return nil, err
	}
	return msg.Data, nil
}

func (s *stream) getMsg(ctx context.Context, seq uint64) (*jetstream.RawStreamMsg, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	msg, err := s.js.GetMsg(ctx, seq)
	var api *jetstream.APIError
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound), errors.As(err, &api) && api.Code >= 400:
		return nil, fmt.Errorf("message %d of stream %s: %w (%v)", seq, s.name, errNoMessage, err)
	case err != nil:
		return nil, fmt.Errorf("reading message %d of stream %s: %w", seq, s.name, err)
	}
	return msg, nil
}
