package codegraph

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"lathe/learn"
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

type encoder struct {
	b       []byte
	numbers map[string]uint64
	order   []string
}

func (e *encoder) count(n int)    { e.b = binary.AppendUvarint(e.b, uint64(n)) }
func (e *encoder) int(n int32)    { e.b = binary.AppendVarint(e.b, int64(n)) }
func (e *encoder) bytes(s string) { e.count(len(s)); e.b = append(e.b, s...) }
func (e *encoder) stamp(s stamp) {
	e.b = binary.AppendVarint(e.b, s.size)
	e.b = binary.AppendVarint(e.b, s.mtime)
}

func (e *encoder) string(s string) {
	n, ok := e.numbers[s]
	if !ok {
		e.order = append(e.order, s)
		n = uint64(len(e.order))
		e.numbers[s] = n
	}
	e.b = binary.AppendUvarint(e.b, n)
}

func (e *encoder) bool(v bool) {
	n := byte(0)
	if v {
		n = 1
	}
	e.b = append(e.b, n)
}

func (e *encoder) file(f *file) {
	e.string(f.path)
	e.string(f.lang)
	e.string(f.pack)
	e.string(f.hash)
	e.stamp(f.stamp)
	e.bool(f.generated)
	e.bool(f.aside)
	e.count(len(f.entities))
	for i := range f.entities {
		n := &f.entities[i]
		e.string(string(n.kind))
		e.string(n.qualified)
		e.count(len(n.name))
		e.int(n.parent)
		e.int(n.line)
		e.int(n.end - n.line)
		e.bool(n.again)
		e.string(n.returns)
		e.count(len(n.params))
		for _, p := range n.params {
			e.string(p.Name)
			e.string(p.Type)
		}
		e.count(len(n.bases))
		for _, b := range n.bases {
			e.string(b)
		}
	}
	e.count(len(f.imports))
	for _, i := range f.imports {
		e.string(i.module)
		e.int(i.level)
		e.string(i.alias)
		e.int(i.line)
		e.count(len(i.names))
		for _, n := range i.names {
			e.string(n.local)
			e.string(n.original)
		}
	}
	e.count(len(f.calls))
	for _, c := range f.calls {
		e.int(c.caller)
		e.string(c.recv)
		e.string(c.name)
		e.int(c.line)
	}
	e.count(len(f.vars))
	for _, v := range f.vars {
		e.int(v.scope)
		e.int(v.from)
		e.int(v.line)
		e.string(v.name)
		e.string(v.typ)
	}
	e.count(len(f.bases))
	for _, b := range f.bases {
		e.string(b.typ)
		e.string(b.base)
	}
}

// decoder reads what encoder wrote. After a mistake all it reads is zero.
type decoder struct {
	b       []byte
	strings []string
	bad     bool
}

func (d *decoder) uint() uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[size:]
	return n
}

func (d *decoder) signed() int64 {
	n, size := binary.Varint(d.b)
	if size <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[size:]
	return n
}

// count is a number of things that are still to come, each of at least a byte.
func (d *decoder) count() int {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return 0
	}
	return int(n)
}

func (d *decoder) peek() int {
	n, _ := binary.Uvarint(d.b)
	return int(min(n, uint64(len(d.b))))
}

func (d *decoder) bytes() string {
	n := d.count()
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

func (d *decoder) int() int32   { return int32(d.signed()) }
func (d *decoder) bool() bool   { return d.uint() == 1 }
func (d *decoder) stamp() stamp { return stamp{d.signed(), d.signed()} }

func (d *decoder) string() string {
	n := d.uint()
	if n >= uint64(len(d.strings)) {
		d.bad, d.b = true, nil
		return ""
	}
	return d.strings[n]
}

// list makes room for what is to come and reads it.
func list[T any](d *decoder, read func(*T)) []T {
	n := d.count()
	if n == 0 {
		return nil
	}
	out := make([]T, n)
	for i := range out {
		if d.bad {
			return nil
		}
		read(&out[i])
	}
	return out
}

func (d *decoder) file() *file {
	f := &file{path: d.string(), lang: d.string(), pack: d.string(), hash: d.string(), stamp: d.stamp(), generated: d.bool(), aside: d.bool()}
	f.entities = list(d, func(e *entity) {
		e.kind, e.qualified = learn.CodeKind(d.string()), d.string()
		n := int(d.uint())
		if n > len(e.qualified) {
			d.bad = true
			return
		}
		e.name = e.qualified[len(e.qualified)-n:]
		e.parent, e.line = d.int(), d.int()
		e.end, e.again, e.returns = e.line+d.int(), d.bool(), d.string()
		e.params = list(d, func(p *Parameter) { p.Name, p.Type = d.string(), d.string() })
		e.bases = list(d, func(b *string) { *b = d.string() })
	})
	f.imports = list(d, func(i *importFact) {
		i.module, i.level, i.alias, i.line = d.string(), d.int(), d.string(), d.int()
		i.names = list(d, func(n *localName) { n.local, n.original = d.string(), d.string() })
	})
	f.calls = list(d, func(c *callFact) { c.caller, c.recv, c.name, c.line = d.int(), d.string(), d.string(), d.int() })
	f.vars = list(d, func(v *varFact) {
		v.scope, v.from, v.line, v.name, v.typ = d.int(), d.int(), d.int(), d.string(), d.string()
	})
	f.bases = list(d, func(b *baseFact) { b.typ, b.base = d.string(), d.string() })
	d.bad = d.bad || !f.sound()
	return f
}

// sound reports whether the numbers in a file's facts lead somewhere.
func (f *file) sound() bool {
	n := int32(len(f.entities))
	for i, e := range f.entities {
		if e.parent < 0 || int(e.parent) >= max(1, i) {
			return false
		}
	}
	for _, c := range f.calls {
		if c.caller < 1 || c.caller >= n {
			return false
		}
	}
	for _, v := range f.vars {
		if v.scope < 1 || v.scope >= n || v.from < 1 || v.from >= n {
			return false
		}
	}
	return true
}
