package server

import (
	"encoding/json"
	"fmt"
	"sync"

	"lathe/learn"
	"lathe/toolforge/image"
)

// maxResults bounds the gates whose results are remembered.
const maxResults = 8192

// results remembers passed checks by their keys, so that a gate is not run
// again on what it saw before. It is a projection of the ledger's validations,
// and of those since the start that went into none.
type results struct {
	mu    sync.Mutex
	byKey map[string]*learn.ValidationResult
	order []string // oldest first
}

func newResults() *results { return &results{byKey: map[string]*learn.ValidationResult{}} }

// known returns a result that holds a check with this key.
func (r *results) known(key string) (learn.ValidationResult, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.byKey[key]
	if !ok {
		return learn.ValidationResult{}, false
	}
	return *v, true
}

// add remembers a result.
func (r *results) add(v learn.ValidationResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range v.Checks {
		if c.Key == "" || !c.Passed || c.Reused {
			continue
		}
		if _, ok := r.byKey[c.Key]; !ok {
			if len(r.order) == maxResults {
				delete(r.byKey, r.order[0])
				r.order = r.order[1:]
			}
			r.order = append(r.order, c.Key)
		}
		r.byKey[c.Key] = &v
	}
}

func (r *results) apply(e learn.LedgerEntry) error {
	if e.Kind != learn.EntryValidation {
		return nil
	}
	var v learn.ValidationResult
	if err := json.Unmarshal(e.Body, &v); err != nil {
		return fmt.Errorf("validation %s: %w", e.ID, err)
	}
	r.add(v)
	return nil
}

// where names the images and the backend that gates run in and on; "" when an
// image is not there.
func (f *forge) where() string {
	at := f.launcher.Name()
	for _, kind := range []image.Kind{image.Validation, image.Runtime} {
		digest, err := f.images.Base(kind)
		if err != nil {
			return ""
		}
		at += " " + digest
	}
	return at
}
