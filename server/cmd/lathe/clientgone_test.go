package main

import (
	"context"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestClientThatIsGone: the other end of a pipe, or of the socket that some
// clients give instead, is closed.
func TestClientThatIsGone(t *testing.T) {
	for name, pair := range map[string]func() (theirs, ours *os.File, err error){
		"pipe": os.Pipe,
		"socket": func() (*os.File, *os.File, error) {
			fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			return os.NewFile(uintptr(fds[0]), "theirs"), os.NewFile(uintptr(fds[1]), "ours"), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			theirs, ours, err := pair()
			if err != nil {
				t.Fatal(err)
			}
			defer ours.Close()
			ctx, leave, err := whileRead(t.Context(), ours, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer leave()
			if _, err := ours.WriteString("x"); err != nil || ctx.Err() != nil {
				t.Fatalf("while it is read: %v, %v", err, context.Cause(ctx))
			}
			_, _ = theirs.Read(make([]byte, 1)) // or the socket is reset, not closed
			if err := theirs.Close(); err != nil {
				t.Fatal(err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Minute):
				t.Fatal("it was not noticed")
			}
			if context.Cause(ctx) != errClientGone {
				t.Errorf("ended by %v", context.Cause(ctx))
			}
		})
	}
}

// TestClientThatIsThere: nothing ends what is read, or is no pipe; nor, within
// the time that calls have, what is read no more.
func TestClientThatIsThere(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	for name, out := range map[string]*os.File{"a file": file, "a pipe": ours} {
		ctx, leave, err := whileRead(t.Context(), out, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if out == ours {
			if err := theirs.Close(); err != nil {
				t.Fatal(err)
			}
		}
		leave() // and this waits for nothing
		if cause := context.Cause(ctx); cause != context.Canceled {
			t.Errorf("%s: ended by %v", name, cause)
		}
	}
}
