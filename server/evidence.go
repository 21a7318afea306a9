package server

import (
	"context"
	"fmt"
	"net/http"

	"lathe/learn"
)

// maxEvidence is how many records one call may ask for.
const maxEvidence = 100

// RecordsOf asks for records by their ids, at most 100.
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
		recs, err := d.records(ctx, c.IDs)
		if recs == nil {
			recs = []learn.Record{}
		}
		return recs, err
	})
}
