package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"lathe/learn/mine"
)

// exitCode ends the program with the code of the command that it ran.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func parseBytes(s string) (int64, error) {
	units := map[byte]int64{'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}
	unit := int64(1)
	if n := len(s); n > 0 && units[s[n-1]] != 0 {
		unit, s = units[s[n-1]], s[:n-1]
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n > 1<<40/unit {
		return 0, usagef("%q is no size like 512M", s)
	}
	return n * unit, nil
}

// readBounded reads a file of at most maxInput bytes.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(raw) > maxInput {
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxInput)
	}
	return raw, nil
}

func (a *app) mineCmd() *cobra.Command {
	var format, support string
	var closed bool
	c := &cobra.Command{Use: "mine --format spmf --min-support X [--closed] FILE", Short: "Frequent sequential patterns of a file", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "spmf" {
				return usagef("--format %q: only spmf is there in this version", format)
			}
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			db, err := mine.ReadSPMF(f)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			x, err := strconv.ParseFloat(support, 64)
			if err != nil || x <= 0 {
				return usagef("--min-support %q is neither a share below 1 nor a count", support)
			}
			found, err := db.Mine(cmd.Context(), mine.Limits{MinSupport: db.MinSupport(x), MaxGap: mine.Unlimited, Closed: closed})
			if err != nil {
				return err
			}
			out := bufio.NewWriter(a.out)
			fmt.Fprintf(a.errs, "%d patterns in %d sequences\n", len(found), db.Len())
			return errors.Join(mine.WriteSPMF(out, found), out.Flush())
		}}
	c.Flags().StringVar(&format, "format", "spmf", "spmf")
	c.Flags().StringVar(&support, "min-support", "", "a share of the sequences below 1, or a count")
	c.Flags().BoolVar(&closed, "closed", false, "only patterns without a longer one of the same support")
	return c
}
