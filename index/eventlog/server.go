package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// maxPayload is the largest message, in bytes.
	maxPayload = 8 << 20
	// startTimeout bounds how long the embedded server may take to recover
	// its streams: storage.md measured half a second for 600,000 messages.
	startTimeout = 2 * time.Minute
	// requestTimeout bounds one exchange with the server.
	requestTimeout = 30 * time.Second
	replicas       = 3
)

// startServer starts JetStream in this process, reachable by nothing but this
// process, and syncing every message.
func startServer(dir string, logger *slog.Logger) (*server.Server, error) {
	ns, err := server.NewServer(&server.Options{
		ServerName:             "lathe",
		DontListen:             true,
		JetStream:              true,
		StoreDir:               filepath.Join(dir, "jetstream"),
		SyncAlways:             true,
		MaxPayload:             maxPayload,
		NoSigs:                 true,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, fmt.Errorf("configuring the embedded JetStream in %s: %w", dir, err)
	}
	ns.SetLoggerV2(serverLogger{logger}, false, false, false)
	ns.Start()
	if !ns.ReadyForConnections(startTimeout) {
		ns.Shutdown()
		ns.WaitForShutdown()
		return nil, fmt.Errorf("the embedded JetStream in %s did not start: look at its log lines, and at free space and rights of that directory", dir)
	}
	return ns, nil
}

// connect reaches the embedded server, or the one at url when ns is nil.
func connect(ns *server.Server, url string, logger *slog.Logger) (*nats.Conn, error) {
	opts := []nats.Option{
		nats.Name("lathe eventlog"), nats.MaxReconnects(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			logger.Warn("event log connection", "error", err)
		}),
	}
	if ns != nil {
		nc, err := nats.Connect("", append(opts, nats.InProcessServer(ns))...)
		if err != nil {
			return nil, fmt.Errorf("connecting to the embedded JetStream: %w", err)
		}
		return nc, nil
	}
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		return nil, fmt.Errorf("connecting to the event log at %s: %w; check eventlog.url and that the server runs", url, err)
	}
	if limit := nc.MaxPayload(); limit < maxPayload {
		nc.Close()
		return nil, fmt.Errorf("the server at %s takes messages of %d bytes, the event log needs %d: set max_payload to 8MB there", url, limit, maxPayload)
	}
	return nc, nil
}

// ensureStream makes the stream if it is not there, with three replicas on a
// cluster. An existing stream is taken as its administrator configured it.
func ensureStream(ctx context.Context, nc *nats.Conn, js jetstream.JetStream, name Stream) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	st, err := js.Stream(ctx, string(name))
	if err == nil {
		if !st.CachedInfo().Config.AllowDirect {
			return nil, fmt.Errorf("stream %s lacks allow_direct, which the event log reads by: switch it on", name)
		}
		return st, nil
	}
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("looking up stream %s: %w", name, err)
	}
	config := jetstream.StreamConfig{
		Name:        string(name),
		Description: "Lathe " + string(name) + ": hash-chained batches, see package eventlog",
		Subjects:    []string{subjectPrefix(name) + ">"},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew,
		AllowDirect: true,
		Replicas:    1,
	}
	if nc.ConnectedClusterName() != "" {
		config.Replicas = replicas
	}
	st, err = js.CreateStream(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("making stream %s with %d replicas: %w", name, config.Replicas, err)
	}
	return st, nil
}

// serverLogger hands the server's lines to slog; its notices are our debug.
type serverLogger struct{ l *slog.Logger }

func (s serverLogger) log(level slog.Level, format string, v []any) {
	if s.l.Enabled(context.Background(), level) {
		s.l.Log(context.Background(), level, fmt.Sprintf(format, v...), "from", "jetstream")
	}
}

func (s serverLogger) Noticef(format string, v ...any) { s.log(slog.LevelDebug, format, v) }
func (s serverLogger) Warnf(format string, v ...any)   { s.log(slog.LevelWarn, format, v) }
func (s serverLogger) Errorf(format string, v ...any)  { s.log(slog.LevelError, format, v) }
func (s serverLogger) Fatalf(format string, v ...any)  { s.log(slog.LevelError, format, v) }
func (s serverLogger) Debugf(format string, v ...any)  { s.log(slog.LevelDebug, format, v) }
func (s serverLogger) Tracef(format string, v ...any)  { s.log(slog.LevelDebug, format, v) }
