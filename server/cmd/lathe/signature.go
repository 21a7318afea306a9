package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"lathe/learn/signature"
)

const (
	defaultLookAhead = 4096     // lines judged together at most
	maxLogLine       = 64 << 10 // bytes of a line that are read
)

// signatureOptions are the command's flags.
type signatureOptions struct {
	online    bool
	format    string
	lookAhead int
	templates int
}

func (a *app) signatureCmd() *cobra.Command {
	var opt signatureOptions
	c := &cobra.Command{Use: "signature", Short: "Error texts, one a line, on stdin: prints signature id and template a line",
		Long: fmt.Sprintf(`Reads one text a line and prints its signature's id, a tab and its template,
one line for each line and in the same order.

Without --online each line is taken for the output of a failing command: the
pattern library names it, and what no pattern takes is grouped by templates.

With --online lines of any log are grouped by templates that are mined as the
lines come, in one pass. A template keeps its id when it generalises, and an id
comes from the first line of its group, so that it is the same tomorrow.
One line alone does not show which of its words vary, so up to %d lines are
judged together; they are answered when so many wait, when the input ends, or
when none came for %v, and after a second at most. --lookahead 0 answers each line at once, and then may
give one group several ids before it knows better.
At most --templates templates are held. Above that the tenth that was unseen
longest is forgotten; one that comes back as it first came gets its id again.

--format jsonl reads {"text": ...} or {"message": ...} a line and prints
{"id": ..., "template": ..., "class": ...} a line, or {"error": ...} for a line
that is no such object; it then ends with exit code 1. --json prints one document:
{"lines": [{"id", "template", "class"}, ...], "count": of lines}. A class is what
the failure is called whatever tool printed it, such as module-not-found; it is
left out where the library knows none.`, defaultLookAhead, idle),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opt.format != "lines" && opt.format != "jsonl" {
				return usagef("--format %q: lines or jsonl", opt.format)
			}
			if opt.lookAhead < 0 || opt.lookAhead > 1<<20 || opt.templates < 1 || opt.templates > 1<<20 {
				return usagef("--lookahead is 0 to %d, --templates 1 to %d", 1<<20, 1<<20)
			}
			return a.signature(cmd.Context(), opt)
		}}
	f := c.Flags()
	f.BoolVar(&opt.online, "online", false, "mine templates as the lines come")
	f.StringVar(&opt.format, "format", "lines", "of input and output: lines or jsonl")
	f.IntVar(&opt.lookAhead, "lookahead", defaultLookAhead, "with --online: lines judged together at most, 0 for none")
	f.IntVar(&opt.templates, "templates", signature.DefaultMaxTemplates, "with --online: templates held at most")
	return c
}

// grouper names lines: pending ones when it is flushed, in order.
type grouper interface {
	Add(line []byte)
	Pending() int
	Flush(each func(id, template, class string))
}

func (a *app) signature(ctx context.Context, opt signatureOptions) error {
	var g grouper = &onlineGrouper{signature.NewOnline(opt.templates, opt.lookAhead > 0)}
	if !opt.online {
		sigs, err := signature.New()
		if err != nil {
			return err
		}
		g, opt.lookAhead = &libraryGrouper{sigs: sigs}, defaultLookAhead // of what was read at once
	}
	a.printed = a.json // each line has its answer
	w := newSignatureWriter(a.out, opt.format, a.json)
	q := &answers{grouper: g, w: w}
	in := &lineFeed{limit: maxLogLine, prompt: !opt.online || opt.lookAhead == 0}
	add := func(line []byte) error {
		var err error
		if opt.format == "jsonl" {
			line, err = jsonText(line, in.number)
		}
		if err != nil {
			q.refuse(err)
		} else {
			g.Add(line)
		}
		if q.waiting() > opt.lookAhead {
			q.flush()
		}
		return nil
	}
	err := in.each(ctx, a.in, add, func() error { q.flush(); return w.out.Flush() })
	q.flush()
	err = errors.Join(err, w.close())
	if err == nil && w.refused > 0 {
		err = fmt.Errorf("%d of %d lines could not be read; leave --format jsonl out for plain lines", w.refused, w.lines)
	}
	return err
}

// answers gives every line its answer, in the order of the lines: those that
// the grouper names, and those that were refused.
type answers struct {
	grouper
	w   *signatureWriter
	bad []refusal
}

// refusal is a line that could not be read, behind some that wait for a name.
type refusal struct {
	after int
	err   error
}

func (q *answers) refuse(err error) { q.bad = append(q.bad, refusal{q.Pending(), err}) }

func (q *answers) waiting() int { return q.Pending() + len(q.bad) }

func (q *answers) flush() {
	named, k := 0, 0
	refused := func() {
		for ; k < len(q.bad) && q.bad[k].after == named; k++ {
			q.w.refuse(q.bad[k].err)
		}
	}
	refused()
	q.Flush(func(id, template, class string) {
		q.w.write(id, template, class)
		named++
		refused()
	})
	q.bad = q.bad[:0]
}

// onlineGrouper names lines by templates alone, which have no class.
type onlineGrouper struct{ *signature.Online }

func (g *onlineGrouper) Flush(each func(id, template, class string)) {
	g.Online.Flush(func(id, template string) { each(id, template, "") })
}

// libraryGrouper names lines by the pattern library, then by templates.
type libraryGrouper struct {
	sigs  *signature.Analyser
	lines []string
}

func (g *libraryGrouper) Add(line []byte) { g.lines = append(g.lines, string(line)) }

func (g *libraryGrouper) Pending() int { return len(g.lines) }

func (g *libraryGrouper) Flush(each func(id, template, class string)) {
	g.sigs.LearnLines(g.lines, each)
	g.lines = g.lines[:0]
}

// jsonText is the text of a JSON line.
func jsonText(line []byte, number int) ([]byte, error) {
	var doc struct{ Text, Message *string }
	err := json.Unmarshal(line, &doc)
	switch {
	case err != nil:
		return nil, fmt.Errorf("line %d of the input is not a JSON object: %w", number, err)
	case doc.Text != nil:
		return []byte(*doc.Text), nil
	case doc.Message != nil:
		return []byte(*doc.Message), nil
	}
	return nil, fmt.Errorf("line %d of the input has neither text nor message", number)
}

// signatureWriter prints what lines are called, in one of three forms.
type signatureWriter struct {
	out     *bufio.Writer
	json    bool // one document
	jsonl   bool
	lines   int
	refused int // of the lines
}

func newSignatureWriter(w io.Writer, format string, document bool) *signatureWriter {
	return &signatureWriter{out: bufio.NewWriterSize(w, 256<<10), json: document, jsonl: format == "jsonl"}
}

// write prints one line's. An error of the output shows up in close.
func (w *signatureWriter) write(id, template, class string) {
	w.lines++
	if !w.json && !w.jsonl {
		w.out.WriteString(id)
		w.out.WriteByte('\t')
		w.out.WriteString(template)
		w.out.WriteByte('\n')
		return
	}
	w.object(struct {
		ID       string `json:"id"`
		Template string `json:"template"`
		Class    string `json:"class,omitempty"`
	}{id, template, class})
}

// refuse answers a line that could not be read.
func (w *signatureWriter) refuse(err error) {
	w.lines++
	w.refused++
	w.object(struct {
		Error string `json:"error"`
	}{err.Error()})
}

func (w *signatureWriter) object(v any) {
	if w.json && w.lines == 1 {
		w.out.WriteString("{\"lines\":[\n")
	} else if w.json {
		w.out.WriteByte(',')
	}
	enc := json.NewEncoder(w.out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // of strings; an error of the output shows up in close
}

func (w *signatureWriter) close() error {
	if w.json {
		if w.lines == 0 {
			w.out.WriteString("{\"lines\":[")
		}
		fmt.Fprintf(w.out, "],\"count\":%d}\n", w.lines)
	}
	return w.out.Flush()
}
