package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lathe/learn"
	"lathe/mcp/gateway"
	"lathe/server"
)

// pinsPath is where a configuration's pins are: beside it.
func pinsPath(config string) string {
	return strings.TrimSuffix(config, filepath.Ext(config)) + ".pins.json"
}

// Review puts changed descriptions before the reviewer.
func (d daemonGateway) Review(ctx context.Context, changes []learn.DescriptionChange) ([]learn.State, error) {
	if !d.start && !d.client.Alive(ctx) {
		return nil, fmt.Errorf("%w, and --no-start says not to start one", server.ErrNoDaemon)
	}
	var out server.DescriptionsAnswer
	err := d.client.Call(ctx, http.MethodPost, "/v1/descriptions", server.DescriptionsCall{Changes: changes}, &out)
	return out.States, err
}

func (a *app) gatewayPinsCmd(f *gatewayFlags) *cobra.Command {
	c := &cobra.Command{
		Use:   "pins",
		Short: "How tools, prompts and resources were described at first, and what waits for a person",
		Long: `A server that changes what it says of a tool after you trusted it is a known
attack: the description goes into the agent's context. So the gateway tells
agents the description that it saw first, until a person approved another
(lathe review list; lathe review show ID prints both). The same holds for
prompts, resources and resource templates; a resource's size and time of change
are not pinned.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			pins, err := f.pins()
			if err != nil {
				return err
			}
			all, err := pins.List()
			if err != nil {
				return err
			}
			if a.json {
				return a.print(all)
			}
			var rows [][]string
			for _, p := range all {
				review := "-"
				if p.Review != "" {
					review = p.Review[:min(8, len(p.Review))]
				}
				rows = append(rows, []string{p.Server, p.Kind, cut(clean(p.Tool), 40), p.Since.Format(time.DateOnly), string(p.State), review, cut(p.Why, 80)})
			}
			a.table("SERVER KIND NAME SINCE STATE REVIEW WHY", rows)
			return nil
		},
	}
	c.AddCommand(&cobra.Command{
		Use: "forget SERVER", Short: "Pin what a server says next anew, as if it were seen for the first time", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			pins, err := f.pins()
			if err != nil {
				return err
			}
			n, err := pins.Forget(args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(a.errs, "%d descriptions of %s are pinned anew when it starts next\n", n, clean(args[0]))
			return nil
		},
	})
	return c
}

// pins are those of the configuration.
func (f *gatewayFlags) pins() (*gateway.Pins, error) {
	path, _, err := f.load()
	if err != nil {
		return nil, err
	}
	return gateway.OpenPins(pinsPath(path), nil), nil
}
