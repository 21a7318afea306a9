package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lathe/index/graph"
	"lathe/learn"
	"lathe/server"
)

// graphCmd is `lathe graph`: with a node it is `lathe graph neighbours`.
func (a *app) graphCmd() *cobra.Command {
	c := a.neighboursCmd()
	c.Use, c.Short = "graph NODE", "The knowledge graph around a node, named by id or by words of its label"
	c.AddCommand(a.neighboursCmd(), a.graphNodeCmd(), a.graphListCmd(), a.graphPathCmd(), a.mitigatesCmd(), a.graphExportCmd(), a.graphStatsCmd(), a.codeCmd())
	return c
}

// askGraph makes a call and prints its answer, as JSON or by show.
func askGraph[T any](a *app, cmd *cobra.Command, path string, call *server.GraphCall, show func(T)) error {
	if call != nil {
		if err := call.Check(); err != nil {
			return usageError{err}
		}
	}
	client, _, err := a.client(cmd.Context())
	if err != nil {
		return err
	}
	if err := a.connectCode(cmd.Context(), client, call); err != nil {
		return err
	}
	method, body := http.MethodPost, any(call)
	if call == nil {
		method, body = http.MethodGet, nil
	}
	var out T
	if err := client.Call(cmd.Context(), method, path, body, &out); err != nil {
		return err
	}
	if a.json {
		return a.print(out)
	}
	show(out)
	return nil
}

// connectCode has the daemon read the code of the project that is asked about,
// or of the workspace that the command runs in, and says when that takes longer.
func (a *app) connectCode(ctx context.Context, client *server.Client, call *server.GraphCall) error {
	if call == nil {
		call = &server.GraphCall{}
	}
	if wd, err := os.Getwd(); err == nil {
		call.Workspace = wd
	}
	var layer server.CodeLayer
	if err := client.Call(ctx, http.MethodPost, "/v1/graph/code", call, &layer); err != nil {
		return err
	}
	if layer.State == learn.CodeBuilding {
		fmt.Fprintf(a.errs, "%s: %s\n", layer.Workspace, layer.Why)
	}
	return nil
}

func projectFlag(c *cobra.Command, call *server.GraphCall) {
	c.Flags().StringVar(&call.Project, "project", "", "hide what belongs to other projects")
}

func followFlags(c *cobra.Command, call *server.GraphCall) {
	projectFlag(c, call)
	c.Flags().StringSliceVar(&call.Edges, "edges", nil, "kinds of edges to follow, like MITIGATED_BY,APPLIES_TO (all when absent)")
	c.Flags().StringVar(&call.Direction, "direction", "", "out, in or both")
}

func (a *app) neighboursCmd() *cobra.Command {
	var call server.GraphCall
	c := &cobra.Command{Use: "neighbours NODE", Short: "What lies within some hops of a node, the nearest and heaviest first", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			call.Node = args[0]
			return askGraph(a, cmd, "/v1/graph", &call, a.showSubgraph)
		}}
	followFlags(c, &call)
	c.Flags().IntVar(&call.Hops, "hops", 1, "how far, at most 6")
	c.Flags().IntVar(&call.Limit, "limit", 30, "nodes at most")
	return c
}

func (a *app) showSubgraph(s graph.Subgraph) {
	labels := map[string]string{}
	for _, n := range s.Nodes {
		labels[n.ID] = title(n)
	}
	var rows [][]string
	for _, e := range s.Edges {
		rows = append(rows, []string{cut(labels[e.From], 50), string(e.Kind), cut(labels[e.To], 50), fmt.Sprintf("%.4g", e.Weight)})
	}
	a.table("FROM EDGE TO WEIGHT", rows)
	if s.Truncated {
		fmt.Fprintf(a.errs, "%d nodes; there are more: --limit\n", len(s.Nodes))
	}
}

// title is what a table shows of a node.
func title(n graph.Node) string {
	if n.Label == "" {
		return n.ID
	}
	return n.Label
}

func (a *app) graphNodeCmd() *cobra.Command {
	var call server.GraphCall
	c := &cobra.Command{Use: "node NODE", Short: "One node: its properties and how many edges it has", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			call.Node = args[0]
			return askGraph(a, cmd, "/v1/graph/node", &call, func(n server.GraphNode) {
				rows := [][]string{{"id", n.ID}, {"kind", string(n.Kind)}, {"label", n.Label}, {"project", n.ProjectID}}
				if n.Weight > 0 || !n.First.IsZero() { // else the code alone knows of it
					rows = append(rows, []string{"seen", fmt.Sprintf("%.4g times, %s to %s", n.Weight, day(n.First), day(n.Last))})
				}
				for _, p := range n.Properties {
					rows = append(rows, []string{p.Key, p.Value})
				}
				for _, k := range slices.Sorted(maps.Keys(n.Degree)) {
					rows = append(rows, []string{k, fmt.Sprint(n.Degree[k])})
				}
				a.table("WHAT VALUE", rows)
			})
		}}
	projectFlag(c, &call)
	return c
}

func day(t time.Time) string {
	if t.IsZero() {
		return "?"
	}
	return t.Local().Format("2006-01-02")
}

func (a *app) graphListCmd() *cobra.Command {
	var call server.GraphCall
	var since string
	c := &cobra.Command{Use: "list [WORDS]", Short: "Nodes by kind, words and properties, those seen last first", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			call.Text = strings.Join(args, " ")
			if since != "" {
				t, err := time.Parse(time.DateOnly, since)
				if err != nil {
					return usagef("--since %q is not a day like 2026-01-31", since)
				}
				call.Since = t
			}
			return askGraph(a, cmd, "/v1/graph/list", &call, func(nodes []graph.Node) {
				var rows [][]string
				for _, n := range nodes {
					rows = append(rows, []string{string(n.Kind), fmt.Sprintf("%.4g", n.Weight), day(n.Last), cut(title(n), 60), cut(n.ID, 80)})
				}
				a.table("KIND WEIGHT SEEN LABEL ID", rows)
				if call.Limit > 0 && len(nodes) >= call.Limit {
					fmt.Fprintf(a.errs, "the first %d: --limit, --kind or words show others\n", len(nodes))
				}
			})
		}}
	projectFlag(c, &call)
	c.Flags().StringVar(&call.Kind, "kind", "", "of nodes, like Tool or ErrorPattern")
	c.Flags().StringToStringVar(&call.Properties, "where", nil, "properties that must hold, like outcome=failure")
	c.Flags().StringVar(&since, "since", "", "seen on that day or later")
	c.Flags().IntVar(&call.Limit, "limit", 30, "nodes at most")
	return c
}

func (a *app) graphPathCmd() *cobra.Command {
	var call server.GraphCall
	c := &cobra.Command{Use: "path FROM TO", Short: "A shortest path between two nodes", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			call.Node, call.To = args[0], args[1]
			return askGraph(a, cmd, "/v1/graph/path", &call, func(p server.GraphPath) {
				if !p.Found {
					fmt.Fprintln(a.out, map[bool]string{true: "There is no path.", false: "No path was found; the search was cut short."}[p.Complete])
					return
				}
				at := p.From
				var rows [][]string
				for _, s := range p.Steps {
					way := "->"
					if s.Edge.To == at.ID {
						way = "<-"
					}
					rows = append(rows, []string{cut(title(at), 50), string(s.Edge.Kind) + " " + way, cut(title(s.Node), 50), fmt.Sprintf("%.4g", s.Edge.Weight)})
					at = s.Node
				}
				a.table("FROM EDGE TO WEIGHT", rows)
			})
		}}
	followFlags(c, &call)
	c.Flags().IntVar(&call.Hops, "hops", 8, "how long, at most 32")
	return c
}

func (a *app) mitigatesCmd() *cobra.Command {
	var call server.GraphCall
	c := &cobra.Command{Use: "mitigates ERROR", Short: "What mitigates an error or a pattern of errors, ranked, with evidence", Args: cobra.ExactArgs(1),
		Long: `What mitigates an error or a pattern of errors: of all projects, or with
--project of that one and of what holds for all. WORKED is how often it did, as
in lathe task fixes; SCORE is the low end of an interval around that, by which
they are ranked, so that thin evidence ranks low.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			call.Node = args[0]
			return askGraph(a, cmd, "/v1/graph/mitigates", &call, func(found []graph.Mitigation) {
				var rows [][]string
				for _, m := range found {
					where := m.ProjectID
					if where == "" {
						where = "all"
					}
					rows = append(rows, []string{fmt.Sprintf("%.2f", m.Score), percent(m.Posterior), fmt.Sprint(m.Support), m.Match, where, cut(m.Description, 90)})
				}
				a.table("SCORE WORKED SESSIONS MATCH PROJECT WHAT", rows)
				if call.Project == "" {
					fmt.Fprintln(a.errs, "of all projects; --project NAME leaves out what is known of others only")
				}
			})
		}}
	projectFlag(c, &call)
	c.Flags().StringVar(&call.Env, "environment", "", "label of an environment: what worked there comes first")
	c.Flags().IntVar(&call.Limit, "limit", 10, "remedies at most")
	return c
}

func (a *app) graphExportCmd() *cobra.Command {
	var call server.GraphCall
	c := &cobra.Command{Use: "export", Short: "The whole graph, as JSON, GraphML or for Graphviz", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := call.Check(); err != nil {
				return usageError{err}
			}
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			if err := a.connectCode(cmd.Context(), client, &call); err != nil {
				return err
			}
			return client.Copy(cmd.Context(), http.MethodPost, "/v1/graph/export", call, a.out)
		}}
	projectFlag(c, &call)
	c.Flags().StringVar(&call.Format, "format", string(graph.JSON), "json, graphml or dot")
	return c
}

func (a *app) graphStatsCmd() *cobra.Command {
	return &cobra.Command{Use: "stats", Short: "How large the graph is, and what its bounds dropped", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return askGraph(a, cmd, "/v1/graph/stats", nil, func(s graph.Stats) {
				var rows [][]string
				for _, k := range graph.NodeKinds() {
					rows = append(rows, []string{"node", string(k), fmt.Sprint(s.Nodes[k]), fmt.Sprint(s.NodesDropped[k])})
				}
				for _, k := range graph.EdgeKinds() {
					rows = append(rows, []string{"edge", string(k), fmt.Sprint(s.ByKind[k]), ""})
				}
				rows = append(rows, []string{"edge", "all learned", fmt.Sprint(s.Edges), fmt.Sprint(s.EdgesDropped)},
					[]string{"code", "nodes", fmt.Sprint(s.CodeNodes), ""}, []string{"code", "edges", fmt.Sprint(s.CodeEdges), ""})
				a.table("OF KIND THERE DROPPED", rows)
			})
		}}
}
