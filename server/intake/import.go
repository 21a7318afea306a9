package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lathe/learn"
)

// Sink takes the records of an import. Accept returns when they are durable.
type Sink interface {
	Accept(ctx context.Context, recs []learn.Record) (Receipt, error)
}

// Receipt says what became of a batch.
type Receipt struct {
	Accepted   int         `json:"accepted"`
	Duplicates int         `json:"duplicates"`
	Rejected   []Rejection `json:"rejected,omitempty"`
}

// ImportOptions say what to import.
type ImportOptions struct {
	Format string   // one of Formats
	Paths  []string // files, folders, .tar, .tar.gz, .tgz, .zip, .gz
	// ProjectID, when set, is the project of every record; otherwise the
	// recording says, or its path.
	ProjectID string
	// Progress, when set, is called after each batch and file, never
	// concurrently.
	Progress func(Progress)
	// Archive bounds what is read; zero fields take the defaults.
	Archive ArchiveLimits
}

// Progress is how far an import has come. Bytes counts what was read of the
// named files as they lie on disk.
type Progress struct {
	File       string `json:"file"`
	Bytes      int64  `json:"bytes"`
	TotalBytes int64  `json:"total_bytes"`
	Sessions   int    `json:"sessions"`
	Records    int    `json:"records"`
}

// Malformed is a line or entry that could not be read, or a record that the
// sink refused. Line is 0 when the whole entry is meant.
type Malformed struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Reason string `json:"reason"`
}

func (m Malformed) String() string {
	if m.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", m.File, m.Line, m.Reason)
	}
	return m.File + ": " + m.Reason
}

// Summary is the result of an import.
type Summary struct {
	Files      int `json:"files"`    // files and archive entries of the format
	Sessions   int `json:"sessions"` // distinct
	Calls      int `json:"calls"`    // ActionOutcomes read
	Records    int `json:"records"`  // ActionOutcomes and TaskRecords read
	Accepted   int `json:"accepted"`
	Duplicates int `json:"duplicates"`
	Rejected   int `json:"rejected"` // malformed lines, entries and records
	// Problems names the first of the rejected.
	Problems []Malformed `json:"problems,omitempty"`
}

const (
	batchRecords = 256
	batchBytes   = 4 << 20
)

// MaxProblems bounds Summary.Problems.
const MaxProblems = 100

// Formats lists the formats that Import knows.
func Formats() []string {
	return []string{"claude-code", "codex", "events", "gemini", "mini-swe-agent", "ocode", "openai-chat", "opencode", "swe-agent"}
}

// parser turns the entries of one path into records. It is used for one path
// only, by one goroutine.
type parser interface {
	// wants reports whether an entry found in a folder or archive is for this
	// format, by its name. A file named by the user is always tried.
	wants(name string) bool
	// entry reads one entry. A malformed part is reported to out and skipped;
	// an error ends the import.
	entry(ctx context.Context, e *entry, out *emitter) error
	// finish is called after the last entry.
	finish(ctx context.Context, out *emitter) error
}

func newParser(format string) (parser, error) {
	switch format {
	case "claude-code":
		return &claudeCode{}, nil
	case "codex":
		return &codex{}, nil
	case "gemini":
		return &gemini{}, nil
	case "ocode":
		return &ocode{}, nil
	case "opencode":
		return &opencode{}, nil
	case "events":
		return &events{}, nil
	case "mini-swe-agent":
		return newMiniSWE(), nil
	case "openai-chat":
		return &openAIChat{}, nil
	case "swe-agent":
		return &sweAgent{}, nil
	}
	return nil, fmt.Errorf("format %q is unknown: use one of %s", format, strings.Join(Formats(), ", "))
}

// Import reads recorded sessions into the sink. What can be read is imported;
// the error, when there is one, joins what could not: a path that is missing, a
// truncated archive, a sink that fails. The Summary is valid with an error too.
func Import(ctx context.Context, o ImportOptions, sink Sink) (Summary, error) {
	if _, err := newParser(o.Format); err != nil {
		return Summary{}, err
	}
	if len(o.Paths) == 0 {
		return Summary{}, errors.New("nothing to import: name a file, a folder or an archive")
	}
	out := &emitter{options: o, sink: sink, sessions: map[string]struct{}{}}
	out.total = totalSize(o.Paths)
	var problems []error
	for _, path := range o.Paths {
		p, err := newParser(o.Format)
		if err != nil {
			return out.summary, err
		}
		if err := importPath(ctx, path, p, out); err != nil {
			problems = append(problems, err)
			if ctx.Err() != nil || errors.As(err, new(*sinkError)) {
				break
			}
		}
	}
	out.summary.Sessions = len(out.sessions)
	return out.summary, errors.Join(problems...)
}

func importPath(ctx context.Context, path string, p parser, out *emitter) error {
	before, files := out.summary.Records, out.summary.Files
	err := walk(ctx, path, out.options.Archive.withDefaults(), p.wants, out, func(e *entry) error {
		out.file = e.name
		out.summary.Files++
		if err := p.entry(ctx, e, out); err != nil {
			return err
		}
		out.progress()
		return ctx.Err()
	})
	if errors.As(err, new(*sinkError)) || ctx.Err() != nil {
		return err
	}
	// A damaged archive does not spoil what was read before the damage.
	if ferr := p.finish(ctx, out); ferr != nil {
		return errors.Join(err, ferr)
	}
	if ferr := out.flush(ctx); ferr != nil {
		return errors.Join(err, ferr)
	}
	out.progress()
	if err == nil && out.summary.Files == files {
		return fmt.Errorf("%s holds nothing that looks like %s: check the format and the path", path, out.options.Format)
	}
	if err == nil && out.summary.Records == before {
		return fmt.Errorf("%s: no session of format %s could be read%s", path, out.options.Format, out.firstProblem())
	}
	return err
}

// sinkError is a failure behind the import: going on makes no sense.
type sinkError struct{ err error }

func (e *sinkError) Error() string { return "store the records: " + e.err.Error() }
func (e *sinkError) Unwrap() error { return e.err }

// place is where a record was read.
type place struct {
	file string
	line int
}

// emitter collects records into batches and counts.
type emitter struct {
	options  ImportOptions
	sink     Sink
	batch    []learn.Record
	places   []place
	bytes    int
	sessions map[string]struct{}
	summary  Summary
	file     string
	read     int64
	total    int64
	// muted: what is read was taken in before; it only brings a transcript to
	// where it was.
	muted bool
}

// action emits a call; line is where it stands, 0 when lines do not matter.
func (o *emitter) action(ctx context.Context, a *learn.ActionOutcome, file string, line int) error {
	if o.options.ProjectID != "" {
		a.ProjectID = o.options.ProjectID
	}
	if a.Source == "" {
		a.Source = learn.SourceImport
	}
	if o.muted {
		return ctx.Err()
	}
	o.summary.Calls++
	size := len(a.ToolParameters) + len(a.ToolOutput.Stdout) + len(a.ToolOutput.Stderr) + len(a.ToolOutput.Content)
	return o.emit(ctx, learn.Record{Action: a}, a.SessionID, size, place{file, line})
}

func (o *emitter) task(ctx context.Context, t *learn.TaskRecord, file string, line int) error {
	if o.options.ProjectID != "" {
		t.ProjectID = o.options.ProjectID
	}
	if t.ID == "" {
		t.ID = TaskRecordID(t)
	}
	return o.emit(ctx, learn.Record{Task: t}, t.SessionID, len(t.Prompt)+len(t.Feedback), place{file, line})
}

func (o *emitter) emit(ctx context.Context, rec learn.Record, session string, size int, at place) error {
	if o.muted {
		return ctx.Err()
	}
	if session != "" {
		o.sessions[session] = struct{}{}
	}
	o.summary.Records++
	o.batch = append(o.batch, rec)
	o.places = append(o.places, at)
	o.bytes += size
	if len(o.batch) < batchRecords && o.bytes < batchBytes {
		return nil
	}
	if err := o.flush(ctx); err != nil {
		return err
	}
	o.progress()
	return ctx.Err()
}

func (o *emitter) flush(ctx context.Context) error {
	if len(o.batch) == 0 {
		return nil
	}
	receipt, err := o.sink.Accept(ctx, o.batch)
	if err != nil {
		return &sinkError{err}
	}
	o.summary.Accepted += receipt.Accepted
	o.summary.Duplicates += receipt.Duplicates
	for _, r := range receipt.Rejected {
		at := place{file: o.file}
		if r.Index >= 0 && r.Index < len(o.places) {
			at = o.places[r.Index]
		}
		o.malformed(at.file, at.line, r.Reason)
	}
	// The sink may keep what it was given: the next batch is a new one.
	o.batch, o.places, o.bytes = nil, o.places[:0], 0
	return nil
}

// malformed counts and names what could not be taken.
func (o *emitter) malformed(file string, line int, reason string) {
	if o.muted {
		return
	}
	o.summary.Rejected++
	if len(o.summary.Problems) < MaxProblems {
		o.summary.Problems = append(o.summary.Problems, Malformed{File: file, Line: line, Reason: reason})
	}
}

func (o *emitter) firstProblem() string {
	i := slices.IndexFunc(o.summary.Problems, func(m Malformed) bool { return m.File == o.file })
	if i < 0 {
		return ": check the format"
	}
	return ": " + o.summary.Problems[i].String()
}

func (o *emitter) progress() {
	if o.options.Progress == nil {
		return
	}
	o.options.Progress(Progress{
		File: o.file, Bytes: o.read, TotalBytes: o.total,
		Sessions: len(o.sessions), Records: o.summary.Records,
	})
}
