package gateway

import (
	"context"
	"time"
)

// Offered is one tool as the agents' list has it.
type Offered struct {
	Name   string // as the agent sees it, and as its calls are recorded
	Server string // "" of the gateway's own
	Bytes  int    // of its entry in the list
}

// Offerer is told what the gateway offers, whenever that changes: what a list
// costs in each session's context, and what of it is never used, is seen beside
// the calls.
type Offerer interface {
	Offer(ctx context.Context, tools []Offered) error
}

// tellOffers tells the Offerer of each change, again while it cannot be reached.
// Nothing waits for it.
func (g *Gateway) tellOffers(ctx context.Context) {
	pause := minPause
	for {
		select {
		case <-g.offering:
		case <-ctx.Done():
			return
		}
		err := g.o.Offerer.Offer(ctx, g.offered())
		if err == nil {
			pause = minPause
			continue
		}
		g.o.Logger.Debug("what is offered was not told", "err", err, "again in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		pause = min(2*pause, maxPause)
		g.offer()
	}
}

// offer has the list told.
func (g *Gateway) offer() {
	select {
	case g.offering <- struct{}{}:
	default: // it is about to be
	}
}

func (g *Gateway) offered() (out []Offered) {
	for _, e := range g.catalog.Load().listed["tools/list"] {
		o := Offered{Name: e.name, Bytes: len(e.def)}
		if e.u != nil {
			o.Server = e.u.cfg.Name
		}
		out = append(out, o)
	}
	return out
}
