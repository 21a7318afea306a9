package codegraph

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"strings"
	"sync"
)

func defaultWorkers() int { return max(1, min(4, runtime.GOMAXPROCS(0))) }

// job is a source file that is to be read.
type job struct {
	name  string
	stamp stamp
	old   *file
	got   *file
	err   error
}

// Update brings the graph up to the workspace as it is now: of a file that a
// stat says is unchanged nothing is read, of one whose content is unchanged
// nothing is parsed, missing ones are removed. A file that cannot be read
// keeps what was known of it.
func (g *Graph) Update(ctx context.Context) (Changes, error) {
	g.updating.Lock()
	defer g.updating.Unlock()
	if g.closed {
		return Changes{}, ErrClosed
	}
	var c Changes
	var jobs []*job
	seen := map[string]bool{}
	err := g.walk(ctx, &c, func(string) {}, func(name string, info fs.FileInfo) {
		seen[name] = true
		if isManifest(name) {
			g.takeManifest(name, info, &c)
		}
		if languageOf(name) == "" {
			return
		}
		old := g.files[name] // only Update writes, and it is this one
		if old != nil && old.stamp.same(info) {
			c.Unchanged++
			return
		}
		jobs = append(jobs, &job{name: name, stamp: g.stampOf(info), old: old})
	})
	if err != nil {
		return c, err
	}
	if err := g.readAll(ctx, jobs, &c); err != nil {
		return c, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for name := range g.files {
		if !seen[name] {
			g.changed(name, g.files[name], nil)
			g.drop(name)
			c.Removed++
		}
	}
	for name := range g.manifests {
		if !seen[name] {
			delete(g.manifests, name)
			g.feed.all, g.feed.names = true, true
			g.version++
		}
	}
	if c.Removed > 0 {
		g.version++
	}
	g.nameModules()
	for _, f := range g.files {
		if f.generated {
			c.Generated++
		}
	}
	g.last = c
	return c, nil
}

// readAll reads the jobs' files, several at a time, and enters them.
func (g *Graph) readAll(ctx context.Context, jobs []*job, c *Changes) error {
	workers := min(g.o.Workers, len(jobs))
	for len(g.readers) < workers {
		g.readers = append(g.readers, newParsers())
	}
	queue, done := make(chan *job), make(chan *job)
	var group sync.WaitGroup
	for _, p := range g.readers[:workers] {
		group.Go(func() {
			for j := range queue {
				j.got, j.err = g.facts(p, j.name, j.stamp, j.old)
				done <- j
			}
		})
	}
	go func() { // ends with the jobs
		for _, j := range jobs {
			if ctx.Err() != nil {
				break
			}
			queue <- j
		}
		close(queue)
		group.Wait()
		close(done)
	}()
	for j := range done {
		g.mu.Lock()
		g.enterFile(j, c)
		g.mu.Unlock()
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("codegraph: update: %w", err)
	}
	return nil
}

// enterFile takes over what was read.
func (g *Graph) enterFile(j *job, c *Changes) {
	switch {
	case j.err == errTooLarge:
		c.Skipped++
		if g.drop(j.name) {
			g.changed(j.name, j.old, nil)
		}
	case j.err != nil:
		c.Failed++
		return
	case j.old != nil && j.got.hash == j.old.hash:
		c.Unchanged++
		j.old.stamp = j.got.stamp // read under updating only
	default:
		c.Parsed++
		g.changed(j.name, j.old, j.got)
		g.drop(j.name)
		g.put(j.got)
	}
	g.version++
}

func (g *Graph) takeManifest(name string, info fs.FileInfo, c *Changes) {
	old, known := g.manifests[name]
	if known && old.stamp.same(info) {
		return
	}
	src, err := g.read(name)
	if err != nil {
		c.Failed++
		return
	}
	m := readManifest(name, src)
	m.stamp = g.stampOf(info)
	g.mu.Lock()
	g.manifests[name] = m
	g.version++
	g.feed.all, g.feed.names = true, true
	g.mu.Unlock()
}

// UpdateFile reads one file anew: name is slash-separated and relative to the
// workspace. A file that is gone, or not a regular source file, is removed.
func (g *Graph) UpdateFile(ctx context.Context, name string) (Changes, error) {
	g.updating.Lock()
	defer g.updating.Unlock()
	var c Changes
	if g.closed {
		return c, ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return c, fmt.Errorf("codegraph: update %s: %w", name, err)
	}
	if !fs.ValidPath(name) || languageOf(name) == "" && !isManifest(name) {
		return c, nil
	}
	info, err := g.root.Lstat(name)
	there := err == nil && info.Mode().IsRegular() && !g.outside(name)
	switch {
	case there && info.Size() > g.o.MaxFileBytes, there && g.files[name] == nil && len(g.files) >= g.o.MaxFiles:
		c.Skipped++
		there = false
	case there:
		if isManifest(name) {
			g.takeManifest(name, info, &c)
		}
		if languageOf(name) != "" {
			if err := g.readAll(ctx, []*job{{name: name, stamp: g.stampOf(info), old: g.files[name]}}, &c); err != nil {
				return c, err
			}
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !there {
		g.removeFile(name, &c)
	}
	if base := path.Base(name); isManifest(name) || strings.HasPrefix(base, "__init__.") {
		g.nameModules() // others' names depend on these
	}
	return c, nil
}

func (g *Graph) removeFile(name string, c *Changes) {
	if g.drop(name) {
		g.changed(name, nil, nil)
		c.Removed++
		g.version++
	}
	if _, ok := g.manifests[name]; ok {
		delete(g.manifests, name)
		g.feed.all, g.feed.names = true, true
		g.version++
	}
}
