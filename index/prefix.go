package index

import (
	"context"
	"fmt"

	"github.com/blevesearch/bleve/v2"
)

// EventsLike returns the ids, at most limit, of the events whose id begins with
// prefix; with a project only of that one.
func (x *Index) EventsLike(ctx context.Context, prefix, project string, limit int) ([]string, error) {
	begins := bleve.NewPrefixQuery(prefix)
	begins.SetField("_id")
	all := bleve.NewConjunctionQuery(begins)
	if project != "" {
		all.AddQuery(term("project", project))
	}
	req := bleve.NewSearchRequestOptions(all, limit, 0, false)
	req.SortBy([]string{"_id"})
	res, err := x.events.bleve.SearchInContext(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("index: events that begin with %q: %w", prefix, err)
	}
	var out []string
	for _, h := range res.Hits {
		out = append(out, h.ID)
	}
	return out, nil
}
