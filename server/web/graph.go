package web

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Node is one node of the knowledge graph.
type Node struct {
	ID         string
	Kind       string
	Label      string
	Attributes map[string]string
}

// Edge leads from the node shown to another, or from that one when Incoming.
type Edge struct {
	Kind     string
	Incoming bool
	Other    Node
}

// Graph is the knowledge graph. Around takes an id, or words of a label.
type Graph interface {
	Around(ctx context.Context, id string) (Node, []Edge, error)
	Find(ctx context.Context, text, kind string, limit int) []Node
	Kinds() []string
}

const (
	maxEdges = 500 // listed
	maxDrawn = 18  // on each side of the drawing
	maxFound = 60
)

// The drawing, in user units: who leads here on the left, the node in the
// middle, where it leads on the right.
const (
	graphWidth   = 940
	graphRow     = 34
	graphBox     = 300 // width of a neighbour
	graphBoxHigh = 26
	graphMiddle  = 150 // width of the node
)

// drawnNode is one box with the edge that ties it to the middle.
type drawnNode struct {
	Link, Label, Kind, EdgeKind, Title string
	X, Y, TextX, TextY                 float64
	Path                               string // of the edge
	EdgeX, EdgeY                       float64
}

type drawing struct {
	Width, Height   float64
	X, Y            float64 // of the node's box
	BoxWide, BoxHi  float64
	TextX, TextY    float64
	Label, KindName string
	Nodes           []drawnNode
	Left            int // edges that are not drawn
}

func (h *Handler) graph(w http.ResponseWriter, r *http.Request, s *session) {
	v := r.URL.Query()
	id, text, kind := v.Get("node"), short(v.Get("q"), 200), short(v.Get("kind"), 60)
	if id == "" {
		h.render(w, s, http.StatusOK, "graphfind", "Graph", map[string]any{
			"Text": text, "Kind": kind, "Kinds": h.o.Graph.Kinds(), "Found": h.o.Graph.Find(r.Context(), text, kind, maxFound), "Most": maxFound,
		})
		return
	}
	n, edges, err := h.o.Graph.Around(r.Context(), id)
	if err != nil {
		h.fail(w, s, http.StatusNotFound, sentence(err))
		return
	}
	fields := []field{{"Id", short(n.ID, 600)}, {"Kind", short(n.Kind, 100)}}
	for _, k := range slices.Sorted(maps.Keys(n.Attributes)) {
		fields = append(fields, filled(field{short(k, 100), n.Attributes[k]})...)
	}
	slices.SortStableFunc(edges, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Other.Label, b.Other.Label))
	})
	event := ""
	if at := strings.LastIndexByte(n.ID, ':'); n.Kind == "ExecutionAttempt" && at >= 0 {
		event = n.ID[at+1:]
	}
	h.render(w, s, http.StatusOK, "graph", label(n), map[string]any{
		"Node": n, "Fields": fields, "Edges": grouped(edges[:min(len(edges), maxEdges)]), "More": max(0, len(edges)-maxEdges), "Drawing": draw(n, edges), "Event": event,
	})
}

// edgeGroup is the edges of one kind and direction: the first stand open.
type edgeGroup struct {
	Kind        string
	Incoming    bool
	First, Rest []Edge
}

// maxOpen is how many edges of a kind stand open in the list.
const maxOpen = 12

// grouped puts edges, which are ordered by kind, together by kind and direction.
func grouped(edges []Edge) []edgeGroup {
	var out []edgeGroup
	for _, incoming := range []bool{true, false} {
		for _, e := range edges {
			if e.Incoming != incoming {
				continue
			}
			if n := len(out); n == 0 || out[n-1].Kind != e.Kind || out[n-1].Incoming != incoming {
				out = append(out, edgeGroup{Kind: e.Kind, Incoming: incoming})
			}
			g := &out[len(out)-1]
			if len(g.First) < maxOpen {
				g.First = append(g.First, e)
			} else {
				g.Rest = append(g.Rest, e)
			}
		}
	}
	return out
}

func label(n Node) string { return cmp.Or(short(n.Label, 160), short(n.ID, 160)) }

// draw places the edges of a node; nil when it has none.
func draw(n Node, edges []Edge) *drawing {
	var in, out []Edge
	for _, e := range edges {
		if e.Incoming {
			in = append(in, e)
		} else {
			out = append(out, e)
		}
	}
	left := max(0, len(in)-maxDrawn) + max(0, len(out)-maxDrawn)
	in, out = in[:min(len(in), maxDrawn)], out[:min(len(out), maxDrawn)]
	rows := max(len(in), len(out))
	if rows == 0 {
		return nil
	}
	d := &drawing{Width: graphWidth, Height: float64(max(rows, 2)*graphRow + 8), Left: left, BoxWide: graphMiddle, BoxHi: 46,
		Label: shorten(n, 20), KindName: short(n.Kind, 24)}
	d.X, d.Y = (graphWidth-graphMiddle)/2, (d.Height-d.BoxHi)/2
	d.TextX, d.TextY = graphWidth/2, d.Height/2
	for i, e := range in {
		d.place(e, 1, d.at(i, len(in))) // with room for its line
	}
	for i, e := range out {
		d.place(e, graphWidth-graphBox-1, d.at(i, len(out)))
	}
	return d
}

// at is the upper edge of the i-th of n boxes of a side.
func (d *drawing) at(i, n int) float64 {
	return (d.Height-float64(n*graphRow))/2 + float64(i*graphRow) + (graphRow-graphBoxHigh)/2
}

func (d *drawing) place(e Edge, x, y float64) {
	middle := y + graphBoxHigh/2
	n := drawnNode{Link: "/graph?node=" + url.QueryEscape(e.Other.ID), Label: shorten(e.Other, 38), Kind: e.Other.Kind,
		Title: label(e.Other) + " (" + short(e.Other.Kind, 60) + ")", EdgeKind: strings.ToLower(strings.ReplaceAll(short(e.Kind, 30), "_", " ")),
		X: x, Y: y, TextX: x + 10, TextY: middle}
	from, to := x+graphBox, d.X
	if !e.Incoming {
		from, to = d.X+d.BoxWide, x
	}
	startY, endY := middle, d.TextY
	if !e.Incoming {
		startY, endY = d.TextY, middle
	}
	bend := (to - from) / 2
	n.Path = pathData(from, startY, from+bend, startY, to-bend, endY, to, endY)
	d.Nodes = append(d.Nodes, n)
}

func shorten(n Node, runes int) string {
	r := []rune(label(n))
	if len(r) <= runes {
		return string(r)
	}
	return string(r[:runes-1]) + "…"
}
