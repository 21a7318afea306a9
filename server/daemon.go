package server

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"lathe/index"
	"lathe/index/eventlog"
	"lathe/index/graph"
	"lathe/learn"
	"lathe/learn/recall"
	"lathe/learn/trial"
	"lathe/lsp"
	"lathe/mcp"
	"lathe/server/intake"
	"lathe/server/pipeline"
	"lathe/server/redact"
	"lathe/server/review"
	"lathe/server/web"
)

// Version of this program.
const Version = "0.1.0"

// ErrRunning means that another daemon has the data directory.
var ErrRunning = errors.New("a daemon runs on this data directory already")

// ErrStopping means that the daemon is on its way down.
var ErrStopping = errors.New("the daemon is stopping; try again")

// Daemon owns a data directory. Create one with Open, serve with Run.
type Daemon struct {
	cfg    Config
	logger *slog.Logger
	lock   *flock.Flock

	httpTaken string // the address that another program had; set before anything is served

	log       *eventlog.Log
	index     *index.Index
	door      func() (*intake.Door, error) // made at the first record: the rules cost start-up time
	secrets   func() (*redact.Redactor, error)
	learners  *learners
	runner    *pipeline.Runner
	queue     *review.Queue
	forge     *forge
	mcp       *mcp.Server
	lsp       *lsp.Server
	page      *web.Handler
	models    *models
	graph     *graph.Graph
	subgraphs sync.Pool    // of *graph.Subgraph, the memory of answers
	foreign   *foreignCode // nil when none is configured
	code      *codeGraphs
	plans     *plans
	lspLife   context.Context // ends with Run; editor connections live within it

	ledger  *follower      // the ledger in memory and index
	indexed *indexFollower // events in the index
	objects *indexFollower // what the ledger holds, in the index
	reports *reports
	mutes   mutes
	// acceptance learns which proposals people want
	acceptance *review.Acceptance
	chronicle  *chronicle
	memory     *recall.Memory // what recall ranks
	// assignments of advice, on their way into the ledger
	assignments *writer[learn.LedgerEntry]
	tools       *publisher      // of the tool list
	hooked      *writer[hooked] // what hooks reported, behind their answers
	refused     refusedOnce
	draining    sync.Mutex // one takes in the spool at a time
	metrics     *metrics
	telemetry   *telemetryDoor
	exporter    *exporter // of Lathe's own calls; nil when it is off
	offers      *offers   // of gateways
	tokens      *Tokens
	busy        *activity
	stop        func() // ends Run
}

// Open takes the data directory and builds everything on it. It does not
// listen yet.
func Open(ctx context.Context, cfg Config, logger *slog.Logger) (d *Daemon, err error) {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w; choose another with --data", err)
	}
	if err := claimForSuite(cfg); err != nil {
		return nil, err
	}
	lock := flock.New(lockPath(cfg.DataDir))
	held, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the data directory %s: %w; is it writable? choose another with --data", cfg.DataDir, err)
	}
	if !held {
		return nil, fmt.Errorf("%w (%s): use it, or end it with `lathe stop`", ErrRunning, cfg.DataDir)
	}
	d = &Daemon{cfg: cfg, logger: logger, lock: lock, busy: newActivity(), metrics: newMetrics(), reports: newReports(), plans: newPlans(), memory: recall.New(), chronicle: newChronicle(), acceptance: review.NewAcceptance(trial.LowerBound), offers: newOffers(), stop: func() {}}
	d.assignments = newWriter("assignments of advice", func(ctx context.Context, entries []learn.LedgerEntry) error {
		return ledgerLog{d.log}.WriteLedger(ctx, entries)
	}, logger)
	d.hooked = newWriter("what hooks reported", d.storeHooked, logger)
	d.hooked.gather = hookRest
	d.telemetry, d.exporter = newTelemetryDoor(), newExporter(cfg.Telemetry, logger)
	d.tools = newPublisher(d.publishTools)
	d.code = newCodeGraphs(codeDir(cfg.DataDir), logger)
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
			d = nil
		}
	}()
	if err := finishForget(cfg.DataDir, func(string) {}); err != nil {
		return d, err
	}
	if d.tokens, err = OpenTokens(cfg.DataDir); err != nil {
		return d, err
	}
	if err := d.openStores(ctx); err != nil {
		return d, err
	}
	if d.forge, err = openForge(d); err != nil {
		return d, err
	}
	if d.foreign, err = openForeignCode(cfg.CodeGraph); err != nil {
		return d, fmt.Errorf("code graph: %w", err)
	}
	d.code.foreign = d.foreign
	if d.learners, err = newLearners(cfg.ControlShare, d.forge.available, d.code); err != nil {
		return d, err
	}
	d.graph, d.models = d.learners.graph, d.openModels()
	d.code.folders, d.code.knowledge = d.learners.folders, d.graph
	d.queue = review.New(review.Options{Ledger: ledgerLog{d.log},
		Reviewer: func() (ed25519.PublicKey, error) { return review.Public(cfg.DataDir) }})
	d.runner, err = pipeline.New(pipeline.Options{Log: ledgerLog{d.log}, Learners: d.learners.all(),
		Dir: snapshotsDir(cfg.DataDir), Logger: logger})
	if err != nil {
		return d, err
	}
	if d.runner.Applied() > d.log.Head(eventlog.Events) {
		// The log lost its tail after the snapshot: learn again from what is left.
		if err := errors.Join(pipeline.Discard(snapshotsDir(cfg.DataDir)), d.runner.Reset()); err != nil {
			return d, err
		}
	}
	d.plans.since = d.log.Head(eventlog.Events)
	d.lsp = d.newLSP()
	if d.page, err = d.newPage(); err != nil {
		return d, err
	}
	d.mcp = mcp.New(mcp.Options{Backend: backend{d}, Version: Version, Logger: logger, Scope: requestScope, HostChecked: true, SessionIdle: cfg.SessionIdle, Observe: d.observe, Suite: cfg.suite()})
	if err := d.readLedger(ctx); err != nil {
		return d, fmt.Errorf("project the ledger: %w", err)
	}
	d.publishTools()
	return d, nil
}

func (d *Daemon) openStores(ctx context.Context) (err error) {
	d.log, err = eventlog.Open(ctx, eventlog.Options{Dir: logDir(d.cfg.DataDir), URL: d.cfg.LogURL,
		Logger: d.logger, AcceptDamage: d.cfg.AcceptDamage})
	if err != nil {
		return fmt.Errorf("event log: %w", err)
	}
	if d.index, err = index.Open(indexDir(d.cfg.DataDir), index.Options{Logger: d.logger}); err != nil {
		return err
	}
	if d.index.AppliedEvents() > d.log.Head(eventlog.Events) || d.index.AppliedLedger() > d.log.Head(eventlog.Ledger) {
		d.logger.Warn("the index is ahead of the log, which lost its tail; it is made anew")
		if err := errors.Join(d.index.Close(), index.Remove(indexDir(d.cfg.DataDir))); err != nil {
			return err
		}
		if d.index, err = index.Open(indexDir(d.cfg.DataDir), index.Options{Logger: d.logger}); err != nil {
			return err
		}
	}
	d.ledger, d.indexed, d.objects = newFollower(0), newIndexFollower(d.index.AppliedEvents()), newIndexFollower(d.index.AppliedLedger())
	d.secrets = sync.OnceValues(redact.New)
	d.door = sync.OnceValues(func() (*intake.Door, error) { return doorWith(d.secrets) })
	return nil
}

// newDoor makes what every record enters through.
func newDoor() (*intake.Door, error) { return doorWith(redact.New) }

func doorWith(rules func() (*redact.Redactor, error)) (*intake.Door, error) {
	r, err := rules()
	if err != nil {
		return nil, fmt.Errorf("rules for secrets: %w", err)
	}
	return intake.NewDoor(r, intake.Limits{}), nil
}

// Run serves until ctx ends, somebody asks the daemon to stop, or it has been
// idle for its allotted time. It then finishes what was accepted.
func (d *Daemon) Run(ctx context.Context, ready func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d.stop, d.lspLife = cancel, ctx
	listeners, err := d.listen()
	if err != nil {
		return err
	}
	g, work := errgroup.WithContext(context.WithoutCancel(ctx))
	work, endWork := context.WithCancel(work)
	defer endWork()
	fail := func(f func(context.Context) error) func() error {
		return func() error {
			err := f(work)
			if err != nil {
				cancel() // one broken part ends the daemon, in order
			}
			return err
		}
	}
	g.Go(fail(d.runner.Run))
	g.Go(fail(d.followLedger))
	g.Go(fail(d.indexEvents))
	g.Go(fail(d.indexObjects))
	g.Go(fail(d.settlePlans))
	g.Go(fail(d.drainSpool))
	g.Go(fail(d.thinkNowAndThen))
	g.Go(fail(d.writeReports))
	g.Go(fail(d.recordVerdicts))
	g.Go(fail(d.followPeople))
	g.Go(fail(d.assignments.run))
	g.Go(fail(d.tools.run))
	g.Go(fail(d.exporter.run))
	g.Go(fail(d.hooked.run))
	g.Go(fail(d.tellWatchers))
	g.Go(fail(d.testSandbox))
	g.Go(func() error { d.leaveWhenIdle(work, cancel); return nil })
	for _, l := range listeners {
		g.Go(fail(func(context.Context) error { return l.serve() }))
	}
	ready()
	<-ctx.Done()

	d.busy.close() // new work is refused from here
	drain, done := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer done()
	var errs []error
	errs = append(errs, d.mcp.Close(drain))
	for _, l := range listeners {
		errs = append(errs, l.shutdown(drain))
	}
	if err := d.busy.wait(drain); err != nil {
		d.logger.Warn("some requests did not end in time", "err", err)
	}
	endWork()
	errs = append(errs, g.Wait())
	return errors.Join(errs...)
}

// Close gives the data directory back.
func (d *Daemon) Close() error {
	var errs []error
	if d.page != nil {
		d.page.Close()
	}
	if d.mcp != nil { // which has nobody to wait for: Run did that, or never served
		errs = append(errs, d.mcp.Close(context.Background()))
	}
	if d.models != nil {
		d.models.close()
	}
	if d.forge != nil {
		d.forge.close()
	}
	d.code.close()
	if d.foreign != nil {
		d.foreign.close()
	}
	if d.index != nil {
		errs = append(errs, d.index.Close())
	}
	if d.log != nil {
		errs = append(errs, d.log.Close())
	}
	return errors.Join(append(errs, d.lock.Unlock())...)
}

// Rebuild makes every projection anew from the log. progress is told how many
// messages are done, of how many. The daemon must not run.
func Rebuild(ctx context.Context, cfg Config, logger *slog.Logger) error {
	lock := flock.New(lockPath(cfg.DataDir))
	if held, err := lock.TryLock(); err != nil || !held {
		return errors.Join(ErrRunning, err)
	}
	err := errors.Join(index.Remove(indexDir(cfg.DataDir)), pipeline.Discard(snapshotsDir(cfg.DataDir)))
	if err := errors.Join(err, lock.Unlock()); err != nil {
		return err
	}
	d, err := Open(ctx, cfg, logger)
	if err != nil {
		return err
	}
	work, end := context.WithCancel(ctx)
	g, work := errgroup.WithContext(work)
	g.Go(func() error { return d.runner.Run(work) })
	g.Go(func() error { return d.followLedger(work) })
	g.Go(func() error { return d.indexEvents(work) })
	g.Go(func() error { return d.indexObjects(work) })
	g.Go(func() error { return d.assignments.run(work) })
	g.Go(func() error { return d.writeReports(work) })
	err = d.settle(work)
	end()
	return errors.Join(err, g.Wait(), d.mcp.Close(context.WithoutCancel(ctx)), d.Close())
}

// enter counts a piece of work that shutdown waits for.
func (d *Daemon) enter() (release func(), err error) { return d.busy.enter() }

func (d *Daemon) leaveWhenIdle(ctx context.Context, leave func()) {
	if d.cfg.IdleExit == 0 {
		return
	}
	tick := time.NewTicker(min(d.cfg.IdleExit, 10*time.Second))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if d.busy.idle() >= d.cfg.IdleExit {
				d.logger.Info("leaving after idle time", "idle", d.cfg.IdleExit)
				leave()
				return
			}
			if why := orphaned(d.cfg.DataDir); why != "" {
				d.logger.Warn("leaving, as nobody can reach this daemon", "why", why)
				leave()
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
