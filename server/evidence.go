package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/mcp"
)

// maxEvidence is how many records one call may ask for.
const maxEvidence = 100

// RecordsOf asks for records by their ids, or beginnings of them, at most 100.
type RecordsOf struct {
	IDs []string `json:"ids"`
}

// serveEvidence registers the look-up of what a conclusion rests on. Records
// that the log does not have any more are left out.
func (d *Daemon) serveEvidence(mux *http.ServeMux) {
	answer(d, mux, "POST /v1/evidence", func(ctx context.Context, c RecordsOf) ([]learn.Record, error) {
		if len(c.IDs) > maxEvidence {
			return nil, fmt.Errorf("at most %d records at a time, not %d", maxEvidence, len(c.IDs))
		}
		recs := []learn.Record{}
		for _, id := range c.IDs {
			rec, err := d.recordLike(ctx, mcp.Scope{Import: true}, id)
			if errors.Is(err, eventlog.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			recs = append(recs, rec)
		}
		return recs, nil
	})
}
