package codegraph

import (
	"encoding/binary"

	"lathe/learn"
)

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
