package codegraph

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// WatchOptions tune Watch. Zero fields take the defaults.
type WatchOptions struct {
	Quiet      time.Duration // without changes before they are read; 0 is 200 ms
	Poll       time.Duration // between two looks where watching is not possible; 0 is 30 s
	MaxWatches int           // folders; the system's number is shared by all programs; 0 is 4,096, less than none polls
	After      func(Changes) // is told of each update
}

// maxSingly is how many changed files are read one by one; of more the whole
// workspace is looked at.
const maxSingly = 200

// Watch keeps the graph up to date until ctx ends: by the system's
// notifications (fsnotify), or else by looking at the files' times now and
// then, see Watching for which and why. It returns nil when ctx ends, and an
// error when the graph was closed. It starts no goroutine that outlives it.
func (g *Graph) Watch(ctx context.Context, o WatchOptions) error {
	if o.Quiet <= 0 {
		o.Quiet = 200 * time.Millisecond
	}
	if o.Poll <= 0 {
		o.Poll = 30 * time.Second
	}
	if o.MaxWatches == 0 {
		o.MaxWatches = 4096
	}
	if o.After == nil {
		o.After = func(Changes) {}
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return g.poll(ctx, o, "the system gives no notifications: "+err.Error())
	}
	defer w.Close()
	v := &watcher{g: g, w: w, o: o}
	if err := v.cover(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return errors.Join(w.Close(), g.poll(ctx, o, err.Error()))
	}
	g.setWatching("notifications", "")
	return v.run(ctx)
}

// Watching says how the graph is kept up to date: "notifications", "polling"
// with the reason, or "" for not at all.
func (g *Graph) Watching() (how, why string) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.watching, g.watchingWhy
}

func (g *Graph) setWatching(how, why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.watching, g.watchingWhy = how, why
}

func (g *Graph) poll(ctx context.Context, o WatchOptions, why string) error {
	g.setWatching("polling", why)
	tick := time.NewTicker(o.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		c, err := g.Update(ctx)
		if errors.Is(err, ErrClosed) {
			return err
		}
		if err == nil {
			o.After(c)
		}
	}
}

type watcher struct {
	g       *Graph
	w       *fsnotify.Watcher
	o       WatchOptions
	pending map[string]bool // files, relative
	all     bool            // look at everything
}

// cover watches every folder that the graph looks into.
func (v *watcher) cover(ctx context.Context) error {
	var dirs []string
	var c Changes
	if err := v.g.walk(ctx, &c, func(name string) { dirs = append(dirs, name) }, func(string, fs.FileInfo) {}); err != nil {
		return err
	}
	if len(dirs) > v.o.MaxWatches {
		return fmt.Errorf("the workspace has %d folders; at most %d are watched", len(dirs), v.o.MaxWatches)
	}
	for _, d := range dirs {
		if err := v.w.Add(filepath.Join(v.g.dir, filepath.FromSlash(d))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("watch a folder: %w", err)
		}
	}
	return nil
}

func (v *watcher) run(ctx context.Context) error {
	v.pending = map[string]bool{}
	quiet := time.NewTimer(time.Hour)
	quiet.Stop()
	defer quiet.Stop()
	v.all = true // what changed before the folders were watched
	quiet.Reset(0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-v.w.Events:
			if v.note(e) {
				quiet.Reset(v.o.Quiet)
			}
		case <-v.w.Errors: // mostly: more happened than the system could tell
			v.all = true
			quiet.Reset(v.o.Quiet)
		case <-quiet.C:
			if err := v.flush(ctx); err != nil && ctx.Err() == nil {
				if errors.Is(err, ErrClosed) {
					return err
				}
				return errors.Join(v.w.Close(), v.g.poll(ctx, v.o, err.Error()))
			}
		}
	}
}

// note remembers what an event is about, and reports whether it matters.
func (v *watcher) note(e fsnotify.Event) bool {
	rel, err := filepath.Rel(v.g.dir, e.Name)
	if err != nil || rel == "." || strings.HasPrefix(rel, "..") || e.Op == fsnotify.Chmod {
		return false
	}
	name := filepath.ToSlash(rel)
	switch {
	case path.Base(name) == ".gitignore":
		v.all = true
	case languageOf(name) != "" || isManifest(name):
		if len(v.pending) > maxSingly {
			v.all = true
		}
		v.pending[name] = true
	case path.Ext(name) == "" || e.Has(fsnotify.Create): // maybe a folder
		if skippedFolder(path.Base(name)) {
			return false
		}
		info, err := v.g.root.Lstat(name)
		if err == nil && !info.IsDir() {
			return false
		}
		v.all = true
	default:
		return false
	}
	return true
}

func (v *watcher) flush(ctx context.Context) error {
	pending, all := v.pending, v.all
	v.pending, v.all = map[string]bool{}, false
	if all {
		if err := v.cover(ctx); err != nil {
			return err
		}
		c, err := v.g.Update(ctx)
		if err == nil {
			v.o.After(c)
		}
		return err
	}
	var sum Changes
	for name := range pending {
		c, err := v.g.UpdateFile(ctx, name)
		if err != nil {
			return err
		}
		sum.Parsed, sum.Unchanged, sum.Removed = sum.Parsed+c.Parsed, sum.Unchanged+c.Unchanged, sum.Removed+c.Removed
		sum.Skipped, sum.Failed = sum.Skipped+c.Skipped, sum.Failed+c.Failed
	}
	v.o.After(sum)
	return nil
}
