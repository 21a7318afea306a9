package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/spf13/cobra"

	"lathe/server"
)

func (a *app) toolKeysCmd() *cobra.Command {
	return &cobra.Command{Use: "keys", Short: "The public key that this installation signs its tools with, and those that it trusts", Args: cobra.NoArgs,
		Long: `The public key that this installation signs its tools with, and those that it trusts.

The key is made at its first use and lies in the data directory, readable by its
owner alone. It is not the reviewer's: it says who built a tool, not who approved
it. Another installation takes this one's tools when its configuration has

  [tools]
  trusted_keys = ["ed25519:..."]

A tool that no such key signed is not pulled, and a deployed one is not run once
its key is taken out.`,
		RunE: func(*cobra.Command, []string) error {
			cfg, _, err := a.config()
			if err != nil {
				return err
			}
			if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
				return fmt.Errorf("data directory: %w; choose another with --data", err)
			}
			_, keys, err := server.OpenToolKeys(cfg)
			if err != nil || a.json {
				return errors.Join(err, printIf(a, err == nil, keys))
			}
			fmt.Fprintln(a.out, keys.Public)
			for _, k := range keys.Trusted {
				fmt.Fprintln(a.out, k, "(trusted)")
			}
			return nil
		}}
}

func (a *app) toolPushCmd() *cobra.Command {
	var version string
	c := &cobra.Command{Use: "push NAME REFERENCE", Short: "Send a deployed tool to a registry, with its signature", Args: cobra.ExactArgs(2),
		Long: `Send a deployed tool to a registry, with its signature and its base image.

REFERENCE is HOST/PATH/NAME: the last part is the tool's name, and its version
becomes the tag. What is printed names it by digest. Credentials are those that
docker login left.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			var out server.Pushed
			err = client.Call(cmd.Context(), http.MethodPost, "/v1/tools/push", server.PushCall{Name: args[0], Version: version, Reference: args[1]}, &out)
			if err != nil || a.json {
				return errors.Join(err, printIf(a, err == nil, out))
			}
			fmt.Fprintln(a.out, out.Reference)
			return nil
		}}
	c.Flags().StringVar(&version, "version", "", "a version other than the active one")
	return c
}

func (a *app) toolPullCmd() *cobra.Command {
	var downgrade bool
	c := &cobra.Command{Use: "pull REFERENCE", Short: "Fetch a tool from a registry into the review queue", Args: cobra.ExactArgs(1),
		Long: `Fetch a tool from a registry into the review queue.

REFERENCE is HOST/PATH/NAME:VERSION or HOST/PATH/NAME@DIGEST. The tool must be
signed by a trusted key (lathe tool keys) as exactly that name and version, for
exactly that image; every byte of it is checked. A version older than the newest
known here is refused, since that is how a mended fault is brought back.

It is not active until this installation's reviewer approves it: lathe review show.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			var out server.Pulled
			err = client.Call(cmd.Context(), http.MethodPost, "/v1/tools/pull", server.PullCall{Reference: args[0], AllowDowngrade: downgrade}, &out)
			if err != nil || a.json {
				return errors.Join(err, printIf(a, err == nil, out))
			}
			p := out.Provenance
			fmt.Fprintf(a.out, "%s %s, signed by %s, is %s: lathe review show %s\n", clean(p.Name), clean(p.Version), p.Key, out.State, out.ReviewID[:8])
			return nil
		}}
	c.Flags().BoolVar(&downgrade, "allow-downgrade", false, "take a version older than the newest known here")
	return c
}
