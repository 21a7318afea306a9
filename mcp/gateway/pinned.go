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

// vet lets the pins decide what agents are told of a server's tools, prompts,
// resources or templates; called says how agents know one.
func (u *upstream) vet(kind string, defs []Definition, called func(own string) string, leave func(error)) []Definition {
	pins := u.g.o.Pins
	if pins == nil {
		return defs
	}
	told, said, err := pins.vet(kind, u.cfg.Name, defs, u.g.now())
	if err != nil {
		leave(fmt.Errorf("no %s is told: %w", kindName(kind), err))
		return nil
	}
	withheld := map[string]string{}
	for _, own := range slices.Sorted(maps.Keys(said)) {
		leave(fmt.Errorf("%s %s: %s", kindName(kind), called(own), said[own]))
		withheld[called(own)] = said[own]
	}
	u.mu.Lock()
	u.withheld[kind] = withheld
	u.mu.Unlock()
	if len(said) > 0 {
		select {
		case pins.kick <- struct{}{}:
		default:
		}
	}
	return told
}

// withheld says why something that an agent asks for is not there, if pins are
// the reason.
func (g *Gateway) withheld(kind, name string) string {
	for _, u := range g.upstreams {
		u.mu.Lock()
		why := u.withheld[kind][name]
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
			g.o.Logger.Warn("changed descriptions could not be shown to a reviewer; they are withheld", "err", err)
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

// PinStatus is one pinned definition.
type PinStatus struct {
	Server string      `json:"server"`
	Kind   string      `json:"kind"`             // tool, prompt, resource, template
	Tool   string      `json:"tool"`             // its name; of a resource its URI
	Hash   string      `json:"hash"`             // of what agents are told; "" when that is nothing
	Since  time.Time   `json:"since,omitzero"`   // what is told was pinned; when that is nothing, what waits was seen
	State  learn.State `json:"state"`            // active, or of the definition that waits
	Review string      `json:"review,omitempty"` // its proposal's id
	Why    string      `json:"why,omitempty"`
}

// List returns all pins: tools first, each kind by server and name.
func (p *Pins) List() ([]PinStatus, error) {
	f, err := p.load()
	if err != nil {
		return nil, err
	}
	out := []PinStatus{}
	f.each(func(kind, server, name string, t *pin, _ pins) {
		s := PinStatus{Server: server, Kind: kindName(kind), Tool: name, Hash: t.Hash, Since: t.Since, State: learn.StateActive}
		if t.Waiting != nil {
			s.State, s.Why, s.Review = t.Waiting.State, t.why(kind, server, name), t.change(kind, server, name).ChangeID
			if s.Since.IsZero() {
				s.Since = t.Waiting.Seen
			}
		}
		out = append(out, s)
	})
	return out, nil
}

// Forget unpins what a server has: what it says next is pinned anew. It returns
// how much there was.
func (p *Pins) Forget(server string) (n int, err error) {
	err = p.update(func(f *pinFile) bool {
		n = len(f.Servers[server])
		delete(f.Servers, server)
		for _, servers := range f.Others {
			n += len(servers[server])
			delete(servers, server)
		}
		return n > 0
	})
	if err == nil && n == 0 {
		err = errors.New("nothing of a server " + plain(server, 100) + " is pinned")
	}
	return n, err
}
