package codegraph

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"lathe/learn"
)

// Options bound a Graph. Zero fields take the defaults.
type Options struct {
	MaxFiles     int   // source files; 0 is 20,000
	MaxFileBytes int64 // of one file; larger ones are skipped; 0 is 1 MiB
	MaxDepth     int   // of folders; 0 is 40
	Workers      int   // that parse at the same time; 0 is as many as processors, at most 4
	// Snapshot is a file to keep the graph in, outside the workspace; "" keeps
	// it in memory only. See Save.
	Snapshot string
	Now      func() time.Time // nil is time.Now
}

// Graph is the code graph of one workspace. All methods may be called
// concurrently.
type Graph struct {
	o    Options
	dir  string // as given to New
	root *os.Root

	updating sync.Mutex // one Update at a time; the readers are its
	readers  []parsers
	closed   bool

	mu        sync.RWMutex
	files     map[string]*file
	manifests map[string]manifest
	byName    map[string][]ref          // last name -> entities
	byBase    map[string][]*file        // last part of a path -> files
	byModule  map[string][]*file        // module -> files, by path
	typesOf   map[string][]ref          // a type's last name -> entities that derive from or return it
	callsTo   map[string][]*file        // called name -> files that call it
	importsOf map[string][]*file        // see importKeys
	renamed   map[string]map[string]int // name -> what imports call it instead
	packages  map[string]string         // npm packages of the workspace -> folder
	last      Changes
	version   uint64 // counts what changed the graph
	saved     uint64 // the version that the snapshot holds

	watching, watchingWhy string // see Watching

	feed feed // for a Layer

	history history
}

// New opens the workspace in folder root. What the snapshot knows is there at
// once, as it was then; Update brings it up to date. A snapshot that is
// damaged, of another version or of another folder is as good as none.
func New(root string, o Options) (*Graph, error) {
	if o.MaxFiles <= 0 {
		o.MaxFiles = 20_000
	}
	if o.MaxFileBytes <= 0 {
		o.MaxFileBytes = 1 << 20
	}
	if o.MaxDepth <= 0 {
		o.MaxDepth = 40
	}
	if o.Workers <= 0 {
		o.Workers = defaultWorkers()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("codegraph: open workspace: %w", err)
	}
	g := &Graph{o: o, dir: root, root: r}
	g.forget()
	if o.Snapshot != "" {
		if err := g.load(); err != nil {
			g.forget() // made again by the first Update
		}
	}
	return g, nil
}

// forget empties the graph.
func (g *Graph) forget() {
	g.files, g.manifests = map[string]*file{}, map[string]manifest{}
	g.byName, g.byModule = map[string][]ref{}, map[string][]*file{}
	g.typesOf, g.byBase = map[string][]ref{}, map[string][]*file{}
	g.feed = feed{seed: maphash.MakeSeed(), files: map[string]bool{}}
	g.callsTo, g.importsOf = map[string][]*file{}, map[string][]*file{}
	g.renamed, g.packages = map[string]map[string]int{}, map[string]string{}
}

// Root is the workspace's folder.
func (g *Graph) Root() string { return g.dir }

// Close frees the parsers. Queries go on working; Update fails.
func (g *Graph) Close() error {
	g.updating.Lock()
	defer g.updating.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	for _, p := range g.readers {
		p.close()
	}
	g.readers = nil
	if err := g.root.Close(); err != nil {
		return fmt.Errorf("codegraph: close workspace: %w", err)
	}
	return nil
}

// ErrClosed: the Graph was closed.
var ErrClosed = errors.New("codegraph: closed")

// skippedFolder says what is not the project's own code, whatever .gitignore
// says.
func skippedFolder(name string) bool {
	switch name {
	case ".git", ".hg", ".svn", ".jj", "node_modules", "bower_components", "vendor", "venv", ".venv", "env", ".env", "__pycache__", "site-packages",
		".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache", "dist", "build", "target", ".idea", ".cache", ".gradle", ".next", ".nuxt",
		".terraform", ".eggs":
		return true
	}
	return false
}

// walk visits the workspace's source files and manifests, as far as the bounds
// and the ignore rules let it, and its folders.
func (g *Graph) walk(ctx context.Context, c *Changes, folder func(name string), visit func(name string, info fs.FileInfo)) error {
	ignored := newIgnorer(g.root)
	found := 0
	err := fs.WalkDir(g.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			c.Failed++
			return nil // an unreadable folder does not hide the rest
		}
		if d.IsDir() {
			if err := g.enter(name, d.Name(), ignored); err != nil {
				return err
			}
			folder(name)
			return nil
		}
		if !d.Type().IsRegular() || languageOf(name) == "" && !isManifest(name) || ignored.match(name, false) {
			return nil
		}
		info, err := d.Info()
		if err != nil || found >= g.o.MaxFiles || info.Size() > g.o.MaxFileBytes {
			c.Skipped++
			return nil
		}
		found++
		visit(name, info)
		return nil
	})
	if err != nil {
		return fmt.Errorf("codegraph: walk %s: %w", g.dir, err)
	}
	return nil
}

// enter decides whether a folder is looked into. A folder with pyvenv.cfg is a
// virtual environment whatever its name.
func (g *Graph) enter(name, base string, ignored *ignorer) error {
	if name == "." {
		ignored.enter(name)
		return nil
	}
	if skippedFolder(base) || strings.Count(name, "/") >= g.o.MaxDepth || ignored.match(name, true) {
		return fs.SkipDir
	}
	if _, err := g.root.Lstat(name + "/pyvenv.cfg"); err == nil {
		return fs.SkipDir
	}
	ignored.enter(name)
	return nil
}

// outside reports whether a file is none of the graph's by where it lies.
func (g *Graph) outside(name string) bool {
	ignored := newIgnorer(g.root)
	ignored.enter(".")
	parts := strings.Split(name, "/")
	for i := 1; i < len(parts); i++ {
		dir := strings.Join(parts[:i], "/")
		if g.enter(dir, parts[i-1], ignored) != nil {
			return true
		}
	}
	return ignored.match(name, false)
}

var errTooLarge = errors.New("file too large")

// read reads a file of the workspace.
func (g *Graph) read(name string) ([]byte, error) {
	f, err := g.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: %w", name, errors.Join(err, fs.ErrInvalid))
	}
	src, err := io.ReadAll(io.LimitReader(f, g.o.MaxFileBytes+1))
	if err == nil && int64(len(src)) > g.o.MaxFileBytes {
		return nil, errTooLarge
	}
	return src, err
}

// racy is how close to its reading a file may change without its time telling.
const racy = 2 * time.Second

// stampOf is what a stat says of a file that is read now; the zero stamp when
// it could change once more without the stat telling.
func (g *Graph) stampOf(info fs.FileInfo) stamp {
	if g.o.Now().Sub(info.ModTime()) < racy {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime().UnixNano()}
}

func (s stamp) same(info fs.FileInfo) bool {
	return s.mtime != 0 && s == stamp{info.Size(), info.ModTime().UnixNano()}
}

// facts reads a source file; of one that did not change only hash and stamp.
func (g *Graph) facts(p parsers, name string, s stamp, old *file) (*file, error) {
	src, err := g.read(name)
	if err != nil {
		return nil, err
	}
	hash := learn.ContentHash(src)
	if old != nil && old.hash == hash {
		return &file{hash: hash, stamp: s}, nil
	}
	var f *file
	if generated(name, src) {
		f = newFile(name, src)
		f.generated = true
	} else if f, err = p.read(name, src); err != nil {
		return nil, err
	}
	f.hash, f.stamp = hash, s
	f.aside = f.lang == "go" && !builtHere(name, src)
	f.finish()
	return f, nil
}

// generated reports whether a program wrote the file: by its name, by the mark
// that Go's tools (and others) leave, or by lines that nobody types.
func generated(name string, src []byte) bool {
	if base := path.Base(name); strings.Contains(base, ".min.") || hasAny(base, "_pb2.py", "_pb2_grpc.py", ".pb.go", ".bundle.js") {
		return true
	}
	head := string(src[:min(len(src), 4096)])
	for l := range strings.Lines(head) {
		l = strings.TrimSpace(l)
		comment := strings.HasPrefix(l, "//") || strings.HasPrefix(l, "#") || strings.HasPrefix(l, "*") || strings.HasPrefix(l, "/*")
		if comment && (strings.Contains(l, "Code generated") && strings.Contains(l, "DO NOT EDIT") || strings.Contains(l, "@generated")) {
			return true
		}
	}
	return len(src) > 20_000 && strings.Count(string(src), "\n") < len(src)/1000
}
