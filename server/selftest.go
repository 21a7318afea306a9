package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lathe/toolforge/image"
	"lathe/toolforge/sandbox"
)

// selfTestRest is how long after its start the daemon tests the sandbox: who
// started it is served first. A tool that is called before waits for the test.
const selfTestRest = 5 * time.Second

// testSandbox tests the sandbox once, so that a machine on which it does not
// hold is known of before the first tool.
func (d *Daemon) testSandbox(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(selfTestRest):
	}
	if err := d.forge.tested(); err != nil && !errors.Is(err, image.ErrNoBase) {
		d.logger.Warn("no generated code runs on this machine", "why", err)
	}
	return nil
}

// selfTest runs the small abuse battery: generated code runs only where it
// holds.
func (f *forge) selfTest() (err error) {
	defer func() {
		if err != nil && !errors.Is(err, image.ErrNoBase) {
			f.failed.Store(new(err.Error()))
		}
	}()
	if f.broken != nil {
		return f.broken
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	root, err := f.root(ctx, image.Runtime)
	if err != nil {
		return err
	}
	report, err := sandbox.SelfTest(ctx, f.launcher, root)
	if err != nil {
		return fmt.Errorf("sandbox self-test: %w", err)
	}
	if !report.OK {
		return fmt.Errorf("the sandbox failed its self-test, so no generated code runs here; see `lathe doctor`: %s", Failed(report))
	}
	return nil
}
