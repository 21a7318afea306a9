package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"lathe/index/eventlog"
	"lathe/server"
)

func (a *app) backupCmd() *cobra.Command {
	return &cobra.Command{Use: "backup FILE", Short: "Write the whole log into a file, while recording goes on", Args: cobra.ExactArgs(1),
		Long: `Writes a compressed, checksummed copy of events and ledger as of now, with the
reviewer's (encrypted) key. What it wrote is read again and verified before it
gets its name. Indexes and everything learned are made anew from it, images are
built by lathe setup: neither is in the backup. lathe restore FILE brings it back.`,
		Example: "  lathe backup lathe-monday.lbak",
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := os.Lstat(args[0]); err == nil {
				return fmt.Errorf("%s is there already: give another name", args[0])
			}
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			report, err := writeBackup(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			return a.reportBackup("written and verified", report)
		}}
}

func writeBackup(ctx context.Context, client *server.Client, path string) (report eventlog.BackupReport, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part") // mode 0600
	if err != nil {
		return report, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	defer f.Close() // closed before its name is given; the second time does nothing
	if err := client.Copy(ctx, http.MethodGet, "/v1/backup", nil, f); err != nil {
		return report, err
	}
	if err := f.Sync(); err != nil {
		return report, fmt.Errorf("write %s: %w", path, err)
	}
	if _, err := f.Seek(0, 0); err != nil {
		return report, err
	}
	if report, _, err = eventlog.CheckBackup(f); err != nil {
		return report, fmt.Errorf("what was written is not whole (the daemon's log may say why): %w", err)
	}
	if err := f.Close(); err != nil {
		return report, err
	}
	return report, os.Rename(f.Name(), path)
}

func (a *app) restoreCmd() *cobra.Command {
	return &cobra.Command{Use: "restore FILE", Short: "Bring a backup back, into a data directory without a log", Args: cobra.ExactArgs(1),
		Long: `Verifies the whole backup first: its checksum, and every message's checksums and
hash chain. Then it writes the log into the data directory (--data), where none
may be. Indexes and everything learned are made anew at the next start.`,
		Example: "  lathe restore lathe-monday.lbak --data ~/lathe-restored",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, _, err := a.config()
			if err != nil {
				return err
			}
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			report, err := server.Restore(cmd.Context(), cfg, f, slog.New(slog.NewTextHandler(a.errs, &slog.HandlerOptions{Level: slog.LevelWarn})))
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return a.reportBackup("restored into "+cfg.DataDir, report)
		}}
}

func (a *app) reportBackup(what string, r eventlog.BackupReport) error {
	if a.json {
		return a.print(r)
	}
	fmt.Fprintf(a.out, "%s: %d records in %d messages of events and %d of the ledger\n", what, r.Records, r.Events, r.Ledger)
	if r.Lost > 0 {
		fmt.Fprintf(a.out, "%d places of damage that was accepted before are in it as such\n", r.Lost)
	}
	return nil
}
