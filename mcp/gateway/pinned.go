package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"lathe/learn"
)

// vet lets the pins decide what agents are told of a server's tools.
func (u *upstream) vet(defs []Definition, leave func(error)) []Definition {
	pins := u.g.o.Pins
	if pins == nil {
		return defs
	}
	told, said, err := pins.vet(u.cfg.Name, defs, u.g.now())
	if err != nil {
		leave(fmt.Errorf("no tool is told: %w", err))
		return nil
	}
	withheld := map[string]string{}
	for _, tool := range slices.Sorted(maps.Keys(said)) {
		leave(fmt.Errorf("tool %s: %s", u.cfg.toolName(tool), said[tool]))
		withheld[u.cfg.toolName(tool)] = said[tool]
	}
	u.mu.Lock()
	u.withheld = withheld
	u.mu.Unlock()
	if len(said) > 0 {
		select {
		case pins.kick <- struct{}{}:
		default:
		}
	}
	return told
}

// withheld says why a tool that an agent asks for is not there, if pins are the
// reason.
func (g *Gateway) withheld(name string) string {
	for _, u := range g.upstreams {
		u.mu.Lock()
		why := u.withheld[name]
		u.mu.Unlock()
		if why != "" {
			return ": " + why
		}
	}
	return ""
}

// watchPins asks for the reviewer's word while something waits for it.
func (g *Gateway) watchPins(ctx context.Context) {
	var said string
	for {
		servers, err := g.o.Pins.settle(ctx, g.now())
		if ctx.Err() != nil {
			return
		}
		if err != nil && err.Error() != said {
			said = err.Error()
			g.o.Logger.Warn("changed tool descriptions could not be shown to a reviewer; they are withheld", "err", err)
		}
		for _, u := range g.upstreams {
			if slices.Contains(servers, u.cfg.Name) {
				u.read()
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-g.o.Pins.kick:
		case <-time.After(pinsEvery):
		}
	}
}

// PinStatus is one pinned tool.
type PinStatus struct {
	Server string      `json:"server"`
	Tool   string      `json:"tool"`
	Hash   string      `json:"hash"` // of what agents are told; "" when that is nothing
	Since  time.Time   `json:"since,omitzero"`
	State  learn.State `json:"state"`            // active, or of the definition that waits
	Review string      `json:"review,omitempty"` // its proposal's id
	Why    string      `json:"why,omitempty"`
}

// List returns all pinned tools by server and name.
func (p *Pins) List() ([]PinStatus, error) {
	f, err := p.load()
	if err != nil {
		return nil, err
	}
	out := []PinStatus{}
	for _, server := range slices.Sorted(maps.Keys(f.Servers)) {
		for _, tool := range slices.Sorted(maps.Keys(f.Servers[server])) {
			t := f.Servers[server][tool]
			s := PinStatus{Server: server, Tool: tool, Hash: t.Hash, Since: t.Since, State: learn.StateActive}
			if t.Waiting != nil {
				s.State, s.Why, s.Review = t.Waiting.State, t.why(server, tool), t.change(server, tool).ChangeID
			}
			out = append(out, s)
		}
	}
	return out, nil
}

// Forget unpins a server's tools: what it says next is pinned anew. It returns
// how many there were.
func (p *Pins) Forget(server string) (n int, err error) {
	err = p.update(func(f *pinFile) bool {
		n = len(f.Servers[server])
		delete(f.Servers, server)
		return n > 0
	})
	if err == nil && n == 0 {
		err = errors.New("no tool of a server " + plain(server, 100) + " is pinned")
	}
	return n, err
}
