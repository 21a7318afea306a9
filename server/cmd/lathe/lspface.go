package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"

	"github.com/spf13/cobra"

	"lathe/lsp"
	"lathe/server"
)

func (a *app) lspCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "lsp",
		Short: "Language server on stdio, for an editor's settings",
		Long: `Speaks LSP on stdin and stdout and relays to the daemon, which it starts if
none runs and whose restarts it survives: the new daemon is told which folders,
settings and documents the editor has. Beside your language's own server it shows

  - proposals where they belong (steps of .ocode/plans/*.json, sources of tools),
    with actions to approve, reject, ask back and see the evidence, once the
    editor is unlocked on the review page;
  - what keeps failing, with its history, and what fixed it before;
  - how often plan steps, files and functions failed, as code lenses;
  - completion and checks in .ocode/plans/*.json.

Settings, under "lathe", all true unless said otherwise: diagnostics, code_lens,
hover, notifications. See docs/editors.md for Neovim, Emacs, Helix, VS Code and Zed;
lathe connect writes the settings of the first three.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			err = lsp.Bridge(cmd.Context(), lsp.BridgeOptions{In: a.in, Out: a.out,
				Dial: func(ctx context.Context, start bool) (io.ReadWriteCloser, error) {
					return a.dialLSP(ctx, client, start)
				},
				Logger: slog.New(slog.NewTextHandler(a.errs, &slog.HandlerOptions{Level: slog.LevelWarn}))})
			if errors.Is(err, context.Canceled) && cmd.Context().Err() != nil {
				return nil
			}
			return err
		},
	}
}

// dialLSP opens an editor's connection to the daemon.
func (a *app) dialLSP(ctx context.Context, client *server.Client, start bool) (io.ReadWriteCloser, error) {
	if start && !a.noStart {
		if err := client.Ensure(ctx); err != nil {
			return nil, err
		}
	}
	conn, err := client.Dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", server.ErrNoDaemon, err)
	}
	r, err := upgrade(conn)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("daemon: %w", err), conn.Close())
	}
	return upgraded{conn, r}, nil
}

// upgrade turns a connection to the daemon's socket into an editor's.
func upgrade(conn net.Conn) (*bufio.Reader, error) {
	if _, err := io.WriteString(conn, "GET /lsp HTTP/1.1\r\nHost: lathe\r\nConnection: Upgrade\r\nUpgrade: lsp\r\n\r\n"); err != nil {
		return nil, err
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, errors.New(resp.Status)
	}
	return r, nil
}

// upgraded reads what was read ahead already, then the rest.
type upgraded struct {
	net.Conn
	r *bufio.Reader
}

func (u upgraded) Read(p []byte) (int, error) { return u.r.Read(p) }
