package graph

import (
	"encoding/json"
	"fmt"
)

const snapshotVersion = 1

type snapshot struct {
	Version      int    `json:"version"`
	Nodes        []Node `json:"nodes"` // per kind in the order in which they would leave
	Edges        []Edge `json:"edges"`
	NodesDropped uint64 `json:"nodes_dropped,omitempty"`
	EdgesDropped uint64 `json:"edges_dropped,omitempty"`
}

// Snapshot gives the state as versioned JSON; equal states give equal bytes.
func (g *Graph) Snapshot() ([]byte, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	s := snapshot{Version: snapshotVersion, NodesDropped: g.noNodes, EdgesDropped: g.noEdges}
	kept := make(map[*vertex]bool, len(g.nodes))
	for _, k := range NodeKinds() {
		for at := g.byKind[k].Front(); at != nil; at = at.Next() {
			v := at.Value.(*vertex)
			kept[v] = true
			s.Nodes = append(s.Nodes, v.Node)
		}
	}
	s.Edges = collect(kept, Query{}).Edges
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("graph: snapshot: %w", err)
	}
	return raw, nil
}

// Restore replaces the state by a snapshot's. It fails, and changes nothing,
// on one that is damaged, of another version, or larger than the bounds.
func (g *Graph) Restore(raw []byte) error {
	var s snapshot
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("graph: restore: %w", err)
	}
	if s.Version != snapshotVersion {
		return fmt.Errorf("graph: restore: snapshot version %d, want %d; replay the log", s.Version, snapshotVersion)
	}
	n := New(g.o)
	n.noNodes, n.noEdges = s.NodesDropped, s.EdgesDropped
	for _, node := range s.Nodes {
		if !n.kindSet[node.Kind] || n.nodes[node.ID] != nil || n.byKind[node.Kind].Len() >= n.limit(node.Kind) {
			return fmt.Errorf("graph: restore: node %.80q of kind %.40q is unknown, double or too many; replay the log", node.ID, node.Kind)
		}
		n.add(node)
	}
	for i := range s.Edges {
		if err := n.restoreEdge(&s.Edges[i]); err != nil {
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.nodes, g.byKind, g.edges, g.noNodes, g.noEdges = n.nodes, n.byKind, n.edges, n.noNodes, n.noEdges
	return nil
}

func (g *Graph) restoreEdge(e *Edge) error {
	from, to := g.nodes[e.From], g.nodes[e.To]
	if from == nil || to == nil || !g.edgeKind[e.Kind] {
		return fmt.Errorf("graph: restore: edge %.80q %.40q %.80q has an unknown end or kind; replay the log", e.From, e.Kind, e.To)
	}
	made := g.connect(from, e.Kind, to, e.Last)
	if made == nil {
		return fmt.Errorf("graph: restore: no room for edge %.80q %q %.80q; replay the log", e.From, e.Kind, e.To)
	}
	made.Weight = e.Weight
	if len(e.Evidence) > g.o.MaxEvidence {
		e.Evidence = e.Evidence[len(e.Evidence)-g.o.MaxEvidence:]
	}
	made.Evidence = e.Evidence
	return nil
}
