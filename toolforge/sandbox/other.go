//go:build !linux

package sandbox

import (
	"context"
	"fmt"
	"runtime"
)

// Init does nothing here: the built-in launcher is for Linux.
func Init() {}

// Launcher is the built-in backend, which only Linux has.
type Launcher struct{}

// NewLauncher answers ErrUnsupported.
func NewLauncher() (*Launcher, error) {
	return nil, fmt.Errorf("%w: the built-in launcher needs Linux, this is %s", ErrUnsupported, runtime.GOOS)
}

// CgroupLayout is "".
func (l *Launcher) CgroupLayout() string { return "" }

// Measure answers ErrUnsupported.
func Measure(context.Context, string, int) ([]Timing, error) {
	_, err := NewLauncher()
	return nil, err
}

// Name is "launcher".
func (l *Launcher) Name() string { return "launcher" }

// Run answers ErrUnsupported.
func (l *Launcher) Run(context.Context, *Spec) (*Result, error) {
	_, err := NewLauncher()
	return nil, err
}

// Open answers ErrUnsupported.
func Open(string) (*Launcher, error) { return NewLauncher() }

// Names are the backends of this machine: none.
func Names() []string { return nil }

// Warm is an interpreter that waits in a sandbox, which only Linux has.
type Warm struct{}

// Warm answers ErrUnsupported.
func (l *Launcher) Warm(context.Context, *Spec, Program) (*Warm, error) {
	_, err := NewLauncher()
	return nil, err
}

// Call answers ErrNotWarm.
func (w *Warm) Call(context.Context, []byte) (*Result, error) { return nil, ErrNotWarm }

// Settle answers ErrNotWarm.
func (w *Warm) Settle() error { return ErrNotWarm }

// Resident is 0.
func (w *Warm) Resident() int64 { return 0 }

// Close does nothing.
func (w *Warm) Close() error { return nil }

func (w *Warm) usable() bool { return false }
func (w *Warm) kill()        {}

// Apply answers ErrUnsupported.
func Apply(string, []Change) error {
	_, err := NewLauncher()
	return err
}
