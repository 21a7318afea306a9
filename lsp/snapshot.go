package lsp

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strings"

	"lathe/learn"
)

const (
	maxProposals = 100_000 // kept for a connection
	maxRoots     = 64
)

// snapshot is the open proposals of a connection's workspace, by file and by
// id. It is not changed once made.
type snapshot struct {
	generation uint64 // counts from 1
	byPath     map[string][]*Proposal
	byID       map[string]*Proposal
}

// take asks for the proposals of all roots.
func take(ctx context.Context, from Proposals, roots []root, generation uint64) *snapshot {
	s := &snapshot{generation: generation, byPath: map[string][]*Proposal{}, byID: map[string]*Proposal{}}
	for _, r := range roots {
		found := from.Concerning(ctx, r.path)
		for i := range found {
			p := &found[i]
			if p.ID == "" || p.ContentHash == "" || p.State != "" && p.State != learn.StateInReview {
				continue
			}
			if len(s.byID) >= maxProposals {
				break
			}
			s.byID[p.ID] = p
			for _, path := range r.resolve(p.Path) {
				s.byPath[path] = append(s.byPath[path], p)
			}
		}
	}
	for path, ps := range s.byPath {
		slices.SortStableFunc(ps, compareProposals)
		s.byPath[path] = slices.CompactFunc(ps, func(a, b *Proposal) bool { return a.ID == b.ID })
	}
	return s
}

// compareProposals orders a file's proposals: whatever order they came in,
// people see the same.
func compareProposals(a, b *Proposal) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Title, b.Title), cmp.Compare(a.ID, b.ID))
}

// at returns the proposals of a file with these names.
func (s *snapshot) at(paths []string) []*Proposal {
	for _, p := range paths {
		if ps := s.byPath[p]; len(ps) > 0 {
			return ps
		}
	}
	return nil
}

// root is a workspace folder.
type root struct {
	path  string
	names []string // path, and path without symbolic links
}

func newRoot(path string) root { return root{path: strings.Clone(path), names: bothPaths(path)} }

// resolve gives the absolute names of a proposal's file; none when a relative
// path leads out of the root.
func (r root) resolve(path string) []string {
	if path == "" {
		return nil
	}
	path = filepath.FromSlash(path)
	if filepath.IsAbs(path) {
		return []string{filepath.Clean(path)}
	}
	if !filepath.IsLocal(path) {
		return nil
	}
	names := make([]string, len(r.names))
	for i, n := range r.names {
		names[i] = filepath.Join(n, path)
	}
	return names
}
