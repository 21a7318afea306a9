package eventlog

import (
	"context"
	"fmt"
	"path/filepath"
)

// openStream makes or finds the stream and brings the state up to its end.
func (l *Log) openStream(ctx context.Context, name Stream) (*stream, error) {
	s := &stream{
		name: name, log: l, ids: make(idSet), chains: make(map[string]chainState),
		changed: make(chan struct{}), requests: make(chan *request, maxQueue), done: make(chan struct{}),
	}
	var err error
	if s.mark, _, err = openSlot(s.path("mark"), mark{writer: l.writer}.encode()); err != nil {
		return s, fmt.Errorf("high-water mark of stream %s: %w", name, err)
	}
	if s.js, err = ensureStream(ctx, l.nc, l.js, name); err != nil {
		return s, err
	}
	return s, s.catchUp(ctx)
}

// path is where the file of that kind lies for this stream.
func (s *stream) path(kind string) string {
	return filepath.Join(s.log.opts.Dir, string(s.name)+"."+kind)
}
