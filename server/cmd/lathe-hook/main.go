package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"
)

// The whole run ends within limit; the daemon has to answer within patience,
// which leaves time to spool.
const (
	limit    = 2 * time.Second
	patience = 1200 * time.Millisecond
)

// maxEvent is the size of a hook event, in bytes; a larger one is dropped with
// a word on standard error.
const maxEvent = 16 << 20

var formatName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	done := make(chan error, 1)
	go func() { done <- run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		// Standard input that never ends, or a disk that hangs: leave.
		err = fmt.Errorf("gave up after %v: the event is not recorded", limit)
	}
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lathe-hook:", err)
	}
}

// run hands the event on in to the daemon, or spools it.
func run(ctx context.Context, args []string, getenv func(string) string, in io.Reader, out io.Writer) error {
	format := "claude-code"
	if len(args) > 0 {
		format = args[0]
	}
	if len(args) > 1 || !formatName.MatchString(format) {
		return fmt.Errorf("wrong use: lathe-hook takes one format, such as claude-code, and the event on standard input")
	}
	event, err := io.ReadAll(io.LimitReader(in, maxEvent+1))
	if err != nil {
		return fmt.Errorf("read the event from standard input: %w", err)
	}
	if len(event) > maxEvent {
		return fmt.Errorf("the event is larger than %d MiB: it is not recorded", maxEvent>>20)
	}
	where, err := locate(getenv)
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	advice, perr := post(asking, where, format, event)
	if perr == nil {
		_, err := out.Write(advice)
		return err
	}
	if refused := (*refusal)(nil); errors.As(perr, &refused) {
		return perr // it would be refused from the spool too
	}
	n, serr := spool(ctx, where.spool, format, event)
	if serr != nil {
		return fmt.Errorf("the daemon was not reached (%w), and the event could not be spooled: %w", perr, serr)
	}
	if n > 0 {
		return fmt.Errorf("the daemon was not reached (%w): spooled %d records; `lathe import events %s` takes them in", perr, n, where.spool)
	}
	return nil
}
