package server

import (
	"context"
	"fmt"

	"lathe/learn"
)

// pair leaves out the records of calls that another door told of, and gives
// those of which a gateway will tell the id that it uses. It returns what is
// left, with its places in the batch, and which ids are a gateway's.
func (d *Daemon) pair(ctx context.Context, recs []learn.Record, origin []int) (kept []learn.Record, places []int, gateways map[string]bool, err error) {
	kept, places = make([]learn.Record, 0, len(recs)), make([]int, 0, len(recs))
	for i, rec := range recs {
		var h *half
		if rec.Action != nil {
			h = halfOf(rec.Action)
		}
		if h != nil {
			// What is in the log is known there, and must not pair again.
			held, err := d.log.Holds(ctx, rec.ID(), rec.Project())
			if err != nil {
				return nil, nil, nil, fmt.Errorf("store %d records: %w", len(recs), err)
			}
			if !held {
				out, as := d.learners.twins.meet(h, d.now())
				switch {
				case out:
					continue
				case as != "":
					rename(&rec, as)
					if gateways == nil {
						gateways = map[string]bool{}
					}
					gateways[as] = true
				}
			}
		}
		kept, places = append(kept, rec), append(places, origin[i])
	}
	return kept, places, gateways, nil
}
