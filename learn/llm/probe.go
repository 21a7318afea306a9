package llm

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// probe lists a provider's models: reachable, key good, model there. It does
// not repeat and counts as no call.
func (t *transport) probe(ctx context.Context, path string) error {
	raw, err := t.once(ctx, http.MethodGet, t.base+path, nil)
	if err != nil {
		return err
	}
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
		More bool `json:"has_more"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return fmt.Errorf("%w: %s lists no models: %w", ErrBadAnswer, t.base, err)
	}
	var ids []string
	for _, m := range list.Data {
		ids = append(ids, m.ID)
	}
	// A listing that goes on, or is empty, proves nothing about a name.
	if len(ids) == 0 || list.More || slices.Contains(ids, t.c.Model) || slices.Contains(ids, t.c.Model+":latest") {
		return nil
	}
	return fmt.Errorf("llm: %s has no model %q; it has %s", t.base, t.c.Model, clean(strings.Join(ids, ", "), 200))
}
