package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/server"
)

// readyTime is how long the first list waits for servers that are starting:
// many agents read the list once.
const readyTime = 10 * time.Second

// instructions is what an agent's model reads about the gateway once.
const instructions = `Tools of other servers, named <server>__<tool>. A failed call may carry a last block that begins with "Lathe:": what fixed this failure before.`

// Options say what a Gateway serves. Recorder is required.
type Options struct {
	Servers  []ServerConfig
	Dir      string    // the agent's working directory, where the servers run
	Env      []string  // the agent's environment, as os.Environ has it
	Stderr   io.Writer // takes what the servers say; nil discards it
	Recorder Recorder
	Adviser  Adviser // nil advises nothing
	Logger   *slog.Logger
	Version  string

	// Of each recorded call.
	ProjectID, SessionID, AgentID string
}

// Gateway runs servers and serves their tools as one. Create one with New.
type Gateway struct {
	o         Options
	mcp       *server.MCPServer
	upstreams []*upstream
	queue     *queue
	calls     atomic.Int64

	cancel  context.CancelFunc
	running sync.WaitGroup
	asking  sync.WaitGroup
	setting sync.Mutex
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
	o.Stderr = &lockedWriter{w: o.Stderr}
	ctx, cancel := context.WithCancel(context.Background())
	g := &Gateway{o: o, cancel: cancel, queue: newQueue(o.Recorder, o.Logger)}
	g.mcp = server.NewMCPServer("lathe-gateway", o.Version, server.WithToolCapabilities(true), server.WithRecovery(),
		server.WithInstructions(instructions), server.WithLogger(slog.New(slog.DiscardHandler)))
	for _, cfg := range o.Servers {
		u := &upstream{cfg: cfg, log: o.Logger, publish: g.publish, version: o.Version, changed: make(chan struct{}, 1),
			first: make(chan struct{}), why: "it is starting", progress: map[string]func(json.RawMessage){}}
		u.spawn = func(notify func(*process, string, json.RawMessage)) (*process, error) {
			return start(cfg, o.Dir, o.Env, o.Stderr, notify)
		}
		g.upstreams = append(g.upstreams, u)
	}
	for _, u := range g.upstreams {
		g.running.Go(func() { u.run(ctx) })
	}
	return g, nil
}

// Close ends the servers, hands over what is to be recorded, and says what was
// lost. It takes at most some fifteen seconds.
func (g *Gateway) Close() {
	g.cancel()
	g.running.Wait()
	g.asking.Wait()
	g.queue.close()
}

// Ready returns when each server has started or failed to, when readyTime is
// over, or when ctx ends.
func (g *Gateway) Ready(ctx context.Context) {
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

// publish makes the servers' tools the agent's list, in one step and hence with
// one notification. A server that is down keeps its tools in the list, so that
// its calls say what is wrong.
func (g *Gateway) publish() {
	g.setting.Lock()
	defer g.setting.Unlock()
	var all []server.ServerTool
	seen := map[string]bool{}
	for _, u := range g.upstreams {
		for _, t := range u.snapshot() {
			// Two servers can meet in one name, like a__b with c and a with b__c.
			if seen[t.mcp.Name] {
				g.o.Logger.Warn("tool left out: another server's has its name", "tool", t.mcp.Name)
				continue
			}
			seen[t.mcp.Name] = true
			all = append(all, server.ServerTool{Tool: t.mcp, Handler: g.handler(u, t)})
		}
	}
	if err := g.setTools(all); err != nil {
		g.o.Logger.Error("tool list", "err", err)
	}
}

// setTools recovers: the library panics about tools that it does not want.
func (g *Gateway) setTools(tools []server.ServerTool) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the tool list stays as it was: %v", r)
		}
	}()
	g.mcp.SetTools(tools...)
	return nil
}

// ServerStatus is one server as it is now.
type ServerStatus struct {
	Name    string   `json:"name"`
	State   string   `json:"state"` // "running", or what is wrong
	Tools   []string `json:"tools"` // as the agent is told them
	LeftOut []string `json:"left_out"`
}

// Status lists the servers in the order of the configuration.
func (g *Gateway) Status() []ServerStatus {
	out := []ServerStatus{}
	for _, u := range g.upstreams {
		u.mu.Lock()
		s := ServerStatus{Name: u.cfg.Name, State: "running", Tools: []string{}, LeftOut: append([]string{}, u.refused...)}
		if u.proc == nil {
			s.State = plain(u.why, 500)
		}
		for _, t := range u.tools {
			s.Tools = append(s.Tools, t.mcp.Name)
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
