package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Stream names one of the two streams.
type Stream string

// Events holds what happened (learn.Record), Ledger what was concluded from
// it and decided about it (learn.LedgerEntry).
const (
	Events Stream = "events"
	Ledger Stream = "ledger"
)

const (
	defaultMaxBatch = 256
	defaultLinger   = 2 * time.Millisecond
	maxQueue        = 64 // requests waiting for the committer, more wait in Append
)

var (
	// ErrLocked says that another process has the directory.
	ErrLocked = errors.New("the data directory is in use by another process")
	// ErrClosed says that the log is closed or closing.
	ErrClosed = errors.New("the event log is closed")
	// ErrNotFound says that no record has that id.
	ErrNotFound = errors.New("no such record")
)

// Options configure Open. Only Dir is required.
type Options struct {
	// Dir is where the log lives, or, with URL, what this daemon keeps beside
	// the cluster: its lock, name, high-water marks, checkpoints and cursors.
	Dir string
	// URL of a NATS server with JetStream; empty runs one in this process.
	// Set sync_interval: always there, or acknowledged records can be lost.
	URL string
	// Writer names this daemon in the hash chain: 1 to 64 bytes of
	// letters, digits, '-', '_', '.'. Default: made once and kept in Dir.
	Writer string
	Logger *slog.Logger // default: none
	// AcceptDamage opens a log whose verification failed. What is missing is
	// written to the log of accepted damage and not complained of again.
	AcceptDamage bool
	MaxBatch     int           // records a message, default 256
	Linger       time.Duration // longest wait for calls known to be coming, default 2 ms
}

// Log is the open event log. It is safe for concurrent use.
type Log struct {
	opts   Options
	writer string
	logger *slog.Logger
	codec  *codec
	lock   *flock.Flock
	ns     *server.Server // nil with Options.URL
	nc     *nats.Conn
	js     jetstream.JetStream
	events *stream
	ledger *stream

	gate    sync.RWMutex // held for reading while a request is handed over
	closed  bool
	closing chan struct{} // closed by Close
	stop    context.CancelFunc
	workers sync.WaitGroup
	nudge   chan struct{} // wakes the marker

	accepted []Damage // constant once open

	homes homes // of event messages

	cursorsMu sync.Mutex
	cursors   map[string]*Cursor
}

// Open takes the directory's lock, starts or reaches the server, and verifies
// the tail of both streams.
//
// Errors: ErrLocked; *DamageError when records are missing or altered and
// AcceptDamage is not set.
func Open(ctx context.Context, o Options) (*Log, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the event log's directory: %w; choose another with --data or give the right to write", err)
	}
	lock := flock.New(filepath.Join(o.Dir, "lock"))
	if ok, err := lock.TryLock(); err != nil {
		return nil, fmt.Errorf("locking %s: %w", o.Dir, err)
	} else if !ok {
		return nil, fmt.Errorf("%s: %w: stop the other daemon (lathe stop) or choose another directory", o.Dir, ErrLocked)
	}
	workCtx, stop := context.WithCancel(context.Background())
	l := &Log{
		opts: o, logger: o.Logger, lock: lock, stop: stop,
		closing: make(chan struct{}), nudge: make(chan struct{}, 1), cursors: make(map[string]*Cursor),
	}
	if err := l.start(ctx, workCtx); err != nil {
		return nil, errors.Join(err, l.release())
	}
	return l, nil
}

func (o Options) complete() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("opening the event log: Options.Dir is empty")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxBatch <= 0 {
		o.MaxBatch = defaultMaxBatch
	}
	o.MaxBatch = min(o.MaxBatch, maxFrameRecords)
	if o.Linger <= 0 {
		o.Linger = defaultLinger
	}
	if o.Writer != "" && !validName(o.Writer) {
		return o, fmt.Errorf("opening the event log: writer name %q: use 1 to %d letters, digits, '-', '_', '.'", o.Writer, maxWriterName)
	}
	return o, nil
}

// start does what Open does once the lock is held. On an error the caller
// releases what is there.
func (l *Log) start(ctx, workCtx context.Context) (err error) {
	if l.codec, err = newCodec(); err != nil {
		return err
	}
	if l.writer, err = writerName(l.opts); err != nil {
		return err
	}
	if l.opts.URL == "" {
		if l.ns, err = startServer(l.opts.Dir, l.logger); err != nil {
			return err
		}
	}
	if l.nc, err = connect(l.ns, l.opts.URL, l.logger); err != nil {
		return err
	}
	if l.js, err = jetstream.New(l.nc); err != nil {
		return fmt.Errorf("using JetStream: %w", err)
	}
	if err := l.openStreams(ctx); err != nil {
		return err
	}
	for _, s := range l.streams() {
		go s.commitLoop()
		if l.opts.URL != "" {
			l.workers.Go(func() { s.follow(workCtx) })
		}
	}
	l.workers.Go(func() { l.markLoop(workCtx) })
	return nil
}

// openStreams opens both before it complains of damage, so that a person sees
// all of it.
func (l *Log) openStreams(ctx context.Context) (err error) {
	if err := l.loadAccepted(); err != nil {
		return err
	}
	var inEvents, inLedger []Damage
	if l.events, inEvents, err = l.openStream(ctx, Events); err != nil {
		return err
	}
	if l.ledger, inLedger, err = l.openStream(ctx, Ledger); err != nil {
		return err
	}
	if damage := append(inEvents, inLedger...); len(damage) > 0 {
		return &DamageError{Dir: l.opts.Dir, Damage: damage}
	}
	return nil
}

func (l *Log) streams() []*stream {
	var all []*stream
	for _, s := range []*stream{l.events, l.ledger} {
		if s != nil {
			all = append(all, s)
		}
	}
	return all
}

func (l *Log) stream(name Stream) *stream {
	if name == Ledger {
		return l.ledger
	}
	return l.events
}

// Close refuses new calls, stores what was accepted, answers its callers,
// writes marks and checkpoints, and releases the directory.
func (l *Log) Close() error {
	l.gate.Lock()
	if l.closed {
		l.gate.Unlock()
		return nil
	}
	l.closed = true
	l.gate.Unlock()
	close(l.closing)
	for _, s := range l.streams() {
		close(s.requests)
	}
	for _, s := range l.streams() {
		<-s.done
	}
	l.stop()
	l.workers.Wait()
	var errs []error
	for _, s := range l.streams() {
		errs = append(errs, s.writeMark(), s.lastCheckpoint())
	}
	return errors.Join(append(errs, l.release())...)
}

// release gives back everything that start took.
func (l *Log) release() error {
	l.stop()
	var errs []error
	for _, s := range l.streams() {
		if s.mark != nil {
			errs = append(errs, s.mark.close())
		}
	}
	for _, c := range l.cursors {
		errs = append(errs, c.slot.close())
	}
	if l.nc != nil {
		l.nc.Close()
	}
	if l.ns != nil {
		l.ns.Shutdown()
		l.ns.WaitForShutdown()
	}
	if l.codec != nil {
		l.codec.close()
	}
	return errors.Join(append(errs, l.lock.Unlock())...)
}
