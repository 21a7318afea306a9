package lsp

import (
	"context"
	"fmt"
	"time"
)

// Fact is what is known of how often a place failed: a step of a plan, a file,
// or a function.
type Fact struct {
	// Path is the file, as in Proposal. Step anchors to a plan's step, Symbol
	// to the line that defines a function, class or type of this name, Match
	// to the first line with this text, Line to that line, from 1. The first of
	// these that is found is taken; without any it is the whole file's.
	Path                string
	Step, Symbol, Match string
	Line                int
	// Runs is how often it was run, 0 when only failures are known.
	Runs, Failures, Sessions int
	Last                     time.Time // the latest failure
	// Failing marks what keeps failing: it is shown as a diagnostic too.
	Failing     bool
	Summary     string // plain text, a sentence; may quote captured text
	Detail      string // short Markdown; whoever makes it escapes captured text
	EvidenceURL string // as in Proposal
}

// whole reports whether the fact is about its file, not a place in it.
func (f *Fact) whole() bool { return f.Step == "" && f.Symbol == "" && f.Match == "" && f.Line == 0 }

// key names a fact within a connection.
func (f *Fact) key() string {
	return fmt.Sprintf("%s\x00%s\x00%s\x00%s\x00%d", f.Path, f.Step, f.Symbol, f.Match, f.Line)
}

// rate is how often it failed, in a few words.
func (f *Fact) rate() string {
	var s string
	switch {
	case f.Runs > 0 && f.Failures == 0:
		return fmt.Sprintf("%s, none failed", count(f.Runs, "run"))
	case f.Runs > 0:
		s = fmt.Sprintf("failed in %d of %s (%.0f %%)", f.Failures, count(f.Runs, "run"), 100*float64(f.Failures)/float64(f.Runs))
	default:
		s = fmt.Sprintf("failed %s in %s", count(f.Failures, "time"), count(f.Sessions, "session"))
	}
	if !f.Last.IsZero() {
		s += ", last on " + f.Last.UTC().Format(time.DateOnly)
	}
	return s
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Problem is a diagnostic that another language server published.
type Problem struct {
	Root    string // of the workspace; "" for a file outside of all
	Path    string // absolute
	Line    int    // from 1
	Source  string // what the other server calls itself, such as "pyright"
	Code    string
	Message string
}

// Fix is what fixed a problem like this before.
type Fix struct {
	RemedyID    string
	Pattern     string // the failure's name, plain text
	Description string // plain text
	// Command is text for the person to copy; Lathe does not run it.
	Command string
	// Edits replace text of the file in which the problem is. All of them must
	// fit; then the fix is offered as an edit.
	Edits       []Replacement
	Confidence  float64 // 0 to 1
	Sessions    int     // in which it was seen to work
	EvidenceURL string
	Generated   bool // a language model had a part in it
}

// Replacement is one edit: Old, which must be in the file exactly once, becomes
// New.
type Replacement struct{ Old, New string }

// Experience is what was learned, as this package needs it. Its methods are
// called concurrently.
type Experience interface {
	// Known returns what is known of the files below root. It is called when
	// experience or roots change, never while an editor waits.
	Known(ctx context.Context, root string) []Fact
	// Fixes returns what fixed a problem like p before, the likeliest first. It
	// is on the path of a code action: it answers from memory.
	Fixes(ctx context.Context, p Problem) []Fix
	// Watch is like Proposals.Watch, for what Known returns.
	Watch() <-chan struct{}
}
