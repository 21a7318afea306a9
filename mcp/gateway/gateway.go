package gateway

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// readyTime is how long the first list waits for servers that are starting:
// many agents read the list once.
const readyTime = 10 * time.Second

// instructions is what an agent's model reads about the gateway once.
const instructions = `Tools of other servers, named <server>__<tool>. A failed call may carry a last block that begins with "Lathe": what fixed this failure before.`

// Options say what a Gateway serves. Recorder is required.
type Options struct {
	Config   Config
	Dir      string    // the agent's working directory, where the servers run
	Env      []string  // the agent's environment, as os.Environ has it
	Stderr   io.Writer // takes what the servers say; nil discards it
	Recorder Recorder
	Adviser  Adviser // nil advises nothing
	// AdviceTime is how long a failed call waits for the Adviser; 0 is 300 ms.
	AdviceTime time.Duration
	Offerer    Offerer // nil is told nothing
	Pins       *Pins   // nil pins nothing
	// Strict holds each reply until the call's record is durable, and refuses
	// calls while recording does not work.
	Strict bool
	// Drain is how long Serve waits for the calls under way when the agent's
	// input ends; 0 is ten minutes.
	Drain   time.Duration
	Logger  *slog.Logger
	Version string

	// Of each recorded call.
	ProjectID, SessionID, AgentID string
}

// Gateway runs servers and serves their tools as one. Create one with New.
type Gateway struct {
	o         Options
	now       func() time.Time
	info      map[string]string
	secrets   *secrets
	upstreams []*upstream
	queue     *queue
	calls     atomic.Int64
	stuck     atomic.Bool // in strict mode: the last call was not recorded
	catalog   atomic.Pointer[catalog]
	offering  chan struct{} // holds one

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	asking  sync.WaitGroup
	setting sync.Mutex

	meeting sync.Once
	met     chan struct{} // closed when caps is known
	caps    []byte

	mu        sync.Mutex
	peers     map[*peer]struct{}
	asked     map[string]*asked
	lastAsked int64
	parked    map[string]*parked
}

// New starts the servers. Close ends them.
func New(o Options) (*Gateway, error) {
	if o.Recorder == nil || o.SessionID == "" || o.ProjectID == "" {
		return nil, errors.New("gateway: Recorder, ProjectID and SessionID are needed")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Stderr == nil {
		o.Stderr = io.Discard
	}
	if o.Drain <= 0 {
		o.Drain = lastCalls
	}
	if o.AdviceTime <= 0 {
		o.AdviceTime = adviceTime
	}
	o.Stderr = &lockedWriter{w: o.Stderr}
	g := &Gateway{o: o, now: time.Now, info: map[string]string{"name": "lathe-gateway", "version": o.Version}, met: make(chan struct{}), offering: make(chan struct{}, 1),
		peers: map[*peer]struct{}{}, asked: map[string]*asked{}, parked: map[string]*parked{}}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.secrets = newSecrets(g.ctx, o.Config, o.Env, o.Dir)
	g.queue = newQueue(o.Recorder, g.outcome, o.Logger)
	g.catalog.Store(&catalog{})
	for _, cfg := range o.Config.Servers {
		g.upstreams = append(g.upstreams, newUpstream(g, cfg))
	}
	g.publish()
	for _, u := range g.upstreams {
		g.running.Go(func() { u.run(g.ctx) })
	}
	if o.Offerer != nil {
		g.running.Go(func() { g.tellOffers(g.ctx) })
	}
	if o.Pins != nil {
		g.running.Go(func() { g.watchPins(g.ctx) })
	}
	return g, nil
}

// Close ends the servers, hands over what is to be recorded, and says what was
// lost. It takes at most some fifteen seconds.
func (g *Gateway) Close() {
	g.cancel()
	g.running.Wait()
	g.asking.Wait()
	g.mu.Lock()
	for _, pk := range g.parked {
		pk.late.Stop()
	}
	g.mu.Unlock()
	g.queue.close()
}

// Ready returns when each server has started or failed to, when readyTime is
// over, or when ctx ends.
func (g *Gateway) Ready(ctx context.Context) {
	g.meet(nil) // nobody else may come
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for _, u := range g.upstreams {
		select {
		case <-u.first:
		case <-ctx.Done():
			return
		}
	}
}

// publish makes what the servers have the agents' lists, in one step. A server
// that is down keeps its tools in them, so that its calls say what is wrong.
func (g *Gateway) publish() {
	g.setting.Lock()
	defer g.setting.Unlock()
	var all []lists
	for _, u := range g.upstreams {
		u.mu.Lock()
		all = append(all, u.lists)
		u.mu.Unlock()
	}
	c, clashes := merge(all, searchTools, g.o.Config.SearchAbove)
	for _, clash := range clashes {
		g.o.Logger.Warn("left out", "why", clash)
	}
	old := g.catalog.Swap(c)
	if len(c.listed["tools/list"])+len(old.listed["tools/list"]) > 0 {
		g.offer()
	}
	for method, notice := range map[string]string{"tools/list": "notifications/tools/list_changed",
		"prompts/list": "notifications/prompts/list_changed", "resources/list": "notifications/resources/list_changed",
		"resources/templates/list": "notifications/resources/list_changed"} {
		if !slices.EqualFunc(old.listed[method], c.listed[method], sameEntry) {
			g.tell(notice, "", nil)
		}
	}
}

func sameEntry(a, b *entry) bool { return a.u == b.u && string(a.def) == string(b.def) }

// ServerStatus is one server as it is now.
type ServerStatus struct {
	Name      string   `json:"name"`
	Transport string   `json:"transport"` // stdio, http
	State     string   `json:"state"`     // "running", or what is wrong
	Revision  string   `json:"revision"`  // of the protocol, "" while it is down
	ReadyMS   float64  `json:"ready_ms"`  // from its start to its lists
	Tools     []string `json:"tools"`     // as the agent is told them
	Prompts   int      `json:"prompts"`
	Resources int      `json:"resources"` // templates included
	LeftOut   []string `json:"left_out"`
}

// Status lists the servers in the order of the configuration.
func (g *Gateway) Status() []ServerStatus {
	out := []ServerStatus{}
	for _, u := range g.upstreams {
		u.mu.Lock()
		s := ServerStatus{Name: u.cfg.Name, Transport: "stdio", State: "running", Tools: []string{}, LeftOut: append([]string{}, u.refused...),
			Prompts: len(u.lists.prompts), Resources: len(u.lists.resources) + len(u.lists.templates),
			ReadyMS: float64(u.took.Microseconds()) / 1e3, Revision: protocolVersion}
		if u.cfg.URL != "" {
			s.Transport = "http"
		}
		if u.modern {
			s.Revision = modernVersion
		}
		if u.link == nil {
			s.State, s.Revision = plain(u.why, 500), ""
		}
		for _, t := range u.lists.tools {
			s.Tools = append(s.Tools, t.name)
		}
		u.mu.Unlock()
		out = append(out, s)
	}
	return out
}

// Dropped counts the calls that were not recorded.
func (g *Gateway) Dropped() int64 { return g.queue.dropped.Load() }

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
