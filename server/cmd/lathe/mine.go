package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/mine"
	"lathe/server/intake"
)

// miner is one run of lathe mine.
type miner struct {
	*app
	format, support, detail string
	contrasts               bool
	level                   float64 // of error
	limits                  mine.Limits
	steps                   []string // by item, for recorded sessions
}

const mineLong = `Two questions about files, without a daemon.

WHAT IS FREQUENT? Prints the sequential patterns of a file in SPMF's output form:
each itemset followed by -1, then #SUP: and the number of sequences that have the
pattern. --format spmf reads sequences of itemsets of numbers (.gz too). Any other
format reads recorded sessions as lathe import does: a sequence is a task, or a
session where no task is named; an item is a tool with what it does, in the detail
that --detail names; only closed patterns are told, unless --closed=false.

WHAT SEPARATES SUCCESS FROM FAILURE? --contrast takes one planned look at recorded
sessions. Each task's outcome is decided as the daemon decides it: what people
said, then a benchmark's verdict, then tests after the last edit; tasks of unknown
outcome are left out. Patterns of steps at three levels of detail, and a fixed
list of habits ("run or test after every edit"), are chosen without a look at any
outcome. Each is tested within strata, the tasks of one project and kind of
problem, so that an easy project proves nothing: the exact conditional test,
one-sided; what could not reach the level whatever the outcomes is left out first
(Tarone), the rest is corrected (Benjamini and Hochberg). How to read a line:
  with it, without it  tasks that succeeded; without: in the same strata, and the
                       rate that the tasks with it would have without it
  odds                 success with it against without, common to the strata
                       (Mantel and Haenszel), with a 95 % interval
  p, q                 of it alone; corrected for all that was tested: the share
                       of chance findings among those with a q as small
  variants             patterns that say the same, told once
  when                 what its tasks have in common more often than all tasks
One look is valid once, for files that were chosen before. The daemon's proven
strategies (lathe strategy list) hold however often one looks.`

func (a *app) mineCmd() *cobra.Command {
	m := &miner{app: a}
	c := &cobra.Command{Use: "mine PATH...", Short: "Frequent patterns of files; what separates success from failure", Args: cobra.MinimumNArgs(1), Long: mineLong,
		Example: `  lathe mine --format spmf --min-support 0.001 --closed clicks.spmf.gz
  lathe mine --format events --min-support 0.2 --detail intent sessions/
  lathe mine --contrast sessions.tar.gz
  lathe mine --contrast --format openai-chat --level 0.1 --json runs.json`,
		RunE: func(cmd *cobra.Command, args []string) error { return m.start(cmd, args) }}
	f := c.Flags()
	f.StringVar(&m.format, "format", "", "spmf (the default), or of recorded sessions: "+strings.Join(intake.Formats(), ", ")+" (with --contrast found out)")
	f.BoolVar(&m.contrasts, "contrast", false, "tell what separates success from failure")
	f.Float64Var(&m.level, "level", 0.05, "with --contrast: expected share of chance among what is significant")
	f.StringVar(&m.detail, "detail", "skeleton", "of recorded sessions' steps: skeleton or intent")
	f.StringVar(&m.support, "min-support", "", "a share of the sequences below 1, or a count")
	f.BoolVar(&m.limits.Closed, "closed", false, "only patterns without a longer one of the same support (recorded sessions: true)")
	f.IntVar(&m.limits.MaxLength, "max-length", 0, "items of a pattern; 0 for any (recorded sessions: 6)")
	f.IntVar(&m.limits.MaxGap, "max-gap", mine.Unlimited, "items between two neighbours; -1 for any (recorded sessions: 2)")
	f.IntVar(&m.limits.MaxPatterns, "max-patterns", 20_000_000, "stop beyond so many, of which each takes about 30 bytes of memory; 0 for no bound")
	f.IntVar(&m.limits.Workers, "workers", 0, "processors to use; 0 for all")
	return c
}

// start looks at what the command line says.
func (m *miner) start(cmd *cobra.Command, paths []string) error {
	changed := cmd.Flags().Changed
	if m.contrasts {
		if m.format != "" && !slices.Contains(intake.Formats(), m.format) {
			return usagef("--contrast reads recorded sessions, and --format %q is none of %s", m.format, strings.Join(intake.Formats(), ", "))
		}
		for _, f := range []string{"min-support", "closed", "max-length", "max-gap", "max-patterns", "workers", "detail"} {
			if changed(f) {
				return usagef("--%s has no part in --contrast, whose hypotheses are fixed in advance", f)
			}
		}
		return m.contrast(cmd.Context(), paths)
	}
	switch {
	case changed("level"):
		return usagef("--level goes with --contrast")
	case m.format == "":
		m.format = "spmf"
	case m.format != "spmf" && !slices.Contains(intake.Formats(), m.format):
		return usagef("--format %q: there are spmf and %s", m.format, strings.Join(intake.Formats(), ", "))
	}
	if m.detail != "skeleton" && m.detail != "intent" {
		return usagef("--detail %q: there are skeleton and intent", m.detail)
	}
	if m.format == "spmf" && len(paths) > 1 {
		return usagef("--format spmf reads one file")
	}
	if m.format != "spmf" {
		if !changed("max-gap") {
			m.limits.MaxGap = 2
		}
		if !changed("max-length") {
			m.limits.MaxLength = 6
		}
		if !changed("closed") {
			m.limits.Closed = true
		}
	}
	return m.run(cmd.Context(), paths)
}

func (m *miner) run(ctx context.Context, paths []string) error {
	path := strings.Join(paths, ", ")
	x, err := strconv.ParseFloat(m.support, 64)
	if err != nil || !(x > 0 && x <= 1<<31) || x > 1 && x != math.Trunc(x) {
		return usagef("--min-support %q is neither a share below 1 nor a count", m.support)
	}
	if m.limits.MaxLength < 0 || m.limits.MaxPatterns < 0 || m.limits.Workers < 0 || m.limits.MaxGap < mine.Unlimited {
		return usagef("--max-length, --max-patterns and --workers are not negative, --max-gap is not below -1")
	}
	db, err := m.read(ctx, paths)
	if err != nil {
		return err
	}
	m.limits.MinSupport = db.MinSupport(x)
	found, err := m.search(ctx, db)
	if errors.Is(err, mine.ErrTooMany) {
		return fmt.Errorf("%s: more than %d patterns are in at least %d sequences: raise --min-support, set --max-length, or raise --max-patterns", path, m.limits.MaxPatterns, m.limits.MinSupport)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	fmt.Fprintf(m.errs, "%d patterns in %d sequences\n", found.Len(), db.Len())
	switch {
	case m.json:
		return m.printJSON(db, found)
	case m.format != "spmf":
		return m.printSteps(found)
	}
	return found.WriteSPMF(m.out)
}

func (m *miner) read(ctx context.Context, paths []string) (*mine.Database, error) {
	if m.format != "spmf" {
		return m.readSteps(ctx, paths)
	}
	path := paths[0]
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, usagef("%s is a folder, and --format spmf reads one file; recorded sessions are read with --format (%s) or --contrast", path, strings.Join(intake.Formats(), ", "))
	}
	in := bufio.NewReader(f)
	var plain io.Reader = in
	if head, err := in.Peek(2); err == nil && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("%s: read gzip: %w", path, err)
		}
		plain = z
	}
	db, err := mine.ReadSPMF(plain)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("%s: the gzip file ends in the middle: it was cut off; copy it again", path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return db, nil
}

// search mines, and tells after some seconds how far it is.
func (m *miner) search(ctx context.Context, db *mine.Database) (*mine.Result, error) {
	var found atomic.Int64
	m.limits.Found = &found
	done := make(chan struct{})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(5 * time.Second)
		defer tick.Stop()
		for began := time.Now(); ; {
			select {
			case <-done:
				return
			case <-tick.C:
				var mem runtime.MemStats
				runtime.ReadMemStats(&mem)
				fmt.Fprintf(m.errs, "%.0f s: %d patterns so far, %d MB\n", time.Since(began).Seconds(), found.Load(), mem.Sys>>20)
			}
		}
	}()
	r, err := db.Search(ctx, m.limits)
	close(done)
	<-gone
	return r, err
}

// taskSteps collects the steps of each task; it is a sink of an import.
type taskSteps struct {
	intents bool // not skeletons
	items   map[string]int32
	texts   []string
	order   []string
	steps   map[string][]int32
}

// Accept implements intake.Sink.
func (t *taskSteps) Accept(_ context.Context, recs []learn.Record) (intake.Receipt, error) {
	for _, r := range recs {
		if r.Action == nil {
			continue
		}
		a := action.Parse(r.Action)
		text := clean(a.Tool + " " + a.Skeleton)
		if t.intents {
			text = clean(a.Tool + " " + string(a.Intent))
		}
		item, ok := t.items[text]
		if !ok {
			item = int32(len(t.texts))
			t.items[text], t.texts = item, append(t.texts, text)
		}
		key := r.Action.ProjectID + "\x00" + r.Action.TaskID
		if r.Action.TaskID == "" {
			key = r.Action.ProjectID + "\x00\x00" + r.Action.SessionID
		}
		if t.steps[key] == nil {
			t.order = append(t.order, key)
		}
		t.steps[key] = append(t.steps[key], item)
	}
	return intake.Receipt{Accepted: len(recs)}, nil
}

func (m *miner) readSteps(ctx context.Context, paths []string) (*mine.Database, error) {
	t := &taskSteps{intents: m.detail == "intent", items: map[string]int32{}, steps: map[string][]int32{}}
	if err := m.readSessions(ctx, paths, t); err != nil {
		return nil, err
	}
	if len(t.order) == 0 {
		return nil, fmt.Errorf("%s: there are no calls in the format %s in it; name another with --format", strings.Join(paths, ", "), m.format)
	}
	m.steps = t.texts
	db := &mine.Database{}
	for _, key := range t.order {
		if err := db.Add(t.steps[key]); err != nil {
			return nil, err
		}
	}
	return db, nil
}

func (m *miner) printSteps(found *mine.Result) error {
	out := bufio.NewWriter(m.out)
	for p := range found.All {
		for _, it := range p.Items {
			out.WriteString(m.steps[it] + " -1 ") // Flush tells of errors
		}
		fmt.Fprintf(out, "#SUP: %d\n", p.Support)
	}
	return out.Flush()
}

// printJSON prints one document, a pattern at a time.
func (m *miner) printJSON(db *mine.Database, found *mine.Result) error {
	out := bufio.NewWriter(m.out)
	fmt.Fprintf(out, `{"sequences": %d, "min_support": %d, "closed": %v, "patterns": [`, db.Len(), m.limits.MinSupport, m.limits.Closed)
	separator := "\n"
	for p := range found.All {
		doc := struct {
			Itemsets [][]int32 `json:"itemsets,omitempty"`
			Steps    []string  `json:"steps,omitempty"`
			Support  int       `json:"support"`
		}{Support: p.Support}
		if m.steps == nil {
			doc.Itemsets = p.Itemsets()
		} else {
			for _, it := range p.Items {
				doc.Steps = append(doc.Steps, m.steps[it])
			}
		}
		b, err := json.Marshal(doc)
		if err != nil {
			return err
		}
		out.WriteString(separator + "  " + string(b))
		separator = ",\n"
	}
	out.WriteString("\n]}\n")
	return out.Flush()
}
