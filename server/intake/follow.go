package intake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Source is a file or folder with recordings of a format.
type Source struct{ Format, Path string }

// FollowOptions say what to follow. Zero fields take the defaults.
type FollowOptions struct {
	Sources   []Source
	ProjectID string // as in ImportOptions
	// Told, when set, is called when what lay there at the start is taken in,
	// and from then on after each round that brought records.
	Told    func(Summary)
	Archive ArchiveLimits
	// Poll is how often everything is looked at, for what the file system did
	// not tell; default 30 s, or 2 s where it tells nothing.
	Poll time.Duration
	// Idle is how long a file that does not grow is kept open; default 1 h.
	// After it, its sessions count as ended, until more is written.
	Idle time.Duration
	Now  func() time.Time // default time.Now
	// Cursors, when set, keep how far everything was taken in.
	Cursors *Cursors
}

// settle is how long writes are gathered before they are read.
const settle = 100 * time.Millisecond

// FollowFormats lists the formats that Follow knows: those whose recordings
// are written while a session runs and whose records have identities that do
// not depend on what comes later.
func FollowFormats() []string { return []string{"claude-code", "codex", "events", "gemini", "ocode"} }

// Follow takes in what lies in the sources and then what is written there,
// until ctx ends, which is no error. A line is read when its end is there, and
// once; a file that was replaced or cut is read from its start. Records carry
// their identity, so what was taken in before, by Follow or otherwise, adds
// nothing. A document that is written anew is read anew. With Cursors a later
// Follow goes on where this one was: what did not change is not read again, and
// of what did, only what is new is sent.
//
// Compressed files and archives are left to Import.
func Follow(ctx context.Context, o FollowOptions, sink Sink) (Summary, error) {
	f, err := newFollower(o, sink)
	if err != nil {
		return Summary{}, err
	}
	w, err := fsnotify.NewWatcher()
	if err == nil {
		f.watcher = w
		defer w.Close()
	}
	err = f.run(ctx)
	f.out.summary.Sessions = len(f.out.sessions)
	return f.out.summary, err
}

// follower is the state of Follow. One goroutine uses it.
type follower struct {
	o       FollowOptions
	out     *emitter
	watcher *fsnotify.Watcher // nil where there is none
	blind   bool              // not everything is told
	sources []following
	files   map[string]*followed
	dirty   map[string]bool
	opened  int // of the files
	told    int // records, at the last call of Told
	started bool
	unsaved bool // something moved since the cursors were kept
	saved   time.Time
	warned  bool // that they cannot be kept
}

// following is a source with its parser.
type following struct {
	Source
	parser parser
	file   bool // it is a single file
}

func newFollower(o FollowOptions, sink Sink) (*follower, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Idle <= 0 {
		o.Idle = time.Hour
	}
	f := &follower{o: o, files: map[string]*followed{}, dirty: map[string]bool{},
		out: &emitter{options: ImportOptions{ProjectID: o.ProjectID}, sink: sink, sessions: map[string]struct{}{}}}
	if len(o.Sources) == 0 {
		return nil, errors.New("nothing to follow: name a format and a folder")
	}
	for _, s := range o.Sources {
		if !slices.Contains(FollowFormats(), s.Format) {
			return nil, fmt.Errorf("format %q cannot be followed: there are %s; import it when the session has ended", s.Format, strings.Join(FollowFormats(), ", "))
		}
		info, err := os.Stat(s.Path)
		if err != nil {
			return nil, fmt.Errorf("follow %s: %w: check the path", s.Path, err)
		}
		if !info.IsDir() && !info.Mode().IsRegular() {
			return nil, fmt.Errorf("follow %s: %w", s.Path, errIrregular)
		}
		if s.Path, err = filepath.Abs(s.Path); err == nil {
			s.Path, err = filepath.EvalSymlinks(s.Path)
		}
		if err != nil {
			return nil, fmt.Errorf("follow %s: %w", s.Path, err)
		}
		p, err := newParser(s.Format)
		if err != nil {
			return nil, err
		}
		f.sources = append(f.sources, following{s, p, !info.IsDir()})
	}
	return f, nil
}

func (f *follower) run(ctx context.Context) error {
	err := f.round(ctx, true)
	poll := f.o.Poll
	if poll <= 0 {
		if poll = 30 * time.Second; f.blind || f.watcher == nil {
			poll = 2 * time.Second
		}
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	gather := time.NewTimer(0)
	defer gather.Stop()
	<-gather.C
	var events chan fsnotify.Event // nil where there is no watcher
	var problems chan error
	if f.watcher != nil {
		events, problems = f.watcher.Events, f.watcher.Errors
	}
	for err == nil && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case e := <-events:
			if len(f.dirty) == 0 {
				gather.Reset(settle)
			}
			f.dirty[e.Name] = true
		case <-problems: // some events were lost
			err = f.round(ctx, true)
		case <-gather.C:
			err = f.round(ctx, false)
		case <-tick.C:
			err = f.round(ctx, true)
		}
	}
	return f.end(ctx, err)
}

// end closes what is open. What ctx broke off is said again.
func (f *follower) end(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		for _, w := range f.files {
			w.leave()
		}
		return err
	}
	rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	var problems []error
	for _, name := range sortedKeys(f.files) {
		problems = append(problems, f.files[name].close(rest))
	}
	if err := errors.Join(append(problems, f.out.flush(rest))...); err != nil {
		return err
	}
	f.keep(rest, true)
	return nil
}

// keep notes how far everything is durable, from time to time or now.
func (f *follower) keep(ctx context.Context, now bool) {
	if f.o.Cursors == nil || !f.unsaved || !now && f.o.Now().Sub(f.saved) < keepEvery {
		return
	}
	f.unsaved, f.saved = false, f.o.Now()
	for name, w := range f.files {
		f.o.Cursors.set(w.source.Format, name, w.at())
	}
	if err := f.o.Cursors.save(ctx); err != nil && !f.warned {
		f.warned = true // only the next start takes longer
		f.out.malformed(f.o.Cursors.path, 0, "where this stands cannot be kept: "+err.Error())
	}
}

// round reads what changed; all says to look at everything.
func (f *follower) round(ctx context.Context, all bool) error {
	changed := f.dirty
	f.dirty = map[string]bool{}
	if all {
		for i := range f.sources {
			f.scan(f.sources[i].Path, changed)
		}
		for name := range f.files { // some may be gone
			changed[name] = true
		}
	}
	for _, name := range f.oldestFirst(changed) {
		err := f.look(ctx, name)
		if err == nil && f.opened > maxFollowed {
			err = f.retire(ctx)
		}
		if err != nil {
			return err
		}
	}
	if err := f.retire(ctx); err != nil {
		return err
	}
	if err := f.out.flush(ctx); err != nil {
		return err
	}
	f.keep(ctx, all)
	if n := f.out.summary.Records + f.out.summary.Rejected; f.o.Told != nil && (n != f.told || !f.started) {
		f.told, f.started = n, true
		f.out.summary.Sessions = len(f.out.sessions)
		f.o.Told(f.out.summary)
	}
	return nil
}

// scan watches a folder and those in it, and marks their files.
func (f *follower) scan(root string, changed map[string]bool) {
	_ = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil: // it is gone, or another user's
		case d.IsDir():
			f.watch(name)
		case d.Type().IsRegular():
			changed[name] = true
			if name == root {
				f.watch(filepath.Dir(name))
			}
		}
		return nil
	})
}

func (f *follower) watch(dir string) {
	if f.watcher != nil && f.watcher.Add(dir) != nil {
		f.blind = true // as when there are too many
	}
}

// oldestFirst orders changed names by when they were written, so that sessions
// come in the order in which they happened.
func (f *follower) oldestFirst(changed map[string]bool) []string {
	at := map[string]time.Time{}
	names := sortedKeys(changed)
	for _, name := range names {
		if info, err := os.Lstat(name); err == nil {
			at[name] = info.ModTime()
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return at[a].Compare(at[b]) })
	return names
}

// source is where a file belongs; nil for one that is not wanted.
func (f *follower) source(name string) *following {
	for i := range f.sources {
		s := &f.sources[i]
		if s.file && name == s.Path {
			return s
		}
		if rel, err := filepath.Rel(s.Path, name); err == nil && !s.file && filepath.IsLocal(rel) && s.parser.wants(name) && hasExt(name, ".jsonl", ".ndjson", ".json") {
			return s
		}
	}
	return nil
}

// look reads on in a file, or goes into a folder that is new.
func (f *follower) look(ctx context.Context, name string) error {
	known := f.files[name]
	info, err := os.Lstat(name)
	switch {
	case err != nil || !info.IsDir() && !info.Mode().IsRegular():
		if known == nil {
			return nil
		}
		delete(f.files, name)
		f.o.Cursors.set(known.source.Format, name, nil)
		f.unsaved = true
		return errors.Join(known.read(ctx), known.close(ctx))
	case info.IsDir():
		inside := map[string]bool{}
		f.scan(name, inside)
		delete(inside, name)
		for _, file := range f.oldestFirst(inside) {
			if err := f.look(ctx, file); err != nil {
				return err
			}
		}
		return nil
	}
	if known == nil {
		s := f.source(name)
		if s == nil {
			return nil
		}
		known = &followed{follower: f, source: s, name: name}
		if known.cursor = f.o.Cursors.of(s.Format, name); known.cursor != nil && !known.cursor.Open && known.cursor.unchanged(info) {
			known.info = info
		}
		f.files[name] = known
	}
	return known.changed(ctx, info)
}
