package eventlog

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// followPause is the longest that another daemon's message may go
	// unnoticed when its announcement was missed.
	followPause = time.Second
	// followSoon is when to look again after an announcement whose message
	// was not there yet; each further look waits twice as long.
	followSoon = 2 * time.Millisecond
)

// follow takes in what other daemons write to a shared server. Their
// publishing is seen directly, as a plain NATS subscription; that the message
// is stored by then is not certain, so it only tells when to look.
func (s *stream) follow(ctx context.Context) {
	hint := make(chan struct{}, 1)
	sub, err := s.log.nc.Subscribe(subjectPrefix(s.name)+">", func(*nats.Msg) {
		select {
		case hint <- struct{}{}:
		default:
		}
	})
	if err != nil {
		s.log.logger.Warn("other daemons' records will be seen late", "stream", s.name, "error", err)
	} else {
		defer sub.Unsubscribe() // fails only on a closed connection
	}
	pause := followPause
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-hint:
			pause = followSoon
		case <-timer.C:
			pause = min(2*pause, followPause)
		case <-ctx.Done():
			return
		}
		if err := s.catchUp(ctx); err != nil && ctx.Err() == nil {
			s.log.logger.Warn("looking for other daemons' records", "stream", s.name, "error", err)
		}
		timer.Reset(pause)
	}
}
