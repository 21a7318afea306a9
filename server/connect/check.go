package connect

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
)

// errElsewhere is for an edit that would change more than its place.
var errElsewhere = errors.New("the edit would change something else in the file too: add the entry by hand")

// without is a decoded document without what Lathe puts there: the values at
// paths, Lathe's entries in the lists at hooks, and what is empty then.
func without(doc any, paths, hooks [][]string) any {
	doc = clone(doc)
	for _, p := range paths {
		doc = prune(doc, p, func(any) any { return nil })
	}
	for _, p := range hooks {
		doc = prune(doc, p, otherHooks)
	}
	return doc
}

// clone is a copy of decoded values, with maps of string keys.
func clone(v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		return v
	}
	var out any
	_ = json.Unmarshal(raw, &out) // it was just encoded
	return out
}

// prune replaces the value at a path by what fn makes of it; empty values and
// the objects that hold nothing else are nil.
func prune(v any, path []string, fn func(any) any) any {
	if len(path) == 0 {
		return fn(v)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	child, ok := m[path[0]]
	if ok {
		if rest := prune(child, path[1:], fn); rest == nil {
			delete(m, path[0])
		} else {
			m[path[0]] = rest
		}
	}
	if len(m) == 0 {
		return nil
	}
	return m
}

// otherHooks is a list without Lathe's entries, or nil when none is left.
func otherHooks(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	list = slices.DeleteFunc(list, func(e any) bool {
		if m, ok := e.(map[string]any); ok && m["hooks"] != nil {
			if m["hooks"] = otherHooks(m["hooks"]); m["hooks"] == nil {
				return true
			}
			return false
		}
		raw, err := json.Marshal(e)
		var h hookEntry
		if err != nil || json.Unmarshal(raw, &h) != nil {
			return false
		}
		all, _ := h.ours()
		return all
	})
	if len(list) == 0 {
		return nil
	}
	return list
}

// onlyThere reports an error when two versions of a document differ elsewhere
// than at the given places.
func onlyThere(before, after any, paths, hooks [][]string) error {
	if !reflect.DeepEqual(without(before, paths, hooks), without(after, paths, hooks)) {
		return errElsewhere
	}
	return nil
}
