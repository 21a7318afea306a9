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
