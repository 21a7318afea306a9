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
	maxFacts     = 100_000 // the same
	maxRoots     = 64
)

// snapshot is the open proposals of a connection's workspace, by file and by
// id, and what is known of its files. It is not changed once made.
type snapshot struct {
	generation uint64 // counts from 1
	byPath     map[string][]*Proposal
	byID       map[string]*Proposal
	factsAt    map[string][]*Fact // by path
	facts      map[string]*Fact   // by key
}

// take asks for the proposals of all roots, and for what is known there.
func take(ctx context.Context, from Proposals, known Experience, roots []root, generation uint64) *snapshot {
	s := &snapshot{generation: generation, byPath: map[string][]*Proposal{}, byID: map[string]*Proposal{},
		factsAt: map[string][]*Fact{}, facts: map[string]*Fact{}}
	for _, r := range roots {
		s.takeFacts(ctx, known, r)
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

// takeFacts adds what is known of the files of a root.
func (s *snapshot) takeFacts(ctx context.Context, known Experience, r root) {
	if known == nil {
		return
	}
	found := known.Known(ctx, r.path)
	for i := range found {
		f := &found[i]
		if len(s.facts) >= maxFacts || s.facts[f.key()] != nil {
			continue
		}
		s.facts[f.key()] = f
		for _, path := range r.resolve(f.Path) {
			s.factsAt[path] = append(s.factsAt[path], f)
		}
	}
}

// compareProposals orders a file's proposals: whatever order they came in,
// people see the same.
func compareProposals(a, b *Proposal) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Title, b.Title), cmp.Compare(a.ID, b.ID))
}

// at returns the proposals of a file with these names.
func (s *snapshot) at(paths []string) []*Proposal {
	return under(s.byPath, paths)
}

// known returns the facts of a file with these names.
func (s *snapshot) known(paths []string) []*Fact { return under(s.factsAt, paths) }

func under[T any](byPath map[string][]T, paths []string) []T {
	for _, p := range paths {
		if found := byPath[p]; len(found) > 0 {
			return found
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
