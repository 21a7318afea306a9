package codegraph

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A snapshot file:
//
//	magic            "lathe code graph\n"
//	sha256           32 bytes, of all that follows
//	header           strings: version, parser, workspace
//	strings          count, then each: length, bytes. Number 0 is "".
//	manifests        count, then each: name, stamp, JSON of the rest
//	files            count, then each; see (*encoder).file
//
// Numbers are unsigned varints, stamps and levels signed ones; a string in a
// file is its number. What is not exactly so is damaged, and the graph is made
// from the workspace again.
const (
	snapshotMagic   = "lathe code graph\n"
	snapshotVersion = "1" // of the format and of what the readers see: a change there makes old snapshots useless
	maxSnapshot     = 1 << 30
)

var errSnapshot = errors.New("codegraph: the snapshot is damaged, of another version or of another workspace")

// Save writes the snapshot, when there is a place for it and something changed
// since the last one: to a temporary file first, so that a crash leaves the
// old one.
func (g *Graph) Save() error {
	if g.o.Snapshot == "" {
		return nil
	}
	g.updating.Lock()
	defer g.updating.Unlock()
	g.mu.RLock()
	if g.saved == g.version {
		g.mu.RUnlock()
		return nil
	}
	version := g.version
	body := g.encode()
	g.mu.RUnlock()
	sum := sha256.Sum256(body)
	if err := os.MkdirAll(filepath.Dir(g.o.Snapshot), 0o700); err != nil {
		return fmt.Errorf("codegraph: snapshot: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(g.o.Snapshot), ".codegraph-*")
	if err != nil {
		return fmt.Errorf("codegraph: snapshot: %w", err)
	}
	defer os.Remove(f.Name())
	for _, part := range [][]byte{[]byte(snapshotMagic), sum[:], body} {
		if _, err := f.Write(part); err != nil {
			return fmt.Errorf("codegraph: snapshot %s: %w", f.Name(), errors.Join(err, f.Close()))
		}
	}
	if err := errors.Join(f.Close(), os.Rename(f.Name(), g.o.Snapshot)); err != nil {
		return fmt.Errorf("codegraph: snapshot: %w", err)
	}
	g.saved = version
	return nil
}

// load reads the snapshot, if there is one.
func (g *Graph) load() error {
	info, err := os.Stat(g.o.Snapshot)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSnapshot {
		return errSnapshot
	}
	raw, err := os.ReadFile(g.o.Snapshot)
	if err != nil {
		return err
	}
	head := len(snapshotMagic)
	if len(raw) < head+sha256.Size || string(raw[:head]) != snapshotMagic {
		return errSnapshot
	}
	body := raw[head+sha256.Size:]
	if sum := sha256.Sum256(body); string(sum[:]) != string(raw[head:head+sha256.Size]) {
		return errSnapshot
	}
	d := &decoder{b: body}
	for _, want := range g.header() {
		if d.bytes() != want {
			return errSnapshot
		}
	}
	return g.decode(d)
}

func (g *Graph) header() []string {
	abs, err := filepath.Abs(g.dir)
	if err != nil {
		abs = g.dir
	}
	return []string{snapshotVersion, Parser, abs}
}

func (g *Graph) decode(d *decoder) error {
	d.strings = make([]string, 1, min(1<<20, 1+d.peek()))
	for n := d.count(); n > 0; n-- {
		d.strings = append(d.strings, d.bytes())
	}
	for n := d.count(); n > 0; n-- {
		name := d.bytes()
		m := manifest{stamp: d.stamp()}
		var rest savedManifest
		if json.Unmarshal([]byte(d.bytes()), &rest) != nil {
			return errSnapshot
		}
		m.module, m.main, m.paths, m.deps = rest.Module, rest.Main, rest.Paths, rest.Deps
		g.manifests[name] = m
	}
	var files []*file
	for n := d.count(); n > 0; n-- {
		f := d.file()
		if d.bad || len(f.entities) < 2 {
			return errSnapshot
		}
		files = append(files, f)
		g.files[f.path] = f // modules are named by the files around
	}
	if d.bad || len(d.b) != 0 {
		return errSnapshot
	}
	g.packages = g.localPackages()
	for _, f := range files {
		f.finish()
		g.put(f)
	}
	return nil
}

type savedManifest struct {
	Module, Main string
	Paths        map[string]string
	Deps         []Dependency
}

func (g *Graph) encode() []byte {
	e := &encoder{numbers: map[string]uint64{"": 0}}
	var files encoder
	files.numbers, files.order = e.numbers, e.order
	files.count(len(g.files))
	for _, f := range g.files {
		files.file(f)
	}
	for _, s := range g.header() {
		e.bytes(s)
	}
	e.count(len(files.order))
	for _, s := range files.order {
		e.bytes(s)
	}
	e.count(len(g.manifests))
	for name, m := range g.manifests {
		raw, err := json.Marshal(savedManifest{m.module, m.main, m.paths, m.deps})
		if err != nil { // strings only
			raw = []byte("{}")
		}
		e.bytes(name)
		e.stamp(m.stamp)
		e.bytes(string(raw))
	}
	return append(e.b, files.b...)
}
