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
	"strconv"
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
	format, support string
	limits          mine.Limits
	steps           []string // by item, for events
}

func (a *app) mineCmd() *cobra.Command {
	m := &miner{app: a}
	c := &cobra.Command{Use: "mine --format spmf|events --min-support X [--closed] FILE", Short: "Frequent sequential patterns of a file", Args: cobra.ExactArgs(1),
		Long: `Prints the sequential patterns of a file in SPMF's output form: each itemset
followed by -1, then #SUP: and the number of sequences that have the pattern.

Formats: spmf, sequences of itemsets of numbers (.gz is read too); events,
recorded actions of agents as lathe import events reads them: a sequence is a
task, or a session where no task is named; an item is a tool with what it does.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if m.format != "spmf" && m.format != "events" {
				return usagef("--format %q: there are spmf and events", m.format)
			}
			if m.format == "events" && !cmd.Flags().Changed("max-gap") {
				m.limits.MaxGap = 2
			}
			if m.format == "events" && !cmd.Flags().Changed("max-length") {
				m.limits.MaxLength = 6
			}
			return m.run(cmd.Context(), args[0])
		}}
	f := c.Flags()
	f.StringVar(&m.format, "format", "spmf", "spmf or events")
	f.StringVar(&m.support, "min-support", "", "a share of the sequences below 1, or a count")
	f.BoolVar(&m.limits.Closed, "closed", false, "only patterns without a longer one of the same support")
	f.IntVar(&m.limits.MaxLength, "max-length", 0, "items of a pattern; 0 for any (events: 6)")
	f.IntVar(&m.limits.MaxGap, "max-gap", mine.Unlimited, "items between two neighbours; -1 for any (events: 2)")
	f.IntVar(&m.limits.MaxPatterns, "max-patterns", 20_000_000, "stop beyond so many, of which each takes about 30 bytes of memory; 0 for no bound")
	f.IntVar(&m.limits.Workers, "workers", 0, "processors to use; 0 for all")
	return c
}

func (m *miner) run(ctx context.Context, path string) error {
	x, err := strconv.ParseFloat(m.support, 64)
	if err != nil || !(x > 0 && x <= 1<<31) || x > 1 && x != math.Trunc(x) {
		return usagef("--min-support %q is neither a share below 1 nor a count", m.support)
	}
	if m.limits.MaxLength < 0 || m.limits.MaxPatterns < 0 || m.limits.Workers < 0 || m.limits.MaxGap < mine.Unlimited {
		return usagef("--max-length, --max-patterns and --workers are not negative, --max-gap is not below -1")
	}
	db, err := m.read(ctx, path)
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
	case m.format == "events":
		return m.printSteps(found)
	}
	return found.WriteSPMF(m.out)
}

func (m *miner) read(ctx context.Context, path string) (*mine.Database, error) {
	if m.format == "events" {
		return m.readEvents(ctx, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
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
	items map[string]int32
	texts []string
	order []string
	steps map[string][]int32
}

// Accept implements intake.Sink.
func (t *taskSteps) Accept(_ context.Context, recs []learn.Record) (intake.Receipt, error) {
	for _, r := range recs {
		if r.Action == nil {
			continue
		}
		a := action.Parse(r.Action)
		text := clean(a.Tool + " " + a.Skeleton)
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

func (m *miner) readEvents(ctx context.Context, path string) (*mine.Database, error) {
	t := &taskSteps{items: map[string]int32{}, steps: map[string][]int32{}}
	s, err := intake.Import(ctx, intake.ImportOptions{Format: "events", Paths: []string{path}}, t)
	if err != nil {
		return nil, err
	}
	m.app.reportImport(s)
	if len(t.order) == 0 {
		return nil, fmt.Errorf("%s: there are no events in it: each line is an ActionOutcome as JSON", path)
	}
	m.steps = t.texts
	db := &mine.Database{}
	for _, key := range t.order {
		if err := db.Add(t.steps[key]); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
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
