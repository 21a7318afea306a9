package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"lathe/index/graph"
	"lathe/server"
)

func (a *app) graphCmd() *cobra.Command {
	var call server.GraphCall
	c := &cobra.Command{Use: "graph NODE", Short: "The knowledge graph around a node, named by id or by words of its label", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			call.Node = args[0]
			var sub graph.Subgraph
			if err := client.Call(cmd.Context(), http.MethodPost, "/v1/graph", call, &sub); err != nil || a.json {
				if err != nil {
					return err
				}
				return a.print(sub)
			}
			labels := map[string]string{}
			var rows [][]string
			for _, n := range sub.Nodes {
				labels[n.ID] = n.Label
			}
			for _, e := range sub.Edges {
				rows = append(rows, []string{cut(labels[e.From], 50), string(e.Kind), cut(labels[e.To], 50), fmt.Sprintf("%.4g", e.Weight)})
			}
			a.table("FROM EDGE TO WEIGHT", rows)
			return nil
		}}
	c.Flags().StringVar(&call.Project, "project", "", "hide what belongs to other projects")
	c.Flags().IntVar(&call.Hops, "hops", 1, "how far, at most 3")
	c.Flags().IntVar(&call.Limit, "limit", 30, "nodes at most")
	return c
}
